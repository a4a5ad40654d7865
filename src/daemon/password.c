/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/socket.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/password.h"
#include "shared/names.h"
#include "shared/password-proto.h"

struct Password {
        Manager *manager; /* weak */
        PasswordRequest request;
        PasswordCallback callback;
        void *userdata;
        int fd; /* open: it was asked */
        sd_event_source *io_source, *timer;
        Password *prev, *next;
};

static Password *password_free(Password *p)
{
        if (!p)
                return NULL;

        sd_event_source_disable_unref(p->io_source);
        sd_event_source_disable_unref(p->timer);
        safe_close(p->fd);
        explicit_bzero(&p->request, sizeof(p->request));
        free(p);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Password *, password_free);

static void passwords_ask_next(Manager *m);

/* Takes p out and frees it; the callback may ask the next question. */
static void password_finish(Password *p, int result, const char *hash)
{
        PasswordCallback callback = p->callback;
        void *userdata = p->userdata;
        Manager *m = p->manager;

        if (result < 0 && result != -ECANCELED)
                log_warning_errno(result, "burnin-password did not say whether a password is right: %m");
        DL_DELETE(m->passwords, p);
        password_free(p);
        callback(userdata, result, hash);
        passwords_ask_next(m);
}

static int password_on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        PasswordAnswer answer = {};
        Password *p = userdata;
        ssize_t n;

        n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0)
                password_finish(p, -errno, NULL);
        else if (n != sizeof(answer) || !memchr(answer.hash, 0, sizeof(answer.hash)) || answer.matches > 1)
                password_finish(p, n == 0 ? -ECONNRESET : -EBADMSG, NULL);
        else
                password_finish(p, (int) answer.matches, answer.hash[0] ? answer.hash : NULL);

        return 0;
}

static int password_on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
        password_finish(userdata, -ETIMEDOUT, NULL);
        return 0;
}

static int password_ask(Password *p)
{
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = connect_packets(PATH_PASSWORD_SOCKET);
        if (fd < 0)
                return fd;
        if (send(fd, &p->request, sizeof(p->request), MSG_NOSIGNAL) < 0)
                return -errno;
        explicit_bzero(&p->request, sizeof(p->request));
        r = sd_event_add_io(p->manager->event, &p->io_source, fd, EPOLLIN, password_on_io, p);
        if (r < 0)
                return r;

        p->fd = TAKE_FD(fd);
        return 0;
}

static void passwords_ask_next(Manager *m)
{
        Password *p, *next = NULL;
        size_t asked = 0;
        int r;

        DL_FOREACH(m->passwords, p) {
                asked += p->fd >= 0;
                if (p->fd < 0 && !next)
                        next = p;
        }
        if (!next || asked >= PASSWORDS_ASKED_MAX)
                return;

        r = password_ask(next);
        if (r < 0)
                password_finish(next, r, NULL);
        else
                passwords_ask_next(m);
}

static int password_on_defer(sd_event_source *s, void *userdata)
{
        passwords_ask_next(userdata);
        return 0;
}

static int password_new(Manager *m, PasswordVerb verb, const char *hash, const char *password,
                        PasswordCallback callback, void *userdata)
{
        _cleanup_(password_freep) Password *p = NULL;
        size_t n = 0;
        Password *other;
        int r;

        DL_COUNT(m->passwords, other, n);
        if (n >= PASSWORDS_QUEUED_MAX)
                return -EAGAIN;
        if (strlen(password) > PASSWORD_MAX || strlen(strempty(hash)) >= PASSWORD_HASH_MAX)
                return -EINVAL;

        p = new (Password, 1);
        if (!p)
                return -ENOMEM;
        *p = (Password){
                .manager = m,
                .request = { .verb = verb },
                .callback = callback,
                .userdata = userdata,
                .fd = -EBADF,
        };
        (void) snprintf(p->request.hash, sizeof(p->request.hash), "%s", strempty(hash));
        (void) snprintf(p->request.password, sizeof(p->request.password), "%s", password);
        r = sd_event_add_time_relative(m->event, &p->timer, CLOCK_BOOTTIME, PASSWORD_TIMEOUT, 0,
                                       password_on_timer, p);
        if (r < 0)
                return r;
        /* From the loop: no callback comes before this has returned. */
        if (!m->password_source)
                r = sd_event_add_defer(m->event, &m->password_source, password_on_defer, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->password_source, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        DL_APPEND(m->passwords, p);
        TAKE_PTR(p);
        return 0;
}

int password_verify(Manager *m, const char *hash, const char *password, PasswordCallback callback,
                    void *userdata)
{
        return password_new(m, PASSWORD_VERIFY, hash, password, callback, userdata);
}

int password_hash(Manager *m, const char *password, PasswordCallback callback, void *userdata)
{
        return password_new(m, PASSWORD_HASH, NULL, password, callback, userdata);
}

void passwords_done(Manager *m)
{
        Password *p;

        while ((p = m->passwords)) {
                DL_DELETE(m->passwords, p);
                p->callback(p->userdata, -ECANCELED, NULL);
                password_free(p);
        }
        m->password_source = sd_event_source_disable_unref(m->password_source);
}
