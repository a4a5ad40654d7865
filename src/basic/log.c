/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"

static struct {
        const char *identifier;
        const char *target;
        int max_level;
        bool journal;
} log_state = {
        .identifier = "burnin",
        .target = "auto",
        .max_level = LOG_INFO,
};

/* systemd sets $JOURNAL_STREAM to the device and inode of the stream it connected; anything else is a terminal or a
 * file, where native journal entries would not be seen. */
static bool stderr_is_journal(void)
{
        const char *e = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        return e && sscanf(e, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) >= 0 &&
               st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *identifier)
{
        const char *e = getenv("BURNIN_LOG_LEVEL");
        uint32_t level;

        log_state.identifier = identifier;
        log_state.journal = stderr_is_journal();
        if (e && parse_u32(e, &level) >= 0 && level <= LOG_DEBUG)
                log_state.max_level = (int) level;
}

void log_set_max_level(int level)
{
        log_state.max_level = level;
}

int log_get_max_level(void)
{
        return log_state.max_level;
}

int log_set_target(const char *target)
{
        static const char *const targets[] = { "auto", "journal", "console" };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++)
                if (streq(target, targets[i])) {
                        log_state.target = targets[i];
                        log_state.journal = i == 1 || (i == 0 && stderr_is_journal());
                        return 0;
                }

        return -EINVAL;
}

const char *log_get_target(void)
{
        return log_state.target;
}

static void log_to_journal(int level, int error, const char *file, int line, const char *func,
                           const LogField *fields, const char *message)
{
        char *strings[LOG_FIELDS_MAX + 7] = {};
        struct iovec iov[ELEMENTSOF(strings)];
        size_t n = 0;

        strings[n++] = strf("MESSAGE=%s", message);
        strings[n++] = strf("PRIORITY=%i", level);
        strings[n++] = strf("SYSLOG_IDENTIFIER=%s", log_state.identifier);
        strings[n++] = strf("CODE_FILE=%s", file);
        strings[n++] = strf("CODE_LINE=%i", line);
        strings[n++] = strf("CODE_FUNC=%s", func);
        if (error != 0)
                strings[n++] = strf("ERRNO=%i", error);
        for (const LogField *f = fields; f && f->key && n < ELEMENTSOF(strings); f++)
                if (f->value)
                        strings[n++] = strf("%s=%s", f->key, f->value);

        for (size_t i = 0; i < n; i++)
                iov[i] = (struct iovec){ .iov_base = strings[i] ?: (char *) "",
                                         .iov_len = strlen(strempty(strings[i])) };

        /* A line that cannot be logged has nowhere to be reported. */
        (void) sd_journal_sendv(iov, (int) n);
        for (size_t i = 0; i < n; i++)
                free(strings[i]);
}

int log_internal(int level, int error, const char *file, int line, const char *func, const LogField *fields,
                 const char *format, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list ap;
        int r;

        error = abs(error);
        if (level > log_state.max_level)
                return -error;

        va_start(ap, format);
        errno = error; /* for %m */
        r = vasprintf(&message, format, ap);
        va_end(ap);
        if (r < 0) {
                message = NULL;
                return -error;
        }

        if (log_state.journal)
                log_to_journal(level, error, file, line, func, fields, message);
        else
                (void) fprintf(stderr, "<%i>%s: %s\n", level, log_state.identifier, message);

        return -error;
}
