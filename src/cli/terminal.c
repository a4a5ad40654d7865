/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "cli/cli.h"

/* The pager and polkit's agent are other programs, and the questions a person is asked. */

#define PAGER_DEFAULT "less"
#define LESS_OPTIONS  "FRSXMK"
#define AGENT_PATH    "/usr/bin/pkttyagent"
/* How long the agent may take to say that it is there; without it the call still goes out, and says what it lacks. */
#define AGENT_TIMEOUT_MSEC 10000

void terminal_inspect(Cli *c)
{
        struct winsize ws = {};
        const char *term = getenv("TERM"), *columns = getenv("COLUMNS");
        uint32_t n;

        c->utf8 = streq(nl_langinfo(CODESET), "UTF-8");
        c->terminal = isatty(STDOUT_FILENO) == 1;
        if (!c->terminal)
                return;

        c->colour = isempty(getenv("NO_COLOR")) && term && !streq(term, "dumb");
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0) {
                c->columns = ws.ws_col;
                c->rows = ws.ws_row;
        }
        if (columns && parse_u32(columns, &n) >= 0 && n > 0)
                c->columns = n;
}

void pager_open(Cli *c)
{
        const char *pager = secure_getenv("PAGER");
        int fds[2];

        /* Somebody's environment must not choose what runs as root. */
        if (getenv("SUDO_UID") || isempty(pager))
                pager = pager && !*pager && !getenv("SUDO_UID") ? pager : PAGER_DEFAULT;
        if (!c->terminal || c->no_pager || c->pager > 0 || isempty(pager) || streq(pager, "cat"))
                return;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        (void) fflush(stdout);

        c->pager = fork();
        if (c->pager == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
                (void) dup2(fds[0], STDIN_FILENO);
                (void) setenv("LESS", LESS_OPTIONS, 1);
                /* No shell and no editor out of a pager that may run with more rights than its user. */
                (void) setenv("LESSSECURE", "1", 1);
                (void) execl("/bin/sh", "sh", "-c", pager, (char *) NULL);
                _exit(EXIT_FAILURE);
        }

        (void) close(fds[0]);
        if (c->pager > 0 && dup2(fds[1], STDOUT_FILENO) >= 0) {
                /* The user may leave the pager before its end: that is no failure. */
                (void) signal(SIGINT, SIG_IGN);
                (void) signal(SIGPIPE, SIG_IGN);
        }
        (void) close(fds[1]);
}

void pager_close(Cli *c)
{
        if (c->pager <= 0)
                return;

        /* The pager ends when the last end of its pipe is closed, which is standard output. */
        (void) fclose(stdout);
        while (waitpid(c->pager, NULL, 0) < 0 && errno == EINTR)
                ;
        c->pager = 0;
}

bool terminal_can_ask(const Cli *c)
{
        return c->json == JSON_OFF && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

/* Without it only a graphical session could ask for the password. The caller goes on once the agent is registered. */
void agent_open(Cli *c)
{
        struct pollfd p = { .events = POLLIN };
        _cleanup_free_ char *process = NULL, *notify = NULL;
        int fds[2];

        if (c->agent > 0 || c->no_ask_password || c->remote || geteuid() == 0 || isatty(STDIN_FILENO) != 1 ||
            isatty(STDERR_FILENO) != 1)
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        process = strf("%d", (int) getpid());
        notify = strf("%d", fds[1]);
        c->agent = process && notify ? fork() : -1;
        if (c->agent == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
                (void) fcntl(fds[1], F_SETFD, 0);
                (void) execl(AGENT_PATH, "pkttyagent", "--process", process, "--notify-fd", notify,
                             "--fallback", (char *) NULL);
                _exit(EXIT_FAILURE);
        }

        (void) close(fds[1]);
        p.fd = fds[0];
        if (c->agent > 0)
                (void) poll(&p, 1, AGENT_TIMEOUT_MSEC);
        (void) close(fds[0]);
}

void agent_close(Cli *c)
{
        if (c->agent <= 0)
                return;

        (void) kill(c->agent, SIGTERM);
        (void) kill(c->agent, SIGCONT);
        while (waitpid(c->agent, NULL, 0) < 0 && errno == EINTR)
                ;
        c->agent = 0;
}

void terminal_redraw(const char *text, size_t rows, size_t *lines)
{
        size_t max = rows > 0 ? rows - 1 : SIZE_MAX;

        /* Without the wrapping of long lines: one that took two would spoil the count. */
        (void) fputs("\033[?7l", stdout);
        if (*lines > 0)
                (void) printf("\033[%zuA\r", *lines);

        *lines = 0;
        for (const char *end; *text && *lines < max; text = *end ? end + 1 : end) {
                end = strchrnul(text, '\n');
                (void) printf("%.*s\033[K\n", (int) (end - text), text);
                (*lines)++;
        }

        (void) fputs("\033[J\033[?7h", stdout);
        (void) fflush(stdout);
}

int terminal_ask_secret(Cli *c, const char *question, char **ret)
{
        struct termios before, quiet;
        bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
        char *line = NULL;
        size_t size = 0;
        ssize_t n;

        if (terminal) {
                quiet = before;
                quiet.c_lflag &= ~(tcflag_t) ECHO;
                /* Before it is asked for. Whoever leaves by a signal has a shell that puts the terminal back. */
                (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
                (void) fflush(stdout);
                (void) fprintf(stderr, "%s%s%s", style_on(STYLE_BOLD, c->colour), question,
                               style_off(STYLE_BOLD, c->colour));
        }
        n = getline(&line, &size, stdin);
        if (terminal) {
                (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
                (void) fputc('\n', stderr);
        }
        if (n > 0 && line[n - 1] == '\n')
                line[--n] = '\0';
        if (n <= 0 || strlen(line) != (size_t) n) {
                erase_and_freep(&line);
                return cli_fail(c, STATUS_USAGE, "There was no answer: nothing was done.");
        }

        *ret = line;
        return 0;
}

int terminal_ask(Cli *c, const char *question, char **ret)
{
        _cleanup_free_ char *line = NULL, *answer = NULL;
        size_t size = 0;
        ssize_t n;

        (void) fflush(stdout);
        (void) fprintf(stderr, "%s%s%s", style_on(STYLE_BOLD, c->colour), question,
                       style_off(STYLE_BOLD, c->colour));
        n = getline(&line, &size, stdin);
        if (n <= 0)
                return cli_fail(c, STATUS_USAGE, "\nNo answer: nothing was done.");

        answer = strdup(strstrip(line));
        if (!answer)
                return cli_oom(c);

        *ret = TAKE_PTR(answer);
        return 0;
}
