/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

/* The jobs as a table for spreadsheets, a page of the list at a time: however many there are, only one page is in memory. */

static const char *const texts[] = { "kind",  "drive_id", "host",   "serial",   "model", "profile",
                                     "state", "verdict",  "reason", "operator", "note" };

const Field burnin_export_fields[] = {
        { "state", 's', false, "state" },
        { "verdict", 's', false, "verdict" },
        { "host", 's', false, "host" },
        { "drive", 's', false, "drive" },
        {},
};
static const Field page_fields[] = {
        { "state", 's', false, "state" },
        { "verdict", 's', false, "verdict" },
        { "host", 's', false, "host" },
        { "drive", 's', false, "drive" },
        { "offset", 'u', false, "offset" },
        { "limit", 'u', false, "limit" },
        {},
};

static int put_row(struct json_object *job, uint64_t id)
{
        static const char *const times[] = { "created_usec", "started_usec", "finished_usec" };
        uint64_t t[ELEMENTSOF(times)] = {};
        char timestamp[TIMESTAMP_MAX];

        (void) printf("%" PRIu64, id);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *field = NULL;
                const char *text = "";

                (void) json_get_string(job, texts[i], &text);
                field = response_csv_field(text);
                if (!field)
                        return -ENOMEM;
                (void) printf(",%s", field);
        }
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                (void) json_get_u64(job, times[i], &t[i]);
                (void) printf(",%s", format_timestamp(timestamp, t[i]));
        }
        if (t[1] > 0 && t[2] > t[1])
                (void) printf(",%" PRIu64, (t[2] - t[1]) / USEC_PER_SEC);
        else
                (void) printf(",");

        /* Nobody reads any more: no reason to go on. */
        return printf("\r\n") < 0 ? -EPIPE : 0;
}

/* last: the number of the job that was written last, which later pages begin again with where jobs were queued meanwhile. */
static int put_page(struct json_object *jobs, uint64_t *last)
{
        for (size_t i = 0; i < json_object_array_length(jobs); i++) {
                struct json_object *job = json_object_array_get_idx(jobs, i);
                uint64_t id = 0;
                int r;

                (void) json_get_u64(job, "id", &id);
                if (id >= *last)
                        continue;
                *last = id;
                r = put_row(job, id);
                if (r < 0)
                        return r;
        }

        return 0;
}

static void put_head(void)
{
        (void) printf("id");
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                (void) printf(",%s", texts[i]);
        (void) printf(",created,started,finished,seconds\r\n");
}

int burnin_export(Web *w)
{
        uint64_t last = UINT64_MAX, offset = 0, total = 0;
        int r;

        do {
                _cleanup_json_ struct json_object *jobs = NULL;

                r = list_set_page(w, offset, LIST_PAGE_MAX);
                if (r >= 0)
                        r = list_read(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListJobs", page_fields, &jobs,
                                      &total);
                if (r >= 0 && offset == 0) {
                        r = response_header(w, "Content-Disposition: attachment; filename=\"burnin.csv\"");
                        if (r >= 0 && !response_begin(w, 200, "text/csv; charset=utf-8"))
                                return 0;
                        put_head();
                }
                if (r >= 0)
                        r = put_page(jobs, &last);
                if (r < 0)
                        break;
                if (json_object_array_length(jobs) == 0)
                        break;
                offset += LIST_PAGE_MAX;
        } while (offset < total);

        /* Too late for a status; but nobody shall take it for all of them. */
        if (r < 0 && w->answered)
                (void) printf("incomplete: %s\r\n", strempty(w->error.message));
        return r;
}
