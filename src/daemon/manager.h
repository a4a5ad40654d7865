/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <uthash.h>

#include "daemon/setting.h"
#include "shared/bus-polkit.h"
#include "store/store.h"

/* Owns everything: the loop, the bus, the store, and the nouns. One thread; nothing here waits for anything but the loop. */

typedef struct Binding Binding;
typedef struct Configuration Configuration;
typedef struct DailyTimer DailyTimer;
typedef struct DenialLog DenialLog;
typedef struct Drive Drive;
typedef struct Event Event;
typedef struct Grant Grant;
typedef struct Host Host;
typedef struct Identify Identify;
typedef struct Job Job;
typedef struct Nightly Nightly;
typedef struct Notifier Notifier;
typedef struct Outbox Outbox;
typedef struct Password Password;
typedef struct PollLink PollLink;
typedef struct ReportCall ReportCall;
typedef struct ScopeTracker ScopeTracker;
typedef struct Stage Stage;

#define SETUP_CODE_SIZE sizeof("XXXX-XXXX")

typedef struct Manager {
        sd_event *event;
        sd_bus *bus;
        Store *store;
        Settings settings; /* in effect */
        Configuration *configuration;
        PolkitRegistry *polkit;
        ScopeTracker *scopes;
        PollLink *poll;    /* to burnin-poll */
        PollLink *truenas; /* to burnin-truenas */

        Host *hosts;   /* by name */
        Drive *drives; /* by id */
        Job *jobs;     /* by id: all that are active, and the finished ones in the archive below */
        Job *archive; /* the last that finished or were asked for; jobs on the bus for ever come from the store */
        uint32_t n_queued, n_running;
        uint32_t n_burn_ins; /* of those that run */
        Grant *grants;       /* by id: those that wait for their job */
        uint64_t n_grants;   /* ever given */

        Identify *identifies; /* that wait for their hosts */
        uint64_t n_identifies;

        Binding *bindings;   /* by bus name: connections that act for web accounts */
        Password *passwords; /* questions to burnin-password, the oldest first */
        sd_event_source *password_source;
        ReportCall *reports;              /* that were asked for, the oldest first */
        char setup_code[SETUP_CODE_SIZE]; /* "": nobody asked for it */
        char *initial_admin;              /* the account that a credential makes, while it is made */

        Event *events;      /* of the transaction that is open */
        Event *events_told; /* stored, and told with the next turn of the loop */
        sd_event_source *events_source;
        Notifier *notifiers; /* by name */
        Outbox *outbox;

        char *machine_id;
        char *health;
        char *unreadable;              /* a job that is, in words; NULL: all that are active were read */
        sd_event_source *queue_source; /* one pass over the queue, soon */
        sd_event_source *heat_timer; /* the next job that has waited long enough for its host to cool down */
        sd_event_source *schedule_timer; /* the next job whose time comes */
        Stage *progressed; /* their own signals have not told it yet, the longest waiting first */
        sd_event_source *progress_timer; /* stores and tells it */
        uint64_t progress_turn_usec,
                        progress_stored_usec[10]; /* the last turn, and that of each part; CLOCK_BOOTTIME */
        sd_event_source *store_timer;             /* runs while the store cannot be written */
        Nightly *nightly;
        DailyTimer *daily_timer;
        int lock_fd;        /* of PATH_STATE: nobody else puts another database there */
        DenialLog *denials; /* see daemon/audit.h */
        sd_event_source *denials_timer;
        gid_t worker_gid;
        uid_t worker_uid;
        const char *ssh_key_path;
} Manager;

int manager_new(Manager **ret);
Manager *manager_free(Manager *m);
/* Store, bus name, poller socket, what was running before. */
int manager_start(Manager *m);

/* The private key as a sealed memfd, or -errno (logged). Read anew each time, so that a new key needs no restart. */
int manager_open_ssh_key(Manager *m);
/* Its public half, a line for authorized_keys. -ENOENT: there is none, or nothing that such a line could be. */
int manager_read_public_key(const Manager *m, char **ret);

/* Tells that the store could not be written: Health says so until it can be again; what stands still because of it then goes on
 * by itself. What the store refuses for what it is (store_is_refusal()) is told, and no more. Returns r. */
int manager_store_failed(Manager *m, int r);

/* Its progress is stored and told: at once, or a second after that was last done; and by its own signal when its turn comes. */
void manager_progress_changed(Manager *m, Stage *s);
void manager_progress_forget(Manager *m, Stage *s);

int manager_bus_register(Manager *m);
void manager_emit_changed(Manager *m, const char *property);
void manager_emit_progress(Manager *m, Stage *const *stages, size_t n);
void manager_emit_event(Manager *m, const Event *e);
void manager_emit_job_new(Manager *m, Job *j);
void manager_emit_job_removed(Manager *m, Job *j);

extern const sd_bus_vtable manager_vtable[];

DEFINE_TRIVIAL_CLEANUP_FUNC(Manager *, manager_free);
