/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/random.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "parse/facts.h"
#include "shared/names.h"
#include "transport/remote-run.h"
#include "worker/poll-drive.h"
#include "worker/poll-host.h"

#define FACTS_OUTPUT_MAX    (16U * 1024U * 1024U)
#define QUESTION_OUTPUT_MAX (64U * 1024U)
#define QUESTION_USEC       (60 * USEC_PER_SEC)
#define HOST_DRIVES_MAX     4096U
#define SMART_PER_CYCLE     8U
#define SMART_WATCHED_USEC  USEC_PER_MINUTE
/* The transport ends each call itself; this is for the day when it does not. */
#define WATCHDOG_MARGIN_USEC (5 * USEC_PER_SEC)
#define BACKOFF_MAX          5U /* intervals between attempts at a host that does not answer */
/* The rest of a host's drives, where there are more than SMART_PER_CYCLE new ones. */
#define SOON_USEC (200 * USEC_PER_MSEC)

struct PollHost {
        sd_event *event;
        char *name;
        const PollConfig *config; /* weak */
        poll_send_t send;
        void (*done)(void *userdata);
        void *userdata;

        HostTarget target;
        char *key;
        Transport *transport;
        bool suspended, freeing, connected, busy;
        bool spread;
        bool whole; /* burnind has had a cycle with every drive of this host in it */
        unsigned failures, hung;
        uint64_t next_usec, started_usec;

        PollDrive **drives;
        size_t n_drives;
        char **watch;
        char *nonce;
        char **smart_asked; /* knames, in the running cycle */
        char *host_key_sent;
        unsigned questions;
};

typedef struct Question {
        PollHost *host; /* weak: its transport ends the call before it goes */
        uint64_t id;
} Question;

static void host_forget_sent(PollHost *h)
{
        h->whole = false;
        h->host_key_sent = (free(h->host_key_sent), NULL);
        for (size_t i = 0; i < h->n_drives; i++) {
                drive_facts_free(h->drives[i]->sent);
                h->drives[i]->sent = NULL;
        }
}

static void host_drop_transport(PollHost *h)
{
        bool freeing = h->freeing;

        /* Its calls end in here; none of them is news. */
        h->freeing = true;
        h->transport = transport_free(h->transport);
        h->freeing = freeing;
        h->connected = h->busy = false;
}

int poll_host_new(sd_event *event, const char *name, const PollConfig *config, poll_send_t send,
                  void (*done)(void *userdata), void *userdata, PollHost **ret)
{
        _cleanup_(poll_host_freep) PollHost *h = NULL;

        h = new0(PollHost, 1);
        if (!h)
                return -ENOMEM;
        *h = (PollHost){
                .event = sd_event_ref(event),
                .name = strdup(name),
                .config = config,
                .send = send,
                .done = done,
                .userdata = userdata,
                .suspended = true,
        };
        if (!h->name)
                return -ENOMEM;

        *ret = TAKE_PTR(h);
        return 0;
}

PollHost *poll_host_free(PollHost *h)
{
        if (!h)
                return NULL;

        host_drop_transport(h);
        host_target_done(&h->target);
        erase_and_freep(&h->key);
        for (size_t i = 0; i < h->n_drives; i++)
                poll_drive_free(h->drives[i]);
        free(h->drives);
        strv_free(h->watch);
        strv_free(h->smart_asked);
        free(h->nonce);
        free(h->host_key_sent);
        free(h->name);
        sd_event_unref(h->event);
        free(h);

        return NULL;
}

const char *poll_host_name(const PollHost *h)
{
        return h->name;
}

static bool target_equal(const HostTarget *a, const HostTarget *b)
{
        return streq_ptr(a->name, b->name) && streq_ptr(a->address, b->address) && a->port == b->port &&
               streq_ptr(a->user, b->user) && streq_ptr(a->host_key, b->host_key) && a->local == b->local;
}

/* Before that nothing runs there. */
static bool target_is_set_up(const HostTarget *t)
{
        return t->local || t->host_key;
}

int poll_host_configure(PollHost *h, HostTarget *target, const char *key)
{
        int r;

        if (!h->transport || !target_equal(&h->target, target) || !streq_ptr(h->key, key)) {
                Transport *t;
                char *k;

                r = transport_new(h->event, target, key, &t);
                if (r < 0)
                        return r;
                k = strdup(key);
                if (!k) {
                        transport_free(t);
                        return -ENOMEM;
                }

                host_drop_transport(h);
                h->transport = t;
                erase_and_freep(&h->key);
                h->key = k;
                host_target_done(&h->target);
                h->target = *target;
                *target = (HostTarget){ 0 };
        }

        host_forget_sent(h);
        h->suspended = false;
        h->failures = 0;
        h->next_usec = 0;
        return 0;
}

void poll_host_suspend(PollHost *h)
{
        h->suspended = true;
}

bool poll_host_is_suspended(const PollHost *h)
{
        return h->suspended;
}

int poll_host_watch(PollHost *h, char *const *knames)
{
        _cleanup_strv_free_ char **l = NULL;
        int r;

        STRV_FOREACH(k, knames) {
                r = strv_extend(&l, *k);
                if (r < 0)
                        return r;
        }

        strv_free(h->watch);
        h->watch = TAKE_PTR(l);
        return 0;
}

void poll_host_refresh(PollHost *h)
{
        h->next_usec = 0;
        h->failures = 0;
        h->host_key_sent = (free(h->host_key_sent), NULL);
        for (size_t i = 0; i < h->n_drives; i++)
                h->drives[i]->again = true;
}

void poll_host_on_config(PollHost *h)
{
        h->next_usec = MIN(h->next_usec, now_usec(CLOCK_MONOTONIC) + h->config->interval_usec);
}

uint64_t poll_host_due(const PollHost *h)
{
        return h->suspended || h->busy || !h->transport ? USEC_INFINITY : h->next_usec;
}

bool poll_host_is_connecting(const PollHost *h)
{
        return h->busy && !h->connected;
}

bool poll_host_must_connect(const PollHost *h)
{
        return !h->connected;
}

uint64_t poll_host_deadline(const PollHost *h)
{
        return h->busy ? h->started_usec + h->config->timeout_usec + WATCHDOG_MARGIN_USEC : USEC_INFINITY;
}

static PollDrive *host_find_drive(const PollHost *h, const char *kname)
{
        for (size_t i = 0; i < h->n_drives; i++)
                if (streq(h->drives[i]->kname, kname))
                        return h->drives[i];

        return NULL;
}

/* The start of a line: NULL when out of memory, which was said. */
static struct json_object *line_new(PollHost *h, const char *op)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "op", op) < 0 || json_put_string(o, "name", h->name) < 0) {
                (void) log_oom();
                return NULL;
        }

        return TAKE_PTR(o);
}

static void send_failure(PollHost *h, const char *error, const char *reason)
{
        _cleanup_json_ struct json_object *o = line_new(h, "cycle");
        _cleanup_free_ char *clean =
                        str_clean(strempty(reason), strlen(strempty(reason)), TEXT_MAX_BYTES, false);

        if (!o || !clean || json_put_bool(o, "ok", false) < 0 || json_put_string(o, "error", error) < 0 ||
            json_put_string(o, "reason", clean) < 0)
                return;

        h->send(TAKE_PTR(o), h->userdata);
}

static bool host_has_new_drives(const PollHost *h)
{
        for (size_t i = 0; i < h->n_drives; i++)
                if (h->drives[i]->seen && h->drives[i]->smart_usec == 0)
                        return true;

        return false;
}

/* Every end of a cycle comes by here. */
static void cycle_end(PollHost *h, bool good)
{
        uint64_t interval = h->config->interval_usec, wait = interval;

        h->busy = false;
        h->failures = good ? 0 : h->failures + 1;
        if (!good)
                wait = interval * MIN(h->failures, BACKOFF_MAX);

        /* From start to start, so that a slow host is not polled less often for being slow. */
        h->next_usec = MAX(h->started_usec + wait, now_usec(CLOCK_MONOTONIC) + interval / 10);
        if (!h->spread) {
                uint32_t share = 0;

                /* All hosts were named at the same moment; they need not be asked at the same moment for ever. */
                h->spread = getrandom(&share, sizeof(share), GRND_NONBLOCK) == sizeof(share);
                h->next_usec = now_usec(CLOCK_MONOTONIC) + wait / 10 + wait * (share % 900) / 1000;
        }
        if (good && host_has_new_drives(h))
                h->next_usec = now_usec(CLOCK_MONOTONIC) + SOON_USEC;
        h->done(h->userdata);
}

/* One of the drives may be what keeps the host from answering: the next cycle asks for none of these. */
static void host_give_up_smart(PollHost *h)
{
        for (size_t i = 0; i < h->n_drives; i++)
                if (strv_contains(h->smart_asked, h->drives[i]->kname))
                        h->drives[i]->smart_usec = now_usec(CLOCK_MONOTONIC);
}

void poll_host_end_hung(PollHost *h)
{
        h->hung++;
        host_give_up_smart(h);
        log_warning("The poll of %s hung (for the %uth time), ended it.", h->name, h->hung);
        host_drop_transport(h);
        if (transport_new(h->event, &h->target, h->key, &h->transport) < 0)
                (void) log_oom();
        send_failure(h, POLL_ERROR_TIMEOUT, "the poll hung");
        cycle_end(h, false);
}

/* Which drives are due for SMART: the new ones first, then those whose reading is oldest. */
static int choose_smart(PollHost *h, uint64_t now, char ***words)
{
        for (unsigned n = 0; n < SMART_PER_CYCLE; n++) {
                PollDrive *oldest = NULL;

                for (size_t i = 0; i < h->n_drives; i++) {
                        PollDrive *d = h->drives[i];
                        uint64_t every = strv_contains(h->watch, d->kname) || poll_drive_runs_self_test(d)
                                                         ? MIN(SMART_WATCHED_USEC,
                                                               h->config->smart_interval_usec)
                                                         : h->config->smart_interval_usec;

                        if (!d->seen || strv_contains(h->smart_asked, d->kname) ||
                            (d->smart_usec > 0 && now - d->smart_usec < every))
                                continue;
                        if (!oldest || d->smart_usec < oldest->smart_usec)
                                oldest = d;
                }
                if (!oldest)
                        break;
                if (strv_extend(&h->smart_asked, oldest->kname) < 0 ||
                    strv_consume(words, strf("smart:%s", oldest->kname)) < 0)
                        return -ENOMEM;
        }

        return 0;
}

static int host_take_drive(PollHost *h, DriveFacts *f, uint64_t now)
{
        _cleanup_(drive_facts_freep) DriveFacts *facts = f;
        PollDrive *d = host_find_drive(h, f->kname);

        if (!d) {
                _cleanup_(poll_drive_freep) PollDrive *n = NULL;
                PollDrive **l;

                if (h->n_drives >= HOST_DRIVES_MAX)
                        return 0;
                n = new0(PollDrive, 1);
                l = reallocarray(h->drives, h->n_drives + 1, sizeof(PollDrive *));
                if (l)
                        h->drives = l;
                if (!n || !l || !(n->kname = strdup(f->kname)))
                        return -ENOMEM;
                d = h->drives[h->n_drives++] = TAKE_PTR(n);
        }

        return poll_drive_update(d, TAKE_PTR(facts), strv_contains(h->smart_asked, d->kname),
                                 strv_contains(h->watch, d->kname), now);
}

/* Drives that are not there any more; those that burnind knows are named. One that has only moved is still to be told of at its new
 * place while there are new drives, so until then nothing is gone. */
static int host_drop_gone(PollHost *h, struct json_object *gone)
{
        size_t k = 0;
        int r = 0;

        if (host_has_new_drives(h))
                return 0;

        for (size_t i = 0; i < h->n_drives; i++) {
                PollDrive *d = h->drives[i];

                if (d->seen) {
                        h->drives[k++] = d;
                        continue;
                }
                if (d->sent && json_object_array_add(gone, json_object_new_string(d->kname)) < 0)
                        r = -ENOMEM;
                poll_drive_free(d);
        }
        h->n_drives = k;

        return r;
}

/* Where drives moved, they are told of together: one that is seen at its new place and, by an older word, at its old one would
 * look like two. */
static int collect_changed(PollHost *h, struct json_object *changed)
{
        bool unsettled = host_has_new_drives(h);

        for (size_t i = 0; i < h->n_drives; i++) {
                PollDrive *d = h->drives[i];
                struct json_object *o, *copy;
                int r;

                if (!d->seen || !poll_drive_is_news(d) || (unsettled && poll_drive_is_new_here(d)))
                        continue;
                o = drive_facts_to_json(d->facts);
                if (!o || json_object_array_add(changed, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }

                /* What was sent is what the line says, however it looks inside of here. */
                drive_facts_free(d->sent);
                d->sent = NULL;
                d->again = false;
                copy = json_object_get(o);
                r = drive_facts_from_json(copy, &d->sent);
                json_object_put(copy);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int send_cycle(PollHost *h, const HostFacts *f)
{
        _cleanup_json_ struct json_object *o = line_new(h, "cycle"), *changed = json_object_new_array(),
                                          *gone = json_object_new_array(), *runs = json_object_new_array();
        int r;

        if (!o || !changed || !gone || !runs)
                return -ENOMEM;
        r = host_drop_gone(h, gone);
        if (r < 0)
                return r;
        /* What the first one does not name is missing to burnind, so that one waits for the last drive's SMART data. */
        if (!h->whole && host_has_new_drives(h))
                return 0;
        h->whole = true;

        r = collect_changed(h, changed);
        if (r < 0)
                return r;
        STRV_FOREACH(run, f->live_runs) {
                if (json_object_array_add(runs, json_object_new_string(*run)) < 0)
                        return -ENOMEM;
        }

        if (json_put_bool(o, "ok", true) < 0 || json_put_string(o, "boot_id", f->boot_id) < 0 ||
            json_put_string(o, "os", f->os) < 0 ||
            json_put_string(o, "detection_error", f->detection_error) < 0 ||
            json_put_string(o, "missing_tools", f->missing_tools) < 0 ||
            json_put(o, "live_runs", TAKE_PTR(runs)) < 0 || json_put(o, "changed", TAKE_PTR(changed)) < 0 ||
            json_put(o, "gone", TAKE_PTR(gone)) < 0 ||
            json_put_u64(o, "took_usec", now_usec(CLOCK_MONOTONIC) - h->started_usec) < 0)
                return -ENOMEM;

        h->send(TAKE_PTR(o), h->userdata);
        return 0;
}

/* 0; with the reason in words -EBADMSG: not the answer of our script, -EOPNOTSUPP: not of a host that we know. */
static int take_answer(PollHost *h, const TransportResult *result, char **reterr_reason)
{
        _cleanup_(host_facts_freep) HostFacts *f = NULL;
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        int r;

        r = facts_parse(result->output, result->output_size, h->nonce,
                        &(FactsOptions){
                                        .boot_pools = h->config->boot_pools,
                                        .loop_drives = h->config->loop_drives,
                                        .now_usec = now_usec(CLOCK_REALTIME),
                        },
                        &f, reterr_reason);
        if (r < 0)
                return r;

        for (size_t i = 0; i < h->n_drives; i++)
                h->drives[i]->seen = false;
        for (size_t i = 0; i < f->n_drives; i++) {
                r = host_take_drive(h, TAKE_PTR(f->drives[i]), now);
                if (r < 0)
                        return r;
        }

        return send_cycle(h, f);
}

/* A script that could not run at all leaves words on standard error, and nothing of ours on standard output. */
static void fail_answer(PollHost *h, const TransportResult *result, const char *reason)
{
        _cleanup_free_ char *words = NULL;
        bool ran = result->output_size > 0 || result->exit_status == 0;

        if (!ran && !isempty(result->error_output))
                words = strf("the host does not run our script: %s", result->error_output);
        else if (!ran)
                words = strf("the host does not run our script (exit status %i)", result->exit_status);
        else
                words = strf("the host's answer makes no sense: %s", reason ?: "it cannot be read");

        send_failure(h, ran ? POLL_ERROR_GARBAGE : POLL_ERROR_REMOTE, words);
}

static void send_host_key(PollHost *h, const TransportResult *result)
{
        _cleanup_json_ struct json_object *o = NULL;

        if (!result->host_key || !result->host_key_sha256 || streq_ptr(h->host_key_sent, result->host_key))
                return;

        o = line_new(h, "hostkey");
        if (!o || json_put_string(o, "key", result->host_key) < 0 ||
            json_put_string(o, "sha256", result->host_key_sha256) < 0 ||
            free_and_strdup(&h->host_key_sent, result->host_key) < 0)
                return;
        h->send(TAKE_PTR(o), h->userdata);
}

static const char *error_name(TransportError e)
{
        switch (e) {
        case TRANSPORT_HOST_KEY_CHANGED:
                return POLL_ERROR_HOST_KEY_CHANGED;
        case TRANSPORT_AUTHENTICATION:
                return POLL_ERROR_AUTHENTICATION;
        case TRANSPORT_TIMEOUT:
                return POLL_ERROR_TIMEOUT;
        case TRANSPORT_TOO_MUCH_OUTPUT:
                return POLL_ERROR_GARBAGE;
        default:
                return POLL_ERROR_UNREACHABLE;
        }
}

static void on_facts(Transport *t, const TransportResult *result, void *userdata)
{
        PollHost *h = userdata;
        int r = 0;

        if (h->freeing)
                return;

        h->connected = result->error == TRANSPORT_OK || result->error == TRANSPORT_TOO_MUCH_OUTPUT;
        if (result->error == TRANSPORT_OK) {
                _cleanup_free_ char *reason = NULL;

                r = take_answer(h, result, &reason);
                if (r == -EBADMSG)
                        fail_answer(h, result, reason);
                else if (r == -EOPNOTSUPP)
                        send_failure(h, POLL_ERROR_REMOTE, reason);
                else if (r < 0)
                        (void) log_warning_errno(r, "Failed to take in what %s said: %m", h->name);
        } else if (result->error == TRANSPORT_HOST_KEY_UNKNOWN)
                send_host_key(h, result);
        else {
                r = -ENOTCONN;
                if (result->error == TRANSPORT_HOST_KEY_CHANGED)
                        send_host_key(h, result);
                if (result->error == TRANSPORT_TIMEOUT)
                        host_give_up_smart(h);
                send_failure(h, error_name(result->error), result->reason);
        }

        cycle_end(h, r >= 0);
}

void poll_host_start_cycle(PollHost *h)
{
        _cleanup_strv_free_ char **words = NULL, **argv = NULL;
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        int r;

        h->smart_asked = strv_free(h->smart_asked);
        h->nonce = (free(h->nonce), NULL);
        h->started_usec = now;
        h->busy = true;

        r = choose_smart(h, now, &words);
        if (r >= 0)
                r = remote_facts_argv(words, &argv, &h->nonce);
        if (r >= 0)
                r = transport_call(h->transport, remote_run_script, argv, FACTS_OUTPUT_MAX,
                                   h->config->timeout_usec, on_facts, h);
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to poll %s: %m", h->name);
                cycle_end(h, false);
        }
}

static void send_fingerprint(PollHost *h, uint64_t id, const char *content)
{
        _cleanup_json_ struct json_object *o = line_new(h, "fingerprint");

        if (!o || json_put_u64(o, "id", id) < 0 || json_put_bool(o, "ok", true) < 0 ||
            json_put_string(o, "content", content) < 0)
                return;

        h->send(TAKE_PTR(o), h->userdata);
}

static void send_no_fingerprint(PollHost *h, uint64_t id, bool again, const char *reason)
{
        _cleanup_json_ struct json_object *o = line_new(h, "fingerprint");
        _cleanup_free_ char *clean = NULL;

        clean = str_clean(strempty(reason), strlen(strempty(reason)), TEXT_MAX_BYTES, false);
        if (!o || !clean || json_put_u64(o, "id", id) < 0 || json_put_bool(o, "ok", false) < 0 ||
            json_put_bool(o, "again", again) < 0 || json_put_string(o, "reason", clean) < 0)
                return;

        h->send(TAKE_PTR(o), h->userdata);
}

static void on_fingerprint(Transport *t, const TransportResult *result, void *userdata)
{
        _cleanup_free_ Question *question = userdata;
        _cleanup_free_ char *content = NULL;
        PollHost *h = question->host;
        int r;

        h->questions--;
        if (result->error != TRANSPORT_OK) {
                send_no_fingerprint(h, question->id, true, result->reason);
                return;
        }

        r = remote_fingerprint_parse(result->output, result->output_size, &content);
        if (r >= 0)
                send_fingerprint(h, question->id, content);
        else if (r == -ESTALE)
                send_no_fingerprint(h, question->id, true, "another drive has that name now");
        else
                send_no_fingerprint(h, question->id, false, "the host's answer cannot be read");
}

void poll_host_fingerprint(PollHost *h, uint64_t id, const char *kname, const char *ident)
{
        _cleanup_strv_free_ char **argv = NULL;
        Question *question;
        int r;

        if (h->questions >= POLL_QUESTIONS_MAX || !h->transport || !target_is_set_up(&h->target)) {
                send_no_fingerprint(h, id, true,
                                    h->transport && target_is_set_up(&h->target)
                                                    ? "too many at once"
                                                    : "the host is not set up yet");
                return;
        }

        question = new (Question, 1);
        r = !question || !kname_is_valid(kname) ? -EINVAL : remote_fingerprint_argv(kname, ident, &argv);
        if (r >= 0) {
                *question = (Question){ .host = h, .id = id };
                r = transport_call(h->transport, remote_run_script, argv, QUESTION_OUTPUT_MAX, QUESTION_USEC,
                                   on_fingerprint, question);
        }
        if (r < 0) {
                free(question);
                send_no_fingerprint(h, id, false, "the host could not be asked");
                return;
        }
        h->questions++;
}

static void send_locate(PollHost *h, uint64_t id, const char *reason)
{
        _cleanup_json_ struct json_object *o = line_new(h, "locate");
        _cleanup_free_ char *clean = NULL;

        clean = str_clean(strempty(reason), strlen(strempty(reason)), TEXT_MAX_BYTES, false);
        if (!o || !clean || json_put_u64(o, "id", id) < 0 || json_put_bool(o, "ok", !reason) < 0 ||
            (reason && json_put_string(o, "reason", clean) < 0))
                return;

        h->send(TAKE_PTR(o), h->userdata);
}

static void on_locate(Transport *t, const TransportResult *result, void *userdata)
{
        _cleanup_free_ Question *question = userdata;
        _cleanup_free_ char *reason = NULL;
        PollHost *h = question->host;

        h->questions--;
        if (result->error != TRANSPORT_OK)
                send_locate(h, question->id, result->reason);
        else if (remote_locate_parse(result->output, result->output_size, &reason) < 0)
                send_locate(h, question->id, reason ?: "the host's answer cannot be read");
        else
                send_locate(h, question->id, NULL);
}

void poll_host_locate(PollHost *h, uint64_t id, const char *kname, const char *ident, uint32_t seconds)
{
        _cleanup_strv_free_ char **argv = NULL;
        Question *question;
        int r;

        if (h->questions >= POLL_QUESTIONS_MAX || !h->transport || !target_is_set_up(&h->target)) {
                send_locate(h, id, "the host is busy, or not set up yet; try again soon");
                return;
        }

        question = new (Question, 1);
        r = !question || !kname_is_valid(kname) ? -EINVAL : remote_locate_argv(kname, ident, seconds, &argv);
        if (r >= 0) {
                *question = (Question){ .host = h, .id = id };
                r = transport_call(h->transport, remote_run_script, argv, QUESTION_OUTPUT_MAX, QUESTION_USEC,
                                   on_locate, question);
        }
        if (r < 0) {
                free(question);
                send_locate(h, id, "the host could not be asked");
                return;
        }
        h->questions++;
}
