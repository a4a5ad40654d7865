/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/stage-log.h"

#define ORIGIN_OWN "burnin"

/* What a host says must not fill our disk: a command that is well prints a few kilobytes. */
#define LOG_SIZE_MAX ((uint64_t) 32 * 1024 * 1024)
#define PIECE_MAX    4096U

struct StageLog {
        int fd;
        const LogField *fields;
        const char *tool;
        uint64_t size;
        /* Positions in the remote log, each behind a whole piece. */
        uint64_t cursor;   /* the last one in the file */
        uint64_t position; /* the last one that was taken in; the cursor, unless the file is behind */
        uint64_t told;     /* the last one in the journal */
        uint64_t seen;     /* of bytes: the end of what was ever fed */
        char piece[PIECE_MAX];
        size_t piece_size; /* bytes behind position that are no whole piece yet */
        int error;         /* why the file is behind; 0: it is not */
        bool full;
};

uint64_t stage_log_cursor(const StageLog *l)
{
        return l->cursor;
}

/* The position that a line of the file names, or 0. */
static uint64_t line_offset(const StageLog *l, const char *line, size_t size)
{
        const char *p = memchr(line, ' ', size);
        size_t n = strlen(l->tool);
        _cleanup_free_ char *number = NULL;
        uint64_t v;

        if (!p || (size_t) (p - line) + n + 2 > size || memcmp(p + 1, l->tool, n) != 0 || p[n + 1] != '@')
                return 0;
        p += n + 2;

        number = strndup(p, strspn(p, "0123456789"));
        if (!number || parse_u64(number, &v) < 0)
                return 0;

        return v;
}

/* Finds the cursor and cuts off a torn last line. */
static int log_recover(StageLog *l)
{
        _cleanup_free_ char *text = NULL;
        size_t size, whole = 0;
        int r;

        /* Our own lines come on top of the limit. */
        r = read_fd_full(l->fd, 2 * LOG_SIZE_MAX, &text, &size);
        if (r < 0)
                return r;

        for (const char *p = text, *e; (e = memchr(p, '\n', size - (size_t) (p - text))); p = e + 1) {
                l->cursor = MAX(l->cursor, line_offset(l, p, (size_t) (e - p)));
                whole = (size_t) (e - text) + 1;
        }
        if (whole < size && ftruncate(l->fd, (off_t) whole) < 0)
                return -errno;

        l->size = whole;
        l->position = l->told = l->cursor;
        return 0;
}

int stage_log_open(const char *path, const LogField *fields, const char *tool, StageLog **ret)
{
        _cleanup_(stage_log_freep) StageLog *l = NULL;
        int r;

        l = new0(StageLog, 1);
        if (!l)
                return -ENOMEM;

        l->fields = fields;
        l->tool = tool;
        l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
        if (l->fd < 0)
                return -errno;
        r = log_recover(l);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(l);
        return 0;
}

StageLog *stage_log_free(StageLog *l)
{
        if (!l)
                return NULL;

        if (l->fd >= 0)
                (void) fsync(l->fd);
        l->fd = safe_close(l->fd);
        free(l);

        return NULL;
}

/* What is not written now is not written by the next one either: the file is behind until stage_log_next(). */
static void log_set_behind(StageLog *l, int error)
{
        if (l->error == 0)
                (void) log_full_errno(
                                LOG_ERR, error, l->fields,
                                "Failed to write to the stage's log, it goes on when there is room: %m");
        l->error = error;
}

static int log_write(StageLog *l, const char *origin, const char *text)
{
        char t[TIMESTAMP_MAX];
        _cleanup_free_ char *line = NULL;
        size_t size;
        ssize_t n;
        int r;

        line = strf("%s %s %s\n", format_timestamp(t, now_usec(CLOCK_REALTIME)), origin, text);
        if (!line) {
                log_set_behind(l, -ENOMEM);
                return -ENOMEM;
        }

        /* In one piece or not at all: half a line is taken back, so that the next one does not hang on to it. */
        size = strlen(line);
        n = write(l->fd, line, size);
        if (n == (ssize_t) size) {
                l->size += size;
                return 0;
        }

        r = n < 0 ? -errno : -ENOSPC;
        log_set_behind(l, r);
        if (n > 0 && ftruncate(l->fd, (off_t) l->size) < 0)
                log_debug_errno(errno,
                                "Failed to cut a torn line off the stage's log; the next opening does: %m");

        return r;
}

void stage_log_line(StageLog *l, int level, const char *format, ...)
{
        _cleanup_free_ char *raw = NULL, *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&raw, format, ap);
        va_end(ap);
        if (r < 0) {
                raw = NULL;
                (void) log_oom();
                return;
        }

        text = str_clean(raw, (size_t) r, PIECE_MAX, false);
        if (!text) {
                (void) log_oom();
                return;
        }

        (void) log_write(l, ORIGIN_OWN, text);
        (void) log_full_errno(level, 0, l->fields, "%s", text);
}

/* badblocks moves the cursor back over its own figures; on paper those are nothing. */
static size_t drop_backspaces(char *s, size_t size)
{
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                if (s[i] != '\b')
                        s[n++] = s[i];

        return n;
}

static void log_piece(StageLog *l)
{
        _cleanup_free_ char *text = NULL, *origin = NULL;
        const char *shown;
        size_t n;

        l->position += l->piece_size;
        n = drop_backspaces(l->piece, l->piece_size);
        while (n > 0 && strchr(" \r\n", l->piece[n - 1]))
                n--;
        l->piece_size = 0;

        if (n > 0 && !l->full && l->size > LOG_SIZE_MAX) {
                l->full = true;
                stage_log_line(l, LOG_WARNING, "The command prints too much, its output is no longer kept.");
        }
        /* Blank pieces need no line: the offset of the next one covers them. */
        if (n == 0 || l->full) {
                if (l->error == 0)
                        l->cursor = l->position;
                return;
        }

        text = str_clean(l->piece, n, PIECE_MAX, false);
        origin = strf("%s@%" PRIu64, l->tool, l->position);
        if (!text || !origin) {
                log_set_behind(l, -ENOMEM);
                return;
        }

        shown = text + strspn(text, " ");
        if (l->error == 0 && log_write(l, origin, shown) == 0)
                l->cursor = l->position;
        if (l->position > l->told) {
                l->told = l->position;
                (void) log_full_errno(LOG_INFO, 0, l->fields, "%s", shown);
        }
}

/* "Testing with pattern 0xaa: " and "Reading and comparing: " stand alone until the phase is over. */
static bool piece_is_header(const StageLog *l)
{
        static const char *const headers[] = { "Testing with ", "Reading and comparing" };

        if (l->piece_size < 2 || memcmp(l->piece + l->piece_size - 2, ": ", 2) != 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                if (l->piece_size > strlen(headers[i]) &&
                    memcmp(l->piece, headers[i], strlen(headers[i])) == 0)
                        return true;

        return false;
}

uint64_t stage_log_next(StageLog *l)
{
        static const char again[] =
                        "This log can be written again; what burnin said meanwhile is in the journal alone.";

        if (l->error != 0 && log_write(l, ORIGIN_OWN, again) == 0) {
                l->error = 0;
                l->position = l->cursor;
                l->piece_size = 0;
                (void) log_full_errno(LOG_NOTICE, 0, l->fields, "%s", again);
        }

        return l->position + l->piece_size;
}

int stage_log_feed(StageLog *l, uint64_t offset, const char *data, size_t size)
{
        uint64_t have = l->position + l->piece_size;

        if (offset > have)
                return -EINVAL;
        l->seen = MAX(l->seen, offset + size);
        if (offset + size <= have)
                return 0;
        data += have - offset;
        size -= (size_t) (have - offset);

        for (size_t i = 0; i < size; i++) {
                l->piece[l->piece_size++] = data[i];
                if (data[i] == '\n' || l->piece_size == sizeof(l->piece))
                        log_piece(l);
        }
        if (piece_is_header(l))
                log_piece(l);

        return 0;
}

void stage_log_flush(StageLog *l)
{
        if (l->piece_size > 0)
                log_piece(l);
}

int stage_log_check(const StageLog *l)
{
        return l->error != 0 ? l->error : l->position + l->piece_size < l->seen ? -ENODATA : 0;
}
