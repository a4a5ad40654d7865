/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <utlist.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/worker-proto.h"
#include "truenas/truenas.h"

#define API "/api/v2.0/"
/* Both dialects' jobs by one question. */
#define JOBS "core/get_jobs?state=RUNNING&method__regex=smart.test"

typedef struct Question Question;
typedef void (*answer_t)(Question *q, TruenasError e, const char *reason, const HttpAnswer *a);

/* What was asked of us: a chain of calls, one at a time, each with its attempts. */
struct Question {
        Truenas *truenas; /* weak */
        uint64_t deadline_usec, pause_usec;
        HttpCall *call;
        sd_event_source *retry;
        char *method, *path, *body;
        bool once; /* must not be sent twice */
        unsigned attempt;
        answer_t answer;

        char *kname, *identifier;
        SelfTestKind kind;
        bool identities; /* nothing else of the drives */
        bool other;      /* asked in the other dialect, because the first one had no such route */
        TruenasFacts facts;
        TruenasTests tests;
        union {
                truenas_facts_t facts;
                truenas_self_test_t self_test;
                truenas_ended_t ended;
        } done;
        void *userdata;
        Question *prev, *next;
};

struct Truenas {
        sd_event *event;
        HttpClient *http;
        char *url, *key, *pin;
        bool verify;
        uint64_t timeout_usec;
        char **boot_pools;
        bool no_temperatures;
        Question *questions;
};

static const char *const error_names[_TRUENAS_ERROR_MAX] = {
        [TRUENAS_OK] = "ok",
        [TRUENAS_UNREACHABLE] = POLL_ERROR_UNREACHABLE,
        [TRUENAS_TLS] = POLL_ERROR_TLS,
        [TRUENAS_AUTH] = POLL_ERROR_AUTHENTICATION,
        [TRUENAS_TIMEOUT] = POLL_ERROR_TIMEOUT,
        [TRUENAS_GARBAGE] = POLL_ERROR_GARBAGE,
        [TRUENAS_NO_SMART] = POLL_API_NO_SMART,
        [TRUENAS_NO_API] = POLL_ERROR_NO_API,
        [TRUENAS_REFUSED] = POLL_ERROR_REMOTE,
};

const char *truenas_error_to_string(TruenasError e)
{
        return (int) e >= 0 && e < _TRUENAS_ERROR_MAX ? error_names[e] : NULL;
}

void truenas_facts_done(TruenasFacts *f)
{
        free(f->os);
        truenas_disks_done(&f->disks);
        *f = (TruenasFacts){ 0 };
}

static Question *question_free(Question *q)
{
        if (!q)
                return NULL;

        if (q->truenas)
                DL_DELETE(q->truenas->questions, q);
        http_call_free(q->call);
        sd_event_source_disable_unref(q->retry);
        free(q->method);
        free(q->path);
        free(q->body);
        free(q->kname);
        free(q->identifier);
        truenas_facts_done(&q->facts);
        truenas_tests_done(&q->tests);
        free(q);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Question *, question_free);

static Question *question_new(Truenas *t, const char *kname, void *userdata)
{
        _cleanup_(question_freep) Question *q = new0(Question, 1);

        if (!q || free_and_strdup(&q->kname, kname) < 0)
                return NULL;
        q->deadline_usec = now_usec(CLOCK_MONOTONIC) + t->timeout_usec;
        q->userdata = userdata;
        q->truenas = t;
        DL_APPEND(t->questions, q);
        return TAKE_PTR(q);
}

static int question_send(Question *q);

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata)
{
        Question *q = userdata;

        if (question_send(q) < 0)
                q->answer(q, TRUENAS_UNREACHABLE, "it could not be asked", NULL);
        return 0;
}

/* Sent again only where it does no harm: a start that may have been heard is not. */
static bool question_may_repeat(const Question *q, const HttpAnswer *a)
{
        if (a->error == HTTP_UNREACHABLE)
                return true;
        if (a->error == HTTP_OK && (a->status == 429 || a->status == 503))
                return true;
        if (q->once)
                return false;

        return a->error == HTTP_LOST || (a->error == HTTP_OK && a->status >= 500);
}

/* Whether it will be. */
static bool question_repeat(Question *q, const HttpAnswer *a)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), wish = MIN(a->retry_after_usec, TRUENAS_RETRY_AFTER_MAX),
                 pause = MAX(q->pause_usec, wish);

        if (q->attempt >= TRUENAS_ATTEMPTS || !question_may_repeat(q, a) || now + pause >= q->deadline_usec)
                return false;

        q->pause_usec *= 2;
        q->retry = sd_event_source_disable_unref(q->retry);
        return sd_event_add_time_relative(q->truenas->event, &q->retry, CLOCK_MONOTONIC, pause,
                                          USEC_PER_MSEC, on_retry, q) >= 0;
}

static TruenasError error_of_http(HttpError e)
{
        switch (e) {
        case HTTP_TLS:
                return TRUENAS_TLS;
        case HTTP_TIMEOUT:
                return TRUENAS_TIMEOUT;
        case HTTP_TOO_MUCH:
                return TRUENAS_GARBAGE;
        case HTTP_OK:
        case HTTP_UNREACHABLE:
        case HTTP_LOST:
        default:
                return TRUENAS_UNREACHABLE;
        }
}

/* Every call's end that is not tried again. */
static void question_answer(Question *q, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL, *reason = NULL;
        TruenasError e = TRUENAS_OK;

        if (a->error != HTTP_OK) {
                e = error_of_http(a->error);
                reason = strdup(a->reason);
        } else if (a->status == 401 || a->status == 403) {
                e = TRUENAS_AUTH;
                reason = strf("TrueNAS refuses the API key (status %u)", a->status);
        } else if (a->status < 200 || a->status > 299) {
                e = a->status >= 500 || a->status == 429 ? TRUENAS_UNREACHABLE : TRUENAS_REFUSED;
                words = truenas_error_words(a->body, a->size);
                reason = strf("%s answers with status %u%s%s", q->path, a->status,
                              isempty(words) ? "" : ": ", strempty(words));
        } else if (!a->json) {
                e = TRUENAS_GARBAGE;
                reason = strf("%s answers with something that is not JSON: is this TrueNAS?", q->path);
        }
        q->answer(q, e, strempty(reason), a);
}

static void on_http(const HttpAnswer *a, void *userdata)
{
        Question *q = userdata;

        q->call = NULL; /* it frees itself */
        if (!question_repeat(q, a))
                question_answer(q, a);
}

static int question_send(Question *q)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        _cleanup_free_ char *url = strf("%s" API "%s", q->truenas->url, q->path);
        Truenas *t = q->truenas;

        if (!url)
                return -ENOMEM;
        if (now >= q->deadline_usec)
                return -ETIME;
        q->attempt++;
        return http_call(t->http,
                         &(HttpRequest){
                                         .method = q->method,
                                         .url = url,
                                         .body = q->body,
                                         .key = t->key,
                                         .pin = t->pin,
                                         .verify = t->verify,
                                         .timeout_usec = q->deadline_usec - now,
                         },
                         on_http, q, &q->call);
}

static int question_ask(Question *q, bool once, const char *method, const char *path, const char *body,
                        answer_t answer)
{
        if (free_and_strdup(&q->method, method) < 0 || free_and_strdup(&q->path, path) < 0 ||
            free_and_strdup(&q->body, body) < 0)
                return -ENOMEM;
        q->once = once;
        q->answer = answer;
        q->attempt = 0;
        q->pause_usec = TRUENAS_RETRY_MIN;
        return question_send(q);
}

/* As above, where a failure is the question's. */
static void question_go_on(Question *q, bool once, const char *method, const char *path, const char *body,
                           answer_t answer)
{
        int r = path ? question_ask(q, once, method, path, body, answer) : -ENOMEM;

        if (r < 0)
                answer(q, r == -ETIME ? TRUENAS_TIMEOUT : TRUENAS_UNREACHABLE,
                       r == -ETIME ? "there was no time left to ask for everything"
                                   : "it could not be asked",
                       NULL);
}

static bool no_such_route(TruenasError e, const HttpAnswer *a)
{
        return e == TRUENAS_REFUSED && a && (a->status == 404 || a->status == 405);
}

static const char *makes_no_sense(Question *q, char **buffer)
{
        *buffer = strf("what %s answers makes no sense", q->path);
        return strempty(*buffer);
}

int truenas_new(sd_event *event, HttpClient *http, const TruenasTarget *target, Truenas **ret)
{
        _cleanup_(truenas_freep) Truenas *t = new0(Truenas, 1);

        if (!t)
                return -ENOMEM;
        t->event = sd_event_ref(event);
        t->http = http;
        t->verify = target->verify;
        t->timeout_usec = target->timeout_usec;
        if (free_and_strdup(&t->url, target->url) < 0 || free_and_strdup(&t->key, target->key) < 0 ||
            free_and_strdup(&t->pin, target->pin) < 0)
                return -ENOMEM;
        STRV_FOREACH(pool, target->boot_pools) {
                if (strv_extend(&t->boot_pools, *pool) < 0)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(t);
        return 0;
}

int truenas_clone(const Truenas *t, Truenas **ret)
{
        return truenas_new(t->event, t->http,
                           &(TruenasTarget){
                                           .url = t->url,
                                           .key = t->key,
                                           .pin = t->pin,
                                           .verify = t->verify,
                                           .timeout_usec = t->timeout_usec,
                                           .boot_pools = t->boot_pools,
                           },
                           ret);
}

Truenas *truenas_free(Truenas *t)
{
        if (!t)
                return NULL;

        while (t->questions)
                question_free(t->questions);
        erase_and_freep(&t->key);
        free(t->url);
        free(t->pin);
        strv_free(t->boot_pools);
        sd_event_unref(t->event);
        free(t);
        return NULL;
}

/* --- the drives --- */

/* The question is gone before its answer is told: who is told may free us. */
static void facts_end(Question *q, TruenasError e, const char *reason)
{
        TruenasFacts facts = q->facts;
        truenas_facts_t done = q->done.facts;
        void *userdata = q->userdata;
        _cleanup_free_ char *words = strdup(reason);

        q->facts = (TruenasFacts){ 0 };
        question_free(q);
        done(e, strempty(words), e == TRUENAS_OK ? &facts : NULL, userdata);
        truenas_facts_done(&facts);
}

static void on_temperatures(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        /* Nice to have: what is wrong with them is no reason to hide the drives. */
        if (e == TRUENAS_OK)
                (void) truenas_parse_temperatures(a->body, a->size, &q->facts.disks);
        else if (e == TRUENAS_REFUSED)
                q->truenas->no_temperatures = true;
        facts_end(q, TRUENAS_OK, "");
}

static void on_pools(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL;

        if (e == TRUENAS_OK &&
            truenas_parse_pools(a->body, a->size, q->truenas->boot_pools, &q->facts.disks) < 0) {
                e = TRUENAS_GARBAGE;
                reason = makes_no_sense(q, &words);
        }
        if (e != TRUENAS_OK || q->truenas->no_temperatures)
                facts_end(q, e, reason);
        else
                question_go_on(q, false, "POST", "disk/temperatures", "{\"names\": []}", on_temperatures);
}

static void on_disks(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL;

        if (e == TRUENAS_OK &&
            truenas_parse_disks(a->body, a->size, q->truenas->boot_pools, &q->facts.disks) < 0) {
                e = TRUENAS_GARBAGE;
                reason = makes_no_sense(q, &words);
        }
        if (e != TRUENAS_OK || q->identities)
                facts_end(q, e, reason);
        else
                question_go_on(q, false, "GET", "pool", NULL, on_pools);
}

static void on_version(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL;
        unsigned major = 0, minor = 0;

        if (no_such_route(e, a)) {
                facts_end(q, TRUENAS_NO_API, "it has no REST API, as TrueNAS 26 and later");
                return;
        }
        if (e == TRUENAS_OK && truenas_parse_version(a->body, a->size, &q->facts.os, &major, &minor) < 0) {
                e = TRUENAS_GARBAGE;
                reason = makes_no_sense(q, &words);
        }
        if (e != TRUENAS_OK) {
                facts_end(q, e, reason);
                return;
        }
        q->facts.has_smart = major < 25 || (major == 25 && minor < 10);
        question_go_on(q, false, "GET", "disk?extra.pools=true", NULL, on_disks);
}

int truenas_list_identities(Truenas *t, truenas_facts_t done, void *userdata)
{
        _cleanup_(question_freep) Question *q = question_new(t, NULL, userdata);
        int r;

        if (!q)
                return -ENOMEM;
        q->done.facts = done;
        q->identities = true;
        r = question_ask(q, false, "GET", "disk", NULL, on_disks);
        if (r < 0)
                return r;

        TAKE_PTR(q);
        return 0;
}

int truenas_list_disks(Truenas *t, truenas_facts_t done, void *userdata)
{
        _cleanup_(question_freep) Question *q = question_new(t, NULL, userdata);
        int r;

        if (!q)
                return -ENOMEM;
        q->done.facts = done;
        r = question_ask(q, false, "GET", "system/version", NULL, on_version);
        if (r < 0)
                return r;

        TAKE_PTR(q);
        return 0;
}

/* --- self-tests --- */

static void ended_end(Question *q, TruenasError e, const char *reason)
{
        _cleanup_free_ char *words = strdup(reason);
        truenas_ended_t done = q->done.ended;
        void *userdata = q->userdata;

        question_free(q);
        done(e, strempty(words), userdata);
}

static const char *kind_word(SelfTestKind kind)
{
        return kind == SELF_TEST_KIND_LONG ? "LONG" : "SHORT";
}

/* The body of a start in one of the dialects. */
static char *start_body(const Question *q)
{
        _cleanup_json_ struct json_object *list = json_object_new_array(), *o = json_object_new_object();
        struct json_object *whole;
        bool other = q->other;

        if (!list || !o || json_put_string(o, "type", kind_word(q->kind)) < 0)
                return NULL;
        if (other) {
                if (json_object_array_add(list, json_object_new_string(q->kname)) < 0 ||
                    json_put(o, "disks", TAKE_PTR(list)) < 0)
                        return NULL;
                whole = o;
        } else {
                if (json_put_string(o, "identifier", q->identifier) < 0 ||
                    json_object_array_add(list, json_object_get(o)) < 0)
                        return NULL;
                whole = list;
        }

        return strdup(json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN));
}

static void on_started(Question *q, TruenasError e, const char *reason, const HttpAnswer *a);

static int ask_start(Question *q)
{
        _cleanup_free_ char *body = start_body(q);

        if (!body)
                return -ENOMEM;
        return question_ask(q, true, "POST", q->other ? "smart/test" : "smart/test/manual_test", body,
                            on_started);
}

static void on_started(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL;
        uint64_t job = 0;
        int r;

        if (no_such_route(e, a)) {
                if (!q->other) {
                        q->other = true;
                        if (ask_start(q) >= 0)
                                return;
                }
                e = TRUENAS_NO_SMART;
                reason = "its API has no SMART calls, as TrueNAS 25.10 and later";
        }

        if (e == TRUENAS_OK) {
                r = truenas_parse_started(a->body, a->size, q->kname, &job, &words);
                if (r == 0) {
                        e = TRUENAS_REFUSED;
                        reason = words;
                } else if (r < 0) {
                        e = TRUENAS_GARBAGE;
                        reason = makes_no_sense(q, &words);
                }
        }
        ended_end(q, e, reason);
}

int truenas_start_self_test(Truenas *t, const char *kname, const char *identifier, SelfTestKind kind,
                            truenas_ended_t done, void *userdata)
{
        _cleanup_(question_freep) Question *q = NULL;
        int r;

        if (!kname_is_valid(kname) || isempty(identifier) ||
            (kind != SELF_TEST_KIND_SHORT && kind != SELF_TEST_KIND_LONG))
                return -EINVAL;
        q = question_new(t, kname, userdata);
        if (!q || free_and_strdup(&q->identifier, identifier) < 0)
                return -ENOMEM;
        q->kind = kind;
        q->done.ended = done;
        r = ask_start(q);
        if (r < 0)
                return r;

        TAKE_PTR(q);
        return 0;
}

static void self_test_end(Question *q, TruenasError e, const char *reason, SelfTestReading *reading)
{
        _cleanup_free_ char *words = strdup(reason);
        truenas_self_test_t done = q->done.self_test;
        void *userdata = q->userdata;

        question_free(q);
        done(e, strempty(words), reading, userdata);
}

static void on_results(Question *q, TruenasError e, const char *reason, const HttpAnswer *a);

static int ask_results(Question *q)
{
        _cleanup_free_ char *path = strf("smart/test/results%s%s", q->other ? "/" : "?disk=", q->kname);

        return path ? question_ask(q, false, "GET", path, NULL, on_results) : -ENOMEM;
}

static void on_results(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { .percent = -1 };
        _cleanup_free_ char *words = NULL;
        const TruenasTest *running;

        if (no_such_route(e, a)) {
                if (!q->other) {
                        q->other = true;
                        if (ask_results(q) >= 0)
                                return;
                }
                e = TRUENAS_NO_SMART;
                reason = "its API has no SMART calls, as TrueNAS 25.10 and later";
        }
        if (e == TRUENAS_OK && truenas_parse_results(a->body, a->size, q->kname, &reading) < 0) {
                e = TRUENAS_GARBAGE;
                reason = makes_no_sense(q, &words);
        }
        if (e != TRUENAS_OK) {
                self_test_end(q, e, reason, NULL);
                return;
        }

        running = truenas_find_test(&q->tests, q->kname);
        if (running) {
                reading.activity = SELF_TEST_ACTIVITY_RUNNING;
                reading.running = running->kind;
                if (running->percent >= 0)
                        reading.percent = running->percent;
        } else if (reading.activity == SELF_TEST_ACTIVITY_UNKNOWN)
                reading.activity = SELF_TEST_ACTIVITY_IDLE;
        self_test_end(q, TRUENAS_OK, "", &reading);
}

static TruenasError take_jobs(Question *q, TruenasError e, const char **reason, const HttpAnswer *a,
                              char **words)
{
        if (e != TRUENAS_OK || truenas_parse_tests(a->body, a->size, &q->tests) >= 0)
                return e;

        *reason = makes_no_sense(q, words);
        return TRUENAS_GARBAGE;
}

/* Nothing is answered before the caller is back in the event loop: what is to be told then can still be noted. */
static int ask_for_jobs(Truenas *t, const char *kname, answer_t answer, void *userdata, Question **ret)
{
        _cleanup_(question_freep) Question *q = NULL;
        int r;

        if (!kname_is_valid(kname))
                return -EINVAL;
        q = question_new(t, kname, userdata);
        if (!q)
                return -ENOMEM;
        r = question_ask(q, false, "GET", JOBS, NULL, answer);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(q);
        return 0;
}

/* The jobs before the results: a test that ends between the two is seen as ended a moment later, and never as idle without its
 * result. */
static void on_jobs_to_read(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL;

        e = take_jobs(q, e, &reason, a, &words);
        if (e == TRUENAS_OK) {
                if (ask_results(q) >= 0)
                        return;
                e = TRUENAS_TIMEOUT;
                reason = "there was no time left to ask for everything";
        }
        self_test_end(q, e, reason, NULL);
}

int truenas_read_self_test(Truenas *t, const char *kname, truenas_self_test_t done, void *userdata)
{
        Question *q;
        int r;

        r = ask_for_jobs(t, kname, on_jobs_to_read, userdata, &q);
        if (r < 0)
                return r;

        q->done.self_test = done;
        return 0;
}

static void on_aborted(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        ended_end(q, e, reason);
}

static void on_jobs_to_abort(Question *q, TruenasError e, const char *reason, const HttpAnswer *a)
{
        _cleanup_free_ char *words = NULL, *body = NULL;
        const TruenasTest *running;

        e = take_jobs(q, e, &reason, a, &words);
        running = e == TRUENAS_OK ? truenas_find_test(&q->tests, q->kname) : NULL;
        if (!running) {
                ended_end(q, e, reason);
                return;
        }
        body = strf("%" PRIu64, running->job);
        question_go_on(q, false, "POST", body ? "core/job_abort" : NULL, body, on_aborted);
}

int truenas_abort_self_test(Truenas *t, const char *kname, truenas_ended_t done, void *userdata)
{
        Question *q;
        int r;

        r = ask_for_jobs(t, kname, on_jobs_to_abort, userdata, &q);
        if (r < 0)
                return r;

        q->done.ended = done;
        return 0;
}
