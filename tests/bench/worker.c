/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/report.h"
#include "worker/worker.h"

/* Stands in for burnin-worker where a site is too large to be real (tests/bench/scale.py): everything between burnind and the worker is
 * the worker's own code (parameters, gate, socket, numbered messages, report file), but no host is spoken to. A surface test tells
 * its progress every second until END_FILE is there, and then passes; every other stage passes at once. A report says how many
 * messages there were, so that what arrived can be counted. */

#define END_FILE     "/run/burnin/bench-end"
#define PHASES       8U
#define SPEED        UINT64_C(190000000)
#define REGIONS      64U
#define EVIDENCE     12U
#define SECONDS_FAKE 558000.0 /* to 100 percent: 14 TB, 8 phases, 200 MB/s */

static uint64_t n_sent;

static int send_message(Worker *w, const char *type, struct json_object *o)
{
        n_sent++;
        return worker_send(w, type, o);
}

static int send_phase(Worker *w, uint32_t phase)
{
        struct json_object *o = json_object_new_object();

        if (!o || json_put_u64(o, "phase", phase) < 0 || json_put_u64(o, "phases", PHASES) < 0 ||
            json_put_string(o, "name", phase % 2 ? "Write 0xaa" : "Verify 0xaa") < 0 ||
            json_put_u64(o, "usec", now_usec(CLOCK_REALTIME)) < 0)
                return -ENOMEM;

        return send_message(w, "phase", o);
}

static int send_progress(Worker *w, uint32_t phase, uint64_t second)
{
        struct json_object *o = json_object_new_object();
        double percent = MIN(99.0, 100.0 * (double) second / SECONDS_FAKE);

        if (!o || json_put_double(o, "percent", percent) < 0 || json_put_u64(o, "phase", phase) < 0 ||
            json_put_u64(o, "phases", PHASES) < 0 || json_put_double(o, "phase_percent", percent) < 0 ||
            json_put_u64(o, "bytes_per_second", SPEED + second % 1000) < 0 ||
            json_put_u64(o, "bad_blocks", 0) < 0 || json_put_i64(o, "temperature_mdegc", 35000) < 0 ||
            json_put_u64(o, "eta_usec", now_usec(CLOCK_REALTIME) + USEC_PER_HOUR) < 0 ||
            json_put_u64(o, "work_bytes", second * SPEED) < 0 || json_put_u64(o, "read_errors", 0) < 0 ||
            json_put_u64(o, "write_errors", 0) < 0 || json_put_u64(o, "compare_errors", 0) < 0 ||
            json_put_i64(o, "temperature_min_mdegc", 30000) < 0 ||
            json_put_i64(o, "temperature_max_mdegc", 41000) < 0)
                return -ENOMEM;

        return send_message(w, "progress", o);
}

static int run_surface(Worker *w)
{
        int r;

        r = send_phase(w, 1);
        for (uint64_t second = 1; r >= 0 && access(END_FILE, F_OK) < 0; second++) {
                r = send_progress(w, 1, second);
                if (r >= 0)
                        r = worker_wait(w, USEC_PER_SEC);
        }
        return r < 0 ? r : send_phase(w, 2);
}

/* As much as a real one has. */
static int fill_details(struct json_object *details)
{
        struct json_object *phases = json_object_new_array(), *speeds = json_object_new_array();

        if (!details || json_put(details, "phases", phases) < 0 ||
            json_put(details, "region_msec", speeds) < 0)
                return -ENOMEM;
        for (unsigned i = 1; i <= PHASES; i++) {
                struct json_object *phase = json_object_new_object(), *regions = json_object_new_array();

                if (!phase || !regions || json_put_u64(phase, "number", i) < 0 ||
                    json_put_string(phase, "name", "Write 0xaa") < 0 ||
                    json_put_u64(phase, "started_usec", now_usec(CLOCK_REALTIME)) < 0 ||
                    json_put_u64(phase, "bytes_per_second", SPEED) < 0)
                        return -ENOMEM;
                for (unsigned k = 0; k < REGIONS; k++)
                        (void) json_object_array_add(regions, json_object_new_int64(1150000 + k));
                (void) json_object_array_add(phases, phase);
                (void) json_object_array_add(speeds, regions);
        }
        return 0;
}

static int fill_report(StageReport *report)
{
        for (unsigned i = 0; i < EVIDENCE; i++)
                if (stage_report_add(report, VERDICT_PASSED, "bench", "what a healthy drive shows there",
                                     "what the stand-in of a drive has shown there", "bench") < 0)
                        return -ENOMEM;

        report->verdict = VERDICT_PASSED;
        return fill_details(report_details(report));
}

static int run_stage(void)
{
        _cleanup_(stage_report_done) StageReport report = {};
        _cleanup_(worker_freep) Worker *w = NULL;
        bool surface;
        int r;

        r = worker_new(&w);
        if (r <= 0)
                return r;

        surface = w->params.kind == STAGE_SURFACE_VALIDATE;
        r = surface && !w->params.cancel ? run_surface(w) : 0;
        if (w->params.cancel || r == -ECANCELED) {
                report.verdict = VERDICT_CANCELLED;
                report_set_reason(&report, "cancelled");
        } else if (r < 0)
                return r;
        else if (surface)
                r = fill_report(&report);
        else
                r = stage_report_add(&report, VERDICT_PASSED, "bench", "a drive", "a stand-in", "bench");
        if (r < 0)
                return r;
        if (report.verdict == VERDICT_NONE)
                report.verdict = VERDICT_PASSED;
        if (!report_details(&report) || json_put_u64(report_details(&report), "bench_sent", n_sent) < 0)
                return -ENOMEM;

        return worker_report(w, &report);
}

int main(int argc, char *argv[])
{
        log_open("burnin-worker");
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || argc != 2 || !streq(argv[1], "stage"))
                return EXIT_FAILURE;

        return run_stage() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
