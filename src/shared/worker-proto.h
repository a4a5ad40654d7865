/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/enums.h"
#include "shared/facts.h"
#include "shared/json-util.h"

/* How burnind and its workers talk.
 *
 * STAGE WORKER. burnind spawns `burnin-worker stage` with
 *   fd 0  /dev/null
 *   fd 3  a sealed memfd with one JSON object, StageParams below
 *   fd 4  the gate: the read end of a pipe. One byte opens it; end of file closes it for ever, and the worker exits
 *         without having touched anything. Until then it is not yet in its scope.
 *   fd 5  a listening SOCK_SEQPACKET socket, bound by burnind to /run/burnin/<job>/<stage>.sock. It outlives burnind: a
 *         new burnind connects to the path and goes on where the old one stopped. Newest connection wins; the peer's uid
 *         must be 0.
 *   fd 6  a sealed memfd with the SSH private key; empty for a host without SSH
 *
 * One datagram is one JSON object of at most STAGE_MESSAGE_MAX bytes.
 *   burnind -> worker   {"hello": N}    first message on a connection: the last sequence number that is stored
 *                       {"ack": N}      stored up to N
 *                       {"cancel": true}
 *                       {"pause": {"by": WHO, "reason": WORDS}}, {"resume": {"by": WHO}}   an operator's wish, for the surface stage
 *                         alone. It is noted on the host, beside the run, and so outlives workers; the answer is a "paused".
 *                       {"siblings": BYTES_PER_SECOND}   for the surface stage: what StageParams.sibling_speed is by now
 *   worker -> burnind   {"seq": N, "run": RUN_ID, "attempt": K, "type": TYPE, ...}
 * A message whose run and attempt are not the stage's current pair is dropped. Unacknowledged messages stay in a ring in the
 * worker and are sent again after a hello. Types:
 *   "progress"  percent (0..100, of this stage, never goes back), phase (from 1), phases, phase_percent, bytes_per_second
 *               (absent: not known), bad_blocks, temperature_mdegc, eta_usec (when it is expected to end, CLOCK_REALTIME; absent: not known),
 *               work_bytes (bytes the host counted for the drive since the start), read_errors, write_errors, compare_errors, temperature_min_mdegc,
 *               temperature_max_mdegc, paused (why it is held now; absent: it is not), stalled (why no work is seen; absent: it
 *               works), estimated (self-tests: percent is from the time alone), waiting (why the stage has not begun what it is for; absent:
 *               it has); at most one a second; a newer one replaces an unsent older one
 *   "phase"     phase, phases, name ("Write 0xaa", "Verify 0xaa"), usec: one at each phase start, never merged away
 *   "contact"   state "lost" or "back", reason: the host cannot be reached; the run there goes on
 *   "stall"     reason: no work was seen for stall_minutes; says which of follower, process and work stands still
 *   "paused"    paused, by ("heat" or "operator"), reason: the run was stopped on its host, or goes on as far as this holder is
 *               concerned; one at each change
 *   "retry"     reason: a self-test was aborted, and is started again
 *   "rebooted"  phase, name: the host was rebooted, which ended the run of a surface stage, and the test goes on with that phase in a
 *               new run. The last message: burnind draws and stores the id of that run before it acknowledges, and gives it to the next
 *               worker; this one exits without a report. At most RESUMES_MAX times a stage
 *   "alive"     its seq is 0, it is in no ring and nobody stores it: the worker's event loop runs. One in ALIVE_USEC
 *   "report"    the last message; report: StageReport
 *
 * The same message, without its number, is written before to StageParams.report_path, fsynced and renamed, so that it is found when nobody listens.
 * The worker exits when the report is acknowledged, or REPORT_WAIT_USEC after it was sent; exit status 0 in both cases.
 *
 * The remote run directory is removed only after the report was acknowledged (by the worker, best effort).
 *
 * POLLER. `burnin-worker poll` (burnin-poll.service, user burnin) connects to PATH_POLL_SOCKET, a SOCK_STREAM; burnind checks
 * the peer's uid. Lines of JSON, each at most POLL_LINE_MAX bytes.
 *   burnind -> poller   {"op": "config", "interval_usec", "smart_interval_usec", "timeout_usec", "boot_pools": [..],
 *                        "loop_drives": bool}
 *                       {"op": "host", "name", "target": HostTarget}        add or change; with SCM_RIGHTS: the key memfd
 *                       {"op": "remove", "name"}
 *                       {"op": "refresh", "name"}                           poll at once, and tell every drive again
 *                       {"op": "fingerprint", "id", "name", "kname", "identity"}
 *                       {"op": "locate", "id", "name", "kname", "identity", "seconds"}  0: off
 *                       {"op": "watch", "name", "knames": [..]}             drives under test: SMART every minute
 *   poller -> burnind   {"op": "hostkey", "name", "key": "ssh-ed25519 AAAA..", "sha256": "SHA256:.."}  seen, not accepted
 *                       {"op": "cycle", "name", "ok": true, "boot_id", "os", "detection_error"?, "missing_tools"?, "live_runs",
 *                        "changed": [DriveFacts ..], "gone": [kname ..], "took_usec"}
 *                         changed holds every drive in the first cycle of a connection and after a refresh, then those
 *                         that changed
 *                       {"op": "cycle", "name", "ok": false, "error": one of POLL_ERROR_*, "reason"}
 *                       {"op": "fingerprint", "id", "ok": true, "content": ContentFingerprint as a hex string}
 *                       {"op": "fingerprint", "id", "ok": false, "reason", "again": bool}
 *                         again: the drive had another name by then, or the host was not to be had; worth asking again after the
 *                         host's next cycle. At most POLL_QUESTIONS_MAX questions of one host are open at a time.
 *                       {"op": "locate", "id", "ok": bool, "reason"?}
 *
 * TRUENAS. burnin-truenas (burnin-truenas.service, user burnin) does the same for the hosts of kind "truenas", through their API:
 * it connects to PATH_TRUENAS_SOCKET and speaks as the poller does. It gets "config", "remove", "refresh", and
 *                       {"op": "host", "name", "url", "verify": bool, "pin"?}   with SCM_RIGHTS: a memfd with the API key
 * and sends "cycle" alone, which has POLL_API_* as "api" when it is ok. The followers of self-tests there ask it too, at
 * PATH_TRUENAS_CALLS: truenas/calls.h.
 */

#define STAGE_MESSAGE_MAX  (64U * 1024U)
#define STAGE_RING_MAX     256U
#define POLL_LINE_MAX      (8U * 1024U * 1024U)
#define POLL_QUESTIONS_MAX 16U
#define REPORT_WAIT_USEC   (30 * USEC_PER_SEC)
#define ALIVE_USEC         USEC_PER_MINUTE
#define PAUSE_WORDS_MAX    512U
#define RESUMES_MAX        3U

#define WORKER_FD_PARAMS 3
#define WORKER_FD_GATE   4
#define WORKER_FD_SOCKET 5
#define WORKER_FD_KEY    6

#define POLL_ERROR_UNREACHABLE      "unreachable"
#define POLL_ERROR_HOST_KEY_CHANGED "host-key-changed"
#define POLL_ERROR_AUTHENTICATION   "authentication"
#define POLL_ERROR_TIMEOUT          "timeout"
#define POLL_ERROR_GARBAGE          "garbage"
#define POLL_ERROR_REMOTE           "remote" /* connected, but the script could not run: no sudo, no shell */
#define POLL_ERROR_TLS              "tls"    /* an API whose certificate is not to be trusted */
#define POLL_ERROR_NO_API           "no-api" /* TrueNAS 26 and later: there is no REST API */
/* "api" of a cycle that is ok */
#define POLL_API_OK       "ok"
#define POLL_API_NO_SMART "no-smart" /* TrueNAS 25.10 and later: self-tests are not to be had by the API */

/* How to reach a host. */
typedef struct HostTarget {
        char *name;    /* burnin's name for it */
        char *address; /* name or address */
        uint16_t port;
        char *user; /* not root: commands run by `sudo -n` */
        char *host_key; /* the accepted public key, "ssh-ed25519 AAAA..."; NULL: only look at the key, run nothing */
        /* Without SSH, so there is nothing else but the name: */
        bool local; /* the machine of burnind itself */
        bool api;   /* one with an API alone */
} HostTarget;

/* Everything a stage worker needs to know; keys as the field names. */
typedef struct StageParams {
        uint64_t job;
        uint32_t stage; /* index in the job, from 0 */
        StageKind kind;
        uint32_t attempt; /* from 1: how many workers this stage has had */
        char *run; /* 128-bit run id of the remote run, 32 hex digits; kept over attempts that follow the same run */
        bool follow; /* true: the run may exist already; never start it anew, find it and go on */
        bool cancel; /* true: only prove that the run is gone */
        char *before; /* the run of this stage that a reboot of its host ended, where this one goes on; NULL: none */
        uint32_t resumes; /* how many there were */
        char *machine_id; /* of the machine of burnind, for the run's id file */
        char *kname;      /* where the drive was last seen */
        DriveIdentity identity;
        char *content; /* ContentFingerprint that was confirmed at submission, hex; NULL: granted.used, which changes it */
        DriveLock granted; /* what was unlocked, exactly; LOCK_NONE: nothing */
        bool reads_only; /* no stage of the job is destructive: what is on the drive and who uses it does not matter */
        bool release; /* the run may end the use of the drive, by the tools' own commands */
        HostTarget target;
        char *log_path;      /* stage log, appended to */
        char *report_path;   /* where the report goes */
        char *baseline_path; /* JSON SmartReading: written by precheck, read by final_check */
        char **boot_pools;
        char *heat; /* precheck: it begins though drives beside it are too warm; for the ledger. NULL: they are not */
        /* Settings that this stage was started with. */
        uint32_t block_size, block_buffer, passes;
        uint32_t bad_block_threshold;
        int32_t temp_warn_mdegc, temp_crit_mdegc;
        uint32_t smart_pending_max, smart_uncorrectable_max;
        /* final_check: by how much each may have grown */
        uint32_t smart_reallocated_delta_max, smart_pending_delta_max, smart_offline_uncorrectable_delta_max,
                        smart_reported_uncorrectable_delta_max, smart_crc_delta_max,
                        smart_media_errors_delta_max, smart_percentage_used_delta_max;
        char *pattern;                      /* badblocks' -t, "random"; NULL: its own four */
        uint64_t slow_floor, sibling_speed; /* bytes per second; 0: none, not known */
        uint32_t slow_ratio;                /* thousandths; 0: none */
        bool slow_fails;
        uint64_t stall_usec, stall_end_usec;
        uint64_t stuck_usec; /* a job that is older than this and than twice its estimate ends once it stalls; 0: never */
        uint64_t estimate_usec;    /* of the whole job */
        uint64_t job_started_usec; /* later by the time for which it was paused before this stage */
        uint64_t follow_interval_usec;
        uint64_t poll_timeout_usec; /* how long a look at the run may take; 0: a default */
        uint32_t self_test_retries;
        uint64_t self_test_interval_usec;
        bool self_test_keep_alive;
        /* From the store, for a worker that takes over. */
        uint64_t started_usec;
        double percent;
} StageParams;

/* In what was observed: it passed, and somebody should look. */
#define EVIDENCE_WARNING ", a warning"

/* One line of the evidence ledger. */
typedef struct Evidence {
        char *rule;     /* short and stable: "identity", "final-line", "kernel-log" */
        char *expected; /* for people */
        char *observed;
        char *source;    /* where it was read: "badblocks", "smartctl", "/dev/kmsg", "sysfs" */
        Verdict verdict; /* passed, inconclusive or failed */
} Evidence;

typedef struct StageReport {
        Verdict verdict;
        char *reason; /* in words, for people: what, which drive, which host, what now; NULL only for passed */
        Evidence *evidence;
        size_t n_evidence;
        char **bad_blocks; /* numbers in the unit of block_size, at most 4,096 of them */
        uint64_t n_bad_blocks;
        uint64_t read_errors, write_errors, compare_errors;
        uint64_t ended_usec;
        struct json_object *
                        details; /* per kind: smart before and after, phases with speeds, content_after (a fingerprint
                                  * of what a stage that writes has left); owned, may be NULL */
} StageReport;

void host_target_done(HostTarget *t);
struct json_object *host_target_to_json(const HostTarget *t);
int host_target_from_json(struct json_object *o, HostTarget *ret);

void stage_params_done(StageParams *p);
struct json_object *stage_params_to_json(const StageParams *p);
int stage_params_from_json(struct json_object *o, StageParams *ret);

void evidence_done(Evidence *e);
void stage_report_done(StageReport *r);
/* Appends a line to the ledger; the strings are copied. */
int stage_report_add(StageReport *r, Verdict verdict, const char *rule, const char *expected,
                     const char *observed, const char *source);
/* The worst line of the ledger: failed, then inconclusive, then passed; inconclusive for an empty one. */
Verdict stage_report_judge(const StageReport *r);
/* The rules of the lines that passed with ", a warning", separated by ", "; "": none. Owner: the caller; NULL when out of memory. */
char *stage_report_warnings(const StageReport *r);
struct json_object *stage_report_to_json(const StageReport *r);
/* Checks bounds and enums; -EBADMSG. */
int stage_report_from_json(struct json_object *o, StageReport *ret);
