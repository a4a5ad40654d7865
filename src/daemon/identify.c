/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <utlist.h>

#include "basic/string-util.h"
#include "daemon/host.h"
#include "daemon/identify.h"
#include "daemon/poll.h"
#include "shared/names.h"

struct Identify {
        uint64_t id;
        sd_bus_message *message;
        Actor actor;
        char *object, *serial, *host, *detail;
        Identify *prev, *next;
};

static Identify *identify_free(Identify *i)
{
        if (!i)
                return NULL;

        sd_bus_message_unref(i->message);
        free(i->object);
        free(i->serial);
        free(i->host);
        free(i->detail);
        free(i);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Identify *, identify_free);

static int identify_check(const Drive *d, uint32_t seconds, sd_bus_error *error)
{
        const char *serial = strempty(d->record.identity.serial), *name;
        const Host *h = d->host;

        if (seconds > IDENTIFY_SEC_MAX)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                         "A locate LED is lit for at most %u seconds.", IDENTIFY_SEC_MAX);
        if (!h)
                return sd_bus_error_setf(error, BUS_ERROR_DRIVE_MISSING,
                                         "Drive %s is missing; it was %s on %s.", serial,
                                         strempty(d->record.kname), strempty(d->record.host));
        if (h->state != HOST_ONLINE) {
                const char *why = host_unfit_reason(h, &name);

                return sd_bus_error_setf(error, name, "Host %s of drive %s cannot be asked: %s.",
                                         h->record.name, serial, why);
        }
        if (!host_has_shell(h))
                return sd_bus_error_setf(
                                error, BUS_ERROR_HOST_UNFIT,
                                "Host %s of drive %s is reached by the TrueNAS API alone, which lights no LED.",
                                h->record.name, serial);
        if (isempty(d->record.identity.fingerprint))
                return sd_bus_error_setf(error, BUS_ERROR_DRIVE_IDENTITY,
                                         "Drive %s on %s gives nothing to tell it from another one there.",
                                         serial, h->record.name);
        return 0;
}

int identify_start(Drive *d, sd_bus_message *message, const Actor *actor, uint32_t seconds,
                   sd_bus_error *error)
{
        _cleanup_(identify_freep) Identify *i = NULL;
        Manager *m = d->manager;
        Identify *other;
        unsigned n;
        int r;

        r = identify_check(d, seconds, error);
        if (r < 0)
                return r;
        DL_COUNT(m->identifies, other, n);
        if (n >= IDENTIFIES_MAX)
                return sd_bus_error_setf(
                                error, BUS_ERROR_LIMIT_REACHED,
                                "%u drives are being identified, and wait for their hosts. Try again soon.",
                                n);

        i = new0(Identify, 1);
        if (!i)
                return -ENOMEM;
        *i = (Identify){
                .id = ++m->n_identifies,
                .message = sd_bus_message_ref(message),
                .actor = *actor,
                .object = strf("drive %s", d->record.id),
                .serial = strdup(strempty(d->record.identity.serial)),
                .host = strdup(d->host->record.name),
                .detail = strf("Identify, %" PRIu32 " s", seconds),
        };
        if (!i->object || !i->serial || !i->host || !i->detail)
                return -ENOMEM;
        r = poll_locate(m->poll, i->id, d, seconds);
        if (r == -ENOTCONN)
                return sd_bus_error_setf(error, BUS_ERROR_HOST_UNREACHABLE,
                                         "No poller is connected; see systemctl status burnin-poll.");
        if (r < 0)
                return r;

        DL_APPEND(m->identifies, i);
        TAKE_PTR(i);
        return 1;
}

static void identify_answer(Manager *m, Identify *identify, const char *name, const char *reason)
{
        _cleanup_(identify_freep) Identify *i = identify;

        DL_DELETE(m->identifies, i);
        (void) audit_write(m, &i->actor, ACTION_MANAGE_DRIVES, i->object, reason ? "refused" : "ok",
                           reason ?: i->detail);
        if (!reason)
                (void) sd_bus_reply_method_return(i->message, NULL);
        else
                (void) sd_bus_reply_method_errorf(i->message, name,
                                                  "Drive %s on %s cannot be identified: %s.", i->serial,
                                                  i->host, reason);
}

void identify_on_answer(Manager *m, uint64_t id, const char *reason)
{
        Identify *i;

        DL_SEARCH_SCALAR(m->identifies, i, id, id);
        if (i)
                identify_answer(m, i, BUS_ERROR_HOST_UNFIT, reason);
}

void identify_on_poller_gone(Manager *m)
{
        while (m->identifies)
                identify_answer(m, m->identifies, BUS_ERROR_HOST_UNREACHABLE,
                                "the poller has gone, so nobody knows whether its LED was lit");
}
