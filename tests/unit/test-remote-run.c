/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>
#include <stdio.h>

#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "transport/remote-answer.h"

#define BOOT        "dadb1c31-0b92-4685-baed-213e2e3beced"
#define STATUS_HEAD "burnin-answer status\nstate=%s\nboot=" BOOT "\nuptime=12345.67 9.9\n"

static int parse_status(const char *text, RunStatus *s, bool *gone, char **reason)
{
        return answer_parse_status(text, strlen(text), s, gone, reason);
}

/* A status answer with these fields, log and blocks. */
static char *status_text(const char *state, const char *fields, const char *log, const char *blocks)
{
        char *t = NULL;

        assert(asprintf(&t, STATUS_HEAD "%slog=%zu\nblocks=%zu\n\n%s%s\nburnin-end 0\n", state, fields,
                        strlen(log), strlen(blocks), log, blocks) > 0);
        return t;
}

static void assert_bad_status(const char *state, const char *fields)
{
        _cleanup_free_ char *t = status_text(state, fields, "", ""), *reason = NULL;
        RunStatus s = { .exit_status = 42 };

        assert(parse_status(t, &s, NULL, &reason) == -EBADMSG);
        assert(reason);
        assert(s.exit_status == 42 && !s.boot_id); /* untouched */
}

static void test_content(void)
{
        static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        _cleanup_free_ char *fields = strf("exit=0\ncontent=%s\n", hash), *t = NULL;
        _cleanup_(run_status_done) RunStatus s = {};

        assert(fields);
        t = status_text("exited", fields, "", "");
        assert(parse_status(t, &s, NULL, NULL) == 0 && streq(s.content, hash));
        assert_bad_status("exited", "exit=0\ncontent=0123\n");
        assert_bad_status(
                        "exited",
                        "exit=0\ncontent=xyz3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
}

static void test_status(void)
{
        _cleanup_free_ char *t = NULL;
        _cleanup_(run_status_done) RunStatus s = {};
        bool gone = false;

        t = status_text("running",
                        "refused=\nexit=\nexclusive=1\nrun_boot=" BOOT
                        "\nposition=3145728\nwork=10000000000000\n"
                        "stopped=1\ngone=1\nident=size:32768,loop/offset:0\ntemperature=31000\n",
                        "noise\n", "4711\n12\n");
        assert(parse_status(t, &s, &gone, NULL) == 0);
        assert(s.state == RUN_RUNNING && !s.refused && s.exclusive && s.stopped && !s.dying && gone);
        assert(streq(s.boot_id, BOOT) && streq(s.run_boot_id, BOOT) &&
               streq(s.ident, "size:32768,loop/offset:0"));
        assert(s.uptime_usec == UINT64_C(12345670000) && s.position == 3145728 &&
               s.work_bytes == UINT64_C(10000000000000));
        assert(s.temperature_mdegc == 31000);
        assert(s.log_size == 6 && streq(s.log, "noise\n") && s.blocks_size == 8 &&
               streq(s.blocks, "4711\n12\n"));
}

static void test_status_unknown(void)
{
        _cleanup_free_ char *t = status_text("none", "position=\nwork=\nident=\ntemperature=junk1\n", "",
                                             ""),
                            *reason = NULL;
        _cleanup_(run_status_done) RunStatus s = {};

        /* A sensor may say what it likes, but not with every character. */
        assert(parse_status(t, &s, NULL, &reason) == 0);
        assert(s.state == RUN_NONE && s.position == UINT64_MAX && s.work_bytes == UINT64_MAX && !s.ident);
        assert(s.temperature_mdegc == MDEGC_UNKNOWN && !s.run_boot_id && !s.exclusive && s.log && s.blocks);
}

static void test_status_ended(void)
{
        _cleanup_free_ char *exited = status_text("exited", "exit=143\n", "", "");
        _cleanup_free_ char *refused =
                        status_text("refused", "refused=late: the start came too late\n", "", "");
        _cleanup_(run_status_done) RunStatus a = {}, b = {};

        assert(parse_status(exited, &a, NULL, NULL) == 0 && a.state == RUN_EXITED && a.exit_status == 143);
        assert(parse_status(refused, &b, NULL, NULL) == 0 && b.state == RUN_REFUSED);
        assert(streq(b.refused, "late: the start came too late"));
}

static void test_status_hostile(void)
{
        assert_bad_status("running ", "");
        assert_bad_status("", "");
        assert_bad_status("exited", "");
        assert_bad_status("exited", "exit=256\n");
        assert_bad_status("exited", "exit=-1\n");
        assert_bad_status("refused", "");
        assert_bad_status("running", "refused=locked: but alive\n");
        assert_bad_status("running", "position=99999999999999999999\n");
        assert_bad_status("running", "position=1 2\n");
        assert_bad_status("running", "ident=has blanks\n");
        assert_bad_status("running", "run_boot=../../x\n");
        assert_bad_status("running", "temperature=9999999999999999999999\n");
        /* The first of two counts, so that nothing can be put behind it. */
        assert_bad_status("running", "log=5\n");
}

static void test_status_sizes(void)
{
        static const char *const wrong[] = {
                "log=4\nblocks=0\n\nabcde",
                "log=6\nblocks=0\n\nabcde",
                "log=2\nblocks=2\n\nabcde",
                "log=5\nblocks=1\n\nabcde",
                "log=18446744073709551615\nblocks=6\n\nabcde",
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *t = NULL;
                RunStatus s = {};

                assert(asprintf(&t, STATUS_HEAD "%s\nburnin-end 0\n", "running", wrong[i]) > 0);
                assert(parse_status(t, &s, NULL, NULL) == -EBADMSG);
        }
}

static void test_status_log_is_no_frame(void)
{
        /* Whatever the command prints, it stays in the log. */
        static const char log[] =
                        "\nburnin-end 0\nburnin-answer status\nstate=exited\nexit=0\n\nburnin-end 0\n";
        _cleanup_free_ char *t = status_text("running", "", log, "1\n");
        _cleanup_(run_status_done) RunStatus s = {};

        assert(parse_status(t, &s, NULL, NULL) == 0);
        assert(s.state == RUN_RUNNING && streq(s.log, log) && streq(s.blocks, "1\n"));
}

static void test_every_cut(void)
{
        _cleanup_free_ char *t = status_text("running", "exclusive=1\n", "some log\n", "17\n");
        size_t n = strlen(t);

        /* Without its last line's newline and digit it is still whole; with less it is not. */
        for (size_t i = 0; i < n - STRLEN("0\n"); i++) {
                /* A copy of that size, so that a look behind its end is seen. */
                _cleanup_free_ char *cut = malloc(i + 1);
                RunStatus s = {};

                assert(cut);
                memcpy(cut, t, i);
                cut = realloc(cut, MAX(i, (size_t) 1));
                assert(answer_parse_status(cut, i, &s, NULL, NULL) == -EBADMSG);
        }
}

static void test_noise_in_front(void)
{
        _cleanup_free_ char *t = status_text("tombstone", "", "", ""), *noisy = NULL;
        _cleanup_(run_status_done) RunStatus s = {};

        assert(asprintf(&noisy, "Welcome to the NAS!\n\n  burnin-answer no\n%s", t) > 0);
        assert(parse_status(noisy, &s, NULL, NULL) == 0 && s.state == RUN_TOMBSTONE);
}

static void test_nul_in_log(void)
{
        static const char text[] =
                        "burnin-answer status\nstate=lost\nboot=b\nuptime=1.5\nlog=3\nblocks=0\n\na\0b\nburnin-end 0\n";
        _cleanup_(run_status_done) RunStatus s = {};

        assert(answer_parse_status(text, sizeof(text) - 1, &s, NULL, NULL) == 0);
        assert(s.log_size == 3 && memcmp(s.log, "a\0b", 4) == 0 && s.uptime_usec == 1500000);
}

static void assert_error(const char *text, int error, const char *words)
{
        _cleanup_free_ char *reason = NULL;

        assert(answer_parse_empty(text, strlen(text), "remove", &reason) == error);
        assert(streq_ptr(reason, words));
}

static void test_errors(void)
{
        static const char none[] = "what it printed is no answer of burnin's script";

        assert_error("burnin-answer remove\n\nburnin-end 0\n", 0, NULL);
        assert_error("burnin-error remove: a bad argument\n", -EREMOTEIO, "remove: a bad argument");
        assert_error("burnin-error busy: the run is alive\n", -EBUSY, "busy: the run is alive");
        assert_error("burnin-error stale: sda is not that drive\n", -ESTALE, "stale: sda is not that drive");
        assert_error("burnin-error away: no route\n", -ENOTCONN, "no route");
        assert_error("burnin-error away:\n", -EREMOTEIO, "away:");
        assert_error("hello\nburnin-error \x1b[31mred\n", -EREMOTEIO, "?[31mred");
        assert_error("burnin-answer status\n\nburnin-end 0\n", -EBADMSG, none);
        assert_error("burnin-answer remov\n\nburnin-end 0\n", -EBADMSG, none);
        assert_error("burnin-answer remove", -EBADMSG, none);
        assert_error("burnin-answer remove\n", -EBADMSG, none);
        assert_error("", -EBADMSG, none);
}

static int parse_self_test(const char *fields, const char *body, RemoteSelfTest *ret)
{
        _cleanup_free_ char *text = strf("burnin-answer selftest\n%s\n\n%s\nburnin-end 0\n", fields, body);

        assert(text);
        return answer_parse_self_test(text, strlen(text), ret, NULL);
}

static void test_self_test(void)
{
        _cleanup_(remote_self_test_done) RemoteSelfTest s = {};
        static const char *const bad[] = {
                "boot=b\nuptime=1.5\nkname=sda\ntype=-\nsmartctl=4", /* the body has three */
                "boot=b\nuptime=1.5\nkname=sda\ntype=-\nsmartctl=2",
                "boot=b\nuptime=1.5\nkname=sda\ntype=-\nsmartctl=2\nnvme=18446744073709551615",
                "boot=b\nuptime=1.5\nkname=sda\ntype=truenas\ntruenas=4",
                "boot=b\nuptime=1.5\nkname=../sda\ntype=-\nsmartctl=3",
                "boot=b\nuptime=1.5\nkname=sda\ntype=sat;reboot\nsmartctl=3",
                "boot=b\nuptime=1.5\nkname=sda\nsmartctl=3",
                "boot=b\nkname=sda\ntype=-\nsmartctl=3",
                "uptime=1.5\nkname=sda\ntype=-\nsmartctl=3",
        };

        assert(parse_self_test("boot=b\nuptime=1.5\nkname=nvme0n1\ntype=sat\nsmartctl=1\nnvme=0\ncontroller=2\nalive=0",
                               "abc", &s) == 0);
        assert(streq(s.kname, "nvme0n1") && streq(s.type, "sat") && streq(s.boot_id, "b"));
        assert(streq(s.text, "a") && streq(s.nvme, "") && streq(s.controller, "bc") &&
               s.controller_size == 2);
        assert(s.uptime_usec == 1500000 && s.keep_alive_failed);

        remote_self_test_done(&s);
        assert(parse_self_test("boot=truenas\nuptime=1.000001\nkname=sda\ntype=truenas\ntruenas=3", "{} ",
                               &s) == 0);
        assert(streq(s.truenas, "{} ") && s.truenas_size == 3 && s.size == 0 && s.uptime_usec == 1000001);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                RemoteSelfTest t = {};

                assert(parse_self_test(bad[i], "abc", &t) == -EBADMSG);
        }
}

static int parse_nvme(const char *fields, const char *body, RemoteNvme *ret)
{
        _cleanup_free_ char *text = strf("burnin-answer nvme\n%s\n\n%s\nburnin-end 0\n", fields, body);

        assert(text);
        return answer_parse_nvme(text, strlen(text), ret, NULL);
}

static void test_nvme(void)
{
        _cleanup_(remote_nvme_done) RemoteNvme n = {}, none = {};
        static const char *const bad[] = {
                "tool=1\ncontroller=4",
                "kname=../mem\ntool=1\ncontroller=4",
                "kname=nvme0n1\ntool=1\ncontroller=3", /* the body has four */
                "kname=nvme0n1\ntool=1\ncontroller=5",
                "kname=nvme0n1\ntool=1\ncontroller=4\nsanitize=18446744073709551615",
                "kname=nvme0n1\ntool=1\nnsid=4294967296\ncontroller=4",
                "kname=nvme0n1\ntool=1\nnsid=-1\ncontroller=4",
        };

        assert(parse_nvme("kname=nvme0n1\ntool=1\nnsid=3\ncontroller=1\nattached=1\nallocated=0\nsanitize=2",
                          "abcd", &n) == 0);
        assert(streq(n.kname, "nvme0n1") && n.tool && n.nsid == 3 && streq(n.controller, "a") &&
               streq(n.attached, "b") && streq(n.allocated, "") && streq(n.sanitize, "cd") &&
               n.sanitize_size == 2);
        assert(parse_nvme("kname=sda\ntool=\nnsid=\ncontroller=0\nattached=0\nallocated=0\nsanitize=0", "",
                          &none) == 0);
        assert(!none.tool && none.nsid == 0 && none.controller_size == 0);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                RemoteNvme t = {};

                assert(parse_nvme(bad[i], "abcd", &t) == -EBADMSG);
        }
}

static void test_kernel_log(void)
{
        static const char text[] =
                        "burnin-answer kmsg\nboot=b-1\nfirst=3\nlast=900\n\nI/O error, dev sda, sector 8\n\n"
                        "sd 2:0:0:0: \x01\n\nburnin-end 0\n",
                          empty[] = "burnin-answer kmsg\nboot=b-1\nfirst=\nlast=\n\n\nburnin-end 0\n",
                          wrong[] = "burnin-answer kmsg\nboot=b-1\nfirst=9\nlast=8\n\n\nburnin-end 0\n",
                          bootless[] = "burnin-answer kmsg\nboot=\nfirst=3\nlast=900\n\n\nburnin-end 0\n";
        _cleanup_(kernel_log_done) KernelLog k = {}, none = {};
        char *big = NULL;
        size_t size;
        FILE *f;

        assert(answer_parse_kernel_log(text, strlen(text), &k, NULL) == 0);
        assert(streq(k.boot_id, "b-1") && k.first == 3 && k.last == 900 && strv_length(k.lines) == 2);
        assert(streq(k.lines[0], "I/O error, dev sda, sector 8") && streq(k.lines[1], "sd 2:0:0:0: ?"));
        assert(answer_parse_kernel_log(empty, strlen(empty), &none, NULL) == 0);
        assert(none.first == 0 && none.last == 0 && !none.lines);
        kernel_log_done(&none);
        assert(answer_parse_kernel_log(wrong, strlen(wrong), &none, NULL) == -EBADMSG);
        assert(answer_parse_kernel_log(bootless, strlen(bootless), &none, NULL) == -EBADMSG);

        f = open_memstream(&big, &size);
        assert(f);
        fputs("burnin-answer kmsg\nboot=b-1\nfirst=1\nlast=2\n\n", f);
        for (unsigned i = 0; i < 1000; i++)
                fprintf(f, "line %u %0900u\n", i, i);
        fputs("\nburnin-end 0\n", f);
        assert(fclose(f) == 0);
        kernel_log_done(&k);
        assert(answer_parse_kernel_log(big, size, &k, NULL) == 0);
        assert(strv_length(k.lines) == 200 && strlen(k.lines[199]) == 512);
        free(big);
}

static void test_probe(void)
{
        static const char found
                        [] = "burnin-answer probe\nboot=b-1\nuptime=7.05\nkname=sda\nident=size:1,wwid:x\nbadblocks=1\n"
                             "smartctl=1\nkmsg=408\n\nburnin-end 0\n",
                   missing[] = "burnin-answer probe\nboot=b-1\nuptime=7\nkname=\nident=\nkmsg=\n\nburnin-end 0\n";
        static const char *const wrong[] = {
                "burnin-answer probe\nboot=b\nuptime=7\nkname=sda\nident=\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=b\nuptime=7\nkname=..\nident=x\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=b\nuptime=7\nkname=1a\nident=x\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=\nuptime=7\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=b\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=b\nuptime=99999999999999999999\n\nburnin-end 0\n",
                "burnin-answer probe\nboot=b\nuptime=18446744073709551615\n\nburnin-end 0\n",
        };
        _cleanup_(host_probe_done) HostProbe p = {}, q = {};

        assert(answer_parse_probe(found, strlen(found), &p, NULL) == 0);
        assert(streq(p.kname, "sda") && streq(p.ident, "size:1,wwid:x") && streq(p.boot_id, "b-1"));
        assert(p.uptime_usec == 7050000 && p.have_badblocks && p.have_smartctl && !p.have_systemd &&
               p.kernel_log_seq == 408);
        assert(answer_parse_probe(missing, strlen(missing), &q, NULL) == 0 && !q.kname && !q.ident &&
               q.kernel_log_seq == 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                HostProbe none = {};

                assert(answer_parse_probe(wrong[i], strlen(wrong[i]), &none, NULL) == -EBADMSG);
        }
}

static void test_smart(void)
{
        static const char text[] = "burnin-answer smart\n\n{\n\n  \"a\": 1\n}\n\nburnin-end 4\n";
        const char *json;
        size_t size;

        assert(answer_parse_smart(text, strlen(text), &json, &size, NULL) == 0);
        assert(size == STRLEN("{\n\n  \"a\": 1\n}\n") && strncmp(json, "{\n\n  \"a\": 1\n}\n", size) == 0);
}

static void test_agent(void)
{
        static const char text
                        [] = "burnin-answer agent\nmachine=x86_64\nbin=/var/lib/burnin-run/bin\nagent=aa11\nagent=bb22\n\n"
                             "burnin-end 0\n",
                    none[] = "burnin-answer agent\nmachine=riscv64\nbin=/run/burnin-run/bin\n\nburnin-end 0\n",
                    wrong[] = "burnin-answer agent\nmachine=../../etc\nbin=/x\n\nburnin-end 0\n";
        _cleanup_free_ char *machine = NULL, *directory = NULL, *machine2 = NULL, *directory2 = NULL;
        _cleanup_strv_free_ char **agents = NULL, **agents2 = NULL;

        assert(answer_parse_agent(text, strlen(text), &machine, &directory, &agents, NULL) == 0);
        assert(streq(machine, "x86_64") && streq(directory, "/var/lib/burnin-run/bin"));
        assert(strv_length(agents) == 2 && streq(agents[0], "aa11") && streq(agents[1], "bb22"));
        assert(answer_parse_agent(none, strlen(none), &machine2, &directory2, &agents2, NULL) == 0 &&
               !agents2);
        assert(answer_parse_agent(wrong, strlen(wrong), &machine, &directory, &agents, NULL) == -EBADMSG);
}

static void test_locate(void)
{
        static const char good[] = "burnin-answer locate\n\nburnin-end 0\n",
                          none[] = "burnin-error no locate LED: what\033 ever\n",
                          stale[] = "burnin-error stale: sda is not that drive\n",
                          other[] = "burnin-answer remove\n";
        _cleanup_free_ char *reason = NULL, *again = NULL, *last = NULL;

        assert(remote_locate_parse(good, strlen(good), NULL) == 0);
        assert(remote_locate_parse(none, strlen(none), &reason) == -EREMOTEIO);
        assert(str_is_clean(reason, SIZE_MAX, false) && startswith(reason, "no locate LED"));
        assert(remote_locate_parse(stale, strlen(stale), &again) == -ESTALE && !isempty(again));
        assert(remote_locate_parse(other, strlen(other), &last) == -EBADMSG && !isempty(last));
}

static void test_fingerprint(void)
{
        static const char good
                        [] = "burnin-answer fingerprint\ncontent="
                             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\nburnin-end 0\n",
                    shorter[] = "burnin-answer fingerprint\ncontent=0123456789abcdef\n\nburnin-end 0\n",
                    upper[] = "burnin-answer fingerprint\ncontent="
                              "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\n\nburnin-end 0\n",
                    stale[] = "burnin-error stale: sda is not that drive\n";
        _cleanup_free_ char *content = NULL, *none = NULL;

        assert(remote_fingerprint_parse(good, strlen(good), &content) == 0 && strlen(content) == 64);
        assert(remote_fingerprint_parse(shorter, strlen(shorter), &none) == -EBADMSG);
        assert(remote_fingerprint_parse(upper, strlen(upper), &none) == -EBADMSG);
        assert(remote_fingerprint_parse(stale, strlen(stale), &none) == -ESTALE && !none);
}

static void test_argv(void)
{
        const char *const words[] = { "smart:sda", "probe:sdb", NULL };
        _cleanup_strv_free_ char **a = NULL, **b = NULL, **c = NULL, **d = NULL;
        _cleanup_free_ char *nonce_a = NULL, *nonce_b = NULL;

        assert(remote_facts_argv((char *const *) words, &a, &nonce_a) == 0 &&
               remote_facts_argv(NULL, &b, &nonce_b) == 0);
        assert(strv_length(a) == 4 && streq(a[0], "facts") && streq(a[1], nonce_a) &&
               streq(a[3], "probe:sdb"));
        assert(strv_length(b) == 2 && strlen(nonce_a) == 32 && !streq(nonce_a, nonce_b));
        assert(remote_locate_argv("sda", "size:1", 60, &d) == 0 && strv_length(d) == 4 &&
               streq(d[0], "locate") && streq(d[3], "60"));
        assert(remote_fingerprint_argv("sda", "size:1", &c) == 0 && strv_length(c) == 3 &&
               streq(c[2], "size:1"));
}

static void test_run_states(void)
{
        for (RunState s = 0; s < _RUN_STATE_MAX; s++)
                assert(run_state_from_string(run_state_to_string(s)) == s);
        assert(run_state_from_string("gone") < 0);
}

/* The vectors of FIPS 180-4's examples, and every length around a block's end. */
static void test_sha256(void)
{
        static const struct {
                const char *text, *digest;
        } vectors[] = {
                { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        };
        char hex[SHA256_HEX_SIZE];
        _cleanup_free_ char *million = NULL;

        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                sha256_hex(vectors[i].text, strlen(vectors[i].text), hex);
                assert(streq(hex, vectors[i].digest));
        }

        million = malloc(1000000);
        assert(million);
        memset(million, 'a', 1000000);
        sha256_hex(million, 1000000, hex);
        assert(streq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
        sha256_hex(million, 55, hex);
        assert(streq(hex, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"));
        sha256_hex(million, 64, hex);
        assert(streq(hex, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"));
}

int main(void)
{
        test_status();
        test_content();
        test_status_unknown();
        test_status_ended();
        test_status_hostile();
        test_status_sizes();
        test_status_log_is_no_frame();
        test_every_cut();
        test_noise_in_front();
        test_nul_in_log();
        test_errors();
        test_self_test();
        test_nvme();
        test_kernel_log();
        test_probe();
        test_smart();
        test_agent();
        test_locate();
        test_fingerprint();
        test_argv();
        test_run_states();
        test_sha256();
        return 0;
}
