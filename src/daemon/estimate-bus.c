/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "daemon/authz.h"
#include "daemon/estimate-bus.h"
#include "daemon/history.h"
#include "daemon/job.h"
#include "daemon/submit.h"
#include "shared/bus-util.h"
#include "shared/names.h"

typedef struct Estimate {
        const Drive *drive;
        EstimateHistory history;
        EstimateBasis basis;
} Estimate;

typedef struct Request {
        Manager *manager;
        Plan plan;
        Estimate *estimates;
        EstimateRange *ranges;
        size_t *hosts;
        size_t n;
} Request;

static void request_done(Request *q)
{
        free(q->estimates);
        free(q->ranges);
        free(q->hosts);
}

static int request_read(Request *q, sd_bus_message *m, char ***ret_names, sd_bus_error *error)
{
        _cleanup_strv_free_ char **names = NULL, **stages = NULL;
        const char *profile = NULL;
        const BusOption options[] = {
                { "profile", 's', &profile, NULL },
                { "stages", 'a', &stages, NULL },
        };
        int r;

        r = bus_read_strv(m, BATCH_MAX, &names);
        if (r == -E2BIG)
                return sd_bus_error_setf(error, BUS_ERROR_LIMIT_REACHED, "A batch has at most %u drives.",
                                         BATCH_MAX);
        if (r < 0)
                return r;
        r = bus_read_options(m, options, ELEMENTSOF(options), error);
        if (r < 0)
                return r;

        q->n = strv_length(names);
        if (q->n == 0)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "No drive was named.");
        r = submit_read_plan(profile, stages, &q->plan, error);
        if (r < 0)
                return r;

        q->estimates = new0(Estimate, q->n);
        q->ranges = new0(EstimateRange, q->n);
        q->hosts = new0(size_t, q->n);
        if (!q->estimates || !q->ranges || !q->hosts)
                return -ENOMEM;

        *ret_names = TAKE_PTR(names);
        return 0;
}

/* Hosts as numbers: that of the first drive of each. */
static size_t request_host_number(const Request *q, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (streq_ptr(q->estimates[k].drive->record.host, q->estimates[i].drive->record.host))
                        return k;

        return i;
}

/* A batch is mostly of one model, whose history is the same for each. */
static int request_find_history(const Request *q, size_t i, uint32_t phases, EstimateHistory *ret)
{
        const char *model = q->estimates[i].drive->record.identity.model;

        for (size_t k = 0; k < i; k++)
                if (streq_ptr(q->estimates[k].drive->record.identity.model, model)) {
                        *ret = q->estimates[k].history;
                        return 0;
                }

        return history_find(q->manager->store, &q->plan, phases, model, ret);
}

static int request_estimate(Request *q, size_t i)
{
        Estimate *e = q->estimates + i;
        const EstimateDrive drive = drive_for_estimate(e->drive);
        uint32_t phases = profile_phases(q->plan.profile, q->manager->settings.surface_validate_passes);
        int r;

        r = request_find_history(q, i, phases, &e->history);
        if (r < 0)
                return r;

        q->ranges[i] = estimate_job(q->plan.stages, q->plan.n, phases, &drive, &e->history, &e->basis);
        q->hosts[i] = request_host_number(q, i);
        return 0;
}

static int request_reply(const Request *q, sd_bus_message *m)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Settings *s = &q->manager->settings;
        EstimateRange batch;
        int r;

        r = estimate_batch(q->ranges, q->hosts, q->n, s->max_parallel_burnins, s->max_per_host, &batch);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(reply, 'a', "(sttsu)");
        if (r < 0)
                return r;
        for (size_t i = 0; i < q->n; i++) {
                const Estimate *e = q->estimates + i;

                r = sd_bus_message_append(reply, "(sttsu)", e->drive->record.id, q->ranges[i].low_usec,
                                          q->ranges[i].high_usec, estimate_basis_to_string(e->basis),
                                          e->history.n);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "tt", batch.low_usec, batch.high_usec);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

int manager_method_estimate_burn_in(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(request_done) Request q = { .manager = userdata };
        _cleanup_strv_free_ char **names = NULL;
        int r;

        r = request_read(&q, m, &names, error);
        if (r < 0)
                return r;
        r = authz_check(q.manager, m, "", NULL, error);
        if (r <= 0)
                return r < 0 ? r : 1; /* Will call us back */

        for (size_t i = 0; i < q.n; i++) {
                Drive *d;

                r = submit_find_drive(q.manager, names[i], &d, error);
                if (r < 0)
                        return r;
                q.estimates[i].drive = d;
                r = request_estimate(&q, i);
                if (r < 0)
                        return r;
        }

        return request_reply(&q, m);
}
