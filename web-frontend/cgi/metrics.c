/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* Text for Prometheus. All samples of a metric stand together there, while the lists come in pages of rows: each metric has a text
 * of its own until the end. */

typedef enum MetricId {
        BUILD_INFO,
        PART_HEALTHY,
        HOST_UP,
        HOST_LAST_SEEN,
        DRIVE_INFO,
        DRIVE_PRESENT,
        DRIVE_SIZE,
        DRIVE_TEMPERATURE,
        DRIVE_SMART_HEALTHY,
        DRIVE_SMART_READ,
        DRIVE_SMART_COUNTER,
        DRIVE_LOCKED,
        JOBS,
        JOBS_FINISHED,
        JOBS_PARALLEL_MAX,
        JOB_PROGRESS,
        JOB_STARTED,
        JOB_ETA,
        BACKUP,
        BACKUP_FAILED,
        NIGHTLY_RUN,
        NIGHTLY_DURATION,
        NIGHTLY_FAILED,
        DATABASE_SIZE,
        NOTIFICATIONS,
        _METRIC_MAX,
} MetricId;

static const struct {
        const char *name, *type, *help;
} table[_METRIC_MAX] = {
        [BUILD_INFO] = { "burnin_build_info", "gauge", "Always 1; the version of burnind is a label." },
        [PART_HEALTHY] = { "burnin_part_healthy", "gauge", "1 while this part of burnin itself is well." },
        [HOST_UP] = { "burnin_host_up", "gauge", "1 while the host answers and its key is accepted." },
        [HOST_LAST_SEEN] = { "burnin_host_last_seen_timestamp_seconds", "gauge",
                             "When the host last answered." },
        [DRIVE_INFO] = { "burnin_drive_info", "gauge", "Always 1; what and where the drive is are labels." },
        [DRIVE_PRESENT] = { "burnin_drive_present", "gauge",
                            "1 while the drive was in the last reading of its host." },
        [DRIVE_SIZE] = { "burnin_drive_size_bytes", "gauge", "Size of the drive." },
        [DRIVE_TEMPERATURE] = { "burnin_drive_temperature_celsius", "gauge",
                                "Temperature that the drive reports." },
        [DRIVE_SMART_HEALTHY] = { "burnin_drive_smart_healthy", "gauge",
                                  "1: the drive's own overall health is passed; 0: it is failed." },
        [DRIVE_SMART_READ] = { "burnin_drive_smart_read_timestamp_seconds", "gauge",
                               "When SMART was last read." },
        [DRIVE_SMART_COUNTER] = { "burnin_drive_smart_value", "gauge",
                                  "What the drive counts of its own faults; which is a label." },
        [DRIVE_LOCKED] = { "burnin_drive_locked", "gauge",
                           "1 while something uses the drive or its content must be kept; why is a label." },
        [JOBS] = { "burnin_jobs", "gauge", "Jobs that have not ended, by state." },
        [JOBS_FINISHED] = { "burnin_jobs_finished_total", "counter", "Jobs that have ended, by verdict." },
        [JOBS_PARALLEL_MAX] = { "burnin_jobs_parallel_max", "gauge",
                                "How many burn-ins run at once at most (max_parallel_burnins)." },
        [JOB_PROGRESS] = { "burnin_job_progress_ratio", "gauge",
                           "How much of an active job is done, 0 to 1." },
        [JOB_STARTED] = { "burnin_job_started_timestamp_seconds", "gauge", "When an active job started." },
        [JOB_ETA] = { "burnin_job_eta_timestamp_seconds", "gauge",
                      "When an active job is expected to end." },
        [BACKUP] = { "burnin_backup_timestamp_seconds", "gauge",
                     "When the newest backup of the database was made." },
        [BACKUP_FAILED] = { "burnin_backup_failed", "gauge",
                            "1 while the last backup that was tried was not made." },
        [NIGHTLY_RUN] = { "burnin_nightly_run_timestamp_seconds", "gauge",
                          "When the last nightly run began." },
        [NIGHTLY_DURATION] = { "burnin_nightly_run_duration_seconds", "gauge",
                               "How long the last nightly run took." },
        [NIGHTLY_FAILED] = { "burnin_nightly_run_failed", "gauge",
                             "1: something went wrong in the last nightly run." },
        [DATABASE_SIZE] = { "burnin_database_size_bytes", "gauge", "Size of the database." },
        [NOTIFICATIONS] = { "burnin_notifications", "gauge",
                            "Events that wait for a notifier (pending), and those that were given up (dead)." },
};

typedef struct Metrics {
        FILE *files[_METRIC_MAX];
        char *texts[_METRIC_MAX];
        size_t sizes[_METRIC_MAX];
} Metrics;

static void metrics_done(Metrics *m)
{
        for (size_t i = 0; i < _METRIC_MAX; i++) {
                if (m->files[i])
                        (void) fclose(m->files[i]);
                free(m->texts[i]);
        }
}

static int metrics_open(Metrics *m)
{
        for (size_t i = 0; i < _METRIC_MAX; i++) {
                m->files[i] = open_memstream(&m->texts[i], &m->sizes[i]);
                if (!m->files[i])
                        return -errno;
        }

        return 0;
}

static void put_label_value(FILE *f, const char *s)
{
        for (; *s; s++)
                if (*s == '\n')
                        (void) fputs("\\n", f);
                else {
                        if (*s == '"' || *s == '\\')
                                (void) fputc('\\', f);
                        (void) fputc(*s, f);
                }
}

/* Names and values in turn, up to NULL. */
static void sample(Metrics *m, MetricId id, double value, const char *const *labels)
{
        FILE *f = m->files[id];

        (void) fputs(table[id].name, f);
        for (size_t i = 0; labels[i]; i += 2) {
                (void) fprintf(f, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
                put_label_value(f, labels[i + 1]);
                (void) fputc('"', f);
        }
        (void) fprintf(f, "%s %.15g\n", labels[0] ? "}" : "", value);
}
#define SAMPLE(m, id, value, ...)                                                                           \
        sample(m, id, value, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static const char *get(struct json_object *o, const char *key)
{
        const char *s = "";

        (void) json_get_string(o, key, &s);
        return s;
}

static double get_number(struct json_object *o, const char *key)
{
        struct json_object *v;

        return json_object_object_get_ex(o, key, &v) ? json_object_get_double(v) : 0;
}

static double get_seconds(struct json_object *o, const char *key)
{
        return get_number(o, key) / (double) USEC_PER_SEC;
}

static int put_manager(Web *w, Metrics *m)
{
        _cleanup_json_ struct json_object *manager = NULL;
        struct json_object *parts = NULL;
        int r;

        r = web_get_all(w, BUS_PATH, BUS_INTERFACE_MANAGER, &manager);
        if (r < 0)
                return r;

        SAMPLE(m, BUILD_INFO, 1, "version", get(manager, "Version"));
        SAMPLE(m, JOBS_PARALLEL_MAX, get_number(manager, "MaxParallelBurnins"));
        (void) json_get(manager, "HealthParts", json_type_array, &parts);
        for (size_t i = 0; parts && i < json_object_array_length(parts); i++) {
                struct json_object *part = json_object_array_get_idx(parts, i);

                SAMPLE(m, PART_HEALTHY,
                       streq(json_object_get_string(json_object_array_get_idx(part, 1)), "ok"), "part",
                       json_object_get_string(json_object_array_get_idx(part, 0)));
        }

        return 0;
}

static int put_nightly(Web *w, Metrics *m)
{
        _cleanup_json_ struct json_object *nightly = NULL;
        int r;

        r = web_get_all(w, BUS_PATH, BUS_INTERFACE_NIGHTLY, &nightly);
        if (r < 0)
                return r;

        SAMPLE(m, DATABASE_SIZE, get_number(nightly, "DatabaseSizeBytes"));
        SAMPLE(m, BACKUP_FAILED, !isempty(get(nightly, "BackupError")));
        if (get_seconds(nightly, "LastBackupUSec") > 0)
                SAMPLE(m, BACKUP, get_seconds(nightly, "LastBackupUSec"));
        if (get_seconds(nightly, "LastRunUSec") > 0) {
                SAMPLE(m, NIGHTLY_RUN, get_seconds(nightly, "LastRunUSec"));
                SAMPLE(m, NIGHTLY_DURATION, get_seconds(nightly, "LastRunDurationUSec"));
                SAMPLE(m, NIGHTLY_FAILED, !isempty(get(nightly, "LastRunError")));
        }

        return 0;
}

static void put_host(Metrics *m, struct json_object *host)
{
        SAMPLE(m, HOST_UP, streq(get(host, "state"), "online"), "host", get(host, "name"), "state",
               get(host, "state"));
        if (get_seconds(host, "last_seen_usec") > 0)
                SAMPLE(m, HOST_LAST_SEEN, get_seconds(host, "last_seen_usec"), "host", get(host, "name"));
}

static void put_counters(Metrics *m, struct json_object *smart, const char *id, const char *host)
{
        static const char *const counters[] = {
                "reallocated", "pending",      "offline_uncorrectable", "reported_uncorrectable",
                "crc_errors",  "media_errors", "percentage_used",       "power_on_hours",
        };

        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                uint64_t v;

                if (json_get_u64(smart, counters[i], &v) > 0)
                        SAMPLE(m, DRIVE_SMART_COUNTER, (double) v, "drive", id, "host", host, "counter",
                               counters[i]);
        }
}

static void put_drive(Metrics *m, struct json_object *drive)
{
        const char *id = get(drive, "id"), *host = get(drive, "host"), *lock = get(drive, "lock_state"),
                   *health = get(drive, "smart_health");
        bool present = get_number(drive, "present") > 0;
        struct json_object *temperature, *smart = NULL;

        SAMPLE(m, DRIVE_INFO, 1, "drive", id, "host", host, "device", get(drive, "dev_name"), "model",
               get(drive, "model"), "serial", get(drive, "serial"), "location", get(drive, "location"));
        SAMPLE(m, DRIVE_PRESENT, present, "drive", id, "host", host);
        SAMPLE(m, DRIVE_SIZE, get_number(drive, "size_bytes"), "drive", id, "host", host);
        if (!present)
                return;

        if (json_object_object_get_ex(drive, "temperature_mdegc", &temperature) && temperature)
                SAMPLE(m, DRIVE_TEMPERATURE, json_object_get_double(temperature) / 1000, "drive", id, "host",
                       host);
        if (!streq(health, "unknown"))
                SAMPLE(m, DRIVE_SMART_HEALTHY, streq(health, "passed"), "drive", id, "host", host);
        if (get_seconds(drive, "smart_usec") > 0)
                SAMPLE(m, DRIVE_SMART_READ, get_seconds(drive, "smart_usec"), "drive", id, "host", host);
        if (json_get(drive, "smart", json_type_object, &smart) > 0)
                put_counters(m, smart, id, host);
        SAMPLE(m, DRIVE_LOCKED, !streq(lock, "none"), "drive", id, "host", host, "lock", lock);
}

static void put_job(Metrics *m, struct json_object *job)
{
        _cleanup_free_ char *id = strf("%.0f", get_number(job, "id"));
        const char *drive = get(job, "drive_id");

        if (!id)
                return;
        SAMPLE(m, JOB_PROGRESS, get_number(job, "percent") / 100, "job", id, "drive", drive, "host",
               get(job, "host"), "kind", get(job, "kind"), "state", get(job, "state"), "stage",
               get(job, "current_stage"));
        if (get_seconds(job, "started_usec") > 0)
                SAMPLE(m, JOB_STARTED, get_seconds(job, "started_usec"), "job", id, "drive", drive);
        if (get_seconds(job, "eta_usec") > 0)
                SAMPLE(m, JOB_ETA, get_seconds(job, "eta_usec"), "job", id, "drive", drive);
}

static int put_notifiers(Web *w, Metrics *m)
{
        _cleanup_json_ struct json_object *rows = NULL;
        int r;

        r = list_read(w, BUS_PATH_NOTIFIERS, BUS_INTERFACE_NOTIFIERS, "List", NULL, &rows, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);

                SAMPLE(m, NOTIFICATIONS, get_number(row, "pending"), "notifier", get(row, "name"), "state",
                       "pending");
                SAMPLE(m, NOTIFICATIONS, get_number(row, "dead"), "notifier", get(row, "name"), "state",
                       "dead");
        }

        return 0;
}

/* All rows of a list, however many pages; paged false: it has but one. */
static int put_list(Web *w, Metrics *m, const char *member, bool paged,
                    void (*put)(Metrics *m, struct json_object *row))
{
        static const Field page[] = { { "active", 'b', false, "active" },
                                      { "offset", 'u', false, "offset" },
                                      { "limit", 'u', false, "limit" },
                                      {} };
        uint64_t offset = 0, total = 0;

        do {
                _cleanup_json_ struct json_object *rows = NULL;
                int r = 0;

                if (paged)
                        r = list_set_page(w, offset, LIST_OBJECTS_MAX);
                if (r >= 0)
                        r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, member,
                                      paged ? page : list_all_fields, &rows, paged ? &total : NULL);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < json_object_array_length(rows); i++)
                        put(m, json_object_array_get_idx(rows, i));
                /* A row that cannot be read is counted, and left out. */
                offset += LIST_OBJECTS_MAX;
        } while (offset < total);

        return 0;
}

/* How many jobs a filter finds, without reading them. */
static int put_count(Web *w, Metrics *m, MetricId id, const char *key, const char *value)
{
        static const Field filter[] = { { "state", 's', false, "state" },
                                        { "verdict", 's', false, "verdict" },
                                        { "limit", 'u', false, "limit" },
                                        {} };
        _cleanup_json_ struct json_object *rows = NULL;
        uint64_t total;
        int r;

        json_object_object_del(w->input, "state");
        json_object_object_del(w->input, "verdict");
        r = json_put_string(w->input, key, value);
        if (r >= 0)
                r = json_put_u64(w->input, "limit", 1);
        if (r >= 0)
                r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListJobs", filter, &rows, &total);
        if (r < 0)
                return r;

        SAMPLE(m, id, (double) total, key, value);
        return 0;
}

static int put_counts(Web *w, Metrics *m)
{
        static const char *const states[] = { "queued", "running", "paused", "stopping" };
        static const char *const verdicts[] = { "passed", "failed", "inconclusive", "cancelled" };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(states); i++)
                r = put_count(w, m, JOBS, "state", states[i]);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(verdicts); i++)
                r = put_count(w, m, JOBS_FINISHED, "verdict", verdicts[i]);

        return r;
}

int metrics_show(Web *w)
{
        _cleanup_(metrics_done) Metrics m = {};
        int r;

        /* On this machine everybody may ask burnind the same. */
        if (!w->session && !w->request.local)
                return web_fail(w, "NotLoggedIn", NULL,
                                "Metrics are for who is logged in, and for this machine itself.");

        r = metrics_open(&m);
        if (r >= 0)
                r = put_manager(w, &m);
        if (r >= 0)
                r = put_nightly(w, &m);
        if (r >= 0)
                r = put_notifiers(w, &m);
        if (r >= 0)
                r = put_list(w, &m, "ListHosts", false, put_host);
        if (r >= 0)
                r = put_list(w, &m, "ListDrives", true, put_drive);
        if (r >= 0)
                r = json_put_bool(w->input, "active", true);
        if (r >= 0)
                r = put_list(w, &m, "ListJobs", true, put_job);
        if (r >= 0)
                r = put_counts(w, &m);
        if (r < 0)
                return r;

        if (!response_begin(w, 200, "text/plain; version=0.0.4; charset=utf-8"))
                return 0;
        for (size_t i = 0; i < _METRIC_MAX; i++) {
                if (fflush(m.files[i]) != 0)
                        return -ENOMEM;
                if (m.sizes[i] > 0)
                        (void) printf("# HELP %s %s\n# TYPE %s %s\n%s", table[i].name, table[i].help,
                                      table[i].name, table[i].type, m.texts[i]);
        }

        return 0;
}
