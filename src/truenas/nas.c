/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "shared/names.h"
#include "shared/worker-proto.h"
#include "truenas/nas.h"

#define BACKOFF_MAX            5U /* intervals between attempts at a host that does not answer */
#define TEMPERATURE_STEP_MDEGC 1000

struct Nas {
        sd_event *event;
        sd_event_source *timer;
        HttpClient *http; /* weak */
        char *name;
        const NasConfig *config; /* weak */
        nas_send_t send;
        void *userdata;

        Truenas *truenas;
        bool busy;
        unsigned failures;
        uint64_t started_usec;
        TruenasDisks sent; /* as burnind has them */
};

const char *nas_name(const Nas *n)
{
        return n->name;
}

static void nas_set_timer(Nas *n, uint64_t after_usec)
{
        if (sd_event_source_set_time_relative(n->timer, after_usec) < 0 ||
            sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT) < 0)
                (void) sd_event_exit(n->event, EXIT_FAILURE);
}

static void cycle_end(Nas *n, bool good)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), wait = n->config->interval_usec;

        n->busy = false;
        n->failures = good ? 0 : n->failures + 1;
        if (!good)
                wait *= MIN(n->failures, BACKOFF_MAX);
        /* From start to start, as the poller does. */
        nas_set_timer(n, MAX(n->started_usec + wait, now + n->config->interval_usec / 10) - now);
}

static struct json_object *cycle_new(const Nas *n, bool ok)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "op", "cycle") < 0 || json_put_string(o, "name", n->name) < 0 ||
            json_put_bool(o, "ok", ok) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static void send_failure(Nas *n, TruenasError e, const char *reason)
{
        _cleanup_json_ struct json_object *o = cycle_new(n, false);
        _cleanup_free_ char *clean = str_clean(reason, strlen(reason), TEXT_MAX_BYTES, false);

        if (!o || !clean || json_put_string(o, "error", truenas_error_to_string(e)) < 0 ||
            json_put_string(o, "reason", clean) < 0) {
                (void) log_oom();
                return;
        }
        n->send(TAKE_PTR(o), n->userdata);
}

static bool is_news(const DriveFacts *f, const TruenasDisk *before)
{
        int32_t a, b;

        if (!before || !drive_facts_equal(f, before->facts))
                return true;
        a = f->temperature_mdegc;
        b = before->facts->temperature_mdegc;
        if (a == MDEGC_UNKNOWN || b == MDEGC_UNKNOWN)
                return a != b;

        return llabs((long long) a - b) >= TEMPERATURE_STEP_MDEGC;
}

static int collect(const Nas *n, const TruenasDisks *now, struct json_object *changed,
                   struct json_object *gone)
{
        for (size_t i = 0; i < now->n; i++) {
                struct json_object *o;

                if (!is_news(now->disks[i].facts, truenas_find_disk(&n->sent, now->disks[i].facts->kname)))
                        continue;
                o = drive_facts_to_json(now->disks[i].facts);
                if (!o || json_object_array_add(changed, o) < 0) {
                        json_object_put(o);
                        return -ENOMEM;
                }
        }
        for (size_t i = 0; i < n->sent.n; i++) {
                const char *kname = n->sent.disks[i].facts->kname;

                if (!truenas_find_disk(now, kname) &&
                    json_object_array_add(gone, json_object_new_string(kname)) < 0)
                        return -ENOMEM;
        }

        return 0;
}

/* Below a step, a temperature is not sent, and the one that was stays what the next is measured by. */
static void keep_temperatures(const Nas *n, TruenasDisks *now)
{
        for (size_t i = 0; i < now->n; i++) {
                const TruenasDisk *before = truenas_find_disk(&n->sent, now->disks[i].facts->kname);

                if (before && !is_news(now->disks[i].facts, before))
                        now->disks[i].facts->temperature_mdegc = before->facts->temperature_mdegc;
        }
}

static int send_facts(Nas *n, TruenasFacts *f)
{
        _cleanup_json_ struct json_object *o = cycle_new(n, true), *changed = json_object_new_array(),
                                          *gone = json_object_new_array();
        int r;

        if (!o || !changed || !gone)
                return -ENOMEM;
        r = collect(n, &f->disks, changed, gone);
        if (r < 0)
                return r;
        if (json_put_string(o, "api", f->has_smart ? POLL_API_OK : POLL_API_NO_SMART) < 0 ||
            json_put_string(o, "os", f->os) < 0 || json_put(o, "changed", TAKE_PTR(changed)) < 0 ||
            json_put(o, "gone", TAKE_PTR(gone)) < 0 ||
            json_put_u64(o, "took_usec", now_usec(CLOCK_MONOTONIC) - n->started_usec) < 0)
                return -ENOMEM;

        keep_temperatures(n, &f->disks);
        truenas_disks_done(&n->sent);
        n->sent = f->disks;
        f->disks = (TruenasDisks){ 0 };
        n->send(TAKE_PTR(o), n->userdata);
        return 0;
}

static void on_facts(TruenasError e, const char *reason, TruenasFacts *facts, void *userdata)
{
        Nas *n = userdata;
        int r = 0;

        if (e != TRUENAS_OK)
                send_failure(n, e, reason);
        else {
                r = send_facts(n, facts);
                if (r < 0)
                        (void) log_warning_errno(r, "Failed to take in what %s said: %m", n->name);
        }
        cycle_end(n, e == TRUENAS_OK && r >= 0);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        Nas *n = userdata;
        int r;

        if (n->busy)
                return 0;

        n->started_usec = now_usec(CLOCK_MONOTONIC);
        n->busy = true;
        r = truenas_list_disks(n->truenas, on_facts, n);
        if (r < 0) {
                (void) log_warning_errno(r, "Failed to ask %s: %m", n->name);
                cycle_end(n, false);
        }
        return 0;
}

int nas_new(sd_event *event, HttpClient *http, const char *name, const NasConfig *config, nas_send_t send,
            void *userdata, Nas **ret)
{
        _cleanup_(nas_freep) Nas *n = new0(Nas, 1);
        int r;

        if (!n)
                return -ENOMEM;
        *n = (Nas){
                .event = sd_event_ref(event),
                .http = http,
                .name = strdup(name),
                .config = config,
                .send = send,
                .userdata = userdata,
        };
        if (!n->name)
                return -ENOMEM;
        r = sd_event_add_time(event, &n->timer, CLOCK_MONOTONIC, UINT64_MAX, USEC_PER_MSEC, on_timer, n);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(n);
        return 0;
}

Nas *nas_free(Nas *n)
{
        if (!n)
                return NULL;

        sd_event_source_disable_unref(n->timer);
        truenas_free(n->truenas);
        truenas_disks_done(&n->sent);
        free(n->name);
        sd_event_unref(n->event);
        free(n);
        return NULL;
}

int nas_configure(Nas *n, const char *url, const char *key, const char *pin, bool verify)
{
        Truenas *t;
        int r;

        r = truenas_new(n->event, n->http,
                        &(TruenasTarget){
                                        .url = url,
                                        .key = key,
                                        .pin = pin,
                                        .verify = verify,
                                        .timeout_usec = n->config->timeout_usec,
                                        .boot_pools = n->config->boot_pools,
                        },
                        &t);
        if (r < 0)
                return r;

        truenas_free(n->truenas);
        n->truenas = t;
        n->busy = false;
        nas_refresh(n);
        return 0;
}

int nas_open(const Nas *n, Truenas **ret)
{
        return truenas_clone(n->truenas, ret);
}

void nas_refresh(Nas *n)
{
        truenas_disks_done(&n->sent);
        n->failures = 0;
        nas_set_timer(n, 0);
}
