/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "worker/host-read.h"

#define FINGERPRINT_OUTPUT_MAX   (64U * 1024U)
#define FINGERPRINT_TIMEOUT_USEC (60 * USEC_PER_SEC)

static int try_probe(Worker *w, void *userdata)
{
        HostProbe *p = userdata;

        host_probe_done(p);
        return remote_probe(&w->remote, strempty(w->params.identity.fingerprint), p);
}

int host_read_probe(Worker *w, uint64_t limit_usec, HostProbe *ret)
{
        HostProbe p = { 0 };
        int r;

        r = worker_try(w, limit_usec, try_probe, &p);
        if (r < 0) {
                host_probe_done(&p);
                return r;
        }

        *ret = p;
        return 0;
}

typedef struct Text {
        char *text, *nonce;
        size_t size;
} Text;

static void text_done(Text *t)
{
        free(t->text);
        free(t->nonce);
}

static int try_smart(Worker *w, void *userdata)
{
        Text *t = userdata;

        t->text = (free(t->text), NULL);
        return remote_smart(&w->remote, w->params.kname, &t->text, &t->size);
}

int host_read_smart(Worker *w, uint64_t limit_usec, SmartReading *ret, char **reterr_reason)
{
        _cleanup_(text_done) Text t = { 0 };
        int r;

        r = worker_try(w, limit_usec, try_smart, &t);
        if (r < 0) {
                *reterr_reason = strdup(worker_error(w));
                return r;
        }

        r = smartctl_parse(t.text, t.size, ret, reterr_reason);
        if (r == -EBADMSG && !*reterr_reason)
                *reterr_reason = strdup("smartctl's answer cannot be read");
        return r;
}

static int try_facts(Worker *w, void *userdata)
{
        _cleanup_strv_free_ char **words = NULL;
        Text *t = userdata;

        t->text = (free(t->text), NULL);
        t->nonce = (free(t->nonce), NULL);
        if (strv_consume(&words, strf("smart:%s", w->params.kname)) < 0 ||
            strv_consume(&words, strf("probe:%s", w->params.kname)) < 0)
                return -ENOMEM;

        return remote_facts(&w->remote, words, &t->text, &t->size, &t->nonce);
}

int host_read_facts(Worker *w, uint64_t limit_usec, HostFacts **ret, char **reterr_reason)
{
        FactsOptions options = {
                .boot_pools = w->params.boot_pools,
                /* An image file is a drive only where somebody already said so: this stage is about one. */
                .loop_drives = startswith(w->params.kname, "loop"),
                .now_usec = now_usec(CLOCK_REALTIME),
        };
        _cleanup_(text_done) Text t = { 0 };
        int r;

        r = worker_try(w, limit_usec, try_facts, &t);
        if (r < 0) {
                *reterr_reason = strdup(worker_error(w));
                return r;
        }

        return facts_parse(t.text, t.size, t.nonce, &options, ret, reterr_reason);
}

/* One call over the transport. It outlives a wait that a cancel ended: then the callback is the one that frees it. */
typedef struct Fingerprint {
        bool done, abandoned;
        int result;
        char *content, *error;
} Fingerprint;

static Fingerprint *fingerprint_free(Fingerprint *f)
{
        free(f->content);
        free(f->error);
        free(f);

        return NULL;
}

static void on_fingerprint(Transport *t, const TransportResult *result, void *userdata)
{
        Fingerprint *f = userdata;

        if (f->abandoned) {
                fingerprint_free(f);
                return;
        }

        f->done = true;
        switch (result->error) {
        case TRANSPORT_OK:
                f->result = remote_fingerprint_parse(result->output, result->output_size, &f->content);
                break;
        case TRANSPORT_HOST_KEY_CHANGED:
        case TRANSPORT_HOST_KEY_UNKNOWN:
                f->result = -EKEYREJECTED;
                break;
        case TRANSPORT_AUTHENTICATION:
                f->result = -EACCES;
                break;
        case TRANSPORT_TIMEOUT:
                f->result = -ETIMEDOUT;
                break;
        default:
                f->result = -ENOTCONN;
        }
        if (f->result < 0)
                f->error = strdup(result->reason ?: "its answer cannot be read");
}

static int try_fingerprint(Worker *w, void *userdata)
{
        _cleanup_strv_free_ char **argv = NULL;
        char **ret_content = userdata;
        Fingerprint *f;
        int r;

        r = remote_fingerprint_argv(w->params.kname, strempty(w->params.identity.fingerprint), &argv);
        if (r < 0)
                return r;
        f = new0(Fingerprint, 1);
        if (!f)
                return -ENOMEM;
        r = transport_call(w->remote.transport, remote_run_script, argv, FINGERPRINT_OUTPUT_MAX,
                           FINGERPRINT_TIMEOUT_USEC, on_fingerprint, f);
        if (r < 0) {
                fingerprint_free(f);
                return r;
        }

        while (!f->done) {
                if (w->cancel)
                        r = -ECANCELED;
                else
                        r = sd_event_run(w->event, UINT64_MAX);
                if (r < 0 && !f->done) {
                        f->abandoned = true;
                        return r;
                }
        }

        r = f->result;
        if (r >= 0)
                *ret_content = TAKE_PTR(f->content);
        else
                (void) free_and_strdup(&w->remote.error_text, f->error);
        fingerprint_free(f);
        return r;
}

int host_read_content(Worker *w, uint64_t limit_usec, char **ret)
{
        return worker_try(w, limit_usec, try_fingerprint, ret);
}
