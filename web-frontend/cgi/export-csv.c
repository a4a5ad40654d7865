/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* A list as a table for spreadsheets, a page of it at a time: however long it is, only one page is in memory. */

typedef struct Table {
        const char *member, *file_name;
        const Field *fields; /* of the list, with its pages */
        const char *head;    /* of what comes behind the id */
        int (*put_row)(struct json_object *row);
} Table;

const Field burnin_export_fields[] = {
        { "state", 's', false, "state" },
        { "verdict", 's', false, "verdict" },
        { "host", 's', false, "host" },
        { "drive", 's', false, "drive" },
        {},
};
const Field audit_export_fields[] = { { "text", 's', false, "text" }, {} };
static const Field page_fields[] = {
        { "state", 's', false, "state" },
        { "verdict", 's', false, "verdict" },
        { "host", 's', false, "host" },
        { "drive", 's', false, "drive" },
        { "offset", 'u', false, "offset" },
        { "limit", 'u', false, "limit" },
        {},
};

static int put_texts(struct json_object *row, const char *const *keys, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *field = NULL;
                const char *text = "";

                (void) json_get_string(row, keys[i], &text);
                field = response_csv_field(text);
                if (!field)
                        return -ENOMEM;
                (void) printf(",%s", field);
        }

        return 0;
}

static uint64_t put_time(struct json_object *row, const char *key)
{
        char timestamp[TIMESTAMP_MAX];
        uint64_t t = 0;

        (void) json_get_u64(row, key, &t);
        (void) printf(",%s", format_timestamp(timestamp, t));
        return t;
}

static int put_job(struct json_object *job)
{
        static const char *const texts[] = { "kind",  "drive_id", "host",   "serial",   "model", "profile",
                                             "state", "verdict",  "reason", "operator", "note" };
        uint64_t started, finished;
        int r;

        r = put_texts(job, texts, ELEMENTSOF(texts));
        if (r < 0)
                return r;
        (void) put_time(job, "created_usec");
        started = put_time(job, "started_usec");
        finished = put_time(job, "finished_usec");
        (void) printf(",");
        if (started > 0 && finished > started)
                (void) printf("%" PRIu64, (finished - started) / USEC_PER_SEC);

        return 0;
}

static const Table jobs_table = {
        .member = "ListJobs",
        .file_name = "burnin.csv",
        .fields = page_fields,
        .head = "kind,drive_id,host,serial,model,profile,state,verdict,reason,operator,note,created,started,finished,seconds",
        .put_row = put_job,
};

static int put_audit(struct json_object *entry)
{
        static const char *const texts[] = { "action", "object", "outcome", "detail" };
        static const char *const actor[] = { "actor" };
        uint64_t uid = 0;
        int r;

        (void) put_time(entry, "time_usec");
        r = put_texts(entry, actor, ELEMENTSOF(actor));
        if (r < 0)
                return r;
        (void) json_get_u64(entry, "actor_uid", &uid);
        (void) printf(",%" PRIu64, uid);
        return put_texts(entry, texts, ELEMENTSOF(texts));
}

static const Table audit_table = {
        .member = "ListAudit",
        .file_name = "burnin-audit.csv",
        .fields = audit_fields,
        .head = "time,actor,actor_uid,action,object,outcome,detail",
        .put_row = put_audit,
};

/* last: the number of the row that was written last, which later pages begin again with where others came meanwhile. */
static int put_page(const Table *table, struct json_object *rows, uint64_t *last)
{
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                uint64_t id = 0;
                int r;

                (void) json_get_u64(row, "id", &id);
                if (id >= *last)
                        continue;
                *last = id;
                (void) printf("%" PRIu64, id);
                r = table->put_row(row);
                if (r < 0)
                        return r;
                /* Nobody reads any more: no reason to go on. */
                if (printf("\r\n") < 0)
                        return -EPIPE;
        }

        return 0;
}

static int export_table(Web *w, const Table *table)
{
        uint64_t last = UINT64_MAX, offset = 0, total = 0;
        int r;

        do {
                _cleanup_json_ struct json_object *rows = NULL;

                r = list_set_page(w, offset, LIST_OBJECTS_MAX);
                if (r >= 0)
                        r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, table->member, table->fields,
                                      &rows, &total);
                if (r >= 0 && offset == 0) {
                        r = response_header(w, "Content-Disposition: attachment; filename=\"%s\"",
                                            table->file_name);
                        if (r >= 0 && !response_begin(w, 200, "text/csv; charset=utf-8"))
                                return 0;
                        (void) printf("id,%s\r\n", table->head);
                }
                if (r >= 0)
                        r = put_page(table, rows, &last);
                if (r < 0)
                        break;
                /* A row that cannot be read is counted, and left out. */
                offset += LIST_OBJECTS_MAX;
        } while (offset < total);

        /* Too late for a status; but nobody shall take it for all of them. */
        if (r < 0 && w->answered)
                (void) printf("incomplete: %s\r\n", strempty(w->error.message));
        return r;
}

int burnin_export(Web *w)
{
        return export_table(w, &jobs_table);
}

int audit_export(Web *w)
{
        return export_table(w, &audit_table);
}
