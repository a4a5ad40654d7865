/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "basic/string-util.h"
#include "worker/poll.h"
#include "worker/stage.h"

/* burnin-worker, the only program that speaks to hosts: `stage` owns one stage of one job and is started by burnind, `poll` is
 * burnin-poll.service. */

static int run_stage(void)
{
        _cleanup_(worker_freep) Worker *w = NULL;
        _cleanup_(stage_report_done) StageReport report = { 0 };
        int r;

        log_open("burnin-worker");

        r = worker_new(&w);
        if (r <= 0)
                return r;

        r = stage_run(w, &report);
        if (r == 0)
                return 0;
        r = worker_report(w, &report);
        if (r > 0)
                stage_forget_run(w, &report);

        return r;
}

int main(int argc, char *argv[])
{
        int r;

        /* The SSH key passes through this process: no core file, no ptrace, no /proc/PID/mem. */
        if (prctl(PR_SET_DUMPABLE, 0) < 0)
                return EXIT_FAILURE;
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return EXIT_FAILURE;

        if (argc == 2 && streq(argv[1], "stage"))
                r = run_stage();
        else if (argc == 2 && streq(argv[1], "poll"))
                r = poll_run();
        else {
                (void) fprintf(stderr, "Usage: %s stage|poll\nStarted by burnind and burnin-poll.service.\n",
                               argv[0]);
                return EXIT_FAILURE;
        }

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
