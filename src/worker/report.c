/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "shared/names.h"
#include "worker/report.h"

/* What hosts say ends up in here; burnind refuses a report with anything unclean in it. */
static char *clean_and_free(char *s)
{
        _cleanup_free_ char *raw = s;

        return raw ? str_clean(raw, strlen(raw), TEXT_MAX_BYTES, false) : NULL;
}

int report_line(StageReport *r, Verdict verdict, const char *rule, const char *source, char *expected,
                char *observed, char *reason)
{
        _cleanup_free_ char *e = clean_and_free(expected), *o = clean_and_free(observed),
                            *why = clean_and_free(reason);

        if (!e || !o || (verdict != VERDICT_PASSED && !why))
                return -ENOMEM;
        if (verdict > r->verdict) {
                free(r->reason);
                r->reason = verdict == VERDICT_PASSED ? NULL : TAKE_PTR(why);
                r->verdict = verdict;
        }

        return stage_report_add(r, verdict, rule, e, o, source);
}

void report_set_reason(StageReport *r, const char *format, ...)
{
        _cleanup_free_ char *raw = NULL;
        va_list ap;
        int n;

        if (r->reason)
                return;

        va_start(ap, format);
        n = vasprintf(&raw, format, ap);
        va_end(ap);
        if (n < 0) {
                raw = NULL;
                return;
        }

        r->reason = str_clean(raw, (size_t) n, TEXT_MAX_BYTES, false);
}

struct json_object *report_details(StageReport *r)
{
        if (!r->details)
                r->details = json_object_new_object();

        return r->details;
}

int report_set_remnant(StageReport *r)
{
        struct json_object *o = report_details(r);

        return o ? json_put_bool(o, "remnant", true) : -ENOMEM;
}
