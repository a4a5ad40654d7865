/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "report/markup.h"
#include "shared/enums.h"

#define TEXT_MAX 4096U

void markup_text(FILE *f, const char *s)
{
        _cleanup_free_ char *clean = str_clean(s, strlen(s), TEXT_MAX, false);

        for (const char *p = strempty(clean); *p; p++)
                if (strchr("<>&\"'", *p))
                        (void) fprintf(f, "&#%u;", (unsigned) *p);
                else
                        (void) fputc(*p, f);
}

void markup_count(FILE *f, uint64_t n)
{
        if (n >= 1000) {
                markup_count(f, n / 1000);
                (void) fprintf(f, "\u202f%03u", (unsigned) (n % 1000));
        } else
                (void) fprintf(f, "%u", (unsigned) n);
}

void markup_size(FILE *f, uint64_t bytes)
{
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
        uint64_t unit = 1;
        size_t i = 0;

        for (; i + 1 < ELEMENTSOF(units) && bytes / unit >= 1000; i++)
                unit *= 1000;
        if (i == 0)
                (void) fprintf(f, "%u\u00a0B", (unsigned) bytes);
        else
                (void) fprintf(f, "%u.%u\u00a0%s", (unsigned) (bytes / unit),
                               (unsigned) (bytes / (unit / 10) % 10), units[i]);
}

void markup_speed(FILE *f, uint64_t bytes_per_second)
{
        markup_count(f, bytes_per_second / 1000000);
        (void) fputs("\u00a0MB/s", f);
}

void markup_mdegc(FILE *f, int64_t mdegc)
{
        (void) fprintf(f, "%" PRIi64 "\u00a0°C", mdegc / 1000);
}

void markup_time(FILE *f, uint64_t usec)
{
        char buf[TIMESTAMP_MAX];
        const char *s = format_timestamp(buf, usec);

        if (strlen(s) < STRLEN("2026-01-31T23:59:59"))
                return;
        (void) fprintf(f, "%.10s %.8s\u00a0UTC", s, s + STRLEN("2026-01-31T"));
}

void markup_span(FILE *f, uint64_t from_usec, uint64_t to_usec)
{
        char buf[TIMESPAN_MAX];
        const char *s;

        if (from_usec == 0 || to_usec <= from_usec)
                return;
        s = format_timespan(buf, to_usec - from_usec);
        for (; *s; s++)
                (void) fputs(*s == ' ' ? "\u00a0" : (const char[]){ *s, 0 }, f);
}

const char *markup_stage(const char *kind)
{
        static const char *const titles[_STAGE_KIND_MAX] = {
                [STAGE_PRECHECK] = "Precheck",          [STAGE_SHORT_SMART] = "Short SMART test",
                [STAGE_LONG_SMART] = "Long SMART test", [STAGE_SURFACE_VALIDATE] = "Surface validation",
                [STAGE_NVME_FORMAT] = "NVMe format",    [STAGE_NVME_SANITIZE] = "NVMe sanitize",
                [STAGE_FINAL_CHECK] = "Final check",
        };
        StageKind k = stage_kind_from_string(kind);

        return k < 0 ? kind : titles[k];
}

const char *document_string(struct json_object *o, const char *key)
{
        const char *s = NULL;

        return json_object_is_type(o, json_type_object) && json_get_string(o, key, &s) > 0 ? strempty(s)
                                                                                           : "";
}

uint64_t document_u64(struct json_object *o, const char *key)
{
        uint64_t n = 0;

        return json_object_is_type(o, json_type_object) && json_get_u64(o, key, &n) > 0 ? n : 0;
}

struct json_object *document_object(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        return json_object_is_type(o, json_type_object) && json_get(o, key, json_type_object, &v) > 0 ? v
                                                                                                      : NULL;
}

struct json_object *document_list(struct json_object *o, const char *key)
{
        struct json_object *v = NULL;

        return json_object_is_type(o, json_type_object) && json_get(o, key, json_type_array, &v) > 0 ? v
                                                                                                     : NULL;
}

size_t document_length(struct json_object *list)
{
        return list ? json_object_array_length(list) : 0;
}
