/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/report.h"
#include "shared/names.h"

/* Reports that were asked for. burnind makes the document, burnin-report all else: so many at a time. */

#define REPORTS_ASKED_MAX 2U
#define REPORT_TIMEOUT    (20 * USEC_PER_SEC)
#define SEALS             (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct ReportCall {
        Manager *manager; /* weak */
        sd_bus_message *message;
        uint64_t job;
        ReportKind kind;
        bool as_bytes;
        int fd; /* open: it was asked */
        sd_event_source *io_source, *timer;
        ReportCall *prev, *next;
};

static ReportCall *report_call_free(ReportCall *c)
{
        if (!c)
                return NULL;

        sd_event_source_disable_unref(c->io_source);
        sd_event_source_disable_unref(c->timer);
        sd_bus_message_unref(c->message);
        safe_close(c->fd);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(ReportCall *, report_call_free);

static void reports_ask_next(Manager *m);

/* Takes it out; the message is the caller's to answer. */
static sd_bus_message *report_call_end(ReportCall *c)
{
        sd_bus_message *m = TAKE_PTR(c->message);

        DL_DELETE(c->manager->reports, c);
        report_call_free(c);
        return m;
}

static void report_call_fail(ReportCall *c, int result)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        Manager *manager = c->manager;
        uint64_t job = c->job;

        m = report_call_end(c);
        log_warning_errno(result, "burnin-report did not make the report of job %" PRIu64 ": %m", job);
        (void) sd_bus_reply_method_errorf(m, BUS_ERROR_REPORT_SERVICE,
                                          "The report of job %" PRIu64
                                          " cannot be made (%s). See: systemctl status burnin-report.socket",
                                          job, strerror(-result));
        reports_ask_next(manager);
}

/* It draws what hosts have printed: what it gives is taken for no more than a file that stays as it is. */
static int report_check(int fd, const ReportAnswer *answer, size_t *ret_size)
{
        struct stat st;
        int seals;

        if (!memchr(answer->signature, 0, sizeof(answer->signature)) ||
            !str_is_clean(answer->signature, sizeof(answer->signature), true))
                return -EBADMSG;
        seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) < 0 || st.st_size > (off_t) REPORT_MAX)
                return -EBADMSG;

        *ret_size = (size_t) st.st_size;
        return 0;
}

static int report_reply(sd_bus_message *m, int fd, size_t size, bool as_bytes, const char *signature)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        void *bytes;
        int r;

        if (!as_bytes)
                return sd_bus_reply_method_return(m, "hs", fd, signature);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append_array_space(reply, 'y', size, &bytes);
        if (r >= 0 && pread(fd, bytes, size, 0) != (ssize_t) size)
                r = -EIO;
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", signature);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int report_on_io(sd_event_source *s, int socket_fd, uint32_t revents, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_close_ int fd = -EBADF;
        ReportCall *c = userdata;
        Manager *manager = c->manager;
        ReportAnswer answer = {};
        bool as_bytes = c->as_bytes;
        size_t size = 0;
        int r;

        r = receive_packet(socket_fd, &answer, sizeof(answer), &fd);
        if (r == -EAGAIN || r == -EINTR)
                return 0;
        if (r >= 0 && answer.error < 0)
                r = MAX(answer.error, -4095);
        if (r >= 0)
                r = report_check(fd, &answer, &size);
        if (r < 0) {
                report_call_fail(c, r);
                return 0;
        }

        m = report_call_end(c);
        r = report_reply(m, fd, size, as_bytes, answer.signature);
        if (r < 0)
                log_warning_errno(r, "A report was made, but could not be sent: %m");
        reports_ask_next(manager);
        return 0;
}

static int report_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        report_call_fail(userdata, -ETIMEDOUT);
        return 0;
}

static int report_call_send(ReportCall *c)
{
        const ReportRequest request = { .kind = c->kind };
        _cleanup_close_ int fd = -EBADF, document = -EBADF;
        _cleanup_json_ struct json_object *o = NULL;
        const char *text;
        ssize_t n;
        int r;

        r = report_new(c->manager->store, c->job, c->manager->settings.page_url, &o);
        if (r < 0)
                return r;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        if (!text)
                return -ENOMEM;
        document = memfd_new_sealed("burnin-document", text, strlen(text));
        if (document < 0)
                return document;

        fd = connect_packets(PATH_REPORT_SOCKET);
        if (fd < 0)
                return fd;
        n = send_with_fd(fd, &request, sizeof(request), document);
        if (n < 0)
                return (int) n;
        r = sd_event_add_io(c->manager->event, &c->io_source, fd, EPOLLIN, report_on_io, c);
        if (r < 0)
                return r;

        c->fd = TAKE_FD(fd);
        return 0;
}

static void reports_ask_next(Manager *m)
{
        ReportCall *c, *next = NULL;
        size_t asked = 0;
        int r;

        DL_FOREACH(m->reports, c) {
                asked += c->fd >= 0;
                if (c->fd < 0 && !next)
                        next = c;
        }
        if (!next || asked >= REPORTS_ASKED_MAX)
                return;

        r = report_call_send(next);
        if (r < 0)
                report_call_fail(next, r);
        else
                reports_ask_next(m);
}

int report_ask(const Job *j, sd_bus_message *m, ReportKind kind, bool as_bytes, sd_bus_error *error)
{
        _cleanup_(report_call_freep) ReportCall *c = NULL;
        Manager *manager = j->manager;
        ReportCall *other;
        size_t n = 0;
        int r;

        if (j->record.state != JOB_DONE)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                         "Job %" PRIu64
                                         " has not ended, so there is no report of it yet; it is %s.",
                                         j->record.id, job_state_to_string(j->record.state));
        DL_COUNT(manager->reports, other, n);
        if (n >= REPORTS_WAITING_MAX)
                return sd_bus_error_set(error, BUS_ERROR_LIMIT_REACHED,
                                        "Too many reports are being made. Try again in a moment.");

        c = new (ReportCall, 1);
        if (!c)
                return -ENOMEM;
        *c = (ReportCall){
                .manager = manager,
                .message = sd_bus_message_ref(m),
                .job = j->record.id,
                .kind = kind,
                .as_bytes = as_bytes,
                .fd = -EBADF,
        };
        r = sd_event_add_time_relative(manager->event, &c->timer, CLOCK_BOOTTIME, REPORT_TIMEOUT, 0,
                                       report_on_timer, c);
        if (r < 0)
                return r;

        DL_APPEND(manager->reports, c);
        TAKE_PTR(c);
        reports_ask_next(manager);
        return 1;
}

void reports_done(Manager *m)
{
        ReportCall *c;

        while ((c = m->reports)) {
                DL_DELETE(m->reports, c);
                report_call_free(c);
        }
}
