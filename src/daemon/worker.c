/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/host.h"
#include "daemon/scope.h"
#include "daemon/worker.h"
#include "shared/names.h"

struct Worker {
        Stage *stage; /* weak */
        int gate_fd;  /* open: it waits behind it */
        int channel_fd;
        ScopeCall *scope_call;
        /* Weak: the loop's, until the child is reaped. NULL: not our child (adopted). */
        sd_event_source *child_source;
        sd_event_source *channel_source;
};

Worker *worker_free(Worker *w)
{
        if (!w)
                return NULL;

        scope_call_free(w->scope_call);
        /* The child may live longer than our interest in it, and wants to be reaped all the same. */
        if (w->child_source)
                (void) sd_event_source_set_userdata(w->child_source, NULL);
        sd_event_source_disable_unref(w->channel_source);
        /* A gate that closes unopened ends the worker, with nothing touched. */
        safe_close(w->gate_fd);
        safe_close(w->channel_fd);
        free(w);
        return NULL;
}

static int worker_new(Stage *s, Worker **ret)
{
        Worker *w = new (Worker, 1);

        if (!w)
                return -ENOMEM;

        *w = (Worker){ .stage = s, .gate_fd = -EBADF, .channel_fd = -EBADF };
        *ret = w;
        return 0;
}

bool worker_is_behind_gate(const Worker *w)
{
        return w->gate_fd >= 0;
}

static int worker_send(Worker *w, struct json_object *message)
{
        const char *text = json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN);

        if (w->channel_fd < 0)
                return -ENOTCONN;
        if (send(w->channel_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return -errno;

        return 0;
}

static int worker_send_number(Worker *w, const char *key, uint64_t n)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_u64(o, key, n) < 0)
                return -ENOMEM;

        return worker_send(w, o);
}

void worker_ack(Worker *w, uint64_t seq)
{
        /* One that is lost is asked for again by the message itself. */
        (void) worker_send_number(w, "ack", seq);
}

void worker_cancel(Worker *w)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (o && json_put_bool(o, "cancel", true) >= 0)
                (void) worker_send(w, o);
}

static int worker_send_wish(Worker *w, const char *wish, const char *by, const char *reason)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *body = json_object_new_object();

        if (!o || !body || json_put_string(body, "by", by) < 0 ||
            json_put_string(body, "reason", reason) < 0 || json_put(o, wish, TAKE_PTR(body)) < 0)
                return -ENOMEM;

        return worker_send(w, o);
}

int worker_pause(Worker *w, const char *by, const char *reason)
{
        return worker_send_wish(w, "pause", by, reason);
}

int worker_resume(Worker *w, const char *by)
{
        return worker_send_wish(w, "resume", by, NULL);
}

int worker_tell_siblings(Worker *w, uint64_t bytes_per_second)
{
        return worker_send_number(w, "siblings", bytes_per_second);
}

bool worker_is_connected(const Worker *w)
{
        return w->channel_fd >= 0;
}

static void worker_gone(Worker *w, const char *how)
{
        stage_on_worker_gone(w->stage, how);
}

static void worker_hang_up(Worker *w)
{
        w->channel_source = sd_event_source_disable_unref(w->channel_source);
        w->channel_fd = safe_close(w->channel_fd);
}

/* One datagram. 0: handled (also when it was dropped); negative: the channel is of no use any more. */
static int worker_receive(Worker *w)
{
        _cleanup_json_ struct json_object *o = NULL;
        static char buf[STAGE_MESSAGE_MAX + 1];
        Stage *s = w->stage;
        uint64_t seq = 0;
        ssize_t n;
        int r;

        n = recv(w->channel_fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;

        if ((size_t) n > STAGE_MESSAGE_MAX)
                r = -EMSGSIZE;
        else
                r = json_parse(buf, (size_t) n, &o);
        if (r >= 0 && json_get_u64(o, "seq", &seq) <= 0)
                r = -EBADMSG;
        if (r >= 0)
                r = stage_on_message(s, o);
        if (r == -EBADMSG || r == -EMSGSIZE) {
                log_stage(s, LOG_WARNING, NULL,
                          "Dropped a message of the worker that is not of the protocol: %s", strerror(-r));
                r = 0;
        }
        /* It would be refused again, and everything behind it would wait for ever. */
        if (r < 0 && store_is_refusal(r))
                r = 0;
        if (r < 0) {
                /* Not stored. An acknowledgement of a later message would be one for this one too. */
                if (s->worker == w)
                        worker_hang_up(w);
                return 0;
        }

        /* The report may have ended the stage, and with it this worker. */
        if (s->worker == w && seq > 0)
                worker_ack(w, seq);
        return 0;
}

static int worker_on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Worker *w = userdata;
        int r = 0;

        if (revents & EPOLLIN)
                r = worker_receive(w);
        else if (revents & (EPOLLHUP | EPOLLERR))
                r = -ECONNRESET;
        if (r >= 0)
                return 0;

        worker_hang_up(w);
        /* A child of ours is reported by its exit, which follows and says more. */
        if (!w->child_source)
                worker_gone(w, "its channel closed");
        return 0;
}

static int worker_connect(Worker *w)
{
        _cleanup_close_ int fd = -EBADF;
        char path[STAGE_PATH_MAX];
        int r;

        (void) stage_socket_path(w->stage, path);
        fd = connect_packets(path);
        if (fd < 0)
                return fd;

        r = sd_event_add_io(w->stage->job->manager->event, &w->channel_source, fd, EPOLLIN,
                            worker_on_channel, w);
        if (r < 0)
                return r;
        w->channel_fd = TAKE_FD(fd);
        return worker_send_number(w, "hello", w->stage->record.last_seq);
}

void worker_reconnect(Worker *w)
{
        if (w->channel_fd >= 0 || worker_is_behind_gate(w))
                return;
        if (worker_connect(w) < 0 && !w->child_source)
                worker_gone(w, "its channel closed");
}

/* In the child. Only async-signal-safe calls, and no way back. */
static void worker_exec(const Manager *m, int params_fd, int gate_fd, int socket_fd, int key_fd)
{
        const int wanted[] = { params_fd, gate_fd, socket_fd, key_fd };
        char *const argv[] = { (char *) BURNIN_WORKER_PATH, (char *) "stage", NULL };
        sigset_t none;
        int null_fd;

        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);

        null_fd = open("/dev/null", O_RDONLY);
        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0)
                _exit(EXIT_FAILURE);

        /* First out of the way of the numbers they are to have, then there. */
        int high[ELEMENTSOF(wanted)];
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                high[i] = fcntl(wanted[i], F_DUPFD, 32);
                if (high[i] < 0)
                        _exit(EXIT_FAILURE);
        }
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++)
                if (dup2(high[i], WORKER_FD_PARAMS + (int) i) < 0)
                        _exit(EXIT_FAILURE);
        if (close_range(WORKER_FD_KEY + 1, ~0U, 0) < 0)
                _exit(EXIT_FAILURE);

        if (setgroups(0, NULL) < 0 || setresgid(m->worker_gid, m->worker_gid, m->worker_gid) < 0 ||
            setresuid(m->worker_uid, m->worker_uid, m->worker_uid) < 0)
                _exit(EXIT_FAILURE);

        (void) umask(0007);
        (void) execv(argv[0], argv);
        _exit(EXIT_FAILURE);
}

/* sd-event reaps it after this. */
static int worker_on_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
        Worker *w = userdata;
        char how[64];

        (void) sd_event_source_set_floating(source, false);
        if (!w)
                return 0;

        w->child_source = NULL;
        (void) snprintf(how, sizeof(how),
                        si->si_code == CLD_EXITED ? "it exited with status %i"
                                                  : "it was killed by signal %i",
                        si->si_status);
        worker_gone(w, how);
        return 0;
}

static void worker_on_scope(const char *error, void *userdata)
{
        Worker *w = userdata;
        Stage *s = w->stage;
        int r;

        w->scope_call = NULL; /* it frees itself before it calls */
        if (error) {
                stage_on_start_failed(s, error);
                return;
        }

        r = worker_connect(w);
        if (r < 0) {
                stage_on_start_failed(s, "its socket cannot be reached");
                return;
        }

        stage_on_gate_open(s);
}

int worker_open_gate(Worker *w)
{
        int r;

        r = write_all(w->gate_fd, "", 1);
        w->gate_fd = safe_close(w->gate_fd);
        return r;
}

static int worker_start_scope(Worker *w, pid_t pid)
{
        _cleanup_free_ char *description = NULL, *slice_description = NULL;
        char unit[STAGE_PATH_MAX], slice[JOB_UNIT_MAX];
        const Stage *s = w->stage;
        const Job *j = s->job;

        description = strf("Burn-in job %" PRIu64 ": %s of %s %s on %s", j->record.id,
                           stage_kind_to_string(s->record.kind), strempty(j->record.model),
                           strempty(j->record.serial), strempty(j->record.host));
        slice_description =
                        strf("Burn-in job %" PRIu64 ": %s %s on %s", j->record.id, strempty(j->record.model),
                             strempty(j->record.serial), strempty(j->record.host));
        if (!description || !slice_description)
                return -ENOMEM;

        return scope_start(j->manager->scopes, stage_unit(s, unit), job_unit(j, slice), slice_description,
                           description, pid, worker_on_scope, w, &w->scope_call);
}

static int worker_params_memfd(Stage *s, bool follow, bool cancel)
{
        _cleanup_json_ struct json_object *o = NULL;
        StageParams p;
        const char *text;
        int r;

        r = stage_fill_params(s, &p);
        if (r < 0)
                return r;
        p.follow = follow;
        p.cancel = cancel;
        o = stage_params_to_json(&p);
        stage_params_done(&p);
        if (!o)
                return -ENOMEM;

        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        return memfd_new_sealed("burnin-stage-params", text, strlen(text));
}

static int worker_watch_child(Worker *w, pid_t pid)
{
        _cleanup_close_ int pidfd = -EBADF;
        sd_event_source *source;
        int r = 0;

        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0)
                r = -errno;
        if (r >= 0)
                r = sd_event_add_child_pidfd(w->stage->job->manager->event, &source, pidfd, WEXITED,
                                             worker_on_exit, w);
        if (r < 0) {
                /* Nobody would reap it later; killed behind its gate, it is gone at once. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }

        /* Its last words before its exit. Not by a higher priority of theirs: where a thousand workers talk and there is hardly any time,
         * nothing else would have its turn. */
        (void) sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL + 1);
        (void) sd_event_source_set_child_pidfd_own(source, true);
        (void) TAKE_FD(pidfd);
        (void) sd_event_source_set_floating(source, true);
        (void) sd_event_source_unref(source);
        w->child_source = source;
        return 0;
}

int worker_spawn(Stage *s, bool follow, bool cancel, Worker **ret)
{
        _cleanup_close_ int params_fd = -EBADF, key_fd = -EBADF, socket_fd = -EBADF, gate_read = -EBADF;
        _cleanup_(worker_freep) Worker *w = NULL;
        Manager *m = s->job->manager;
        char socket_path[STAGE_PATH_MAX];
        int gate[2], r;
        pid_t pid;

        r = worker_new(s, &w);
        if (r < 0)
                return r;
        r = params_fd = worker_params_memfd(s, follow, cancel);
        if (r < 0)
                return r;
        r = key_fd = host_open_key(stage_host(s));
        if (r < 0)
                return r;
        (void) stage_socket_path(s, socket_path);
        r = socket_fd = listen_packets(socket_path);
        if (r < 0)
                return r;
        if (pipe2(gate, O_CLOEXEC) < 0)
                return -errno;
        gate_read = gate[0];
        w->gate_fd = gate[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                worker_exec(m, params_fd, gate_read, socket_fd, key_fd);

        r = worker_watch_child(w, pid);
        if (r < 0)
                return r;
        r = worker_start_scope(w, pid);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}

int worker_adopt(Stage *s, Worker **ret)
{
        _cleanup_(worker_freep) Worker *w = NULL;
        int r;

        r = worker_new(s, &w);
        if (r < 0)
                return r;
        r = worker_connect(w);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(w);
        return 0;
}
