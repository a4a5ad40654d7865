/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* Transient scopes, by systemd's manager on the bus. StartTransientUnit only queues a job: the scope is there when JobRemoved says
 * so for our job's path, with the result "done" (systemd manual; every container runtime has tripped here). */

typedef struct ScopeCall ScopeCall;

/* error NULL: the process is in the scope, as its own cgroup file says. */
typedef void (*scope_callback_t)(const char *error, void *userdata);

int scope_tracker_new(Manager *m, ScopeTracker **ret);
ScopeTracker *scope_tracker_free(ScopeTracker *t);

/* pid: a child of ours that is blocked at its gate. The callback comes once; scope_call_free() before it drops the wait. */
int scope_start(ScopeTracker *t, const char *unit, const char *slice, const char *slice_description,
                const char *description, pid_t pid, scope_callback_t callback, void *userdata,
                ScopeCall **ret);
ScopeCall *scope_call_free(ScopeCall *c);

/* Stops a unit (a slice: all that is in it); nobody waits. */
void scope_stop(ScopeTracker *t, const char *unit);

DEFINE_TRIVIAL_CLEANUP_FUNC(ScopeTracker *, scope_tracker_free);
DEFINE_TRIVIAL_CLEANUP_FUNC(ScopeCall *, scope_call_free);
