/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <time.h>

#include "basic/time-util.h"
#include "daemon/daily-timer.h"
#include "daemon/daily.h"
#include "daemon/event.h"
#include "daemon/notifier.h"
#include "store-sample.h"

/* When the report of the day is due, and that there is one a day, whatever happens to burnind. */

#define KIND "daily_report"

typedef struct Fixture {
        char *dir;
        Manager manager;
} Fixture;

static void live_in_berlin(void)
{
        assert(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", true) == 0);
        tzset();
}

static uint64_t local(int year, int month, int day, int hour, int minute)
{
        struct tm tm = {
                .tm_year = year - 1900,
                .tm_mon = month - 1,
                .tm_mday = day,
                .tm_hour = hour,
                .tm_min = minute,
                .tm_isdst = -1,
        };

        return (uint64_t) mktime(&tm) * USEC_PER_SEC;
}

static void assert_next(uint32_t hour, uint64_t last_usec, uint64_t expected)
{
        uint64_t next = 0;

        assert_ok(daily_next(hour, last_usec, &next));
        if (next != expected)
                fprintf(stderr, "after %" PRIu64 ": %" PRIu64 " instead of %" PRIu64 "\n", last_usec, next,
                        expected);
        assert(next == expected);
}

static void test_next(void)
{
        const uint64_t hour_usec = 3600 * USEC_PER_SEC;
        uint64_t next, first, twice;

        assert_next(8, local(2026, 11, 22, 7, 59), local(2026, 11, 22, 8, 0));
        assert_next(8, local(2026, 11, 22, 8, 0), local(2026, 11, 23, 8, 0));
        assert_next(8, local(2026, 11, 22, 8, 0) + 1, local(2026, 11, 23, 8, 0));
        assert_next(0, local(2026, 12, 31, 0, 0), local(2027, 1, 1, 0, 0));
        assert_next(23, local(2026, 11, 22, 23, 30), local(2026, 11, 23, 23, 0));
        assert(daily_next(24, local(2026, 11, 22, 8, 0), &next) == -ENOENT);

        /* A day of 23 hours, and one of 25. */
        assert_next(8, local(2026, 3, 28, 8, 0), local(2026, 3, 28, 8, 0) + 23 * hour_usec);
        assert_next(8, local(2026, 10, 24, 8, 0), local(2026, 10, 24, 8, 0) + 25 * hour_usec);
        /* An hour that is left out is the one after it; one that comes twice counts once. */
        assert_next(2, local(2026, 3, 28, 2, 0), local(2026, 3, 29, 3, 0));
        assert_next(2, local(2026, 3, 29, 3, 0), local(2026, 3, 30, 2, 0));
        assert_ok(daily_next(2, local(2026, 10, 24, 2, 0), &first));
        assert_ok(daily_next(2, first, &twice));
        assert(first < local(2026, 10, 25, 3, 0) && twice == local(2026, 10, 26, 2, 0));
}

static Manager *fixture_new(Fixture *f)
{
        *f = (Fixture){ .dir = scratch_new() };
        f->manager.store = store_in(f->dir);
        f->manager.settings.smtp_report_hour = 8;
        f->manager.settings.smtp_host = (char *) "mail.example.org";
        f->manager.settings.smtp_to = (char *[]){ (char *) "a@example.org", NULL };
        f->manager.settings.webhook_url = (char *) "https://hooks.example.org/x";
        assert_ok(sd_event_new(&f->manager.event));
        assert_ok(events_start(&f->manager));
        assert_ok(notifiers_start(&f->manager));
        return &f->manager;
}

static void fixture_done(Fixture *f)
{
        f->manager.daily_timer = daily_timer_free(f->manager.daily_timer);
        events_done(&f->manager);
        notifiers_done(&f->manager);
        sd_event_unref(f->manager.event);
        store_close(f->manager.store);
        scratch_free(f->dir);
}

static void restart(Manager *m)
{
        m->daily_timer = daily_timer_free(m->daily_timer);
        assert_ok(daily_timer_new(m));
}

static void turn(Manager *m)
{
        while (sd_event_run(m->event, 0) > 0)
                ;
}

static uint64_t due(const Manager *m)
{
        uint64_t usec;

        assert_ok(sd_event_source_get_time(m->daily_timer->timer, &usec));
        return usec;
}

static bool is_armed(const Manager *m)
{
        int enabled;

        assert_ok(sd_event_source_get_enabled(m->daily_timer->timer, &enabled));
        return enabled == SD_EVENT_ONESHOT;
}

/* As if one had been sent then. */
static void was_sent(Manager *m, const char *id, uint64_t usec)
{
        const EventRecord e = {
                .id = (char *) id,
                .kind = (char *) KIND,
                .time_usec = usec,
                .body = (char *) "{}",
        };

        assert_ok(store_event_add(m->store, &e, (char *const[]){ (char *) "mail", NULL }));
}

static int count_one(DeliveryRecord *d, void *userdata)
{
        (*(size_t *) userdata)++;
        return 0;
}

static size_t sent(Manager *m, const char *notifier)
{
        uint64_t total;
        size_t n = 0;

        assert_ok(store_delivery_list(
                        m->store,
                        &(DeliveryFilter){ .notifier = notifier, .state = _DELIVERY_STATE_INVALID },
                        count_one, &n, &total));
        return n;
}

static struct json_object *last_report(Manager *m)
{
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *report = NULL;
        DeliveryRecord d = {};
        EventRecord e = {};

        assert(store_delivery_next(m->store, "mail", &d) == 1);
        assert(store_event_get(m->store, d.event, &e) == 1);
        assert_ok(json_parse(e.body, strlen(e.body), &o));
        assert(json_get(o, "report", json_type_object, &report) == 1);
        (void) json_object_get(report);
        delivery_record_done(&d);
        event_record_done(&e);
        return report;
}

static uint64_t since_of(struct json_object *report)
{
        uint64_t since = 0;

        assert(json_get_u64(report, "since_usec", &since) == 1);
        return since;
}

static void test_first(void)
{
        uint64_t now = now_usec(CLOCK_REALTIME), next;
        Fixture f;
        Manager *m = fixture_new(&f);

        restart(m);
        assert_ok(daily_next(8, now, &next));
        assert(is_armed(m) && due(m) == next);
        turn(m);
        assert(sent(m, "mail") == 0);

        /* Another hour counts from now on. */
        m->settings.smtp_report_hour = 24;
        daily_timer_reset(m->daily_timer);
        assert(!is_armed(m));
        m->settings.smtp_report_hour = 7;
        m->daily_timer->last_usec = 1;
        daily_timer_reset(m->daily_timer);
        assert_ok(daily_next(7, now, &next));
        assert(is_armed(m) && due(m) == next);

        /* Its hour comes. */
        m->daily_timer->last_usec = now;
        assert_ok(sd_event_source_set_time(m->daily_timer->timer, now));
        turn(m);
        assert(sent(m, "mail") == 1 && sent(m, "webhook") == 0 && is_armed(m) && due(m) > now);
        fixture_done(&f);
}

static void test_missed(void)
{
        uint64_t now = now_usec(CLOCK_REALTIME), then = now - 3 * USEC_PER_DAY, last = 0;
        Fixture f;
        Manager *m = fixture_new(&f);

        was_sent(m, "0123456789abcdef0123456789abcdef", then);
        /* Hosts are asked first. */
        m->settings.stale_threshold_seconds = 45;
        restart(m);
        assert(due(m) >= now + 45 * USEC_PER_SEC && due(m) < now + 100 * USEC_PER_SEC);
        turn(m);
        assert(sent(m, "mail") == 1);

        m->settings.stale_threshold_seconds = 0;
        restart(m);
        turn(m);
        assert(sent(m, "mail") == 2);
        assert(store_event_last(m->store, KIND, &last) == 1 && last >= now);

        /* Once, and the next one as usual. */
        for (int i = 0; i < 3; i++) {
                restart(m);
                turn(m);
        }
        assert(sent(m, "mail") == 2 && due(m) > now);
        fixture_done(&f);
}

static void test_span(void)
{
        uint64_t now = now_usec(CLOCK_REALTIME), then = now - 2 * USEC_PER_DAY;
        _cleanup_json_ struct json_object *report = NULL, *first = NULL;
        DeliveryRecord d = {};
        Fixture f;
        Manager *m = fixture_new(&f);

        /* The first one tells of a day. */
        restart(m);
        assert_ok(sd_event_source_set_time(m->daily_timer->timer, now));
        turn(m);
        first = last_report(m);
        assert(since_of(first) >= now - USEC_PER_DAY && since_of(first) < now - USEC_PER_DAY / 2);
        fixture_done(&f);

        /* Each other one of what was since the one before. */
        m = fixture_new(&f);
        was_sent(m, "0123456789abcdef0123456789abcdef", then);
        assert(store_delivery_next(m->store, "mail", &d) == 1);
        d.state = DELIVERY_DELIVERED;
        assert_ok(store_delivery_put(m->store, &d));
        delivery_record_done(&d);
        restart(m);
        turn(m);
        report = last_report(m);
        assert(since_of(report) == then);
        fixture_done(&f);
}

/* The clock was set back since. */
static void test_to_come(void)
{
        uint64_t now = now_usec(CLOCK_REALTIME), next;
        Fixture f;
        Manager *m = fixture_new(&f);

        was_sent(m, "0123456789abcdef0123456789abcdef", now + 30 * USEC_PER_DAY);
        restart(m);
        assert_ok(daily_next(8, now, &next));
        assert(due(m) == next);
        fixture_done(&f);
}

static void test_nobody(void)
{
        uint64_t now = now_usec(CLOCK_REALTIME), last = 0;
        Fixture f;
        Manager *m = fixture_new(&f);

        m->settings.smtp_host = (char *) "";
        restart(m);
        assert_ok(sd_event_source_set_time(m->daily_timer->timer, now));
        while (due(m) <= now)
                assert_ok(sd_event_run(m->event, 0));
        assert(!m->events_told && store_event_last(m->store, KIND, &last) == 0 && is_armed(m));
        /* That hour has passed for whoever comes then. */
        m->settings.smtp_host = (char *) "mail.example.org";
        turn(m);
        assert(sent(m, "mail") == 0);
        fixture_done(&f);
}

static void put_entries(struct json_object *document, const char *key, size_t n)
{
        struct json_object *list = json_object_new_array();

        assert(json_put(document, key, list) == 0);
        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_new_object();
                char words[401] = {};

                memset(words, '/', sizeof(words) - 1);
                assert(json_append(list, o) == 0);
                assert(json_put_string(o, "reason", words) == 0 && json_put_u64(o, "job", i) == 0);
        }
}

static void test_shorten(void)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        struct json_object *finished = NULL, *queued = NULL;
        bool shortened = false;
        uint64_t first = 1;

        put_entries(o, "queued", 3);
        put_entries(o, "finished", 100);
        assert(daily_shorten(o, 1024U * 1024U) == 0 && json_get_bool(o, "shortened", &shortened) == 0);
        assert(daily_shorten(o, 20000) == 1 && json_get_bool(o, "shortened", &shortened) == 1 && shortened);
        assert(strlen(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN)) <= 20000);
        assert(json_get(o, "finished", json_type_array, &finished) == 1);
        assert(json_get(o, "queued", json_type_array, &queued) == 1);
        assert(json_object_array_length(queued) == 3 && json_object_array_length(finished) == 12);
        assert(json_get_u64(json_object_array_get_idx(finished, 0), "job", &first) == 1 && first == 0);
        assert(daily_shorten(o, 10) == -EMSGSIZE);
}

int main(void)
{
        live_in_berlin();
        test_next();
        test_first();
        test_missed();
        test_span();
        test_to_come();
        test_nobody();
        test_shorten();
        return 0;
}
