/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/worker-proto.h"
#include "transport/remote-run.h"
#include "worker/channel.h"
#include "worker/stage-log.h"

/* A process that owns one stage, from its start to its verdict. The stage's code is sequential: it runs in main()'s flow and calls
 * remote_*() and worker_wait(), which pump the event loop while they wait; burnind's messages come in there and set flags.
 *
 * INVARIANTS
 *  1. Nothing touches the host before the gate opened.
 *  2. A run that this worker may have started is, at its end, either proven gone or named as a remnant in the report.
 *  3. The report is on disk before it is sent. */

typedef struct Worker {
        sd_event *event;
        StageParams params;
        Remote remote;
        Channel *channel;
        StageLog *log;
        LogField fields[9];
        char job_string[24];
        char *drive_key;
        char tool[24];   /* as the stage's log calls it */
        PauseWish pause; /* an operator's */
        bool cancel;     /* burnind wants this stage to end; never goes back */
        char *goes_on; /* what the drive does by itself although nothing of the stage runs any more, for people; NULL: nothing */
        bool start_on_its_way; /* a start of the run got no answer: it may still arrive at the host */

        /* The host, as worker_contact() saw it last. */
        bool contact_lost;     /* said so */
        unsigned failures;     /* in a row */
        uint64_t contact_usec; /* CLOCK_MONOTONIC of the last answer */
        char *contact_error;   /* why there is none */
} Worker;

/* Takes over what the descriptors hold (worker-proto.h) and waits at the gate. 1: it opened; 0: it is shut for ever. */
int worker_new(Worker **ret);
Worker *worker_free(Worker *w);
DEFINE_TRIVIAL_CLEANUP_FUNC(Worker *, worker_free);

/* Pumps the event loop for that long. -ECANCELED as soon as a cancel came. */
int worker_wait(Worker *w, uint64_t usec);
/* How often a run is looked at, and the wait for the next look at it after one that began then: usual, or longer where the look
 * itself took half a second or more. A host that has too much to do is not given more by those who look. */
uint64_t worker_follow_usec(const Worker *w);
int worker_wait_for_look(Worker *w, uint64_t usual, uint64_t began);
/* The same for what is done behind a cancel, which does not end it. */
int worker_rest(Worker *w, uint64_t usec);

/* To be called with the result of every remote_*(): 0 when it is good. 1 when the host could not be reached: burnind was told,
 * the back-off was waited for, try again. -ECANCELED, or what trying again cannot mend. */
int worker_contact(Worker *w, int result);
/* The same as a loop: call() is called until it is good, or fails for another reason than contact, or the limit is over; then
 * its result is returned. */
int worker_try(Worker *w, uint64_t limit_usec, int (*call)(Worker *w, void *userdata), void *userdata);
/* What remote_*() said when it failed last, for people. */
const char *worker_error(const Worker *w);

/* "sdb (WDC WD80EFAX, serial WD-1) on nas1" */
const char *worker_drive_name(const Worker *w, char buf[static 256]);

int worker_send(Worker *w, const char *type, struct json_object *o);

#define CANCEL_LIMIT_USEC (30 * USEC_PER_SEC)
/* Ends the run, whatever state it is in, also with a cancel pending. Takes no longer than that, also where the host says nothing at
 * all. True: proven gone. False with w->cancel: it may be the cancel that came meanwhile, and for that one it is tried anew. */
bool worker_cancel_run(Worker *w);

/* Starts w's run on its host, or finds it started: command, on a drive that holds content (as in RunSpec) and that carries nothing but
 * what was granted. RUN_REFUSED, too, where that was never confirmed, or nobody gave leave to release what is in use. After an error
 * nobody knows whether it started. */
int worker_start_run(Worker *w, const HostProbe *probe, const char *content, char **command, RunStatus *ret);

/* Says that the host's reboot ended the run, and that the stage goes on with this phase in another one. -ERESTART: burnind has it, and this
 * worker is done; -ECANCELED. */
int worker_go_on_anew(Worker *w, uint32_t phase, const char *name);

/* Stores the report, tells burnind, waits until it has it or REPORT_WAIT_USEC are over. 1: burnind has it. */
int worker_report(Worker *w, StageReport *report);
