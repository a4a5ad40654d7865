/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/denial.h"

static const Actor actor_others = { .uid = UINT32_MAX, .name = "other users" };

static bool count_is_over(const DenialCount *c, uint64_t now)
{
        return now >= c->since_usec + DENIALS_PERIOD_USEC;
}

/* One whose period is over makes room, unless it has a number that was not recorded yet. */
static DenialCount *denial_log_find(DenialLog *l, const Actor *actor, uint64_t now)
{
        DenialCount *others = l->counts + DENIALS_CALLERS_MAX, *room = NULL;

        for (DenialCount *c = l->counts; c < others; c++) {
                if (c->since_usec > 0 && c->n_counted == 0 && count_is_over(c, now))
                        denial_count_done(c);
                if (c->since_usec > 0 && actor_is(actor, c->actor.uid, c->actor.name))
                        return c;
                if (c->since_usec == 0 && !room)
                        room = c;
        }

        if (room) {
                *room = (DenialCount){ .actor = *actor, .since_usec = now };
                return room;
        }
        if (others->since_usec == 0)
                *others = (DenialCount){ .actor = actor_others, .since_usec = now };
        return others;
}

bool denial_log_admit(DenialLog *l, const Actor *actor, const char *action, uint64_t now)
{
        DenialCount *c = denial_log_find(l, actor, now);

        if (actor_is(actor, c->actor.uid, c->actor.name) && c->n_single < DENIALS_PER_CALLER_MAX) {
                c->n_single++;
                return true;
        }

        c->action = c->n_counted == 0 || streq(c->action, action) ? action : DENIALS_SEVERAL;
        c->n_counted += c->n_counted < UINT32_MAX;
        return false;
}

DenialCount *denial_log_next(DenialLog *l, uint64_t now, bool force)
{
        for (size_t i = 0; i < ELEMENTSOF(l->counts); i++)
                if (l->counts[i].n_counted > 0 && (force || count_is_over(l->counts + i, now)))
                        return l->counts + i;

        return NULL;
}

void denial_count_done(DenialCount *c)
{
        *c = (DenialCount){};
}

uint64_t denial_log_due(const DenialLog *l)
{
        uint64_t due = USEC_INFINITY;

        for (size_t i = 0; i < ELEMENTSOF(l->counts); i++)
                if (l->counts[i].n_counted > 0)
                        due = MIN(due, l->counts[i].since_usec + DENIALS_PERIOD_USEC);

        return due;
}
