/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/worker-proto.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6C3yq4n0oZ"

static void fill_params(StageParams *p)
{
        *p = (StageParams){
                .job = UINT64_C(1) << 60,
                .stage = 1,
                .kind = STAGE_SURFACE_VALIDATE,
                .attempt = 3,
                .run = strdup("0123456789abcdef0123456789abcdef"),
                .follow = true,
                .machine_id = strdup("aaaabbbbccccddddeeeeffff00001111"),
                .kname = strdup("sdb"),
                .identity = { .wwn = strdup("0x5000c500a0000001"),
                              .serial = strdup("WD-1"),
                              .model = strdup("WDC WD80"),
                              .size_bytes = UINT64_C(8001563222016),
                              .fingerprint = strdup("15628053168:naa.5000c500a0000001") },
                .content = strdup("00ff"),
                .granted = { .role = LOCK_ACTIVE_POOL,
                             .pool = strdup("tank"),
                             .guid = strdup("11"),
                             .used = true },
                .reads_only = true,
                .release = true,
                .target = { .name = strdup("nas1"),
                            .address = strdup("fe80::1%eth0"),
                            .port = 2222,
                            .user = strdup("root"),
                            .host_key = strdup(KEY) },
                .log_path = strdup("/var/lib/burnin/jobs/42/1.log"),
                .report_path = strdup("/var/lib/burnin/jobs/42/1.report"),
                .baseline_path = strdup("/var/lib/burnin/jobs/42/baseline"),
                .heat = strdup("drive WD-2 (sdb) has 50 °C, warm is 46 °C"),
                .block_size = 4096,
                .block_buffer = 64,
                .passes = 2,
                .bad_block_threshold = 7,
                .temp_warn_mdegc = 46000,
                .temp_crit_mdegc = MDEGC_UNKNOWN,
                .smart_pending_max = 1,
                .smart_uncorrectable_max = 2,
                .smart_crc_delta_max = 10,
                .smart_reallocated_delta_max = 1,
                .smart_pending_delta_max = 2,
                .smart_offline_uncorrectable_delta_max = 3,
                .smart_reported_uncorrectable_delta_max = 4,
                .smart_media_errors_delta_max = 5,
                .smart_percentage_used_delta_max = 6,
                .pattern = strdup("random"),
                .slow_floor = 60000000,
                .sibling_speed = UINT64_C(200000000000),
                .slow_ratio = 700,
                .slow_fails = true,
                .stuck_usec = 168 * USEC_PER_HOUR,
                .estimate_usec = 5 * USEC_PER_HOUR,
                .job_started_usec = UINT64_C(1790000000000001),
                .stall_usec = 30 * USEC_PER_MINUTE,
                .stall_end_usec = 6 * USEC_PER_HOUR,
                .follow_interval_usec = 2 * USEC_PER_SEC,
                .poll_timeout_usec = 60 * USEC_PER_SEC,
                .self_test_retries = 3,
                .self_test_interval_usec = 30 * USEC_PER_SEC,
                .self_test_keep_alive = true,
                .started_usec = UINT64_C(1790000000000000),
                .percent = 12.5,
        };
        assert(strv_split("rpool bpool", " ", &p->boot_pools) == 0);
}

static struct json_object *through_text(struct json_object *o)
{
        struct json_object *ret;
        const char *text;
        size_t size;

        assert(o);
        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        assert(json_parse(text, size, &ret) == 0);
        json_object_put(o);
        return ret;
}

static void test_params_roundtrip(void)
{
        _cleanup_(stage_params_done) StageParams p, q = { 0 };
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;

        fill_params(&p);
        o = through_text(stage_params_to_json(&p));
        assert(stage_params_from_json(o, &q) == 0);

        /* Every field that is written is read. */
        again = stage_params_to_json(&q);
        assert(again && json_object_equal(o, again));
        assert(q.job == p.job && q.follow && !q.cancel && q.percent == 12.5 && q.passes == 2);
        assert(q.temp_crit_mdegc == MDEGC_UNKNOWN && q.stall_end_usec == p.stall_end_usec);
        assert(q.self_test_retries == 3 && q.self_test_keep_alive &&
               q.self_test_interval_usec == p.self_test_interval_usec);
        assert(q.target.port == 2222 && streq(q.target.host_key, KEY) && strv_length(q.boot_pools) == 2);
        assert(q.identity.size_bytes == p.identity.size_bytes && streq(q.content, "00ff"));
}

/* What a params line may not be. */
static void test_params_refused(void)
{
        static const struct {
                const char *key, *value; /* NULL: without the key */
        } tests[] = {
                { "job", "0" },
                { "job", "-1" },
                { "job", "\"1\"" },
                { "attempt", "0" },
                { "kind", "\"wipe\"" },
                { "kind", NULL },
                { "run", "\"0123456789ABCDEF0123456789abcdef\"" },
                { "run", "\"0123\"" },
                { "run", "\"../../../../../../../etc/passwd0\"" },
                { "run", NULL },
                { "before", "\"0123\"" },
                { "before", "\"../../../../../../../etc/passwd0\"" },
                { "resumes", "4" },
                { "resumes", "-1" },
                { "kname", "\"sdb; reboot\"" },
                { "kname", "\"../sda\"" },
                { "kname", NULL },
                { "identity", NULL },
                { "identity", "[]" },
                { "target", "{}" },
                { "machine_id", NULL },
                { "log_path", "\"relative\"" },
                { "report_path", "\"\"" },
                { "percent", "101" },
                { "percent", "-1" },
                { "stage", "4294967296" },
                { "boot_pools", "[\"a;b\"]" },
                { "boot_pools", "[1]" },
                { "follow", "1" },
                { "granted", "[]" },
                { "granted", "{}" },
                { "granted", "{\"role\":\"active-pool\"}" },
                { "granted", "{\"role\":\"everything\",\"used\":false}" },
                { "reads_only", "1" },
                { "release", "1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(tests); i++) {
                _cleanup_(stage_params_done) StageParams p, q = { 0 };
                _cleanup_json_ struct json_object *o = NULL;
                struct json_object *v;

                fill_params(&p);
                o = through_text(stage_params_to_json(&p));
                json_object_object_del(o, tests[i].key);
                if (tests[i].value) {
                        v = json_tokener_parse(tests[i].value);
                        assert(v);
                        assert(json_object_object_add(o, tests[i].key, v) == 0);
                }
                assert(stage_params_from_json(o, &q) == -EBADMSG);
                assert(!q.run);
        }
}

/* Of a stage that was begun before there was a setting. */
static void test_params_without(void)
{
        _cleanup_(stage_params_done) StageParams p, q = { 0 };
        _cleanup_json_ struct json_object *o = NULL;

        fill_params(&p);
        o = through_text(stage_params_to_json(&p));
        json_object_object_del(o, "smart_percentage_used_delta_max");
        json_object_object_del(o, "reads_only");
        assert(stage_params_from_json(o, &q) == 0);
        assert(q.smart_percentage_used_delta_max == 2 && !q.reads_only);
}

static void test_target(void)
{
        static const char *const bad[] = {
                "[]",
                "{\"name\":\"a\",\"address\":\"b\",\"user\":\"root\",\"port\":0}",
                "{\"name\":\"a\",\"address\":\"b\",\"user\":\"root\",\"port\":65536}",
                "{\"name\":\"a\",\"address\":\"b\\n\",\"user\":\"root\"}",
                "{\"name\":\"a\",\"address\":\"\",\"user\":\"root\"}",
                "{\"name\":\"a\",\"address\":\"b\"}",
                "{\"name\":\"a\\u0000b\",\"address\":\"b\",\"user\":\"root\"}",
        };
        static const char good[] = "{\"name\":\"a\",\"address\":\"b\",\"user\":\"root\"}";
        _cleanup_(host_target_done) HostTarget t = { 0 };
        struct json_object *o;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert(json_parse(bad[i], strlen(bad[i]), &o) == 0);
                assert(host_target_from_json(o, &t) == -EBADMSG && !t.name);
                json_object_put(o);
        }
        assert(json_parse(good, strlen(good), &o) == 0);
        assert(host_target_from_json(o, &t) == 0 && t.port == 22 && !t.host_key && !t.local);
        json_object_put(o);
        host_target_done(&t);

        /* This machine has a name and no place. */
        o = host_target_to_json(&(HostTarget){ .name = (char *) "here",
                                               .address = (char *) "",
                                               .user = (char *) "",
                                               .local = true });
        assert(o && host_target_from_json(o, &t) == 0);
        assert(t.local && !t.api && streq(t.name, "here") && !t.address && !t.user && t.port == 0);
        json_object_put(o);
        host_target_done(&t);

        /* Nor has one with an API alone. */
        o = host_target_to_json(&(HostTarget){ .name = (char *) "tn",
                                               .address = (char *) "nas",
                                               .user = (char *) "",
                                               .port = 22,
                                               .api = true });
        assert(o && host_target_from_json(o, &t) == 0);
        assert(t.api && !t.local && streq(t.name, "tn") && !t.address && !t.user && t.port == 0);
        json_object_put(o);
}

static void test_judge(void)
{
        static const Verdict lines[] = { VERDICT_PASSED, VERDICT_INCONCLUSIVE, VERDICT_FAILED };

        for (unsigned mask = 0; mask < 8; mask++) {
                _cleanup_(stage_report_done) StageReport r = { 0 };

                for (unsigned i = 0; i < 3; i++)
                        if (mask & (1U << i))
                                assert(stage_report_add(&r, lines[i], "rule", NULL, "seen", "test") == 0);
                assert(stage_report_judge(&r) == (mask & 4    ? VERDICT_FAILED
                                                  : mask == 1 ? VERDICT_PASSED
                                                              : VERDICT_INCONCLUSIVE));
        }
}

static void test_report_roundtrip(void)
{
        _cleanup_(stage_report_done) StageReport r = {
                .verdict = VERDICT_FAILED,
                .n_bad_blocks = 2,
                .read_errors = 1,
                .write_errors = 2,
                .compare_errors = 3,
                .ended_usec = UINT64_C(1790000000000000),
        }, q = { 0 };
        _cleanup_json_ struct json_object *o = NULL, *again = NULL;

        r.reason = strdup("2 bad blocks on sdb of nas1");
        assert(strv_split("582 583", " ", &r.bad_blocks) == 0);
        assert(stage_report_add(&r, VERDICT_PASSED, "identity", "WD-1", "WD-1", "sysfs") == 0);
        assert(stage_report_add(&r, VERDICT_FAILED, "bad-blocks", "at most 0", "2", "badblocks") == 0);
        r.details = json_object_new_object();
        assert(json_put_u64(r.details, "work_bytes", 5) == 0);

        o = through_text(stage_report_to_json(&r));
        assert(stage_report_from_json(o, &q) == 0);
        again = stage_report_to_json(&q);
        assert(again && json_object_equal(o, again));
        assert(q.n_evidence == 2 && q.compare_errors == 3 && strv_length(q.bad_blocks) == 2);
}

static void test_report_refused(void)
{
#define LINE(v) "{\"rule\":\"r\",\"verdict\":\"" v "\"}"
        static const char *const bad[] = {
                "{}",
                "{\"verdict\":\"\"}",
                "{\"verdict\":\"skipped\",\"reason\":\"x\"}",
                "{\"verdict\":\"great\",\"reason\":\"x\"}",
                "{\"verdict\":\"failed\"}",
                "{\"verdict\":\"inconclusive\",\"reason\":\"\"}",
                /* A pass needs a ledger, and one without a bad line. */
                "{\"verdict\":\"passed\"}",
                "{\"verdict\":\"passed\",\"evidence\":[]}",
                "{\"verdict\":\"passed\",\"evidence\":[" LINE("passed") "," LINE("inconclusive") "]}",
                "{\"verdict\":\"passed\",\"evidence\":[" LINE("failed") "]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"evidence\":[" LINE("cancelled") "]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"evidence\":[7]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"evidence\":[{\"rule\":\"r\"}]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\\u001b[2J\"}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"bad_blocks\":[\"x\"]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"bad_blocks\":[582]}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"n_bad_blocks\":-1}",
                "{\"verdict\":\"failed\",\"reason\":\"x\",\"details\":[]}",
        };
        static const char good[] = "{\"seq\":9,\"run\":\"x\",\"type\":\"report\",\"verdict\":\"passed\","
                                   "\"evidence\":[" LINE("passed") "]}";
        struct json_object *o;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                StageReport r = { 0 };

                assert(json_parse(bad[i], strlen(bad[i]), &o) == 0);
                assert(stage_report_from_json(o, &r) == -EBADMSG);
                assert(!r.reason && !r.evidence);
                json_object_put(o);
        }

        /* As it comes in a message. */
        _cleanup_(stage_report_done) StageReport r = { 0 };

        assert(json_parse(good, strlen(good), &o) == 0);
        assert(stage_report_from_json(o, &r) == 0 && r.verdict == VERDICT_PASSED);
        json_object_put(o);
}

/* What a report says is a worker's word. */
static void test_warnings(void)
{
        static const char text[] =
                        "{\"verdict\":\"passed\",\"ended_usec\":1,\"evidence\":["
                        "{\"rule\":\"one\",\"verdict\":\"passed\"},"
                        "{\"rule\":\"two\",\"verdict\":\"passed\",\"observed\":\"4" EVIDENCE_WARNING "\"},"
                        "{\"rule\":\"three\",\"verdict\":\"passed\",\"observed\":\"5\"}]}";
        _cleanup_(stage_report_done) StageReport r = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *warnings = NULL;

        assert(json_parse(text, strlen(text), &o) >= 0);
        assert(stage_report_from_json(o, &r) == 0);
        warnings = stage_report_warnings(&r);
        assert(streq_ptr(warnings, "two"));
}

int main(void)
{
        test_params_roundtrip();
        test_params_refused();
        test_params_without();
        test_warnings();
        test_target();
        test_judge();
        test_report_roundtrip();
        test_report_refused();
        return 0;
}
