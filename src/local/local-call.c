/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "local/local-call.h"
#include "shared/local-proto.h"
#include "shared/names.h"
#include "transport/remote-run.h"

#define AGENT_SIZE_MAX (8U * 1024U * 1024U)
/* Where the script looks for agents. The unit makes the upper one. */
#define PATH_RUNS     "/var/lib/burnin-run"
#define PATH_RUNS_BIN PATH_RUNS "/bin"

static int send_packet(int fd, char letter, const void *data, size_t size)
{
        struct iovec iov[] = {
                { .iov_base = &letter, .iov_len = 1 },
                { .iov_base = (void *) data, .iov_len = size },
        };
        struct msghdr m = { .msg_iov = iov, .msg_iovlen = ELEMENTSOF(iov) };

        return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_end(int fd, int status)
{
        char text[16];
        int n;

        n = snprintf(text, sizeof(text), "%i", status);
        return send_packet(fd, LOCAL_END, text, (size_t) n);
}

int local_refuse(int fd, const char *reason)
{
        int r;

        r = send_packet(fd, LOCAL_ERROR_OUTPUT, reason, strlen(reason));
        return r < 0 ? r : send_end(fd, EXIT_FAILURE);
}

/* Puts the agent of this machine where the script looks for it: nobody else may. */
static int agent_install(void)
{
        _cleanup_free_ char *from = NULL, *to = NULL, *data = NULL;
        char digest[SHA256_HEX_SIZE];
        struct utsname u;
        size_t size;
        int r;

        if (uname(&u) < 0)
                return -errno;
        from = strf(BURNIN_AGENT_DIR "/burnin-agent-%s", u.machine);
        if (!from)
                return -ENOMEM;
        r = read_file_full(from, AGENT_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        sha256_hex(data, size, digest);
        to = strf(PATH_RUNS_BIN "/burnin-agent-%s", digest);
        if (!to)
                return -ENOMEM;
        if (access(to, X_OK) == 0)
                return 0;

        if (mkdir(PATH_RUNS_BIN, 0700) < 0 && errno != EEXIST)
                return -errno;
        return write_file_atomic(to, data, size, 0700);
}

/* In the child. Only async-signal-safe calls, and no way back. */
static void script_exec(char *const *argv, char *const *environment, int null_fd, int output_fd,
                        int error_fd)
{
        if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
            dup2(error_fd, STDERR_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                _exit(EXIT_FAILURE);

        (void) execve(argv[0], argv, environment);
        _exit(EXIT_FAILURE);
}

static int script_prepare(char *const *request, char ***ret_argv, char ***ret_environment)
{
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        const char *const head[] = { "/bin/sh", "-c", remote_run_script, "sh" };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(head); i++) {
                r = strv_extend(&argv, head[i]);
                if (r < 0)
                        return r;
        }
        STRV_FOREACH(word, request) {
                r = strv_extend(&argv, *word);
                if (r < 0)
                        return r;
        }

        r = strv_extend(&environment, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        /* A run outlives us, and needs the script as a file. */
        if (r >= 0 && streq(request[0], "start"))
                r = strv_consume(&environment, strf("BURNIN_SCRIPT=%s", remote_run_script));
        if (r < 0)
                return r;

        *ret_argv = TAKE_PTR(argv);
        *ret_environment = TAKE_PTR(environment);
        return 0;
}

static int script_start(char *const *request, pid_t *ret_pid, int *ret_output_fd, int *ret_error_fd)
{
        _cleanup_close_ int null_fd = -EBADF, output = -EBADF, output_end = -EBADF, error = -EBADF,
                            error_end = -EBADF;
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        int fds[2], r;
        pid_t pid;

        r = script_prepare(request, &argv, &environment);
        if (r < 0)
                return r;
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        output = fds[0];
        output_end = fds[1];
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        error = fds[0];
        error_end = fds[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                script_exec(argv, environment, null_fd, output_end, error_end);

        *ret_pid = pid;
        *ret_output_fd = TAKE_FD(output);
        *ret_error_fd = TAKE_FD(error);
        return 0;
}

/* Sends what the script prints until it has closed both, or until the other end does not want it any more. */
static int script_relay(int fd, int output_fd, int error_fd)
{
        static const char letters[] = { LOCAL_OUTPUT, LOCAL_ERROR_OUTPUT };
        struct pollfd fds[] = {
                { .fd = output_fd, .events = POLLIN },
                { .fd = error_fd, .events = POLLIN },
        };
        char buf[LOCAL_PACKET_MAX - 1];

        while (fds[0].fd >= 0 || fds[1].fd >= 0) {
                if (poll(fds, ELEMENTSOF(fds), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }

                for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                        ssize_t n;
                        int r;

                        if (fds[i].fd < 0 || fds[i].revents == 0)
                                continue;
                        n = read(fds[i].fd, buf, sizeof(buf));
                        if (n <= 0) {
                                fds[i].fd = -1;
                                continue;
                        }
                        r = send_packet(fd, letters[i], buf, (size_t) n);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

static int script_wait(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;

        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int local_call(int fd, char *const *argv)
{
        int output_fd = -EBADF, error_fd = -EBADF, status, r;
        pid_t pid = 0;

        if (streq(argv[0], "agent")) {
                r = agent_install();
                /* perl and python3 can hold a device too. */
                if (r < 0)
                        (void) log_warning_errno(r, "Failed to put burnin-agent into " PATH_RUNS_BIN ": %m");
        }

        r = script_start(argv, &pid, &output_fd, &error_fd);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to run %s: %m", argv[0]);
                return local_refuse(fd, strerror(-r));
        }
        r = script_relay(fd, output_fd, error_fd);
        /* One that nobody listens to ends by that, or by itself. */
        safe_close(output_fd);
        safe_close(error_fd);
        status = script_wait(pid);

        return r < 0 ? r : send_end(fd, status);
}
