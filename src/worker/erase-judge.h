/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/nvme.h"
#include "shared/worker-proto.h"

/* From what a controller says, and what was seen of the run, to the verdict of nvme_format and nvme_sanitize. Pure.
 *
 * Passed needs all of it: supported, nothing else within reach, the command came back well, a sanitize log that says done, and none of
 * the blocks that were written just before to be found again. What the drive is told to do and says it did, but did not do, is its
 * fault: failed. That the rest of the flash is empty too nobody can read: that is the drive's word. */

typedef enum EraseEnd {
        ERASE_EXITED,   /* the run ended by itself */
        ERASE_REFUSED,  /* a check on the host said no; nothing was written */
        ERASE_REBOOTED, /* its host was rebooted */
        ERASE_LOST,     /* killed there by somebody else */
        ERASE_MISSING,  /* there is no such run */
        ERASE_STALLED,  /* no sign of work for too long: we ended it */
        ERASE_NO_CONTACT,
        ERASE_KEY_CHANGED,
        ERASE_NONSENSE, /* its host's answers cannot be those of the run */
        _ERASE_END_MAX,
} EraseEnd;

/* What is known of the drive before anything is written. */
typedef struct EraseReach {
        bool sanitize; /* by Sanitize, else by Format NVM */
        bool tool;     /* nvme-cli is there */
        bool answered; /* a controller did, and was understood */
        NvmeController controller;
        uint32_t nsid; /* 0: not known */
        NvmeNamespaces namespaces;
        bool allocated; /* those that are attached to no controller, or to another one, are among them */
} EraseReach;

typedef struct EraseFindings {
        const char *drive; /* for people */
        bool sanitize;
        EraseEnd end;
        const char *end_detail; /* for people, may be NULL */
        int exit_status;
        const EraseOutput *output;
        const char *words; /* what the tool said last; may be NULL */
        bool exclusive;
        bool same;            /* the drive there afterwards is the same one */
        const char *identity; /* else what is there, for people */
} EraseFindings;

/* Adds the lines "supported" and "namespaces". 1: it may go on, by *ret_method, which reaches the whole subsystem or this namespace
 * alone; 0: it may not; -ENOMEM. */
int erase_plan(const EraseReach *f, const char *drive, StageReport *r, EraseMethod *ret_method,
               bool *ret_all);
/* Adds the rest, and the verdict. 0 or -ENOMEM. */
int erase_judge(const EraseFindings *f, StageReport *r);
