/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/host-read.h"
#include "worker/stage.h"

/* Before anything is done to a drive: is it the one that was meant, is it well, can its host do the test, and, where anything will be
 * written, does nobody use it? A wrong drive, a lock or a missing tool is nobody's fault (inconclusive); bad SMART is the drive's. */

typedef struct Precheck {
        Worker *w;
        StageReport *report;
        char drive[256];
        HostProbe probe;
        SmartReading smart;
        HostFacts *host;
        const DriveFacts *facts; /* of the drive, in host */
} Precheck;

static void precheck_done(Precheck *p)
{
        host_probe_done(&p->probe);
        smart_reading_done(&p->smart);
        host_facts_free(p->host);
}

/* 1: no verdict can come of the rest. */
static int give_up(Precheck *p, const char *rule, const char *expected, const char *observed)
{
        int r;

        r = report_line(p->report, VERDICT_INCONCLUSIVE, rule, "host", strdup(expected), strdup(observed),
                        strf("%s: %s", p->drive, observed));
        return r < 0 ? r : 1;
}

static bool is_ours(int r)
{
        return r == -ECANCELED || r == -ENOMEM;
}

static int check_contact(Precheck *p)
{
        char t[TIMESPAN_MAX];
        int r;

        r = host_read_probe(p->w, p->w->params.stall_end_usec, &p->probe);
        if (is_ours(r))
                return r;
        if (r < 0)
                return give_up(p, "contact", "the host answers", worker_error(p->w));

        return report_line(p->report, VERDICT_PASSED, "contact", "host", strdup("the host answers"),
                           strf("boot %s, up %s", strempty(p->probe.boot_id),
                                format_timespan(t, p->probe.uptime_usec)),
                           NULL);
}

static int check_present(Precheck *p)
{
        Worker *w = p->w;
        int r;

        if (isempty(w->params.identity.fingerprint))
                return give_up(p, "present", "the drive is there",
                               "the drive's identity on this host was never taken");
        if (!p->probe.kname || !kname_is_valid(p->probe.kname))
                return give_up(p, "present", "the drive is there",
                               "the drive is not on this host, or its identity changed");

        /* Kernel names move; the drive does not. */
        if (free_and_strdup(&w->params.kname, p->probe.kname) < 0)
                return -ENOMEM;
        (void) worker_drive_name(w, p->drive);
        r = report_line(p->report, VERDICT_PASSED, "present", "sysfs", strdup("the drive is there"),
                        strf("as %s", p->probe.kname), NULL);
        return r;
}

static int read_host(Precheck *p)
{
        _cleanup_free_ char *why = NULL, *why_not = NULL;
        int r;

        /* SMART first: it wakes a drive that sleeps, which the facts would skip. */
        r = host_read_smart(p->w, p->w->params.stall_end_usec, &p->smart, &why);
        if (is_ours(r))
                return r;
        if (r < 0)
                return give_up(p, "smart", "a SMART reading", why ?: "SMART cannot be read");

        r = host_read_facts(p->w, p->w->params.stall_end_usec, &p->host, &why_not);
        if (is_ours(r))
                return r;
        if (r < 0)
                return give_up(p, "facts", "an answer that can be read",
                               why_not ?: "the host's answer cannot be read");

        for (size_t i = 0; i < p->host->n_drives; i++)
                if (streq_ptr(p->host->drives[i]->kname, p->w->params.kname))
                        p->facts = p->host->drives[i];
        if (!p->facts)
                return give_up(p, "present", "the drive is there",
                               "the host does not list it among its drives");

        return 0;
}

/* Every fact must match that both sides know, and the line that the host itself computes must be there. */
static int check_identity(Precheck *p)
{
        const DriveIdentity *want = &p->w->params.identity, *is = &p->facts->identity;
        bool same = drive_identity_equal(want, is) && is->fingerprint &&
                    streq(want->fingerprint, is->fingerprint) &&
                    (!want->serial || !p->smart.identity.serial ||
                     streq(want->serial, p->smart.identity.serial)) &&
                    (!want->wwn || !p->smart.identity.wwn || streq(want->wwn, p->smart.identity.wwn));

        return report_line(p->report, same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "identity",
                           "smartctl, sysfs",
                           strf("%s, %s, serial %s, %" PRIu64 " bytes", want->wwn ?: "no WWN",
                                want->model ?: "no model", want->serial ?: "none", want->size_bytes),
                           strf("%s, %s, serial %s, %" PRIu64 " bytes", is->wwn ?: "no WWN",
                                is->model ?: "no model", p->smart.identity.serial ?: (is->serial ?: "none"),
                                is->size_bytes),
                           same ? NULL
                                : strf("%s: the drive there is another one (%s, serial %s)", p->drive,
                                       is->model ?: "model not known",
                                       p->smart.identity.serial ?: (is->serial ?: "not known")));
}

/* Free, or exactly what was unlocked: NULL; else why not, in words. */
static int judge_lock(Precheck *p, char **ret)
{
        const DriveLock *l = &p->facts->lock, *granted = &p->w->params.granted;
        _cleanup_free_ char *command = NULL;
        const char *role = strempty(lock_role_to_string(l->role)), *detail = l->detail ? ": " : "",
                   *words = strempty(l->detail);
        char *why = NULL;
        bool covered = drive_lock_is_covered(granted, p->w->params.release, l);

        if (covered && (!l->used || p->w->params.release)) {
                *ret = NULL;
                return 0;
        }
        if (drive_lock_release_command(l, &command) < 0)
                return -ENOMEM;

        if (granted->role == LOCK_NONE)
                why = strf("%s: the drive is locked (%s%s%s)", p->drive, role, detail, words);
        else if (!covered)
                why = strf("%s: the drive is not what was unlocked any more: it is %s%s%s, not %s", p->drive,
                           role, detail, words, lock_role_to_string(granted->role));
        else
                why = strf("%s: the drive is still in use (%s%s%s), and nobody gave leave to release it. On its host: %s",
                           p->drive, role, detail, words, command);
        if (!why)
                return -ENOMEM;

        *ret = why;
        return 0;
}

static int check_lock(Precheck *p)
{
        const DriveLock *l = &p->facts->lock, *granted = &p->w->params.granted;
        bool detected = !p->host->detection_error;
        char *why = NULL;
        int r;

        if (p->w->params.reads_only)
                return 0;

        r = report_line(p->report, detected ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "detection", "host",
                        strdup("every lock detector works"), strdup(p->host->detection_error ?: "all work"),
                        detected ? NULL
                                 : strf("%s: what uses the drives there cannot be told: %s", p->drive,
                                        p->host->detection_error));
        if (r < 0)
                return r;

        r = judge_lock(p, &why);
        if (r < 0)
                return r;

        return report_line(p->report, why ? VERDICT_INCONCLUSIVE : VERDICT_PASSED, "lock", "host",
                           strf("%s%s%s%s", lock_role_to_string(granted->role),
                                granted->role == LOCK_NONE ? "" : ", as unlocked", granted->pool ? ": " : "",
                                strempty(granted->pool)),
                           strf("%s%s%s", strempty(lock_role_to_string(l->role)), l->detail ? ": " : "",
                                strempty(l->detail)),
                           why);
}

static int check_tools(Precheck *p)
{
        bool destructive = !p->w->params.reads_only;
        const char *missing = p->host->missing_tools;

        if (!missing && destructive && !p->probe.have_badblocks)
                missing = "badblocks (e2fsprogs)";

        return report_line(p->report, missing ? VERDICT_INCONCLUSIVE : VERDICT_PASSED, "tools", "host",
                           strdup(destructive ? "badblocks, smartctl, lsblk" : "smartctl, lsblk"),
                           strdup(missing ? missing : "all there"),
                           missing ? strf("%s: tools are missing on its host: install %s", p->drive, missing)
                                   : NULL);
}

static int check_health(Precheck *p)
{
        SmartHealth h = p->smart.health;
        Verdict v = h == SMART_HEALTH_PASSED   ? VERDICT_PASSED
                    : h == SMART_HEALTH_FAILED ? VERDICT_FAILED
                                               : VERDICT_INCONCLUSIVE;

        return report_line(p->report, v, "smart-health", "smartctl", strdup("passed"),
                           strdup(strempty(smart_health_to_string(h))),
                           v == VERDICT_FAILED ? strf("%s: its SMART health is 'failed'", p->drive)
                                               : strf("%s: its SMART health is not known", p->drive));
}

/* A drive that does not count this has nothing to show; one that does must be within the limit. */
static int check_counter(Precheck *p, const char *rule, const char *what, int64_t value, uint32_t max)
{
        bool good = value >= 0 && (uint64_t) value <= max;

        if (value == SMART_NOT_REPORTED)
                return 0;

        return report_line(
                        p->report, good ? VERDICT_PASSED : VERDICT_FAILED, rule, "smartctl",
                        strf("at most %u", max), strf("%" PRIi64, value),
                        good ? NULL
                             : strf("%s: %" PRIi64 " %s sectors, more than %u", p->drive, value, what, max));
}

static int check_temperature(Precheck *p)
{
        int32_t t = p->smart.temperature_mdegc, warn = p->w->params.temp_warn_mdegc;
        bool known, cool;

        if (t == MDEGC_UNKNOWN)
                t = p->facts->temperature_mdegc;
        /* An NVMe controller knows its own limits. */
        if (p->smart.warning_temperature_mdegc != MDEGC_UNKNOWN && streq_ptr(p->smart.protocol, "NVMe"))
                warn = p->smart.warning_temperature_mdegc;
        known = t != MDEGC_UNKNOWN;
        cool = known && (warn == MDEGC_UNKNOWN || t < warn);

        return report_line(p->report, cool ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "temperature",
                           "smartctl",
                           warn == MDEGC_UNKNOWN ? strdup("read") : strf("under %i °C", warn / 1000),
                           known ? strf("%i °C", t / 1000) : strdup("not known"),
                           cool    ? NULL
                           : known ? strf("%s: it is too warm to start, %i °C", p->drive, t / 1000)
                                   : strf("%s: its temperature cannot be read", p->drive));
}

/* Said by burnind, which sees all drives: heat beside it is no fault of this one, but may explain what comes. */
static int note_heat(Precheck *p)
{
        if (!p->w->params.heat)
                return 0;

        return report_line(p->report, VERDICT_PASSED, "thermal-wait", "burnind",
                           strdup("the drives under test on its host are not too warm"),
                           strdup(p->w->params.heat), NULL);
}

static int check_self_test(Precheck *p)
{
        bool running = p->smart.self_test_running;

        return report_line(p->report, running ? VERDICT_INCONCLUSIVE : VERDICT_PASSED, "self-test",
                           "smartctl", strdup("none is running"),
                           strdup(running ? "one is running" : "none is running"),
                           running ? strf("%s: a SMART self-test is running on it", p->drive) : NULL);
}

static int check_smart(Precheck *p)
{
        const StageParams *s = &p->w->params;
        int r;

        r = check_health(p);
        if (r >= 0)
                r = check_counter(p, "smart-pending", "pending", p->smart.pending, s->smart_pending_max);
        if (r >= 0)
                r = check_counter(p, "smart-uncorrectable", "uncorrectable", p->smart.offline_uncorrectable,
                                  s->smart_uncorrectable_max);
        if (r >= 0)
                r = check_temperature(p);
        if (r >= 0)
                r = note_heat(p);
        if (r >= 0)
                r = check_self_test(p);
        return r;
}

static int check_content(Precheck *p)
{
        _cleanup_free_ char *content = NULL;
        const char *want = p->w->params.content;
        bool same;
        int r;

        if (p->w->params.reads_only)
                return 0;
        /* What is imported or mounted is written to all the time: its pool and its lock are what was confirmed. */
        if (p->w->params.granted.used)
                return report_line(p->report, VERDICT_PASSED, "content", "host",
                                   strdup("not compared: unlocked while in use"), strdup("not read"), NULL);

        r = host_read_content(p->w, p->w->params.stall_end_usec, &content);
        if (is_ours(r))
                return r;
        same = r >= 0 && want && streq(want, content);

        return report_line(
                        p->report, same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "content", "host",
                        strdup(want ?: "the content that was confirmed"),
                        strdup(r == -ESTALE ? "another drive is there now"
                               : r < 0      ? worker_error(p->w)
                                            : content),
                        same    ? NULL
                        : !want ? strf("%s: its content was never confirmed", p->drive)
                        : r < 0 ? strf("%s: its content cannot be compared: %s", p->drive,
                                       r == -ESTALE ? "another drive is there now" : worker_error(p->w))
                                : strf("%s: its content is not what was confirmed at submission", p->drive));
}

/* What final_check will compare with. */
static int keep_baseline(Precheck *p)
{
        _cleanup_json_ struct json_object *o = smart_reading_to_json(&p->smart);
        struct json_object *details = report_details(p->report);
        const char *text;
        size_t size;
        int r;

        if (!o || !details)
                return -ENOMEM;

        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        r = write_file_atomic(p->w->params.baseline_path, text, size, 0640);
        if (r < 0)
                return report_line(p->report, VERDICT_INCONCLUSIVE, "baseline", "smartctl",
                                   strdup("the SMART reading is kept"), strdup(strerror(-r)),
                                   strf("%s: its SMART reading could not be stored: %s", p->drive,
                                        strerror(-r)));

        return json_put(details, "smart_before", TAKE_PTR(o));
}

static int precheck_run(Worker *w, StageReport *report)
{
        static int (*const steps[])(Precheck * p) = {
                check_contact, check_present, read_host,     check_identity, check_lock,
                check_tools,   check_smart,   check_content, keep_baseline,
        };
        _cleanup_(precheck_done) Precheck p = { .w = w, .report = report };

        (void) worker_drive_name(w, p.drive);
        stage_log_line(w->log, LOG_INFO, "Checking %s before the test.", p.drive);

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r;

                r = steps[i](&p);
                if (r < 0)
                        return r;
                if (r > 0)
                        break;
        }

        return 0;
}

/* Nothing of what was unlocked is used any more, or released again; what the test has overwritten of it need not be there. */
static int expect_what_is_left(const Precheck *p, bool original, DriveLock *ret)
{
        const StageParams *s = &p->w->params;
        const DriveLock *l = &p->facts->lock;

        *ret = (DriveLock){ .role = LOCK_NONE };
        if (!original || l->used || !drive_lock_is_covered(&s->granted, s->release, l))
                return 0;

        return drive_lock_copy(l, ret);
}

int precheck_again(Worker *w, bool original, StageReport *report)
{
        static int (*const looks[])(Precheck * p) = { check_contact, check_present, read_host };
        static int (*const steps[])(Precheck * p) = { check_identity, check_lock, check_tools };
        _cleanup_(precheck_done) Precheck p = { .w = w, .report = report };
        _cleanup_(drive_lock_done) DriveLock granted = { 0 };
        bool release = false;
        int r;

        (void) worker_drive_name(w, p.drive);
        for (size_t i = 0; i < ELEMENTSOF(looks); i++) {
                r = looks[i](&p);
                if (r != 0)
                        return MIN(r, 0);
        }
        r = expect_what_is_left(&p, original, &granted);
        if (r < 0)
                return r;

        SWAP(w->params.granted, granted);
        SWAP(w->params.release, release);
        for (size_t i = 0; i < ELEMENTSOF(steps) && r >= 0; i++)
                r = steps[i](&p);
        if (r >= 0 && report->verdict == VERDICT_PASSED)
                return 1;

        /* The next look is to see what was unlocked, and not what this one made of it. */
        SWAP(w->params.granted, granted);
        SWAP(w->params.release, release);
        return MIN(r, 0);
}

const StageType stage_precheck = {
        .kind = STAGE_PRECHECK,
        .run = precheck_run,
};
