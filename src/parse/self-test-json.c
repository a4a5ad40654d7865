/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "parse/self-test-protocol.h"

/* A reading on its way from who has asked an API to the follower of the test. */

static struct json_object *entry_to_json(const SelfTestEntry *e)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "kind", self_test_kind_to_string(e->kind)) < 0 ||
            json_put_string(o, "result", self_test_result_to_string(e->result)) < 0 ||
            json_put_u64(o, "code", e->code) < 0 || json_put_u64(o, "hours_are", e->hours_are) < 0 ||
            json_put_u64(o, "hours", e->hours) < 0 || (e->has_lba && json_put_u64(o, "lba", e->lba) < 0) ||
            json_put_string(o, "words", e->words) < 0)
                return NULL;

        return TAKE_PTR(o);
}

struct json_object *self_test_reading_to_json(const SelfTestReading *r)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *log = json_object_new_array();

        if (!o || !log)
                return NULL;
        for (size_t i = 0; i < r->n_log; i++) {
                struct json_object *e = entry_to_json(r->log + i);

                if (!e || json_object_array_add(log, e) < 0) {
                        json_object_put(e);
                        return NULL;
                }
        }
        if (json_put_bool(o, "running", r->activity == SELF_TEST_ACTIVITY_RUNNING) < 0 ||
            json_put_string(o, "kind", self_test_kind_to_string(r->running)) < 0 ||
            json_put_i64(o, "percent", r->percent) < 0 ||
            (r->log_supported == SELF_TEST_SUPPORT_YES && json_put(o, "log", TAKE_PTR(log)) < 0))
                return NULL;

        return TAKE_PTR(o);
}

static int entry_from_json(struct json_object *o, SelfTestReading *r)
{
        const char *kind = NULL, *result = NULL, *words = NULL;
        uint32_t code = 0, are = 0;
        SelfTestEntry e = { 0 };
        uint64_t hours = 0;
        int k;

        if (json_get_string(o, "kind", &kind) <= 0 || json_get_string(o, "result", &result) <= 0 ||
            json_get_string(o, "words", &words) <= 0 || json_get_u32(o, "code", &code) <= 0 || code > 15 ||
            json_get_u32(o, "hours_are", &are) <= 0 || are > SELF_TEST_HOURS_AT_LEAST ||
            json_get_u64(o, "hours", &hours) <= 0 || (k = json_get_u64(o, "lba", &e.lba)) < 0)
                return -EBADMSG;
        e.has_lba = k > 0;
        e.code = (uint8_t) code;
        self_test_set_hours(&e, hours, (SelfTestHours) are);
        e.kind = self_test_kind_from_string(kind);
        e.result = self_test_result_from_string(result);
        if ((int) e.kind < 0 || (int) e.result < 0)
                return -EBADMSG;

        return self_test_log_add(r, &e, words);
}

int self_test_reading_from_json(struct json_object *o, SelfTestReading *ret)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { .percent = -1 };
        const char *kind = NULL;
        struct json_object *log;
        int32_t percent = -1;
        bool running = false;
        int r;

        if (json_get_bool(o, "running", &running) <= 0 || json_get_string(o, "kind", &kind) <= 0 ||
            json_get_i32(o, "percent", &percent) < 0 || percent < -1 || percent > 100 ||
            (r = json_get(o, "log", json_type_array, &log)) < 0)
                return -EBADMSG;
        reading.activity = running ? SELF_TEST_ACTIVITY_RUNNING : SELF_TEST_ACTIVITY_IDLE;
        reading.percent = percent;
        reading.running = self_test_kind_from_string(kind);
        if ((int) reading.running < 0)
                return -EBADMSG;
        reading.supported = reading.log_supported =
                        r > 0 ? SELF_TEST_SUPPORT_YES : SELF_TEST_SUPPORT_UNKNOWN;

        for (size_t i = 0; log && i < json_object_array_length(log); i++) {
                r = entry_from_json(json_object_array_get_idx(log, i), &reading);
                if (r < 0)
                        return r;
        }

        *ret = reading;
        reading = (SelfTestReading){ 0 };
        return 0;
}
