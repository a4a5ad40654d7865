/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/delivery.h"
#include "shared/notify-proto.h"

uint64_t delivery_backoff_usec(uint32_t failures, uint64_t random)
{
        uint64_t usec = DELIVERY_BACKOFF_FIRST;

        for (uint32_t i = 1; i < failures && usec < DELIVERY_BACKOFF_MAX; i++)
                usec *= 2;
        usec = MIN(usec, DELIVERY_BACKOFF_MAX);

        return usec - usec / 4 + random % (usec / 2);
}

int delivery_attempted(DeliveryRecord *d, DeliveryResult result, const char *error, uint64_t now_usec,
                       uint64_t random)
{
        _cleanup_free_ char *words = NULL;
        uint64_t next_usec;

        if (error) {
                words = str_clean(error, strlen(error), NOTIFY_ERROR_MAX, false);
                if (!words)
                        return -ENOMEM;
        }
        free(d->error);
        d->error = TAKE_PTR(words);
        if (d->attempts < UINT32_MAX)
                d->attempts++;
        if (result == DELIVERY_TAKEN) {
                d->state = DELIVERY_DELIVERED;
                d->next_usec = now_usec;
                return 0;
        }

        /* One that is refused is not wanted sooner for being asked again soon; what is wrong may yet be mended over there. */
        next_usec = now_usec +
                    delivery_backoff_usec(result == DELIVERY_REFUSED ? UINT32_MAX : d->attempts, random);
        if (next_usec >= d->queued_usec + DELIVERY_PATIENCE) {
                d->state = DELIVERY_DEAD;
                d->next_usec = now_usec;
        } else
                d->next_usec = next_usec;

        return 0;
}

void target_attempted(Target *t, DeliveryResult result, uint64_t now_usec, uint64_t random)
{
        t->busy = false;
        if (result != DELIVERY_FAILED) {
                t->failures = 0;
                t->rest_usec = 0;
                return;
        }

        if (t->failures < UINT32_MAX)
                t->failures++;
        t->rest_usec = now_usec + delivery_backoff_usec(t->failures, random);
}

/* A time that no backoff can have made is from before the clock was set back. */
static uint64_t sane(uint64_t usec, uint64_t now_usec)
{
        return usec > now_usec + 2 * DELIVERY_BACKOFF_MAX ? now_usec : usec;
}

int targets_choose(const Target *targets, size_t n, uint64_t now_usec, uint64_t *ret_wake_usec)
{
        uint64_t wake_usec = USEC_INFINITY, first_usec = USEC_INFINITY;
        size_t busy = 0, failing = 0;
        int chosen = -EAGAIN;

        for (size_t i = 0; i < n; i++) {
                busy += targets[i].busy;
                failing += targets[i].busy && targets[i].failures > 0;
        }

        for (size_t i = 0; i < n && busy < DELIVERIES_AT_ONCE; i++) {
                const Target *t = targets + i;
                uint64_t due_usec;

                if (t->busy || t->next_usec == 0 || (t->failures > 0 && failing >= DELIVERIES_FAILING_MAX))
                        continue;
                due_usec = MAX(sane(t->next_usec, now_usec), sane(t->rest_usec, now_usec));
                if (due_usec > now_usec)
                        wake_usec = MIN(wake_usec, due_usec);
                else if (due_usec < first_usec) {
                        first_usec = due_usec;
                        chosen = (int) i;
                }
        }

        *ret_wake_usec = wake_usec;
        return chosen;
}
