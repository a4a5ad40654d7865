/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "basic/fd-util.h"
#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "transport/remote-answer.h"
#include "transport/remote-run.h"

#define CALL_TIMEOUT_USEC  (60 * USEC_PER_SEC)
#define SMART_TIMEOUT_USEC (90 * USEC_PER_SEC)
/* A keep-alive read and two readings, of a drive that takes its time. */
#define SELF_TEST_TIMEOUT_USEC (180 * USEC_PER_SEC)
/* Four questions to a drive, of up to a minute each. */
#define NVME_TIMEOUT_USEC  (300 * USEC_PER_SEC)
#define SELF_TEST_NVME_MAX (128U * 1024U)
/* What any shell can count to, with room for arithmetic. */
#define SELF_TEST_RANDOM_MAX (UINT64_C(1) << 48)
#define UPLOAD_TIMEOUT_USEC  (120 * USEC_PER_SEC)
/* How long the checks of a start may take: a drive that has to spin up, smartctl, another who has to let go of it. */
#define START_TIMEOUT_USEC (180 * USEC_PER_SEC)
#define START_POLL_USEC    (500 * USEC_PER_MSEC)
/* The longest that an interrupt, which is only a flag, goes unnoticed. */
#define WAIT_STEP_USEC (200 * USEC_PER_MSEC)

#define OUTPUT_MAX       (1024U * 1024U)
#define SMART_OUTPUT_MAX (OUTPUT_MAX + 64U * 1024U)
#define FACTS_OUTPUT_MAX (16U * 1024U * 1024U)
#define AGENT_SIZE_MAX   (8U * 1024U * 1024U)
#define GRACE_MAX_SEC    3600U
#define ERROR_OUTPUT_MAX 300U

/* A run outlives the shell that starts it and needs the script as a file, so a start gets it as a text and not as its input. */
static const char start_boot[] =
                "BURNIN_SCRIPT=$(cat) && export BURNIN_SCRIPT && exec sh -c \"$BURNIN_SCRIPT\" sh \"$@\" "
                "< /dev/null";

/* $1: where it goes, $2: its digest. Named only once it is whole and runs: the file system may be mounted noexec. */
static const char agent_boot[] =
                "umask 077; cat > \"$1.new\" && [ \"$(sha256sum < \"$1.new\" | cut -c 1-64)\" = \"$2\" ] && "
                "chmod 0700 \"$1.new\" && \"$1.new\" version > /dev/null && mv -f \"$1.new\" \"$1\" && "
                "echo burnin-agent-installed && exit; rm -f \"$1.new\"; exit 1";

/* --- calling ------------------------------------------------------------------------------------------------- */

/* What one call came to. On the heap: where nobody waits any more, the callback is the last one to know it. */
typedef struct Pending {
        bool done, abandoned;
        TransportError error;
        char *reason, *output, *error_output, *host_key;
        size_t output_size;
        int result; /* of copying all that */
} Pending;

static Pending *pending_free(Pending *p)
{
        if (!p)
                return NULL;

        free(p->reason);
        free(p->output);
        free(p->error_output);
        free(p->host_key);
        free(p);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Pending *, pending_free);

/* What a shell or sudo complained about, for a message. */
static char *one_line(const char *s)
{
        _cleanup_free_ char *copy = strdup(s);
        char *p;

        if (!copy)
                return NULL;
        p = strstrip(copy);
        for (char *q = p; (q = strchr(q, '\n'));)
                *q = ' ';

        return str_clean(p, strlen(p), ERROR_OUTPUT_MAX, false);
}

static void on_result(_unused_ Transport *t, const TransportResult *result, void *userdata)
{
        Pending *p = userdata;

        if (p->abandoned) {
                pending_free(p);
                return;
        }

        p->done = true;
        p->error = result->error;
        p->output = malloc(result->output_size + 1);
        if (!p->output || free_and_strdup(&p->reason, result->reason) < 0 ||
            free_and_strdup(&p->host_key, result->host_key) < 0) {
                p->result = -ENOMEM;
                return;
        }
        memcpy(p->output, strempty(result->output), result->output_size);
        p->output[result->output_size] = 0;
        p->output_size = result->output_size;
        p->error_output = one_line(strempty(result->error_output));
        if (!p->error_output)
                p->result = -ENOMEM;
}

static bool remote_interrupted(const Remote *remote)
{
        return (remote->interrupt && *remote->interrupt) ||
               sd_event_get_state(remote->event) == SD_EVENT_FINISHED;
}

static int remote_cancelled(Remote *remote)
{
        (void) free_and_strdup(&remote->error_text, "interrupted");
        return -ECANCELED;
}

/* Pumps the loop until the call is through. Takes p over where it is not. */
static int remote_wait(Remote *remote, Pending **p)
{
        int r = 0;

        while (!(*p)->done) {
                if (r < 0 || remote_interrupted(remote)) {
                        TAKE_PTR(*p)->abandoned = true;
                        transport_disconnect(remote->transport);
                        return r < 0 ? r : remote_cancelled(remote);
                }
                r = sd_event_run(remote->event, WAIT_STEP_USEC);
        }

        return 0;
}

static int remote_error(TransportError error)
{
        switch (error) {
        case TRANSPORT_OK:
                return 0;
        case TRANSPORT_UNREACHABLE:
                return -ENOTCONN;
        case TRANSPORT_HOST_KEY_CHANGED:
        case TRANSPORT_HOST_KEY_UNKNOWN:
                return -EKEYREJECTED;
        case TRANSPORT_AUTHENTICATION:
                return -EACCES;
        case TRANSPORT_TIMEOUT:
                return -ETIMEDOUT;
        case TRANSPORT_TOO_MUCH_OUTPUT:
                return -EBADMSG;
        case TRANSPORT_CANCELLED:
                return -ECANCELED;
        }

        assert_not_reached();
}

/* What the deadline leaves of a call's own timeout; 0: nothing. */
static uint64_t remote_timeout(const Remote *remote, uint64_t timeout_usec)
{
        uint64_t now = now_usec(CLOCK_BOOTTIME);

        if (remote->deadline_usec == 0)
                return timeout_usec;
        return now >= remote->deadline_usec ? 0 : MIN(timeout_usec, remote->deadline_usec - now);
}

/* One call, its answer not looked at yet. script: NULL for the whole of remote-run.sh as standard input, else what sh -c gets
 * while data is the standard input. */
static int remote_call(Remote *remote, const char *script, const void *data, size_t size, char *const *argv,
                       size_t output_max, uint64_t timeout_usec, Pending **ret)
{
        _cleanup_(pending_freep) Pending *p = NULL;
        int r;

        if (remote_interrupted(remote))
                return remote_cancelled(remote);
        timeout_usec = remote_timeout(remote, timeout_usec);
        if (timeout_usec == 0) {
                (void) free_and_strdup(&remote->error_text, "no time was left to ask");
                return -ETIMEDOUT;
        }

        p = new0(Pending, 1);
        if (!p)
                return -ENOMEM;
        if (script)
                r = transport_upload(remote->transport, script, argv, data, size, timeout_usec, on_result,
                                     p);
        else
                r = transport_call(remote->transport, remote_run_script, argv, output_max, timeout_usec,
                                   on_result, p);
        if (r < 0)
                return r;

        r = remote_wait(remote, &p);
        if (r < 0)
                return r;
        if (p->result < 0)
                return p->result;
        if (p->host_key && free_and_strdup(&remote->host_key, p->host_key) < 0)
                return -ENOMEM;
        if (p->error != TRANSPORT_OK) {
                (void) free_and_strdup(&remote->error_text, p->reason);
                return remote_error(p->error);
        }

        *ret = TAKE_PTR(p);
        return 0;
}

/* What became of an answer that is none. What the shell or sudo complained about says most. Takes reason over. */
static int remote_bad_answer(Remote *remote, const Pending *p, int error, char *reason)
{
        free(remote->error_text);
        remote->error_text = error != -EBADMSG || isempty(p->error_output)
                                             ? reason
                                             : strf("%s: %s", reason, p->error_output);
        if (remote->error_text != reason)
                free(reason);

        return error;
}

/* argv from C strings; a NULL ends it. */
static int argv_new(char ***ret, ...) __attribute__((sentinel));
static int argv_new(char ***ret, ...)
{
        _cleanup_strv_free_ char **argv = NULL;
        const char *s;
        va_list ap;
        int r = 0;

        va_start(ap, ret);
        while (r >= 0 && (s = va_arg(ap, const char *)))
                r = strv_extend(&argv, s);
        va_end(ap);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(argv);
        return 0;
}

#define NUMBER_MAX sizeof("18446744073709551615")

static const char *number(char buf[static NUMBER_MAX], uint64_t u)
{
        (void) snprintf(buf, NUMBER_MAX, "%" PRIu64, u);
        return buf;
}

/* --- runs ---------------------------------------------------------------------------------------------------- */

static int call_for_status(Remote *remote, bool start, char *const *argv, uint64_t timeout_usec,
                           bool *ret_gone, RunStatus *ret)
{
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL;
        int r;

        r = remote_call(remote, start ? start_boot : NULL, remote_run_script, strlen(remote_run_script),
                        argv, OUTPUT_MAX, timeout_usec, &p);
        if (r < 0)
                return r;

        r = answer_parse_status(p->output, p->output_size, ret, ret_gone, &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

int remote_run_status(Remote *remote, const char *run, const char *kname, uint64_t log_offset,
                      uint64_t blocks_offset, RunStatus *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        char a[NUMBER_MAX], b[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "status", run, kname, number(a, log_offset), number(b, blocks_offset), NULL);
        if (r < 0)
                return r;

        return call_for_status(remote, false, argv, remote->status_timeout_usec ?: CALL_TIMEOUT_USEC, NULL,
                               ret);
}

/* Lets the loop turn for a while. */
static int remote_sleep(Remote *remote, uint64_t usec)
{
        uint64_t end = now_usec(CLOCK_BOOTTIME) + usec, now;
        int r;

        while ((now = now_usec(CLOCK_BOOTTIME)) < end) {
                if (remote_interrupted(remote))
                        return remote_cancelled(remote);
                r = sd_event_run(remote->event, MIN(end - now, WAIT_STEP_USEC));
                if (r < 0)
                        return r;
        }

        return 0;
}

int remote_run_start(Remote *remote, const RunSpec *spec, RunStatus *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(run_status_done) RunStatus s = {};
        uint64_t deadline = now_usec(CLOCK_BOOTTIME) + START_TIMEOUT_USEC;
        const DriveIdentity *i = spec->identity;
        const DriveLock *g = spec->granted;
        char a[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "start", spec->run, spec->machine_id, spec->kname, strempty(i->fingerprint),
                     isempty(i->serial) ? "-" : i->serial, isempty(spec->content) ? "-" : spec->content,
                     spec->boot_id, number(a, spec->not_after_uptime_usec), lock_role_to_string(g->role),
                     isempty(g->pool) ? "-" : g->pool, isempty(g->guid) ? "-" : g->guid,
                     g->used ? "release" : "-", NULL);
        if (r < 0)
                return r;
        STRV_FOREACH(word, spec->command) {
                r = strv_extend(&argv, *word);
                if (r < 0)
                        return r;
        }

        r = call_for_status(remote, true, argv, CALL_TIMEOUT_USEC, NULL, &s);
        if (r < 0)
                return r;

        while (s.state == RUN_STARTING && now_usec(CLOCK_BOOTTIME) < deadline) {
                r = remote_sleep(remote, START_POLL_USEC);
                if (r < 0)
                        return r;
                run_status_done(&s);
                r = remote_run_status(remote, spec->run, spec->kname, 0, 0, &s);
                if (r < 0)
                        return r;
        }

        *ret = s;
        s = (RunStatus){};
        return 0;
}

int remote_run_cancel(Remote *remote, const char *run, uint64_t grace_usec, bool *ret_gone, RunStatus *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        uint64_t grace = MIN((grace_usec + USEC_PER_SEC - 1) / USEC_PER_SEC, (uint64_t) GRACE_MAX_SEC);
        char a[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "cancel", run, number(a, grace), NULL);
        if (r < 0)
                return r;

        return call_for_status(remote, false, argv, CALL_TIMEOUT_USEC + grace * USEC_PER_SEC, ret_gone, ret);
}

int remote_run_pause(Remote *remote, const char *run, RunHolder by, const char *reason, RunStatus *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        r = argv_new(&argv, reason ? "pause" : "resume", run, run_holder_to_string(by), reason, NULL);
        if (r < 0)
                return r;

        return call_for_status(remote, false, argv, CALL_TIMEOUT_USEC, NULL, ret);
}

int remote_run_remove(Remote *remote, const char *run)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL;
        int r;

        r = argv_new(&argv, "remove", run, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, OUTPUT_MAX, CALL_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        r = answer_parse_empty(p->output, p->output_size, "remove", &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

/* --- the host ------------------------------------------------------------------------------------------------ */

int remote_probe(Remote *remote, const char *ident, HostProbe *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL;
        int r;

        r = argv_new(&argv, "probe", ident, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, OUTPUT_MAX, CALL_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        r = answer_parse_probe(p->output, p->output_size, ret, &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

int remote_kernel_log(Remote *remote, const char *kname, uint64_t after, KernelLog *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL, a[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "kmsg", number(a, after), kname, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, OUTPUT_MAX, CALL_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        r = answer_parse_kernel_log(p->output, p->output_size, ret, &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

int remote_smart(Remote *remote, const char *kname, char **ret, size_t *ret_size)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        const char *json;
        char *reason = NULL, *copy;
        size_t size;
        int r;

        r = argv_new(&argv, "smart", kname, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, SMART_OUTPUT_MAX, SMART_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;
        r = answer_parse_smart(p->output, p->output_size, &json, &size, &reason);
        if (r < 0)
                return remote_bad_answer(remote, p, r, reason);

        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, json, size);
        copy[size] = 0;

        *ret = copy;
        *ret_size = size;
        return 0;
}

int remote_facts(Remote *remote, char *const *words, char **ret, size_t *ret_size, char **ret_nonce)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        _cleanup_free_ char *nonce = NULL;
        int r;

        r = remote_facts_argv(words, &argv, &nonce);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, FACTS_OUTPUT_MAX, SMART_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(p->output);
        *ret_size = p->output_size;
        *ret_nonce = TAKE_PTR(nonce);
        return 0;
}

/* Takes argv over. */
static int call_for_self_test(Remote *remote, char **words, RemoteSelfTest *ret)
{
        _cleanup_strv_free_ char **argv = words;
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL;
        int r;

        r = remote_call(remote, NULL, NULL, 0, argv, SMART_OUTPUT_MAX + SELF_TEST_NVME_MAX,
                        SELF_TEST_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        r = answer_parse_self_test(p->output, p->output_size, ret, &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

int remote_self_test_read(Remote *remote, const char *kname, const char *ident, const char *type,
                          uint64_t keep_alive, RemoteSelfTest *ret)
{
        char **argv = NULL, a[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "selftest_read", kname, ident, type,
                     keep_alive == UINT64_MAX ? "-" : number(a, keep_alive % SELF_TEST_RANDOM_MAX), NULL);
        return r < 0 ? r : call_for_self_test(remote, argv, ret);
}

int remote_self_test_start(Remote *remote, const char *kname, const char *ident, const char *type,
                           const char *test, const char *boot_id, uint64_t not_after_uptime_usec,
                           RemoteSelfTest *ret)
{
        char **argv = NULL, a[NUMBER_MAX];
        int r;

        r = argv_new(&argv, "selftest_start", kname, ident, type, test, boot_id,
                     number(a, not_after_uptime_usec), NULL);
        return r < 0 ? r : call_for_self_test(remote, argv, ret);
}

int remote_self_test_abort(Remote *remote, const char *kname, const char *ident, const char *type,
                           RemoteSelfTest *ret)
{
        char **argv = NULL;
        int r;

        r = argv_new(&argv, "selftest_abort", kname, ident, type, NULL);
        return r < 0 ? r : call_for_self_test(remote, argv, ret);
}

int remote_nvme(Remote *remote, const char *kname, const char *ident, RemoteNvme *ret)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        char *reason = NULL;
        int r;

        r = argv_new(&argv, "nvme", kname, ident, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, OUTPUT_MAX, NVME_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        r = answer_parse_nvme(p->output, p->output_size, ret, &reason);
        return r < 0 ? remote_bad_answer(remote, p, r, reason) : 0;
}

/* --- the agent ----------------------------------------------------------------------------------------------- */

static int agent_upload(Remote *remote, const char *directory, const char *digest, const char *data,
                        size_t size)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        path = strf("%s/burnin-agent-%s", directory, digest);
        if (!path)
                return -ENOMEM;
        r = argv_new(&argv, path, digest, NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, agent_boot, data, size, argv, OUTPUT_MAX, UPLOAD_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;

        if (!strstr(p->output, "burnin-agent-installed")) {
                free(remote->error_text);
                remote->error_text = strf("burnin-agent does not run in %s: %s", directory,
                                          isempty(p->error_output) ? "no reason given" : p->error_output);
                return -ENOEXEC;
        }

        return 0;
}

int remote_install_agent(Remote *remote)
{
        _cleanup_strv_free_ char **argv = NULL, **agents = NULL;
        _cleanup_free_ char *machine = NULL, *directory = NULL, *path = NULL, *data = NULL;
        _cleanup_(pending_freep) Pending *p = NULL;
        char digest[SHA256_HEX_SIZE], *reason = NULL;
        size_t size;
        int r;

        r = argv_new(&argv, "agent", NULL);
        if (r < 0)
                return r;
        r = remote_call(remote, NULL, NULL, 0, argv, OUTPUT_MAX, CALL_TIMEOUT_USEC, &p);
        if (r < 0)
                return r;
        r = answer_parse_agent(p->output, p->output_size, &machine, &directory, &agents, &reason);
        if (r < 0)
                return remote_bad_answer(remote, p, r, reason);

        /* The name comes from the host, but was checked: letters, digits and '_'. */
        path = strf(BURNIN_AGENT_DIR "/burnin-agent-%s", machine);
        if (!path)
                return -ENOMEM;
        r = read_file_full(path, AGENT_SIZE_MAX, &data, &size);
        if (r < 0) {
                free(remote->error_text);
                remote->error_text = strf("cannot read %s: %s", path, strerror(-r));
                return r;
        }

        sha256_hex(data, size, digest);
        if (strv_contains(agents, digest))
                return 0;

        return agent_upload(remote, directory, digest, data, size);
}

/* --- for those who do not wait ------------------------------------------------------------------------------- */

int remote_facts_argv(char *const *words, char ***ret, char **ret_nonce)
{
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *nonce = NULL;
        uint64_t random[2];
        int r;

        if (getrandom(random, sizeof(random), 0) != (ssize_t) sizeof(random))
                return -errno;
        nonce = strf("%016" PRIx64 "%016" PRIx64, random[0], random[1]);
        if (!nonce)
                return -ENOMEM;

        r = argv_new(&argv, "facts", nonce, NULL);
        if (r < 0)
                return r;
        STRV_FOREACH(word, words) {
                r = strv_extend(&argv, *word);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(argv);
        *ret_nonce = TAKE_PTR(nonce);
        return 0;
}

int remote_fingerprint_argv(const char *kname, const char *ident, char ***ret)
{
        return argv_new(ret, "fingerprint", kname, ident, NULL);
}

int remote_fingerprint_parse(const char *output, size_t size, char **ret_content)
{
        return answer_parse_fingerprint(output, size, ret_content, NULL);
}

int remote_locate_argv(const char *kname, const char *ident, uint32_t seconds, char ***ret)
{
        char n[NUMBER_MAX];

        return argv_new(ret, "locate", kname, ident, number(n, seconds), NULL);
}

int remote_locate_parse(const char *output, size_t size, char **reterr_reason)
{
        return answer_parse_empty(output, size, "locate", reterr_reason);
}
