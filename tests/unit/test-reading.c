/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "daemon/reading.h"
#include "store-sample.h"

/* Which readings are written down, and which are left of them. */

#define DRIVE "wwn-0x5000c500a0000001"
#define START (UINT64_C(20000) * USEC_PER_DAY) /* a midnight */

static struct json_object *smart_new(const char *text)
{
        struct json_object *o;

        assert_ok(json_parse(text, strlen(text), &o));
        return o;
}

/* Whether the reading is written after last, which it then replaces. */
static bool is_written(ReadingRecord *last, uint64_t now, int32_t mdegc, SmartHealth health,
                       const char *smart)
{
        _cleanup_json_ struct json_object *o = smart ? smart_new(smart) : NULL;
        ReadingRecord r = {};

        if (assert_ok(reading_new(last->drive ? last : NULL, DRIVE, now, mdegc, health, o, &r)) == 0)
                return false;

        reading_record_done(last);
        *last = r;
        return true;
}

static void test_new(void)
{
        _cleanup_(reading_record_done) ReadingRecord last = {};
        const char *smart =
                        "{\"power_on_hours\":7,\"pending\":0,\"attributes\":[{\"id\":9,\"raw\":7,\"name\":\"x\"}]}";

        assert(is_written(&last, START, 30000, SMART_HEALTH_PASSED, smart) && last.changed);
        assert(streq(last.smart, "{\"power_on_hours\":7,\"pending\":0,\"attributes\":{\"9\":7}}"));
        assert(streq(last.drive, DRIVE) && last.time_usec == START && last.temperature_mdegc == 30000);

        /* Hours, attributes and a degree make no row. */
        smart = "{\"power_on_hours\":8,\"pending\":0,\"attributes\":[{\"id\":9,\"raw\":8}]}";
        assert(!is_written(&last, START + 1, 30000, SMART_HEALTH_PASSED, smart));
        assert(!is_written(&last, START + 1, 31999, SMART_HEALTH_PASSED, smart));
        assert(is_written(&last, START + 2, 32000, SMART_HEALTH_PASSED, smart) && !last.changed);
        assert(is_written(&last, START + 3, MDEGC_UNKNOWN, SMART_HEALTH_PASSED, smart) && !last.changed);
        assert(!is_written(&last, START + 4, MDEGC_UNKNOWN, SMART_HEALTH_PASSED, smart));
        assert(is_written(&last, START + 5, INT32_MAX, SMART_HEALTH_PASSED, smart));
        assert(is_written(&last, START + 6, -INT32_MAX, SMART_HEALTH_PASSED, smart));

        /* A day, and a clock that was set back. */
        assert(!is_written(&last, START + 5 + USEC_PER_DAY, -INT32_MAX, SMART_HEALTH_PASSED, smart));
        assert(is_written(&last, START + 6 + USEC_PER_DAY, -INT32_MAX, SMART_HEALTH_PASSED, smart));
        assert(!last.changed);
        assert(is_written(&last, START, -INT32_MAX, SMART_HEALTH_PASSED, smart) && !last.changed);

        /* A counter that grows, one that comes, one that goes; the health. */
        assert(is_written(&last, START, 0, SMART_HEALTH_PASSED, "{\"pending\":1}") && last.changed);
        assert(is_written(&last, START, 0, SMART_HEALTH_PASSED, "{\"pending\":1,\"crc_errors\":0}") &&
               last.changed);
        assert(is_written(&last, START, 0, SMART_HEALTH_PASSED, "{\"crc_errors\":0}") && last.changed);
        assert(!is_written(&last, START, 0, SMART_HEALTH_PASSED, "{\"crc_errors\":0}"));
        assert(is_written(&last, START, 0, SMART_HEALTH_FAILED, "{\"crc_errors\":0}") && last.changed);
}

/* From the poller, which reads what hosts print. */
static void test_new_hostile(void)
{
        static const char *const texts[] = {
                "{\"pending\":\"1\",\"attributes\":{}}",
                "{\"pending\":1e300,\"attributes\":[1,null,[],{},{\"id\":-1,\"raw\":1},{\"id\":1},{\"id\":1,\"raw\":-1}]}",
                "{\"attributes\":[[[[]]]]}",
        };
        _cleanup_(reading_record_done) ReadingRecord last = {};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                assert(is_written(&last, START + i * USEC_PER_DAY, 0, SMART_HEALTH_PASSED, texts[i]));
                assert(streq(last.smart, "{}"));
        }
        assert(!is_written(&last, last.time_usec, 0, SMART_HEALTH_PASSED, NULL));

        /* The database is not ours alone: what is no JSON there only makes one more row. */
        free(last.smart);
        last.smart = strdup("nonsense");
        assert(is_written(&last, last.time_usec, 0, SMART_HEALTH_PASSED, "{\"pending\":0}"));
}

static Store *store_new(const char *dir)
{
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        HostRecord h = host_sample();
        DriveRecord d = drive_sample();
        Store *s;

        assert_ok(store_open(path, &s, NULL));
        assert_ok(store_host_put(s, &h));
        assert_ok(store_drive_put(s, &d));
        return s;
}

static void put(Store *s, uint64_t time, bool changed)
{
        ReadingRecord r = {
                .drive = (char *) DRIVE,
                .time_usec = time,
                .temperature_mdegc = MDEGC_UNKNOWN,
                .health = SMART_HEALTH_FAILED,
                .changed = changed,
                .smart = (char *) "{\"pending\":1}",
        };

        assert_ok(store_reading_put(s, &r));
}

typedef struct Taken {
        uint64_t first, last;
        size_t n;
} Taken;

static int take(ReadingRecord *r, void *userdata)
{
        Taken *t = userdata;

        assert(streq(r->drive, DRIVE) && streq(r->smart, "{\"pending\":1}"));
        assert(r->temperature_mdegc == MDEGC_UNKNOWN && r->health == SMART_HEALTH_FAILED);
        assert(t->n == 0 || r->time_usec < t->last);
        t->first = t->n++ == 0 ? r->time_usec : t->first;
        t->last = r->time_usec;
        return 0;
}

static void test_store(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);
        ReadingFilter f = { .drive = DRIVE };
        ReadingRecord orphan = { .drive = (char *) "nobody", .smart = (char *) "{}" };
        uint64_t total;
        Taken t = {};

        for (uint64_t i = 1; i <= 9; i++)
                put(s, i, i == 3);
        put(s, 9, false); /* the same moment again */
        assert_ok(store_reading_list(s, &f, take, &t, &total));
        assert(total == 9 && t.n == 9 && t.first == 9 && t.last == 1);

        t = (Taken){};
        f = (ReadingFilter){ .drive = DRIVE, .since_usec = 3, .until_usec = 7, .offset = 1, .limit = 2 };
        assert_ok(store_reading_list(s, &f, take, &t, &total));
        assert(total == 5 && t.n == 2 && t.first == 6 && t.last == 5);

        f.drive = "nobody";
        t = (Taken){};
        assert_ok(store_reading_list(s, &f, take, &t, &total));
        assert(total == 0 && t.n == 0);
        assert_error(-ENOENT, store_reading_put(s, &orphan));
}

static void test_thin(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);
        uint64_t end = START + 40 * USEC_PER_DAY;

        /* 40 days, a row every six hours; in the second of them a counter has changed at noon. */
        for (uint64_t time = START; time <= end; time += 6 * USEC_PER_HOUR)
                put(s, time, time == START + 36 * USEC_PER_HOUR);
        assert(assert_ok(store_reading_thin(s, "nobody", 0, end)) == 0);
        assert(assert_ok(store_reading_thin(s, DRIVE, 0, end)) == 29);

        /* Of the ten days that are over 30 days old: the first of each, and what has changed. */
        assert(query(s, "SELECT count(*) FROM readings WHERE time_usec < 20010 * 86400000000") == 11);
        assert(query(s,
                     "SELECT count(*) FROM readings WHERE time_usec < 20010 * 86400000000 AND NOT changed AND "
                     "time_usec % 86400000000 <> 0") == 0);
        assert(query(s, "SELECT count(*) FROM readings WHERE time_usec >= 20010 * 86400000000") ==
               30 * 4 + 1);

        /* A clock that stands at its beginning, and one far ahead. */
        assert(assert_ok(store_reading_thin(s, DRIVE, 0, 0)) == 0);
        assert(assert_ok(store_reading_thin(s, DRIVE, end, UINT64_MAX)) == 11 + 30 * 4 + 1);
}

/* Never more than so many, though each has changed: the oldest go. */
static void test_trim(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);

        assert_ok(store_begin(s));
        for (uint64_t i = 1; i <= READINGS_MAX + 10; i++)
                put(s, START + i, true);
        assert_ok(store_commit(s));
        assert(query(s, "SELECT count(*) FROM readings") == READINGS_MAX);
        assert((uint64_t) query(s, "SELECT min(time_usec) FROM readings") == START + 11);
}

#define DAYS         (6 * UINT64_C(365))
#define READS_A_DAY  4
#define NIGHT(day)   (START + ((day) + 1) * USEC_PER_DAY)
#define GREW_ON(day) ((day) % 100 == 99)

/* A drive that works by day: its temperature moves every four hours then. Every 100th day a counter grows at noon. */
static void put_day(Store *s, uint64_t day)
{
        for (uint64_t i = 0; i < READS_A_DAY; i++)
                put(s, START + day * USEC_PER_DAY + (8 + 4 * i) * USEC_PER_HOUR, GREW_ON(day) && i == 1);
}

/* What is left in the night after the last of these days: all of the last 30; before, of each day one, and what has grown. */
static uint64_t left_of(uint64_t first, uint64_t days)
{
        uint64_t n = 0;

        for (uint64_t day = first; day < days; day++)
                n += day + 30 >= days ? READS_A_DAY : 1 + GREW_ON(day);
        return n;
}

static void test_years(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);

        for (uint64_t day = 0; day < DAYS; day++) {
                assert_ok(store_begin_relaxed(s));
                put_day(s, day);
                /* Of the day that is 30 days old now, and of the one that is five years old: a night is short. */
                assert(assert_ok(store_reading_thin(s, DRIVE, day > 0 ? NIGHT(day - 1) : 0, NIGHT(day))) <=
                       READS_A_DAY + 1);
                assert_ok(store_commit(s));
        }

        assert((uint64_t) query(s, "SELECT count(*) FROM readings") == left_of(365, DAYS));
        assert((uint64_t) query(s, "SELECT min(time_usec) FROM readings") ==
               START + 365 * USEC_PER_DAY + 8 * USEC_PER_HOUR);
        assert(assert_ok(store_reading_thin(s, DRIVE, 0, NIGHT(DAYS - 1))) == 0);
        assert_sound(s);
}

/* Nights at one in the afternoon, of which every tenth is missed, and a clock that was wrong once, leave nothing to one that looks at
 * all. */
static void test_nights_look_at_what_has_aged(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);
        uint64_t last = 0, now = 0;

        for (uint64_t day = 0; day < 200; day++) {
                put_day(s, day);
                if (day % 10 == 3)
                        continue;
                now = NIGHT(day) + 13 * USEC_PER_HOUR;
                assert_ok(store_reading_thin(s, DRIVE, day == 100 ? UINT64_MAX : last, now));
                last = now;
        }
        assert(assert_ok(store_reading_thin(s, DRIVE, 0, now)) == 0);

        /* What it did before is not looked at once more. */
        put(s, START + 50 * USEC_PER_DAY + USEC_PER_HOUR, false);
        assert(assert_ok(store_reading_thin(s, DRIVE, last, now + 1)) == 0);
        assert(assert_ok(store_reading_thin(s, DRIVE, 0, now + 1)) == 1);
}

/* The same where no night came in all that time: the newest are there, and one night makes them few. */
static void test_years_at_once(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_new(dir);

        assert_ok(store_begin_relaxed(s));
        for (uint64_t day = 0; day < DAYS; day++)
                put_day(s, day);
        assert_ok(store_commit(s));
        assert(query(s, "SELECT count(*) FROM readings") == READINGS_MAX);

        assert_ok(store_reading_thin(s, DRIVE, 0, NIGHT(DAYS - 1)));
        assert((uint64_t) query(s, "SELECT count(*) FROM readings") ==
               left_of(DAYS - READINGS_MAX / READS_A_DAY, DAYS));
        assert_sound(s);
}

int main(void)
{
        test_new();
        test_new_hostile();
        test_store();
        test_thin();
        test_trim();
        test_years();
        test_nights_look_at_what_has_aged();
        test_years_at_once();

        return 0;
}
