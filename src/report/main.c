/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-report: signs and draws reports for burnind, which has neither the libraries nor the time. One process for each report; systemd
 * starts them as users that exist for that long, with the key as a credential (burnin-report.socket). */

#include <sys/socket.h>

#include "basic/fd-util.h"
#include "basic/serve.h"
#include "basic/string-util.h"
#include "report/document.h"
#include "report/html.h"
#include "report/signature.h"
#include "shared/report-proto.h"

#define TIMEOUT_SEC 15
#define KEY_MAX     4096U
#define CREDENTIAL  "report-key"

static int sign(const char *text, char **ret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL, *key = NULL;
        size_t size;
        int r;

        if (!directory)
                return -ENOKEY;
        path = strf("%s/" CREDENTIAL, directory);
        if (!path)
                return -ENOMEM;
        r = read_file_full(path, KEY_MAX, &key, &size);
        if (r < 0)
                return r == -ENOENT ? -ENOKEY : r;

        r = signature_make(key, size, text, strlen(text), ret);
        explicit_bzero(key, size);
        return r;
}

/* Returns the descriptor with what was asked for. */
static int make(ReportKind kind, int document_fd, ReportAnswer *answer)
{
        _cleanup_free_ char *sent = NULL, *text = NULL, *signature = NULL, *page = NULL;
        _cleanup_json_ struct json_object *document = NULL;
        size_t size;
        int r;

        r = read_fd_full(document_fd, REPORT_DOCUMENT_MAX, &sent, &size);
        if (r >= 0)
                r = document_from_text(sent, size, &document);
        if (r >= 0)
                r = document_to_text(document, &text);
        if (r >= 0)
                r = sign(text, &signature);
        if (r >= 0 && kind == REPORT_HTML)
                r = html_render(document, text, signature, &page);
        if (r < 0)
                return r;
        if (strlen(signature) >= sizeof(answer->signature))
                return -E2BIG;

        (void) snprintf(answer->signature, sizeof(answer->signature), "%s", signature);
        return memfd_new_sealed("burnin-report", page ?: text, strlen(page ?: text));
}

static int serve(int fd)
{
        _cleanup_close_ int document = -EBADF, report = -EBADF;
        ReportRequest request;
        ReportAnswer answer = {};
        ssize_t n;
        int r;

        r = receive_packet(fd, &request, sizeof(request), &document);
        if (r < 0)
                return r == -ECONNRESET ? 0 : r;
        if (document < 0 || request.kind > REPORT_HTML)
                return -EBADMSG;

        report = make((ReportKind) request.kind, document, &answer);
        answer.error = MIN(report, 0);
        n = send_with_fd(fd, &answer, sizeof(answer), report);
        return n < 0 ? (int) n : answer.error;
}

int main(void)
{
        return serve_connection("burnin-report", TIMEOUT_SEC, serve, "Failed to make a report");
}
