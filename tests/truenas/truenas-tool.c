/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For developers and tests: truenas.h from the command line.
 *
 *   truenas-tool URL TIMEOUT-MSEC TRUST VERB...       the key is read from standard input
 *
 *   TRUST: "verify", "any", or a pin "sha256//..."
 *   VERB: disks | start KNAME IDENTIFIER short|long | read KNAME | abort KNAME; several run one after the other
 *
 * Prints one line of JSON for each: {"error": "ok" or what, "reason", ...}. */

#include <stdio.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "truenas/truenas.h"

static sd_event *event;
static bool answered;

static struct json_object *answer_new(TruenasError e, const char *reason)
{
        struct json_object *o = json_object_new_object();

        assert(o && json_put_string(o, "error", truenas_error_to_string(e)) >= 0 &&
               json_put_string(o, "reason", reason) >= 0);
        return o;
}

static void answer(struct json_object *o)
{
        (void) puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        json_object_put(o);
        answered = true;
}

static void on_disks(TruenasError e, const char *reason, TruenasFacts *f, void *userdata)
{
        struct json_object *o = answer_new(e, reason), *a = json_object_new_array();

        for (size_t i = 0; f && i < f->disks.n; i++) {
                struct json_object *d = drive_facts_to_json(f->disks.disks[i].facts);

                (void) json_put_string(d, "identifier", f->disks.disks[i].identifier);
                (void) json_object_array_add(a, d);
        }
        (void) json_put(o, "disks", a);
        if (f) {
                (void) json_put_string(o, "os", f->os);
                (void) json_put_bool(o, "has_smart", f->has_smart);
        }
        answer(o);
}

static void on_reading(TruenasError e, const char *reason, SelfTestReading *r, void *userdata)
{
        struct json_object *o = answer_new(e, reason), *log = json_object_new_array();

        for (size_t i = 0; r && i < r->n_log; i++) {
                struct json_object *entry = json_object_new_object();

                (void) json_put_string(entry, "kind", self_test_kind_to_string(r->log[i].kind));
                (void) json_put_string(entry, "result", self_test_result_to_string(r->log[i].result));
                (void) json_put_string(entry, "words", r->log[i].words);
                if (r->log[i].has_lba)
                        (void) json_put_u64(entry, "lba", r->log[i].lba);
                (void) json_object_array_add(log, entry);
        }
        (void) json_put(o, "log", log);
        if (r) {
                (void) json_put_bool(o, "running", r->activity == SELF_TEST_ACTIVITY_RUNNING);
                (void) json_put_bool(o, "idle", r->activity == SELF_TEST_ACTIVITY_IDLE);
                (void) json_put_string(o, "kind", self_test_kind_to_string(r->running));
                (void) json_put_i64(o, "percent", r->percent);
        }
        answer(o);
}

static void on_ended(TruenasError e, const char *reason, void *userdata)
{
        answer(answer_new(e, reason));
}

/* How many words it took; 0: none of ours. */
static int ask(Truenas *t, char **words, int n)
{
        if (streq(words[0], "disks"))
                return truenas_list_disks(t, on_disks, NULL) < 0 ? 0 : 1;
        if (n >= 4 && streq(words[0], "start"))
                return truenas_start_self_test(t, words[1], words[2], self_test_kind_from_string(words[3]),
                                               on_ended, NULL) < 0
                                       ? 0
                                       : 4;
        if (n >= 2 && streq(words[0], "read"))
                return truenas_read_self_test(t, words[1], on_reading, NULL) < 0 ? 0 : 2;
        if (n >= 2 && streq(words[0], "abort"))
                return truenas_abort_self_test(t, words[1], on_ended, NULL) < 0 ? 0 : 2;

        return 0;
}

int main(int argc, char *argv[])
{
        _cleanup_(erase_and_freep) char *key = NULL;
        _cleanup_(truenas_freep) Truenas *t = NULL;
        _cleanup_(http_client_freep) HttpClient *http = NULL;
        char *boot_pools[] = { (char *) "boot-pool", NULL };
        uint64_t timeout;
        int taken;

        if (argc < 5 || parse_u64(argv[2], &timeout) < 0 || read_fd_full(STDIN_FILENO, 512, &key, NULL) < 0)
                return 2;
        if (sd_event_new(&event) < 0 || http_client_new(event, &http) < 0 ||
            truenas_new(event, http,
                        &(TruenasTarget){
                                        .url = argv[1],
                                        .key = key,
                                        .pin = startswith(argv[3], "sha256//") ? argv[3] : NULL,
                                        .verify = !streq(argv[3], "any"),
                                        .timeout_usec = timeout * USEC_PER_MSEC,
                                        .boot_pools = boot_pools,
                        },
                        &t) < 0)
                return EXIT_FAILURE;

        for (int i = 4; i < argc; i += taken) {
                taken = ask(t, argv + i, argc - i);
                if (taken == 0)
                        return 2;
                for (answered = false; !answered;)
                        if (sd_event_run(event, UINT64_MAX) < 0)
                                return EXIT_FAILURE;
        }
        t = truenas_free(t);
        http = http_client_free(http);
        sd_event_unref(event);
        return EXIT_SUCCESS;
}
