/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "daemon/reading.h"

/* Drives waver by a degree with every reading. */
#define TEMPERATURE_STEP_MDEGC 2000
#define ATTRIBUTES_MAX         64U

static const char *const counters[] = {
        "reallocated", "pending",      "offline_uncorrectable", "reported_uncorrectable",
        "crc_errors",  "media_errors", "percentage_used",       "critical_warning",
};

/* {"5": 0, "9": 12}. What the poller sent may have any form. */
static int attributes_to_json(struct json_object *smart, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *list = NULL;
        size_t n = 0;

        if (!o)
                return -ENOMEM;
        if (json_get(smart, "attributes", json_type_array, &list) > 0)
                n = MIN(json_object_array_length(list), ATTRIBUTES_MAX);

        for (size_t i = 0; i < n; i++) {
                struct json_object *a = json_object_array_get_idx(list, i);
                uint64_t raw;
                uint32_t id;
                char key[12];

                if (json_get_u32(a, "id", &id) <= 0 || json_get_u64(a, "raw", &raw) <= 0)
                        continue;
                (void) snprintf(key, sizeof(key), "%" PRIu32, id);
                if (json_put_u64(o, key, raw) < 0)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(o);
        return 0;
}

static int copy_number(struct json_object *from, const char *key, struct json_object *to)
{
        int64_t v;

        return json_get_i64(from, key, &v) > 0 ? json_put_i64(to, key, v) : 0;
}

static int smart_to_json(struct json_object *smart, struct json_object **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *attributes = NULL;
        int r;

        if (!o)
                return -ENOMEM;
        /* Hours grow by themselves: they are kept beside the counters, and make no row. */
        r = copy_number(smart, "power_on_hours", o);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(counters); i++)
                r = copy_number(smart, counters[i], o);
        if (r < 0)
                return r;

        r = attributes_to_json(smart, &attributes);
        if (r < 0)
                return r;
        if (json_object_object_length(attributes) > 0 && json_put(o, "attributes", TAKE_PTR(attributes)) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(o);
        return 0;
}

static bool counters_equal(struct json_object *a, struct json_object *b)
{
        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                int64_t x = 0, y = 0;
                int known = json_get_i64(a, counters[i], &x) > 0;

                if (known != (json_get_i64(b, counters[i], &y) > 0) || x != y)
                        return false;
        }

        return true;
}

static bool temperature_moved(int32_t a, int32_t b)
{
        if (a == MDEGC_UNKNOWN || b == MDEGC_UNKNOWN)
                return a != b;

        return llabs((long long) a - b) >= TEMPERATURE_STEP_MDEGC;
}

int reading_new(const ReadingRecord *last, const char *drive, uint64_t now, int32_t temperature_mdegc,
                SmartHealth health, struct json_object *smart, ReadingRecord *ret)
{
        _cleanup_json_ struct json_object *values = NULL, *before = NULL;
        _cleanup_free_ char *id = NULL, *text = NULL;
        bool changed = true;
        int r;

        r = smart_to_json(smart, &values);
        if (r < 0)
                return r;

        if (last) {
                (void) json_parse(last->smart, strlen(last->smart), &before);
                changed = health != last->health || !counters_equal(before, values);
                /* After a clock was set back the difference is huge. */
                if (!changed && !temperature_moved(temperature_mdegc, last->temperature_mdegc) &&
                    now - last->time_usec < USEC_PER_DAY)
                        return 0;
        }

        id = strdup(drive);
        text = strdup(json_object_to_json_string_ext(values, JSON_C_TO_STRING_PLAIN));
        if (!id || !text)
                return -ENOMEM;

        *ret = (ReadingRecord){
                .drive = TAKE_PTR(id),
                .time_usec = now,
                .temperature_mdegc = temperature_mdegc,
                .health = health,
                .changed = changed,
                .smart = TAKE_PTR(text),
        };
        return 1;
}

static int take_last(ReadingRecord *r, void *userdata)
{
        ReadingRecord *last = userdata;

        *last = *r;
        *r = (ReadingRecord){};
        return 0;
}

int reading_on_smart(const Drive *d, struct json_object *smart)
{
        _cleanup_(reading_record_done) ReadingRecord last = {}, reading = {};
        const ReadingFilter newest = { .drive = d->record.id, .limit = 1 };
        Store *s = d->manager->store;
        int r;

        r = store_reading_list(s, &newest, take_last, &last, NULL);
        if (r < 0)
                return r;
        r = reading_new(last.drive ? &last : NULL, d->record.id, now_usec(CLOCK_REALTIME),
                        d->temperature_mdegc, d->health, smart, &reading);
        if (r <= 0)
                return r;

        return store_reading_put(s, &reading);
}
