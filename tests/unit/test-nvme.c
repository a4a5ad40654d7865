/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "basic/string-util.h"
#include "parse/nvme.h"
#include "test-util.h"

static int controller(const char *text, NvmeController *ret)
{
        return nvme_parse_controller(text, strlen(text), ret);
}

static int sanitize(const char *text, NvmeSanitize *ret)
{
        return nvme_parse_sanitize(text, strlen(text), ret);
}

static void test_controller(void)
{
        NvmeController c = { .oacs = 77 };
        EraseMethod m = _ERASE_METHOD_INVALID;

        assert(controller("", &c) == -EBADMSG && controller("NVMe status: x", &c) == -EBADMSG &&
               controller("{}", &c) == -EBADMSG && controller("[{\"oacs\": 2}]", &c) == -EBADMSG &&
               controller("{\"oacs\": \"2\"}", &c) == -EBADMSG &&
               controller("{\"oacs\": -1}", &c) == -EBADMSG &&
               controller("{\"oacs\": 2, \"sanicap\": \"many\"}", &c) == -EBADMSG && c.oacs == 77);

        /* A tool that knows nothing of sanicap yet. */
        assert(controller("{\"vid\": 6966, \"mn\": \"x\", \"oacs\": 21, \"fna\": 0}", &c) == 0);
        assert(!nvme_has_format(&c) && !nvme_format_reaches_all(&c) && !nvme_is_shared(&c));
        assert(!nvme_sanitize_method(&c, &m) && m == _ERASE_METHOD_INVALID);

        assert(controller("{\"oacs\": 23, \"fna\": 4, \"cmic\": 2, \"sanicap\": 1610612739}", &c) == 0);
        assert(nvme_has_format(&c) && !nvme_format_reaches_all(&c) && nvme_is_shared(&c));
        assert(nvme_sanitize_method(&c, &m) && m == ERASE_BLOCK);

        for (uint32_t fna = 0; fna < 8; fna++) {
                c.fna = fna;
                assert(nvme_format_reaches_all(&c) == ((fna & 3) != 0));
        }
        c.sanicap = 5;
        assert(nvme_sanitize_method(&c, &m) && m == ERASE_CRYPTO);
        c.sanicap = 4;
        assert(nvme_sanitize_method(&c, &m) && m == ERASE_OVERWRITE);
}

static void test_namespaces(void)
{
        static const char list[] =
                        "[   0]:0x1\n[   1]:0x2\n[   2]:0x1\nNVMe status: x\n[   3]:0\n[   4]:0xffffffff\n"
                        "[   5]:0x1ffffffff\n[   6]:7 \n[   7]:-1\n[ 8]:8";
        NvmeNamespaces n = { 0 };
        char many[NVME_NAMESPACES_MAX * 16];
        size_t size = 0;

        assert(nvme_add_namespaces(&n, "", 0) == 0 && n.n == 0);
        assert(nvme_add_namespaces(&n, list, strlen(list)) == 4 && n.n == 3);
        assert(n.nsid[0] == 1 && n.nsid[1] == 2 && n.nsid[2] == 8);
        assert(nvme_add_namespaces(&n, "[   0]:0x3\n", 11) == 1 && n.n == 4 && n.nsid[3] == 3);

        assert(nvme_add_namespaces(&n, "[   0]:0x9\0", 11) == -EBADMSG && n.n == 4);
        for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++)
                size += (size_t) snprintf(many + size, sizeof(many) - size, "[%4u]:%#x\n", i, i + 100);
        assert(nvme_add_namespaces(&n, many, size) == NVME_NAMESPACES_MAX && n.n == NVME_NAMESPACES_MAX);
}

static void test_sanitize(void)
{
        static const char running[] =
                        "{\n  \"nvme0n1\":{\n    \"sprog\":32768,\n    \"sstat\":{\n      \"global_erased\":0,\n"
                        "      \"no_cmplted_passes\":0,\n      \"status\":\"(2) Sanitize in Progress.\"\n    },\n"
                        "    \"cdw10_info\":2\n  }\n}\n";
        static const char *const bad[] = {
                "",
                "{}",
                "[]",
                "7",
                "{\"nvme0\":{\"sprog\":65535}}",
                "{\"nvme0\":{\"sprog\":65535,\"sstat\":{}}}",
                "{\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"in progress\"}}}",
                "{\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"(5) ?\"}}}",
                "{\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"(\"}}}",
                "{\"nvme0\":{\"sprog\":65536,\"sstat\":{\"status\":\"(1) x\"}}}",
                "{\"nvme0\":{\"sprog\":-1,\"sstat\":{\"status\":\"(1) x\"}}}",
                "{\"nvme0\":{\"sprog\":1,\"sstat\":-2}}",
                "{\"nvme0\":7,\"nvme1\":{\"sprog\":1}}",
        };
        NvmeSanitize s = { .percent = 77 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(sanitize(bad[i], &s) == -EBADMSG && s.percent == 77);
        assert(sanitize(running, &s) == 0 && s.state == NVME_SANITIZE_RUNNING && s.percent == 50);
        assert(sanitize("{\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"(1) Most Recent\"}}}", &s) ==
                               0 &&
               s.state == NVME_SANITIZE_DONE && s.percent == 99);
        assert(sanitize("{\"sprog\":0,\"sstat\":{\"status\":3}}", &s) == 0 &&
               s.state == NVME_SANITIZE_FAILED);
        assert(sanitize("{\"sprog\":65535,\"sstat\":260}", &s) == 0 && s.state == NVME_SANITIZE_DONE_KEPT);
        assert(sanitize("{\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"(0) never\"}}}", &s) == 0 &&
               s.state == NVME_SANITIZE_NEVER);
}

static void test_output(void)
{
        static const char whole[] =
                        "stamped=32\nbegun=1\ncommand=0\nprogress=3\nprogress=97\n"
                        "sanitize={\"nvme0\":{\"sprog\":65535,\"sstat\":{\"status\":\"(1) x\"}}}\n"
                        "kept=1\nzero=20\none=5\nother=4\nunreadable=2\ndone=1\n";
        EraseOutput o;

        assert(erase_output_parse(whole, strlen(whole), &o) == 0);
        assert(o.stamped == 32 && o.begun && o.ended && o.status == 0 && o.percent == 97 && o.sanitized &&
               o.understood && o.sanitize.state == NVME_SANITIZE_DONE && o.done);
        assert(o.kept == 1 && o.zero == 20 && o.one == 5 && o.other == 4 && o.unreadable == 2);

        /* What is cut off says less, and never more. */
        for (size_t i = 0; i < strlen(whole); i++) {
                assert(erase_output_parse(whole, i, &o) == 0);
                assert(!o.done && (i >= 10 || o.stamped == 0) && (i >= 18 || !o.begun));
        }

        assert(erase_output_parse("done=1 \ncommand=x\nsanitize=\nprogress=400\nstamped=-1\n", 52, &o) == 0);
        assert(!o.done && !o.ended && o.sanitized && !o.understood && o.percent == 100 && o.stamped == 0);
        assert(erase_output_parse("done=1\0\n", 8, &o) == -EBADMSG && !o.done);
}

/* QEMU's, by nvme-cli 2: Format NVM, and no Sanitize. */
static void test_captured(void)
{
        size_t c_size, list_size, all_size, log_size;
        _cleanup_free_ char *c_text = sample_read("lab/nvme-id-ctrl.json", &c_size),
                            *list = sample_read("lab/nvme-list-ns.txt", &list_size),
                            *all = sample_read("lab/nvme-list-ns-all.txt", &all_size),
                            *log = sample_read("lab/nvme-sanitize-log.txt", &log_size);
        NvmeNamespaces n = { 0 };
        NvmeController c;
        NvmeSanitize s;
        EraseMethod m;

        assert(nvme_parse_controller(c_text, c_size, &c) == 0);
        assert(c.oacs == 266 && nvme_has_format(&c) && !nvme_format_reaches_all(&c) && !nvme_is_shared(&c) &&
               !nvme_sanitize_method(&c, &m));
        assert(nvme_add_namespaces(&n, list, list_size) == 1 && nvme_add_namespaces(&n, all, all_size) == 1);
        assert(n.n == 1 && n.nsid[0] == 1);
        assert(nvme_parse_sanitize(log, log_size, &s) == -EBADMSG);
}

int main(void)
{
        test_captured();
        test_controller();
        test_namespaces();
        test_sanitize();
        test_output();
        return 0;
}
