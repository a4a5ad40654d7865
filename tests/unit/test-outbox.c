/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/strv.h"
#include "daemon/notifier.h"
#include "daemon/outbox.h"
#include "store-sample.h"

/* The outbox between the store and who delivers, which this test stands in for: what is asked when, and what becomes of the answers. */

typedef struct Fixture {
        char *dir, *socket;
        Manager manager;
        int listener;
} Fixture;

static void set(Manager *m, const char *name, const char *value)
{
        assert_ok(setting_set(&m->settings, setting_find(name), value));
}

static void listen_at(Fixture *f)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        (void) snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->socket);
        (void) unlink(f->socket);
        f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(f->listener >= 0 && bind(f->listener, (const struct sockaddr *) &a, sizeof(a)) == 0 &&
               listen(f->listener, 8) == 0);
}

static void start(Fixture *f)
{
        Manager *m = &f->manager;

        m->store = store_in(f->dir);
        assert_ok(sd_event_new(&m->event));
        assert_ok(events_start(m));
        assert_ok(notifiers_start(m));
        assert_ok(outbox_new(m, f->socket));
}

static void stop(Fixture *f)
{
        Manager *m = &f->manager;

        events_done(m);
        m->outbox = outbox_free(m->outbox);
        notifiers_done(m);
        m->event = sd_event_unref(m->event);
        m->store = store_close(m->store);
}

static Manager *fixture_new(Fixture *f)
{
        *f = (Fixture){ .dir = scratch_new() };
        f->socket = strf("%s/socket", f->dir);
        assert(f->socket);
        listen_at(f);
        assert_ok(settings_load("/nonexistent", "/nonexistent", &f->manager.settings));
        set(&f->manager, "smtp_host", "mail.example.org");
        set(&f->manager, "smtp_to", "a@example.org");
        set(&f->manager, "webhook_url", "https://hooks.example.org/x");
        start(f);
        return &f->manager;
}

static void fixture_done(Fixture *f)
{
        stop(f);
        safe_close(f->listener);
        settings_done(&f->manager.settings);
        free(f->socket);
        scratch_free(f->dir);
}

/* Until nothing is left to do but to wait. */
static void turn(Manager *m)
{
        while (sd_event_run(m->event, 0) > 0)
                ;
}

static void add(Manager *m, EventKind kind)
{
        JobRecord job = job_sample();

        job.id = 42;
        assert_ok(event_add_job(m, kind, &job, "It has ended."));
        turn(m);
}

/* What is asked now; -1: nothing. */
static int accept_request(Fixture *f, NotifyRequest *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        static char packet[NOTIFY_PACKET_MAX];
        ssize_t n;
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
                return -1;
        n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        assert(n > 0 && json_parse(packet, (size_t) n, &o) == 0);
        assert_ok(notify_request_from_json(o, ret));
        return fd;
}

static void reply(Fixture *f, int fd, const char *text)
{
        assert(!text || send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t) strlen(text));
        safe_close(fd);
        turn(&f->manager);
}

static int take_row(DeliveryRecord *r, void *userdata)
{
        DeliveryRecord *d = userdata;

        delivery_record_done(d);
        *d = *r;
        *r = (DeliveryRecord){};
        return 0;
}

static uint64_t count(Manager *m, const char *notifier, DeliveryState state, DeliveryRecord *ret)
{
        DeliveryRecord d = {};
        uint64_t total = 0;

        assert_ok(store_delivery_list(m->store, &(DeliveryFilter){ .notifier = notifier, .state = state },
                                      take_row, ret ?: &d, &total));
        delivery_record_done(&d);
        return total;
}

/* What the settings make of the two that are always there. */
static void test_filter(void)
{
        Fixture f;
        Manager *m = fixture_new(&f);
        Notifier *mail = notifier_find(m, "mail"), *webhook = notifier_find(m, "webhook");

        assert(mail && webhook && mail->built_in && !notifier_find(m, "other"));
        set(m, "webhook_url", "");
        set(m, "smtp_to", "");
        assert(!notifier_is_enabled(mail) && !notifier_is_enabled(webhook));
        for (EventKind k = 0; k < _EVENT_KIND_MAX; k++) {
                _cleanup_strv_free_ char **names = NULL;

                assert_ok(notifiers_taking(m, k, "nas1", &names));
                assert(!names);
        }

        set(m, "smtp_to", "a@example.org");
        assert(notifier_takes(mail, EVENT_JOB_FAILED, "nas1") &&
               notifier_takes(mail, EVENT_JOB_STALLED, "nas1") &&
               notifier_takes(mail, EVENT_JOB_INCONCLUSIVE, "nas1") &&
               notifier_takes(mail, EVENT_BACKUP_FAILED, "") &&
               !notifier_takes(mail, EVENT_JOB_PASSED, "nas1") &&
               !notifier_takes(mail, EVENT_JOB_STARTED, "nas1"));
        set(m, "smtp_alert_on_fail", "no");
        set(m, "smtp_alert_on_pass", "yes");
        assert(!notifier_takes(mail, EVENT_JOB_FAILED, "nas1") &&
               !notifier_takes(mail, EVENT_BACKUP_FAILED, "") &&
               notifier_takes(mail, EVENT_JOB_PASSED, "nas1"));
        assert(notifier_takes(mail, EVENT_DAILY_REPORT, ""));
        set(m, "smtp_report_hour", "24");
        assert(!notifier_takes(mail, EVENT_DAILY_REPORT, ""));

        set(m, "webhook_url", "https://x.example.org/");
        for (EventKind k = 0; k < _EVENT_KIND_MAX; k++)
                assert(notifier_takes(webhook, k, "nas1") == (k != EVENT_DAILY_REPORT));
        fixture_done(&f);
}

static void put(Manager *m, const char *name, NotifierKind kind, bool enabled, const char *target,
                const char *events, const char *hosts, Severity severity)
{
        assert_ok(store_notifier_put(m->store, &(NotifierRecord){
                                                               .name = (char *) name,
                                                               .kind = kind,
                                                               .enabled = enabled,
                                                               .target = (char *) target,
                                                               .events = (char *) events,
                                                               .hosts = (char *) hosts,
                                                               .severity = severity,
                                                               .added_usec = 1,
                                               }));
}

/* Those that people have made are there again after a restart, each with its filter. */
static void test_stored(void)
{
        NotifyRequest request = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        Notifier *n;

        put(m, "by-event", NOTIFIER_MAIL, true, "b@example.org c@example.org", "host_lost job_failed", "",
            SEVERITY_INFO);
        put(m, "by-host", NOTIFIER_MAIL, true, "b@example.org", "", "nas1 nas2", SEVERITY_INFO);
        put(m, "by-report", NOTIFIER_MAIL, true, "b@example.org", "daily_report", "nas1", SEVERITY_INFO);
        put(m, "by-severity", NOTIFIER_MAIL, true, "b@example.org", "", "", SEVERITY_ERROR);
        put(m, "off", NOTIFIER_MAIL, false, "b@example.org", "", "", SEVERITY_INFO);
        put(m, "no-url", NOTIFIER_NTFY, true, "https://ntfy.example.org", "", "", SEVERITY_INFO);
        stop(&f);
        start(&f);

        n = notifier_find(m, "by-event");
        assert(n && notifier_takes(n, EVENT_HOST_LOST, "nas9") && notifier_takes(n, EVENT_JOB_FAILED, "") &&
               !notifier_takes(n, EVENT_JOB_PASSED, "nas9"));
        assert_ok(notifier_request(n, "site1", "{\"event\":\"host_lost\"}", &request));
        assert(request.kind == NOTIFIER_MAIL && !request.test && request.event &&
               strv_length(request.smtp_to) == 2 && streq(request.smtp_to[1], "c@example.org") &&
               streq(request.smtp_host, "mail.example.org"));
        notify_request_done(&request);
        assert_ok(notifier_request(n, "site1", NULL, &request));
        assert(request.test && !request.event);
        notify_request_done(&request);

        n = notifier_find(m, "by-report");
        assert(n && notifier_takes(n, EVENT_DAILY_REPORT, "") &&
               !notifier_takes(n, EVENT_JOB_FAILED, "nas1"));
        n = notifier_find(m, "by-host");
        assert(n && notifier_takes(n, EVENT_JOB_PASSED, "nas2") &&
               !notifier_takes(n, EVENT_JOB_PASSED, "nas") && !notifier_takes(n, EVENT_JOB_PASSED, "") &&
               !notifier_takes(n, EVENT_DAILY_REPORT, ""));
        n = notifier_find(m, "by-severity");
        assert(n && notifier_takes(n, EVENT_JOB_FAILED, "nas1") &&
               !notifier_takes(n, EVENT_HOST_LOST, "nas1"));
        n = notifier_find(m, "off");
        assert(n && notifier_is_set_up(n) && !notifier_takes(n, EVENT_JOB_FAILED, "nas1"));
        /* All of mail goes by the one server. */
        set(m, "smtp_host", "");
        assert(!notifier_is_set_up(n) && !notifier_is_enabled(notifier_find(m, "by-host")));

        n = notifier_find(m, "no-url");
        assert(n && notifier_takes(n, EVENT_JOB_FAILED, "nas1"));
        assert(notifier_request(n, "site1", NULL, &request) == -ENOKEY);
        fixture_done(&f);
}

/* What waits is seen where it waits; with its notifier it goes, also while it is under way. */
static void test_removed(void)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        NotifyRequest request = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        int fd;

        set(m, "webhook_url", "");
        put(m, "extra", NOTIFIER_MAIL, true, "b@example.org", "", "", SEVERITY_INFO);
        stop(&f);
        start(&f);
        add(m, EVENT_HOST_LOST);
        fd = accept_request(&f, &request);
        assert(fd >= 0 && streq(request.smtp_to[0], "b@example.org"));
        assert(count(m, "extra", DELIVERY_PENDING, NULL) == 1);
        assert_ok(notifier_remove(notifier_find(m, "extra"), &error));
        turn(m);
        assert(!notifier_find(m, "extra") && count(m, NULL, DELIVERY_PENDING, NULL) == 0);
        notify_request_done(&request);
        safe_close(fd);
        turn(m);
        assert(notifier_remove(notifier_find(m, "mail"), &error) < 0);
        fixture_done(&f);
}

static void test_shown(void)
{
        static const char *const cases[][2] = {
                { "https://hooks.slack.com/services/T0/B0/secret", "https://hooks.slack.com" },
                { "http://10.0.0.1:8080?token=secret", "http://10.0.0.1:8080" },
                { "https://x.example.org", "https://x.example.org" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *shown = notifier_url_shown(cases[i][0]);

                assert(streq_ptr(shown, cases[i][1]));
        }
}

static void test_delivered(void)
{
        NotifyRequest first = {}, second = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        int a, b;

        /* The webhook is told of all, a mail is sent of what failed: both at once. */
        add(m, EVENT_JOB_FAILED);
        a = accept_request(&f, &first);
        b = accept_request(&f, &second);
        assert(a >= 0 && b >= 0 && first.kind == NOTIFIER_MAIL && second.kind == NOTIFIER_WEBHOOK);
        assert(streq(first.smtp_host, "mail.example.org") && streq(first.smtp_to[0], "a@example.org") &&
               startswith(first.smtp_from, "burnin@") && first.smtp_mode == SMTP_STARTTLS);
        assert(streq(second.url, "https://hooks.example.org/x") &&
               json_object_equal(first.event, second.event));

        /* One at a time for each. */
        add(m, EVENT_JOB_STARTED);
        notify_request_done(&first);
        notify_request_done(&second);
        assert(accept_request(&f, &first) < 0);
        reply(&f, b, "{\"result\":\"taken\"}");
        b = accept_request(&f, &first);
        assert(b >= 0 && first.kind == NOTIFIER_WEBHOOK);
        notify_request_done(&first);
        reply(&f, b, "{\"result\":\"taken\"}");
        reply(&f, a, "{\"result\":\"taken\"}");
        assert(accept_request(&f, &first) < 0);
        assert(count(m, NULL, DELIVERY_DELIVERED, NULL) == 3 && count(m, NULL, DELIVERY_PENDING, NULL) == 0);
        fixture_done(&f);
}

/* Whatever comes instead of an answer, it waits, with the reason. */
static void test_failed(void)
{
        static const struct {
                const char *answer, *error;
        } cases[] = {
                { "{\"result\":\"refused\",\"error\":\"HTTP 404\"}", "HTTP 404" },
                { "{\"result\":\"failed\",\"error\":\"no route\"}", "no route" },
                { "{\"result\":\"failed\"}", "burnin-notify gave no answer" },
                { "nonsense", "burnin-notify gave no answer" },
                { NULL, "burnin-notify gave no answer" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                NotifyRequest request = {};
                DeliveryRecord d = {};
                Fixture f;
                Manager *m = fixture_new(&f);
                int fd;

                add(m, EVENT_HOST_LOST);
                fd = accept_request(&f, &request);
                assert(fd >= 0);
                notify_request_done(&request);
                reply(&f, fd, cases[i].answer);
                assert(count(m, "webhook", DELIVERY_PENDING, &d) == 1);
                assert(d.attempts == 1 && streq(d.error, cases[i].error) && d.next_usec > d.queued_usec);
                assert(accept_request(&f, &request) < 0);
                delivery_record_done(&d);
                fixture_done(&f);
        }
}

/* Nobody there to deliver: it waits as well, and no turn of the loop is lost on it. */
static void test_nobody(void)
{
        DeliveryRecord d = {};
        Fixture f;
        Manager *m = fixture_new(&f);

        safe_close(f.listener);
        f.listener = -EBADF;
        add(m, EVENT_HOST_LOST);
        assert(count(m, "webhook", DELIVERY_PENDING, &d) == 1 && d.attempts == 1);
        assert(startswith(d.error, "burnin-notify cannot be asked ("));
        delivery_record_done(&d);
        fixture_done(&f);
}

/* burnind ends between the question and the answer: it is asked again, the same. */
static void test_restart(void)
{
        NotifyRequest request = {}, again = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        int fd;

        add(m, EVENT_HOST_LOST);
        fd = accept_request(&f, &request);
        assert(fd >= 0);
        stop(&f);
        safe_close(fd);
        start(&f);
        turn(m);
        fd = accept_request(&f, &again);
        assert(fd >= 0 && json_object_equal(request.event, again.event));
        reply(&f, fd, "{\"result\":\"taken\"}");
        assert(count(m, NULL, DELIVERY_DELIVERED, NULL) == 1 && count(m, NULL, DELIVERY_PENDING, NULL) == 0);
        notify_request_done(&request);
        notify_request_done(&again);
        fixture_done(&f);
}

/* A target that is not set up any more is left alone; what waits for it goes once it is again. */
static void test_disabled(void)
{
        NotifyRequest request = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        int fd;

        assert_ok(store_begin(m->store));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &(HostRecord){ .name = (char *) "nas1" }, "lost"));
        set(m, "webhook_url", "");
        assert_ok(store_commit(m->store));
        turn(m);
        assert(accept_request(&f, &request) < 0 && count(m, "webhook", DELIVERY_PENDING, NULL) == 1);
        set(m, "webhook_url", "https://other.example.org/");
        outbox_kick(m);
        turn(m);
        fd = accept_request(&f, &request);
        assert(fd >= 0 && streq(request.url, "https://other.example.org/"));
        notify_request_done(&request);
        reply(&f, fd, "{\"result\":\"taken\"}");
        fixture_done(&f);
}

/* Secrets come from credentials. */
static void test_secret(void)
{
        NotifyRequest request = {};
        Fixture f;
        Manager *m = fixture_new(&f);
        _cleanup_free_ char *path = strf("%s/burnin.webhook-secret", f.dir);
        int fd;

        assert(path && setenv("CREDENTIALS_DIRECTORY", f.dir, true) == 0);
        assert_ok(write_file_atomic(path, "s3cret\n", 7, 0600));
        add(m, EVENT_HOST_LOST);
        fd = accept_request(&f, &request);
        assert(fd >= 0 && streq_ptr(request.secret, "s3cret"));
        notify_request_done(&request);

        assert_ok(write_file_atomic(path, "two\nlines", 9, 0600));
        add(m, EVENT_HOST_BACK);
        reply(&f, fd, "{\"result\":\"taken\"}");
        fd = accept_request(&f, &request);
        assert(fd >= 0 && !request.secret);
        notify_request_done(&request);
        reply(&f, fd, "{\"result\":\"taken\"}");
        assert(unsetenv("CREDENTIALS_DIRECTORY") == 0);
        fixture_done(&f);
}

int main(void)
{
        test_filter();
        test_stored();
        test_removed();
        test_shown();
        test_delivered();
        test_failed();
        test_nobody();
        test_restart();
        test_disabled();
        test_secret();
        return 0;
}
