/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/safety.h"
#include "shared/names.h"

static int refuse(const Drive *d, const char *name, const char **reterr_name, char **reterr_text,
                  const char *format, ...) _printf_(5, 6);

static int refuse(const Drive *d, const char *name, const char **reterr_name, char **reterr_text,
                  const char *format, ...)
{
        _cleanup_free_ char *why = NULL;
        va_list ap;
        char *text;
        int r;

        va_start(ap, format);
        r = vasprintf(&why, format, ap);
        va_end(ap);
        if (r < 0) {
                why = NULL;
                return -ENOMEM;
        }

        text = strf("Drive %s (%s on %s) %s", strempty(d->record.identity.serial), strempty(d->record.kname),
                    strempty(d->record.host), why);
        if (!text)
                return -ENOMEM;

        *reterr_name = name;
        *reterr_text = text;
        return SAFETY_REFUSED;
}

static int refuse_locked(const Drive *d, const char **reterr_name, char **reterr_text)
{
        const char *token = drive_unlock_token(d);

        return refuse(d, BUS_ERROR_DRIVE_LOCKED, reterr_name, reterr_text, "is locked (%s): %s. %s%s%s",
                      lock_role_to_string(drive_lock_role(d)), drive_lock_detail(d),
                      isempty(token) ? "It cannot be unlocked while that is so."
                                     : "Unlocking it needs the token \"",
                      token, isempty(token) ? "" : "\"; or free it on its host first.");
}

int safety_check_drive(const Drive *d, const Job *own, const char **reterr_name, char **reterr_text)
{
        const Host *h = d->host ?: host_find(d->manager, strempty(d->record.host));
        const char *error, *unfit;

        /* Before the first reading nobody knows whether it is there. */
        if (!d->host && (!h || h->was_read))
                return refuse(d, BUS_ERROR_DRIVE_MISSING, reterr_name, reterr_text,
                              "is missing: the last reading of its host did not list it.");

        unfit = host_unfit_reason(h, &error);
        if (!isempty(unfit))
                return refuse(d, error, reterr_name, reterr_text, "cannot be tested now: host %s: %s.",
                              h->record.name, unfit);

        if (d->identity_state == IDENTITY_NONE)
                return refuse(d, BUS_ERROR_DRIVE_IDENTITY, reterr_name, reterr_text,
                              "gives no identity of its own (no serial, no WWN), so nobody could say which drive is meant. "
                              "Nothing is started on it.");
        if (d->identity_state == IDENTITY_SHARED)
                return refuse(d, BUS_ERROR_DRIVE_IDENTITY, reterr_name, reterr_text,
                              "shows the same identity as another drive. Nothing is started on either; unplug one, or use one path only.");
        if (own && !drive_identity_equal(&own->identity, &d->record.identity))
                return refuse(d, BUS_ERROR_DRIVE_IDENTITY, reterr_name, reterr_text,
                              "no longer shows the identity that was confirmed for job %" PRIu64 ".",
                              own->record.id);

        if (d->job && d->job != own)
                return refuse(d, BUS_ERROR_DRIVE_BUSY, reterr_name, reterr_text,
                              "is in job %" PRIu64 " already (%s, %s).", d->job->record.id,
                              d->job->record.kind, d->job->record.profile);

        if (d->unreadable_job > 0)
                return refuse(d, BUS_ERROR_DRIVE_BUSY, reterr_name, reterr_text,
                              "is in job %" PRIu64
                              ", which cannot be read in the database; see the journal of burnind.",
                              d->unreadable_job);

        return SAFETY_OK;
}

/* Burn-ins need commands there, on the drive that they were confirmed for. */
static int check_shell(const Drive *d, const char **reterr_name, char **reterr_text)
{
        if (!d->host || host_has_shell(d->host))
                return SAFETY_OK;
        if (kname_is_freebsd(strempty(d->record.kname)))
                return refuse(d, BUS_ERROR_HOST_UNFIT, reterr_name, reterr_text,
                              "can have self-tests alone: host %s runs FreeBSD, where nothing can prove that a drive is unused.",
                              d->host->record.name);

        return refuse(d, BUS_ERROR_HOST_UNFIT, reterr_name, reterr_text,
                      "can have self-tests alone: host %s is reached by the TrueNAS API, which can neither prove that nothing uses "
                      "a drive nor write to one. For a burn-in, give it a user to log in as (burninctl host configure %s "
                      "--user=root).",
                      d->host->record.name, d->host->record.name);
}

int safety_check_reading(const Drive *d, const Job *own, const char **reterr_name, char **reterr_text)
{
        int r;

        r = safety_check_drive(d, own, reterr_name, reterr_text);
        return r == SAFETY_OK ? check_shell(d, reterr_name, reterr_text) : r;
}

int safety_check_unlock(const Drive *d, const char **reterr_name, char **reterr_text)
{
        const DriveLock *l = &d->record.lock;
        int r;

        r = safety_check_reading(d, NULL, reterr_name, reterr_text);
        if (r != SAFETY_OK)
                return r;
        if (isempty(d->record.identity.fingerprint))
                return refuse(d, BUS_ERROR_DRIVE_IDENTITY, reterr_name, reterr_text,
                              "was not yet looked at in full. Try again when it was.");
        if (d->host->detection_error)
                return refuse(d, BUS_ERROR_HOST_UNFIT, reterr_name, reterr_text,
                              "is not unlocked: what uses the drives of its host cannot be told now (%s).",
                              d->host->detection_error);
        if (drive_lock_role(d) == LOCK_NONE)
                return refuse(d, BUS_ERROR_WRONG_STATE, reterr_name, reterr_text,
                              "is not locked: it needs no unlocking.");
        if (isempty(drive_unlock_token(d)))
                return refuse_locked(d, reterr_name, reterr_text);
        if ((l->role == LOCK_ACTIVE_POOL || l->role == LOCK_BOOT_POOL) &&
            (isempty(l->pool) || isempty(l->guid) || !pool_name_is_valid(l->pool)))
                return refuse(d, BUS_ERROR_DRIVE_LOCKED, reterr_name, reterr_text,
                              "is locked (%s), and its pool gives no guid or no proper name. It cannot be unlocked while that is so.",
                              lock_role_to_string(l->role));

        return SAFETY_OK;
}

/* Whoever releases a drive knows what that ends; so it is never done unasked. */
static int refuse_in_use(const Drive *d, const char **reterr_name, char **reterr_text)
{
        _cleanup_free_ char *command = NULL;

        if (drive_lock_release_command(&d->record.lock, &command) < 0)
                return -ENOMEM;

        return refuse(d, BUS_ERROR_DRIVE_LOCKED, reterr_name, reterr_text,
                      "is unlocked, but still in use (%s): %s. %s it on its host (%s) and unlock it as what it is then.",
                      lock_role_to_string(drive_lock_role(d)), drive_lock_detail(d),
                      host_record_is_local(&d->host->record)
                                      ? "On this machine itself no test releases a drive: release"
                                      : "Let the burn-in release it by itself (option release), or release",
                      command);
}

int safety_check(const Drive *d, const Job *own, const GrantRecord *grant, const DriveIdentity *identity,
                 uint64_t since_usec, const char **reterr_name, char **reterr_text)
{
        GrantJudgement judgement;
        int r;

        r = safety_check_reading(d, own, reterr_name, reterr_text);
        if (r != SAFETY_OK)
                return r;
        if (!grant)
                return drive_lock_role(d) == LOCK_NONE ? SAFETY_OK
                                                       : refuse_locked(d, reterr_name, reterr_text);

        judgement = grant_judge(grant, identity, since_usec, d);
        if (judgement != GRANT_COVERS)
                return refuse(d, BUS_ERROR_DRIVE_LOCKED, reterr_name, reterr_text,
                              "is not what was unlocked any more: %s. It is %s now%s%s.",
                              grant_judgement_to_string(judgement), lock_role_to_string(drive_lock_role(d)),
                              isempty(drive_lock_detail(d)) ? "" : ": ", drive_lock_detail(d));
        /* burnin-local releases nothing: whoever may ask it would get what no grant gave. */
        if (d->record.lock.used && (!grant->release || host_record_is_local(&d->host->record)))
                return refuse_in_use(d, reterr_name, reterr_text);

        return SAFETY_OK;
}

void safety_log_refusal(const Drive *d, const char *reason)
{
        log_full_errno(LOG_NOTICE, 0,
                       ((LogField[]){ { LOG_FIELD_DRIVE, d->record.id },
                                      { LOG_FIELD_DRIVE_SERIAL, d->record.identity.serial },
                                      { LOG_FIELD_DRIVE_MODEL, d->record.identity.model },
                                      { LOG_FIELD_HOST, d->record.host },
                                      { LOG_FIELD_REASON, reason },
                                      { LOG_FIELD_MESSAGE_ID, MESSAGE_START_REFUSED },
                                      {} }),
                       "No burn-in was started: %s", reason);
}
