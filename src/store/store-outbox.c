/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "store/store-internal.h"

/* Notifiers, events, and the deliveries of the ones to the others. */

DEFINE_ENUM_COLUMN(notifier_kind, NotifierKind);
DEFINE_ENUM_COLUMN(severity, Severity);
DEFINE_ENUM_COLUMN(delivery_state, DeliveryState);

static const Column notifier_columns[] = {
        COLUMN(TEXT, NotifierRecord, "name", name),
        COLUMN_OF_ENUM(NotifierRecord, "kind", kind, notifier_kind),
        COLUMN(BOOL, NotifierRecord, "enabled", enabled),
        COLUMN(TEXT, NotifierRecord, "target", target),
        COLUMN(TEXT, NotifierRecord, "events", events),
        COLUMN(TEXT, NotifierRecord, "hosts", hosts),
        COLUMN_OF_ENUM(NotifierRecord, "severity", severity, severity),
        COLUMN(U64, NotifierRecord, "added_usec", added_usec),
};

static const RecordType notifier_type = {
        .table = "notifiers",
        .size = sizeof(NotifierRecord),
        .columns = notifier_columns,
        .n_columns = ELEMENTSOF(notifier_columns),
        .n_key = 1,
};

static const Column event_columns[] = {
        COLUMN(TEXT, EventRecord, "id", id),
        COLUMN(TEXT, EventRecord, "kind", kind),
        COLUMN(U64, EventRecord, "time_usec", time_usec),
        COLUMN(JSON, EventRecord, "body", body),
};

static const RecordType event_type = {
        .table = "events",
        .size = sizeof(EventRecord),
        .columns = event_columns,
        .n_columns = ELEMENTSOF(event_columns),
        .n_key = 1,
};

static const Column delivery_columns[] = {
        COLUMN(U64, DeliveryRecord, "id", id),
        COLUMN(TEXT, DeliveryRecord, "event", event),
        COLUMN(TEXT, DeliveryRecord, "notifier", notifier),
        COLUMN_OF_ENUM(DeliveryRecord, "state", state, delivery_state),
        COLUMN(U32, DeliveryRecord, "attempts", attempts),
        COLUMN(U64, DeliveryRecord, "queued_usec", queued_usec),
        COLUMN(U64, DeliveryRecord, "next_usec", next_usec),
        COLUMN(TEXT, DeliveryRecord, "error", error),
};

static const RecordType delivery_type = {
        .table = "deliveries",
        .size = sizeof(DeliveryRecord),
        .columns = delivery_columns,
        .n_columns = ELEMENTSOF(delivery_columns),
        .n_key = 1,
};

void notifier_record_done(NotifierRecord *r)
{
        record_done(&notifier_type, r);
}

void event_record_done(EventRecord *r)
{
        record_done(&event_type, r);
}

void delivery_record_done(DeliveryRecord *r)
{
        record_done(&delivery_type, r);
}

int store_notifier_put(Store *s, const NotifierRecord *r)
{
        return record_put(s, &notifier_type, r);
}

int store_notifier_del(Store *s, const char *name)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        r = write_run(s, "DELETE FROM deliveries WHERE notifier = ?", &(Value){ .text = name }, 1, NULL);
        if (r >= 0)
                r = record_del(s, &notifier_type, name);

        return store_leave(s, own, r);
}

int store_notifier_list(Store *s, int (*callback)(NotifierRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &notifier_type };
        int r;

        r = rows_read(s, "ORDER BY name", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}

int store_event_add(Store *s, const EventRecord *event, char *const *notifiers)
{
        bool own;
        int r;

        r = store_join(s, &own);
        if (r < 0)
                return r;

        if (notifiers && notifiers[0])
                r = record_put(s, &event_type, event);
        for (size_t i = 0; r >= 0 && notifiers && notifiers[i]; i++) {
                const DeliveryRecord delivery = {
                        .event = event->id,
                        .notifier = notifiers[i],
                        .state = DELIVERY_PENDING,
                        .queued_usec = event->time_usec,
                        .next_usec = event->time_usec,
                };
                uint64_t id;

                r = record_insert(s, &delivery_type, &delivery, &id);
        }

        return store_leave(s, own, r);
}

int store_event_get(Store *s, const char *id, EventRecord *ret)
{
        return row_find(s, &event_type, "WHERE id = ?", &(Value){ .text = id }, 1, ret);
}

int store_event_last(Store *s, const char *kind, uint64_t *ret_usec)
{
        EventRecord e = {};
        int r;

        r = row_find(s, &event_type, "WHERE kind = ? ORDER BY time_usec DESC LIMIT 1",
                     &(Value){ .text = kind }, 1, &e);
        if (r <= 0)
                return r;

        *ret_usec = e.time_usec;
        event_record_done(&e);
        return 1;
}

int store_event_trim(Store *s, uint64_t before_usec, uint32_t max, uint32_t *ret_n)
{
        const Value values[] = { { .number = before_usec }, { .number = max } };

        return write_run(s,
                         "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE time_usec < ? AND NOT "
                         "EXISTS (SELECT 1 FROM deliveries WHERE event = events.id AND state = 'pending') "
                         "ORDER BY time_usec LIMIT ?)",
                         values, ELEMENTSOF(values), ret_n);
}

int store_delivery_put(Store *s, const DeliveryRecord *r)
{
        return record_update(s, &delivery_type, r);
}

int store_delivery_get(Store *s, uint64_t id, DeliveryRecord *ret)
{
        return row_find(s, &delivery_type, "WHERE id = ?", &(Value){ .number = id }, 1, ret);
}

int store_delivery_next(Store *s, const char *notifier, DeliveryRecord *ret)
{
        return row_find(s, &delivery_type,
                        "WHERE state = 'pending' AND notifier = ? ORDER BY next_usec, id LIMIT 1",
                        &(Value){ .text = notifier }, 1, ret);
}

int store_delivery_retry(Store *s, const char *notifier, uint64_t now_usec, uint32_t *ret_n)
{
        const Value values[] = { { .number = now_usec }, { .text = notifier } };

        return write_run(
                        s,
                        notifier ? "UPDATE deliveries SET state = 'pending', attempts = 0, queued_usec = ?1, "
                                   "next_usec = ?1 WHERE state = 'dead' AND notifier = ?2"
                                 : "UPDATE deliveries SET state = 'pending', attempts = 0, queued_usec = ?1, "
                                   "next_usec = ?1 WHERE state = 'dead'",
                        values, notifier ? 2 : 1, ret_n);
}

int store_delivery_list(Store *s, const DeliveryFilter *f,
                        int (*callback)(DeliveryRecord *r, void *userdata), void *userdata,
                        uint64_t *ret_total)
{
        _cleanup_(rows_done) Rows rows = { .type = &delivery_type };
        char where[128], tail[256];
        Value values[4];
        size_t n = 0;
        int r;

        (void) snprintf(where, sizeof(where), "WHERE %s AND %s", f->notifier ? "notifier = ?" : "true",
                        f->state >= 0 ? "state = ?" : "true");
        if (f->notifier)
                values[n++] = (Value){ .text = f->notifier };
        if (f->state >= 0)
                values[n++] = (Value){ .text = delivery_state_to_string(f->state) };
        r = rows_count(s, &delivery_type, where, values, n, ret_total);
        if (r < 0)
                return r;

        /* Of all notifiers, from the newest on: sorting all that were delivered takes longer than passing over what was not. */
        (void) snprintf(tail, sizeof(tail), "%s ORDER BY id DESC LIMIT ? OFFSET ?",
                        f->state >= 0 && !f->notifier ? "WHERE +state = ?" : where);
        values[n++] = (Value){ .number = f->limit > 0 ? f->limit : INT64_MAX };
        values[n++] = (Value){ .number = f->offset };
        r = rows_read(s, tail, values, n, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
