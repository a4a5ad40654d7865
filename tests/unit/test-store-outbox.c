/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/notify-proto.h"
#include "store-sample.h"

/* Notifiers, events and deliveries, as the database keeps them. */

#define ID_A "0123456789abcdef0123456789abcdef"
#define ID_B "00000000000000000000000000000001"

static char *const both[] = { (char *) "mail", (char *) "room", NULL };
static char *const mail[] = { (char *) "mail", NULL };

static EventRecord event_sample(const char *id, uint64_t time_usec)
{
        return (EventRecord){
                .id = (char *) id,
                .kind = (char *) "job_failed",
                .time_usec = time_usec,
                .body = (char *) "{\"event\":\"job_failed\"}",
        };
}

static int count_row(DeliveryRecord *r, void *userdata)
{
        ++*(uint64_t *) userdata;
        return 0;
}

static uint64_t count(Store *s, const char *notifier, DeliveryState state)
{
        uint64_t n = 0, total = 0;

        assert_ok(store_delivery_list(s, &(DeliveryFilter){ .notifier = notifier, .state = state },
                                      count_row, &n, &total));
        assert(n == total);
        return n;
}

static int first_name(NotifierRecord *r, void *userdata)
{
        char ***names = userdata;

        assert(r->kind == NOTIFIER_NTFY && !r->enabled && r->severity == SEVERITY_WARNING);
        assert(streq(r->target, "https://ntfy.example.org/lab") && streq(r->events, "job_failed drive_hot"));
        return strv_extend(names, r->name);
}

static void test_notifiers(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        _cleanup_strv_free_ char **names = NULL;
        const EventRecord event = event_sample(ID_A, 5);
        NotifierRecord n = {
                .name = (char *) "room",
                .kind = NOTIFIER_NTFY,
                .target = (char *) "https://ntfy.example.org/lab",
                .events = (char *) "job_failed drive_hot",
                .hosts = (char *) "",
                .severity = SEVERITY_WARNING,
                .added_usec = 1,
        };

        assert_ok(store_notifier_put(s, &n));
        n.name = (char *) "attic";
        assert_ok(store_notifier_put(s, &n));
        assert_ok(store_notifier_list(s, first_name, &names));
        assert(strv_length(names) == 2 && streq(names[0], "attic") && streq(names[1], "room"));

        /* What waits for one that is gone would wait for ever. */
        assert_ok(store_event_add(s, &event, both));
        assert(store_notifier_del(s, "room") == 1 && store_notifier_del(s, "room") == 0);
        assert(count(s, "room", _DELIVERY_STATE_INVALID) == 0);
        assert(count(s, NULL, _DELIVERY_STATE_INVALID) == 1);

        n.name = (char *) "Not A Name";
        assert_error(-EINVAL, store_notifier_put(s, &n));
        n.name = (char *) "attic";
        n.target = (char *) "";
        assert_error(-EINVAL, store_notifier_put(s, &n));
}

static void test_events(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        EventRecord event = event_sample(ID_A, 100), read = {};
        uint32_t n = 99;

        assert_ok(store_event_add(s, &event, NULL));
        assert(store_event_get(s, ID_A, &read) == 0);
        assert_ok(store_event_add(s, &event, both));
        assert(store_event_get(s, ID_A, &read) == 1);
        assert(streq(read.kind, "job_failed") && streq(read.body, event.body) && read.time_usec == 100);
        event_record_done(&read);
        assert(count(s, NULL, DELIVERY_PENDING) == 2);

        /* Once for each of them, whatever is stored again. */
        assert_error(-EEXIST, store_event_add(s, &event, mail));
        assert(count(s, NULL, DELIVERY_PENDING) == 2);

        event.id = (char *) "short";
        assert_error(-EINVAL, store_event_add(s, &event, mail));
        event.id = (char *) ID_B;
        event.body = (char *) "";
        assert_error(-EINVAL, store_event_add(s, &event, mail));
        assert_ok(store_event_trim(s, UINT64_MAX, 10, &n));
        assert(n == 0);

        /* The report of a busy day is as long as a notifier can take it. */
        event.body = malloc(NOTIFY_PACKET_MAX + 1);
        assert(event.body);
        memset(event.body, 'x', NOTIFY_PACKET_MAX);
        event.body[NOTIFY_PACKET_MAX] = '\0';
        assert_ok(store_event_add(s, &event, mail));
        assert(store_event_get(s, ID_B, &read) == 1 && streq(read.body, event.body));
        event_record_done(&read);
        free(event.body);
}

/* An event is there with the change that it tells of, or neither is. */
static void test_transaction(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        const EventRecord event = event_sample(ID_A, 100);
        EventRecord read = {};

        assert_ok(store_begin(s));
        assert_ok(store_setting_put(s, &(SettingRecord){ (char *) "slow_fails", (char *) "no" }));
        assert_ok(store_event_add(s, &event, both));
        store_rollback(s);
        assert(store_event_get(s, ID_A, &read) == 0 && count(s, NULL, _DELIVERY_STATE_INVALID) == 0);

        /* One that is refused takes the change with it. */
        assert_ok(store_event_add(s, &event, mail));
        assert_ok(store_begin(s));
        assert_ok(store_setting_put(s, &(SettingRecord){ (char *) "slow_fails", (char *) "no" }));
        assert_error(-EEXIST, store_event_add(s, &event, mail));
        assert_error(-EEXIST, store_commit(s));
        store_rollback(s);
        assert(query(s, "SELECT count(*) FROM settings") == 0);
        assert_sound(s);
}

static void test_deliveries(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        const EventRecord early = event_sample(ID_B, 100), late = event_sample(ID_A, 200);
        DeliveryRecord d = {}, other = {};
        uint32_t n = 0;

        assert(store_delivery_next(s, "mail", &d) == 0);
        assert_ok(store_event_add(s, &late, both));
        assert_ok(store_event_add(s, &early, mail));

        /* The one whose time comes first, not the one that was stored first. */
        assert(store_delivery_next(s, "mail", &d) == 1);
        assert(streq(d.event, ID_B) && d.state == DELIVERY_PENDING && d.attempts == 0 && d.next_usec == 100);
        assert(store_delivery_next(s, "room", &other) == 1 && streq(other.event, ID_A));
        delivery_record_done(&other);

        d.attempts = 3;
        d.next_usec = 500;
        assert_ok(free_and_strdup(&d.error, "refused"));
        assert_ok(store_delivery_put(s, &d));
        assert(store_delivery_next(s, "mail", &other) == 1 && streq(other.event, ID_A));
        delivery_record_done(&other);

        d.state = DELIVERY_DEAD;
        assert_ok(store_delivery_put(s, &d));
        assert(count(s, "mail", DELIVERY_DEAD) == 1 && count(s, "mail", DELIVERY_PENDING) == 1);
        assert(count(s, NULL, DELIVERY_PENDING) == 2 && count(s, "nobody", DELIVERY_DEAD) == 0);
        assert_ok(store_event_trim(s, 150, 10, &n));
        assert(n == 1 && store_delivery_get(s, d.id, &other) == 0);
        assert_error(-ENOENT, store_delivery_put(s, &d));
        delivery_record_done(&d);
        assert_sound(s);
}

static void test_retry(void)
{
        _cleanup_(scratch_freep) char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        const EventRecord event = event_sample(ID_A, 100);
        const char *const names[] = { "mail", "room" };
        DeliveryRecord d = {};
        uint32_t n = 0;

        assert_ok(store_event_add(s, &event, both));
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert(store_delivery_next(s, names[i], &d) == 1);
                d.state = DELIVERY_DEAD;
                d.attempts = 20;
                assert_ok(store_delivery_put(s, &d));
                delivery_record_done(&d);
        }

        assert_ok(store_delivery_retry(s, "room", 700, &n));
        assert(n == 1 && store_delivery_next(s, "mail", &d) == 0);
        assert(store_delivery_next(s, "room", &d) == 1);
        assert(d.attempts == 0 && d.queued_usec == 700 && d.next_usec == 700);
        delivery_record_done(&d);
        assert_ok(store_delivery_retry(s, NULL, 800, &n));
        assert(n == 1 && store_delivery_next(s, "mail", &d) == 1 && d.queued_usec == 800);

        /* What was delivered is not sent again. */
        d.state = DELIVERY_DELIVERED;
        assert_ok(store_delivery_put(s, &d));
        delivery_record_done(&d);
        assert_ok(store_delivery_retry(s, NULL, 900, &n));
        assert(n == 0);
        assert_ok(store_delivery_retry(s, "mail", 900, &n));
        assert(n == 0 && count(s, "mail", DELIVERY_DELIVERED) == 1);
}

int main(void)
{
        test_notifiers();
        test_events();
        test_transaction();
        test_deliveries();
        test_retry();
        return 0;
}
