/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/transport.h"

/* A run: one destructive or long command on a tested host, detached there, so that it survives every connection. It is a
 * root-owned 0700 directory named by its 128-bit id (never under /tmp), made with plain mkdir, which is the lock against
 * doubles and against a start that arrives after its cancel. remote-run.sh, sent over standard input with each call, is the
 * only code that reads and writes it:
 *
 *   id        run id, machine id of the orchestrator, drive identity, boot id, start time; written once all checks passed
 *   pid       PID STARTTIME BOOTID of the command
 *   log       the command's standard error; blocks: its standard output
 *   content   the content fingerprint that a command which ended well left behind
 *   exit      its exit status
 *   refused   why the checks refused, one line
 *   paused-heat, paused-operator
 *             who holds the command, SIGSTOPped, and why, one line; it goes on when neither is there any more
 *   tombstone planted by a cancel, "BOOTID UPTIME". It keeps the place of a run that did not start yet; a day later the next start
 *             of any run removes the directory, unless somebody of the run is alive
 *
 * A start opens the device O_EXCL, keeps the descriptor, compares the identity of that very device (ident(), from sysfs by the
 * descriptor's device number, and the serial that smartctl prints), the content fingerprint, the granted lock and the openers, and becomes the
 * command with the descriptor still open.
 *
 * These functions are synchronous for their caller: they pump the event loop (transport's) until the answer is there. They may
 * only be called from outside of event handlers (a stage worker's main flow). Negative errno on failure:
 *   -ENOTCONN (unreachable), -EKEYREJECTED (host key), -EACCES (authentication), -ETIMEDOUT, -EBADMSG (an answer that
 *   is not ours), -EREMOTEIO (the script's own words: a bad argument, a tool that is missing, ...), -ECANCELED (the caller's
 *   interrupt flag was set while waiting, or the event loop ends).
 * remote->error_text then says it in words. */

typedef struct Remote {
        sd_event *event;
        Transport *transport;
        char *error_text; /* of the last failure, for people */
        char *host_key;
        const bool *interrupt;        /* weak; a wait ends with -ECANCELED once this is true */
        uint64_t status_timeout_usec; /* for remote_run_status(); 0: a default */
        uint64_t deadline_usec; /* CLOCK_BOOTTIME: no call waits for longer, whatever its own timeout; 0: none */
} Remote;

typedef enum RunState {
        RUN_NONE,      /* none: no directory; never started, or removed */
        RUN_TOMBSTONE, /* tombstone: cancelled before it started */
        RUN_STARTING,  /* starting: checks run */
        RUN_RUNNING,   /* running */
        RUN_EXITED,    /* exited */
        RUN_REFUSED,   /* refused: a check said no; nothing was written */
        RUN_LOST,      /* lost: neither alive nor exited: killed with SIGKILL, or its host rebooted */
        _RUN_STATE_MAX,
        _RUN_STATE_INVALID = -EINVAL,
} RunState;
DECLARE_STRING_TABLE(run_state, RunState);

/* Who can hold a run: each for himself, so that neither lets it go on against the other. */
typedef enum RunHolder {
        RUN_HOLDER_HEAT,
        RUN_HOLDER_OPERATOR,
        _RUN_HOLDER_MAX,
        _RUN_HOLDER_INVALID = -EINVAL,
} RunHolder;
DECLARE_STRING_TABLE(run_holder, RunHolder);

typedef struct RunSpec {
        const char *run, *machine_id;
        const char *kname;
        const DriveIdentity *identity;
        const char *content; /* fingerprint confirmed at submission; or what a test before a reboot has left, as
                              * pattern_places() writes it; NULL: granted->used, which changes it */
        const DriveLock *
                        granted; /* what was unlocked, exactly; LOCK_NONE: nothing. A used one is released first */
        uint64_t not_after_uptime_usec; /* of the host's own uptime: a start delayed in a black hole is refused */
        const char *boot_id;            /* of that uptime */
        char *const *command;           /* argv; the word "{}" stands for the device */
} RunSpec;

typedef struct RunStatus {
        RunState state;
        char *refused; /* one line, "code: words"; code is one of: late locked exclusive identity content open release tool */
        int exit_status;      /* RUN_EXITED */
        bool exclusive;       /* the command holds the device O_EXCL */
        bool host_stops;      /* RUN_EXITED, RUN_LOST: its host is being shut down */
        char *boot_id;        /* of the host, now */
        char *run_boot_id;    /* when the run started */
        uint64_t uptime_usec; /* of the host, now */
        uint64_t position;    /* the command's position on the device, bytes; UINT64_MAX: not known */
        uint64_t work_bytes; /* read + written by the device since boot (/sys/block/X/stat); UINT64_MAX: not known */
        bool stopped;                  /* SIGSTOPped, by whomever */
        char *paused[_RUN_HOLDER_MAX]; /* why each of them holds it; NULL: does not */
        bool dying;                    /* in D state after SIGKILL */
        char *ident; /* identity line of the device that the run holds, or that has the kname now; NULL: gone */
        int32_t temperature_mdegc;
        char *log; /* from the asked offset on, at most 256 KiB */
        size_t log_size;
        char *blocks; /* from the asked offset on, at most 64 KiB */
        size_t blocks_size;
        char *content; /* RUN_EXITED: the content fingerprint of what it left on the drive; NULL: not taken */
} RunStatus;

typedef struct KernelLog {
        char *boot_id; /* of which it is */
        uint64_t first, last; /* sequence numbers of the oldest and newest record in the ring buffer; 0/0: cannot be read */
        char **lines; /* after the asked number, those that name the device, at most 200 */
} KernelLog;

typedef struct HostProbe {
        char *boot_id;
        uint64_t uptime_usec;
        char *ident; /* of kname now, NULL: no such device */
        char *kname; /* where a drive with the wanted ident is now, NULL: nowhere */
        bool have_badblocks, have_smartctl, have_systemd;
        uint32_t sector_size;    /* of that drive; 0: not known */
        uint64_t kernel_log_seq; /* newest record now; 0: cannot be read */
} HostProbe;

/* What a verb about self-tests answers. */
typedef struct RemoteSelfTest {
        char *boot_id;
        uint64_t uptime_usec;
        char *kname; /* where the drive is now */
        char *type;  /* smartctl's device type for it, "-" for none: to be given with the next call */
        bool keep_alive_failed;
        char *text; /* of smartctl, or what the tool that starts and aborts has printed; at most 1 MiB */
        size_t size;
        char *nvme, *controller; /* of nvme-cli, where it had to be asked; "" */
        char *truenas;           /* of a host with an API, instead of them; "" */
        size_t nvme_size, controller_size, truenas_size;
} RemoteSelfTest;

/* What nvme-cli says of a drive's controller; each text as it printed it, "" where it failed. */
typedef struct RemoteNvme {
        char *kname;   /* where the drive is now */
        bool tool;     /* nvme-cli is there */
        uint32_t nsid; /* of the namespace that the drive is; 0: not known */
        char *controller, *attached, *allocated,
                        *sanitize; /* id-ctrl, list-ns, list-ns --all, sanitize-log */
        size_t controller_size, attached_size, allocated_size, sanitize_size;
} RemoteNvme;

void remote_self_test_done(RemoteSelfTest *s);
void remote_nvme_done(RemoteNvme *n);
void run_status_done(RunStatus *s);
void kernel_log_done(KernelLog *k);
void host_probe_done(HostProbe *p);

/* Where the drive is, what the host can do. ident: the wanted identity line. */
int remote_probe(Remote *remote, const char *ident, HostProbe *ret);
/* Sends burnin-agent for the host's architecture, where it is not there yet; best effort (perl and python3 stand in).
 * -ENOENT: there is none for that architecture; -ENOEXEC: it does not run there. */
int remote_install_agent(Remote *remote);
/* Starts a run or finds it already started; returns its status, also RUN_REFUSED. Waits until the checks are through. */
int remote_run_start(Remote *remote, const RunSpec *spec, RunStatus *ret);
int remote_run_status(Remote *remote, const char *run, const char *kname, uint64_t log_offset,
                      uint64_t blocks_offset, RunStatus *ret);
/* TERM then CONT, then KILL after grace_usec; plants the tombstone where there is no run. ret_gone: proven gone. */
int remote_run_cancel(Remote *remote, const char *run, uint64_t grace_usec, bool *ret_gone, RunStatus *ret);
/* reason: SIGSTOP, and a note of who and why; NULL: the note goes, and with the last one SIGCONT. Only of a run that is
 * running; the status says what holds now. */
int remote_run_pause(Remote *remote, const char *run, RunHolder by, const char *reason, RunStatus *ret);
int remote_run_remove(Remote *remote, const char *run);
int remote_kernel_log(Remote *remote, const char *kname, uint64_t after, KernelLog *ret);
/* smartctl --json=cou -x on the device; the JSON text, at most 1 MiB. */
int remote_smart(Remote *remote, const char *kname, char **ret, size_t *ret_size);
/* The output of the facts verb: what parse/facts.h describes. words: "smart:KNAME" reads SMART in the same round trip,
 * "probe:KNAME" probes the drive and its partitions for signatures live, past udev's database. */
int remote_facts(Remote *remote, char *const *words, char **ret, size_t *ret_size, char **ret_nonce);

/* Self-tests, by the drive's identity: kname is where it was. type: of the last answer, or "-". -ESTALE: it is not on the host.
 * keep_alive: a random number; a sector at a place made of it is read too. UINT64_MAX: none is. */
int remote_self_test_read(Remote *remote, const char *kname, const char *ident, const char *type,
                          uint64_t keep_alive, RemoteSelfTest *ret);
/* test: "short" or "long"; boot_id and not_after_uptime_usec as in RunSpec. Never over one that runs. */
int remote_self_test_start(Remote *remote, const char *kname, const char *ident, const char *type,
                           const char *test, const char *boot_id, uint64_t not_after_uptime_usec,
                           RemoteSelfTest *ret);
int remote_self_test_abort(Remote *remote, const char *kname, const char *ident, const char *type,
                           RemoteSelfTest *ret);

/* Of the drive by its identity; kname is where it was. Writes nothing. -ESTALE: it is not on the host. */
int remote_nvme(Remote *remote, const char *kname, const char *ident, RemoteNvme *ret);

/* For the poller, which must not wait: the script and the argv of the verbs it uses, for transport_call(). */
extern const char remote_run_script[];
int remote_facts_argv(char *const *words, char ***ret, char **ret_nonce);
/* Lights the locate LED of the drive's bay for so many seconds, at most an hour; 0 puts it out. The answer: 0; -ESTALE
 * (another drive has that name now), -EREMOTEIO (there is no such LED), -EBADMSG; then with words. */
int remote_locate_argv(const char *kname, const char *ident, uint32_t seconds, char ***ret);
int remote_locate_parse(const char *output, size_t size, char **reterr_reason);
int remote_fingerprint_argv(const char *kname, const char *ident, char ***ret);
/* Parses the answer of the fingerprint verb: 0 and the hex string; -EBADMSG; -ESTALE (another drive has that name now);
 * -EREMOTEIO (the drive cannot be read). */
int remote_fingerprint_parse(const char *output, size_t size, char **ret_content);
