/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "daemon/event.h"
#include "shared/json-util.h"
#include "store-sample.h"

/* Events: what they say, and that none is told of a change that was not stored. */

typedef struct Fixture {
        char *dir;
        Manager manager;
} Fixture;

static Manager *fixture_new(Fixture *f)
{
        *f = (Fixture){ .dir = scratch_new() };
        f->manager.store = store_in(f->dir);
        assert_ok(sd_event_new(&f->manager.event));
        assert_ok(events_start(&f->manager));
        return &f->manager;
}

static void fixture_done(Fixture *f)
{
        events_done(&f->manager);
        sd_event_unref(f->manager.event);
        store_close(f->manager.store);
        scratch_free(f->dir);
}

static void turn(Manager *m)
{
        while (sd_event_run(m->event, 0) > 0)
                ;
}

static void assert_says(const Event *e, const char *key, const char *value)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *found = NULL;

        assert_ok(json_parse(e->record.body, strlen(e->record.body), &o));
        assert_ok(json_get_string(o, key, &found));
        if (!streq_ptr(found, value))
                fprintf(stderr, "%s: %s instead of %s\n", key, strempty(found), strempty(value));
        assert(streq_ptr(found, value));
}

static void test_table(void)
{
        for (int i = 0; i < _EVENT_KIND_MAX; i++) {
                const char *name = event_kind_to_string((EventKind) i);

                assert(name && event_kind_from_string(name) == (EventKind) i);
                assert(strlen(event_message_id((EventKind) i)) == 32);
                assert(event_severity((EventKind) i) < _SEVERITY_MAX);
        }
        assert(event_kind_from_string("job_exploded") == _EVENT_KIND_INVALID);
        assert(event_kind_from_string(NULL) == _EVENT_KIND_INVALID);
        assert(!event_kind_to_string(_EVENT_KIND_MAX) && !event_kind_to_string(_EVENT_KIND_INVALID));
}

static void test_of_job(void)
{
        assert(event_of_job(JOB_QUEUED, JOB_RUNNING, VERDICT_NONE) == EVENT_JOB_STARTED);
        assert(event_of_job(JOB_QUEUED, JOB_PAUSED, VERDICT_NONE) == EVENT_JOB_PAUSED);
        assert(event_of_job(JOB_RUNNING, JOB_PAUSED, VERDICT_NONE) == EVENT_JOB_PAUSED);
        assert(event_of_job(JOB_PAUSED, JOB_RUNNING, VERDICT_NONE) == EVENT_JOB_RESUMED);
        assert(event_of_job(JOB_PAUSED, JOB_QUEUED, VERDICT_NONE) == EVENT_JOB_RESUMED);
        assert(event_of_job(JOB_RUNNING, JOB_STOPPING, VERDICT_NONE) == _EVENT_KIND_INVALID);
        assert(event_of_job(JOB_RUNNING, JOB_DONE, VERDICT_PASSED) == EVENT_JOB_PASSED);
        assert(event_of_job(JOB_RUNNING, JOB_DONE, VERDICT_FAILED) == EVENT_JOB_FAILED);
        assert(event_of_job(JOB_PAUSED, JOB_DONE, VERDICT_INCONCLUSIVE) == EVENT_JOB_INCONCLUSIVE);
        assert(event_of_job(JOB_STOPPING, JOB_DONE, VERDICT_CANCELLED) == EVENT_JOB_CANCELLED);
}

static void test_body(void)
{
        Fixture f;
        Manager *m = fixture_new(&f);
        JobRecord job = job_sample();
        DriveRecord drive = drive_sample();
        HostRecord host = host_sample();
        const Event *e;

        job.id = 42;
        job.state = JOB_DONE;
        job.verdict = VERDICT_FAILED;
        job.reason = (char *) "3 bad blocks\"\r\nBcc: everybody@example.org";
        assert_ok(event_add_job(m, EVENT_JOB_FAILED, &job, "It has failed."));
        e = m->events_told;
        assert_says(e, "event", "job_failed");
        assert_says(e, "id", e->record.id);
        assert_says(e, "severity", "error");
        assert_says(e, "title", "Failed: ZA1 (ST16000) on nas1");
        assert_says(e, "text", "It has failed.");
        assert_says(e, "host", "nas1");
        assert_says(e, "devname", "sda");
        assert_says(e, "serial", "ZA1");
        assert_says(e, "model", "ST16000");
        assert_says(e, "state", "done");
        assert_says(e, "verdict", "failed");
        assert_says(e, "operator", "alice");
        assert_says(e, "error_text", job.reason);
        assert(strstr(e->record.body, "\"job_id\":42"));
        assert_says(e, "url", NULL);

        m->settings.page_url = (char *) "https://burnin.example.org/x";
        drive.identity.model = NULL;
        drive.id = (char *) "serial-A/B ü?#";
        assert_ok(event_add_drive(m, EVENT_DRIVE_HOT, &drive, "It is hot."));
        e = m->events_told->next;
        assert_says(e, "title", "Too hot: ZA1 on nas1");
        assert_says(e, "drive", drive.id);
        assert_says(e, "url", "https://burnin.example.org/x/drives/serial-A%2FB%20%C3%BC%3F%23");
        assert_says(e, "severity", "warning");

        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "It is lost."));
        e = m->events_told->next->next;
        assert_says(e, "title", "Host lost: nas1");
        assert_says(e, "serial", NULL);
        assert(!streq(e->record.id, m->events_told->record.id));

        assert_ok(event_add_own(m, EVENT_BACKUP_FAILED, "No room. Make some."));
        e = e->next;
        assert_says(e, "event", "backup_failed");
        assert_says(e, "severity", "error");
        assert_says(e, "text", "No room. Make some.");
        assert_says(e, "host", "");
        assert(strstr(e->record.body, "\"title\":\"Backup failed: "));

        m->settings.page_url = (char *) "https://burnin.example.org/";
        assert_ok(event_add_job(m, EVENT_JOB_FAILED, &job, "It has failed."));
        assert_says(e->next, "url", "https://burnin.example.org/history/42");
        fixture_done(&f);
}

static void test_transaction(void)
{
        Fixture f;
        Manager *m = fixture_new(&f);
        const HostRecord host = host_sample();

        /* Told once it is stored, not before. */
        assert_ok(store_begin(m->store));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "lost"));
        turn(m);
        assert(m->events && !m->events_told);
        assert_ok(store_commit(m->store));
        assert(!m->events && m->events_told);
        turn(m);
        assert(!m->events_told);

        /* As many as there are in it, in their order. */
        assert_ok(store_begin(m->store));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "lost"));
        assert_ok(event_add_host(m, EVENT_HOST_BACK, &host, "back"));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "lost again"));
        assert_ok(store_commit(m->store));
        assert(m->events_told && m->events_told->kind == EVENT_HOST_LOST &&
               m->events_told->next->kind == EVENT_HOST_BACK &&
               streq(m->events_told->next->next->text, "lost again"));
        turn(m);
        assert(!m->events_told);

        /* Never, where the change was taken back: by its caller, or since another write in it failed. */
        assert_ok(store_begin(m->store));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "lost"));
        store_rollback(m->store);
        assert(!m->events && !m->events_told);

        assert_ok(store_begin(m->store));
        assert_ok(event_add_host(m, EVENT_HOST_LOST, &host, "lost"));
        assert_error(-EINVAL,
                     store_account_put(m->store, &(AccountRecord){ .name = (char *) "Not A Name" }));
        assert_error(-EINVAL, event_add_host(m, EVENT_HOST_BACK, &host, "back"));
        assert_error(-EINVAL, store_commit(m->store));
        store_rollback(m->store);
        assert(!m->events && !m->events_told);

        assert_ok(event_add_host(m, EVENT_HOST_BACK, &host, "back"));
        assert(!m->events && m->events_told && !m->events_told->next);
        fixture_done(&f);
}

int main(void)
{
        test_table();
        test_of_job();
        test_body();
        test_transaction();
        return 0;
}
