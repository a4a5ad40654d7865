/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/response.h"
#include "shared/names.h"
#include "shared/report-proto.h"

/* The report of a job that has ended, as burnind gives it. */

/* The page has its style inside, and nothing else that a browser would do anything with. */
#define PAGE_POLICY "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

static int report_fetch(Web *w, const char *format, char **ret, size_t *ret_size, char **ret_signature)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        const char *signature;
        int fd, r;

        r = web_find_job(w, w->arguments[0], &path);
        if (r >= 0)
                r = web_call(w, path, BUS_INTERFACE_JOB, "OpenReport", &reply, "st", format, UINT64_C(0));
        if (r >= 0)
                r = sd_bus_message_read(reply, "hs", &fd, &signature);
        if (r < 0)
                return r;
        *ret_signature = strdup(signature);
        return *ret_signature ? read_fd_full(fd, REPORT_MAX, ret, ret_size) : -ENOMEM;
}

/* name: what a browser saves it as, behind "burnin-job42". */
static int report_answer(Web *w, const char *type, const char *how, const char *name, const char *text,
                         size_t size)
{
        uint64_t id = 0;
        int r;

        (void) parse_u64(w->arguments[0], &id);
        r = response_header(w, "Content-Disposition: %s; filename=\"burnin-job%" PRIu64 "%s\"", how, id,
                            name);
        if (r >= 0 && response_begin(w, 200, type))
                (void) fwrite(text, 1, size, stdout);
        return r;
}

int report_page(Web *w)
{
        _cleanup_free_ char *text = NULL, *signature = NULL;
        size_t size;
        int r;

        r = report_fetch(w, "html", &text, &size, &signature);
        if (r < 0)
                return r;
        w->policy = PAGE_POLICY;
        return report_answer(w, "text/html; charset=utf-8", "inline", ".html", text, size);
}

int report_document(Web *w)
{
        _cleanup_free_ char *text = NULL, *signature = NULL;
        size_t size;
        int r;

        r = report_fetch(w, "json", &text, &size, &signature);
        return r < 0 ? r : report_answer(w, "application/json", "attachment", ".json", text, size);
}

int report_signature(Web *w)
{
        _cleanup_free_ char *text = NULL, *signature = NULL;
        size_t size;
        int r;

        r = report_fetch(w, "json", &text, &size, &signature);
        return r < 0 ? r
                     : report_answer(w, "text/plain; charset=utf-8", "attachment", ".json.sig", signature,
                                     strlen(signature));
}
