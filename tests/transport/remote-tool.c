/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For developers and tests: remote-run.h and transport.h from the command line.
 *
 *   remote-tool HOST PORT USER KEYFILE HOSTKEY VERB ARGUMENT...      HOSTKEY: "ssh-ed25519 AAAA...", "-" for none
 *
 *   facts [WORD...]    probe IDENT    fingerprint KNAME IDENT    smart KNAME    kmsg AFTER KNAME    agent
 *   start RUN MACHINE KNAME IDENT SERIAL CONTENT BOOT NOT-AFTER-USEC COMMAND...
 *   status RUN KNAME LOG-OFFSET BLOCKS-OFFSET    cancel RUN GRACE-SEC    pause|resume|remove RUN
 *   call TIMEOUT-MSEC OUTPUT-MAX SCRIPT...       each script is a call, all of them queued at once
 *   drop SCRIPT         the connection is dropped while it runs, then it is called again
 *   free SCRIPT...      transport_free() in the callback of the first one
 *   idle PATH SCRIPT    calls SCRIPT, waits until PATH exists, calls it again: over a new connection, or the old one
 *
 * Prints KEY=VALUE lines. Exit status: 0, or 1 where the call failed; then "error=ERRNO-NAME WORDS". */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "transport/remote-answer.h"
#include "transport/remote-run.h"

static Remote remote;

static int usage(void)
{
        fputs("Usage: remote-tool HOST PORT USER KEYFILE HOSTKEY VERB ARGUMENT...\n", stderr);
        return 2;
}

static uint64_t to_u64(const char *s)
{
        uint64_t u;

        if (!s || parse_u64(s, &u) < 0)
                exit(usage());
        return u;
}

static int report(int r)
{
        if (r < 0)
                printf("error=%s %s\n", strerrorname_np(-r), strempty(remote.error_text));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void print_string(const char *key, const char *value)
{
        printf("%s=%s\n", key, strempty(value));
}

static void print_status(const RunStatus *s)
{
        print_string("state", run_state_to_string(s->state));
        print_string("refused", s->refused);
        print_string("boot", s->boot_id);
        print_string("run_boot", s->run_boot_id);
        print_string("ident", s->ident);
        for (RunHolder by = 0; by < _RUN_HOLDER_MAX; by++)
                printf("paused_%s=%s\n", run_holder_to_string(by), strempty(s->paused[by]));
        printf("exit=%i\nexclusive=%i\nstopped=%i\ndying=%i\nuptime=%" PRIu64 "\nposition=%" PRIu64
               "\nwork=%" PRIu64 "\n",
               s->exit_status, s->exclusive, s->stopped, s->dying, s->uptime_usec, s->position,
               s->work_bytes);
        printf("log=%s\nblocks=%s\n", s->log, s->blocks);
}

/* --- transport_call() by itself ------------------------------------------------------------------------------ */

static const char *const error_names[] = {
        [TRANSPORT_OK] = "ok",
        [TRANSPORT_UNREACHABLE] = "unreachable",
        [TRANSPORT_HOST_KEY_CHANGED] = "host-key-changed",
        [TRANSPORT_HOST_KEY_UNKNOWN] = "host-key-unknown",
        [TRANSPORT_AUTHENTICATION] = "authentication",
        [TRANSPORT_TIMEOUT] = "timeout",
        [TRANSPORT_TOO_MUCH_OUTPUT] = "too-much-output",
        [TRANSPORT_CANCELLED] = "cancelled",
};

typedef struct Calls {
        unsigned waiting;
        bool failed, free_transport;
} Calls;

static void on_call(Transport *t, const TransportResult *result, void *userdata)
{
        Calls *c = userdata;

        printf("result=%s\nexit=%i\nsize=%zu\noutput=%.200s\nstderr=%s\nreason=%s\nkey=%s\nsha256=%s\n",
               error_names[result->error], result->exit_status, result->output_size, result->output,
               result->error_output, strempty(result->reason), strempty(result->host_key),
               strempty(result->host_key_sha256));
        (void) fflush(stdout);
        c->failed = c->failed || result->error != TRANSPORT_OK;
        c->waiting--;
        if (c->free_transport) {
                c->free_transport = false;
                remote.transport = transport_free(t);
        }
}

static int add_call(Calls *c, const char *script, size_t output_max, uint64_t timeout_usec)
{
        char *argv[] = { (char *) "first", (char *) "it's the second", NULL };

        c->waiting++;
        return transport_call(remote.transport, script, argv, output_max, timeout_usec, on_call, c);
}

static int wait_calls(const Calls *c)
{
        int r = 0;

        while (r >= 0 && c->waiting > 0)
                r = sd_event_run(remote.event, UINT64_MAX);

        return r < 0 ? r : c->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int verb_call(char **args)
{
        Calls c = {};

        if (strv_length(args) < 3)
                return usage();
        for (char **s = args + 2; *s; s++)
                if (add_call(&c, *s, to_u64(args[1]), to_u64(args[0]) * USEC_PER_MSEC) < 0)
                        return EXIT_FAILURE;

        return wait_calls(&c);
}

static int verb_free(char **args)
{
        Calls c = { .free_transport = true };

        STRV_FOREACH(s, args)
                if (add_call(&c, *s, 65536, 30 * USEC_PER_SEC) < 0)
                        return EXIT_FAILURE;

        return wait_calls(&c);
}

static int on_drop(sd_event_source *s, uint64_t usec, void *userdata)
{
        transport_disconnect(remote.transport);
        return 0;
}

static int verb_drop(char **args)
{
        Calls c = {};

        if (strv_length(args) != 1)
                return usage();
        if (sd_event_add_time_relative(remote.event, NULL, CLOCK_MONOTONIC, USEC_PER_SEC, 0, on_drop, NULL) <
                            0 ||
            add_call(&c, args[0], 65536, 30 * USEC_PER_SEC) < 0 || wait_calls(&c) < 0)
                return EXIT_FAILURE;
        c.failed = false;
        if (add_call(&c, args[0], 65536, 30 * USEC_PER_SEC) < 0)
                return EXIT_FAILURE;

        return wait_calls(&c);
}

static int verb_idle(char **args)
{
        Calls c = {};
        int r = EXIT_SUCCESS;

        if (strv_length(args) != 2)
                return usage();
        for (unsigned i = 0; i < 2; i++) {
                while (i == 1 && access(args[0], F_OK) < 0)
                        if (sd_event_run(remote.event, 50 * USEC_PER_MSEC) < 0)
                                return EXIT_FAILURE;
                if (add_call(&c, args[1], 65536, 30 * USEC_PER_SEC) < 0)
                        return EXIT_FAILURE;
                r = wait_calls(&c);
        }

        return r;
}

/* --- runs ---------------------------------------------------------------------------------------------------- */

static int verb_start(char **args)
{
        _cleanup_(run_status_done) RunStatus s = {};
        DriveIdentity identity = {};
        DriveLock granted = {};
        RunSpec spec = {};
        int r;

        if (strv_length(args) < 9)
                return usage();
        identity.fingerprint = args[3];
        identity.serial = args[4];
        spec = (RunSpec){
                .run = args[0],
                .machine_id = args[1],
                .kname = args[2],
                .identity = &identity,
                .content = args[5],
                .granted = &granted,
                .boot_id = args[6],
                .not_after_uptime_usec = to_u64(args[7]),
                .command = args + 8,
        };
        r = remote_run_start(&remote, &spec, &s);
        if (r >= 0)
                print_status(&s);
        return report(r);
}

static int verb_status(char **args)
{
        _cleanup_(run_status_done) RunStatus s = {};
        int r;

        if (strv_length(args) != 4)
                return usage();
        r = remote_run_status(&remote, args[0], args[1], to_u64(args[2]), to_u64(args[3]), &s);
        if (r >= 0)
                print_status(&s);
        return report(r);
}

static int verb_cancel(char **args)
{
        _cleanup_(run_status_done) RunStatus s = {};
        bool gone = false;
        int r;

        if (strv_length(args) != 2)
                return usage();
        r = remote_run_cancel(&remote, args[0], to_u64(args[1]) * USEC_PER_SEC, &gone, &s);
        if (r >= 0) {
                print_status(&s);
                printf("gone=%i\n", gone);
        }
        return report(r);
}

static int verb_pause(char **args)
{
        _cleanup_(run_status_done) RunStatus s = {};
        int r;

        if (strv_length(args) != 3)
                return usage();
        r = remote_run_pause(&remote, args[0], run_holder_from_string(args[1]), args[2], &s);
        if (r >= 0)
                print_status(&s);
        return report(r);
}

static int verb_resume(char **args)
{
        _cleanup_(run_status_done) RunStatus s = {};
        int r;

        if (strv_length(args) != 2)
                return usage();
        r = remote_run_pause(&remote, args[0], run_holder_from_string(args[1]), NULL, &s);
        if (r >= 0)
                print_status(&s);
        return report(r);
}

static int verb_remove(char **args)
{
        return report(remote_run_remove(&remote, strempty(args[0])));
}

/* --- the host ------------------------------------------------------------------------------------------------ */

static int verb_facts(char **args)
{
        _cleanup_free_ char *text = NULL, *nonce = NULL;
        size_t size;
        int r;

        r = remote_facts(&remote, args, &text, &size, &nonce);
        if (r >= 0)
                printf("nonce=%s\n%s", nonce, text);
        return report(r);
}

static int verb_probe(char **args)
{
        _cleanup_(host_probe_done) HostProbe p = {};
        int r;

        r = remote_probe(&remote, strempty(args[0]), &p);
        if (r >= 0) {
                print_string("boot", p.boot_id);
                print_string("kname", p.kname);
                print_string("ident", p.ident);
                printf("uptime=%" PRIu64 "\nbadblocks=%i\nsmartctl=%i\nsystemd=%i\nkmsg=%" PRIu64 "\n",
                       p.uptime_usec, p.have_badblocks, p.have_smartctl, p.have_systemd, p.kernel_log_seq);
        }
        return report(r);
}

typedef struct Fingerprint {
        bool done;
        int error;
} Fingerprint;

static void on_fingerprint(Transport *t, const TransportResult *result, void *userdata)
{
        Fingerprint *f = userdata;
        _cleanup_free_ char *content = NULL;

        f->error = result->error == TRANSPORT_OK
                                   ? remote_fingerprint_parse(result->output, result->output_size, &content)
                                   : -EIO;
        if (f->error >= 0)
                print_string("content", content);
        f->done = true;
}

static int verb_fingerprint(char **args)
{
        _cleanup_strv_free_ char **argv = NULL;
        Fingerprint f = {};
        int r;

        if (strv_length(args) != 2)
                return usage();
        r = remote_fingerprint_argv(args[0], args[1], &argv);
        if (r >= 0)
                r = transport_call(remote.transport, remote_run_script, argv, 65536, 60 * USEC_PER_SEC,
                                   on_fingerprint, &f);
        while (r >= 0 && !f.done)
                r = sd_event_run(remote.event, UINT64_MAX);

        return report(r < 0 ? r : f.error);
}

static int verb_smart(char **args)
{
        _cleanup_free_ char *json = NULL;
        size_t size;
        int r;

        r = remote_smart(&remote, strempty(args[0]), &json, &size);
        if (r >= 0)
                printf("%s\n", json);
        return report(r);
}

static int verb_kmsg(char **args)
{
        _cleanup_(kernel_log_done) KernelLog k = {};
        int r;

        if (strv_length(args) != 2)
                return usage();
        r = remote_kernel_log(&remote, args[1], to_u64(args[0]), &k);
        if (r >= 0) {
                printf("first=%" PRIu64 "\nlast=%" PRIu64 "\n", k.first, k.last);
                STRV_FOREACH(line, k.lines)
                        print_string("line", *line);
        }
        return report(r);
}

static int verb_agent(char **args)
{
        return report(remote_install_agent(&remote));
}

int main(int argc, char *argv[])
{
        static const struct {
                const char *name;
                int (*run)(char **args);
        } verbs[] = {
                { "facts", verb_facts }, { "probe", verb_probe },   { "fingerprint", verb_fingerprint },
                { "smart", verb_smart }, { "kmsg", verb_kmsg },     { "agent", verb_agent },
                { "start", verb_start }, { "status", verb_status }, { "cancel", verb_cancel },
                { "pause", verb_pause }, { "resume", verb_resume }, { "remove", verb_remove },
                { "call", verb_call },   { "free", verb_free },     { "drop", verb_drop },
                { "idle", verb_idle },
        };
        _cleanup_free_ char *key = NULL;
        HostTarget target = {};
        int r;

        if (argc < 7)
                return usage();
        target = (HostTarget){
                .name = argv[1],
                .address = argv[1],
                .port = (uint16_t) to_u64(argv[2]),
                .user = argv[3],
                .host_key = streq(argv[5], "-") ? NULL : argv[5],
        };
        r = read_file_full(argv[4], 65536, &key, NULL);
        if (r >= 0)
                r = sd_event_default(&remote.event);
        if (r >= 0)
                r = transport_new(remote.event, &target, key, &remote.transport);
        if (r < 0)
                return report(r);

        r = -EOPNOTSUPP;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, argv[6]))
                        r = verbs[i].run(argv + 7);

        remote.transport = transport_free(remote.transport);
        sd_event_unref(remote.event);
        free(remote.error_text);
        free(remote.host_key);
        return r < 0 ? usage() : r;
}
