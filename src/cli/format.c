/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <wchar.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "cli/format.h"

#define TEXT_MAX ((size_t) 1 << 20)

/* One decimal, rounded half up, without printf()'s idea of a decimal point. */
static void format_tenths(char *buf, size_t size, uint64_t tenths, const char *unit)
{
        (void) snprintf(buf, size, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, unit);
}

const char *format_size(char buf[static FORMAT_MAX], uint64_t bytes)
{
        static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
        uint64_t unit = 1000;
        size_t i = 0;

        if (bytes < 1000) {
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 " B", bytes);
                return buf;
        }

        /* 999.95 of one unit is shown as 1.0 of the next, never as 1000.0. */
        while (i + 1 < ELEMENTSOF(units) && bytes >= unit * 1000 - unit / 20) {
                unit *= 1000;
                i++;
        }

        format_tenths(buf, FORMAT_MAX, bytes / (unit / 10) + (bytes % (unit / 10) >= unit / 20), units[i]);
        return buf;
}

const char *format_rate(char buf[static FORMAT_MAX], uint64_t bytes_per_second)
{
        char size[FORMAT_MAX];

        buf[0] = 0;
        if (bytes_per_second == 0)
                return buf;

        (void) snprintf(buf, FORMAT_MAX, "%.32s/s", format_size(size, bytes_per_second));
        return buf;
}

const char *format_temperature(char buf[static FORMAT_MAX], int32_t mdegc, bool utf8)
{
        int64_t t = mdegc;

        buf[0] = 0;
        if (mdegc != MDEGC_UNKNOWN)
                (void) snprintf(buf, FORMAT_MAX, "%" PRIi64 " %sC", (t + (t < 0 ? -500 : 500)) / 1000,
                                utf8 ? "°" : "");
        return buf;
}

const char *format_local(char buf[static FORMAT_MAX], uint64_t realtime_usec)
{
        time_t t = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;

        if (realtime_usec == 0 || !localtime_r(&t, &tm) ||
            strftime(buf, FORMAT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                buf[0] = 0;
        return buf;
}

const char *format_left(char buf[static FORMAT_MAX], uint64_t realtime_usec, uint64_t now)
{
        buf[0] = 0;
        if (realtime_usec > now)
                (void) format_timespan(buf, realtime_usec - now);
        else if (realtime_usec > 0)
                (void) snprintf(buf, FORMAT_MAX, "now");
        return buf;
}

const char *format_bar(char buf[static BAR_MAX], double percent, unsigned cells, bool utf8)
{
        unsigned full, tenths;
        char *p = buf;

        /* Not a number, and anything else a service may send. */
        percent = percent >= 0 && percent <= 100 ? percent : percent > 100 ? 100 : 0;
        /* Rounded down: nothing shows 100 % before it is done. */
        tenths = (unsigned) floor(percent * 10);
        cells = MIN(cells, (unsigned) BAR_CELLS_MAX);
        full = cells * tenths / 1000;

        *p++ = '[';
        for (unsigned i = 0; i < cells; i++)
                p = stpcpy(p, i < full ? (utf8 ? "█" : "#") : utf8 ? "░" : " ");
        (void) snprintf(p, (size_t) (buf + BAR_MAX - p), "] %3u.%u %%", tenths / 10, tenths % 10);

        return buf;
}

/* The character at s, which is valid UTF-8. */
static size_t utf8_decode(const char *s, uint32_t *ret)
{
        const uint8_t *u = (const uint8_t *) s;
        size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? u[0] : u[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (u[i] & 0x3f);

        *ret = c;
        return n;
}

static bool character_is_harmful(uint32_t c)
{
        return (c >= 0x80 && c <= 0x9f) ||                  /* C1: U+009B is CSI */
               c == 0x200e || c == 0x200f || c == 0x061c || /* direction marks */
               (c >= 0x2028 && c <= 0x202e) ||              /* separators, embeddings and overrides */
               (c >= 0x2066 && c <= 0x2069) ||              /* isolates */
               (c >= 0xe0000 && c <= 0xe007f);              /* invisible tags */
}

char *text_clean(const char *s, bool keep_lines)
{
        char *t, *to;

        t = str_clean(strempty(s), strlen(strempty(s)), TEXT_MAX, keep_lines);
        if (!t)
                return NULL;

        to = t;
        for (const char *from = t; *from;) {
                uint32_t c;
                size_t n = utf8_decode(from, &c);

                if (character_is_harmful(c))
                        *to++ = '?';
                else {
                        memmove(to, from, n);
                        to += n;
                }
                from += n;
        }
        *to = 0;

        return t;
}

static size_t character_width(uint32_t c)
{
        int w = wcwidth((wchar_t) c);

        /* -1: not printable in this locale, which still takes a place. */
        return w < 0 ? 1 : (size_t) w;
}

size_t text_width(const char *s)
{
        size_t width = 0;

        if (!utf8_is_valid(s))
                return strlen(s);

        while (*s) {
                uint32_t c;

                s += utf8_decode(s, &c);
                width += character_width(c);
        }

        return width;
}

char *text_ellipsize(const char *s, size_t width, bool utf8)
{
        const char *dots = utf8 ? "…" : "~";
        size_t used = 0, n = 0;

        if (text_width(s) <= width || !utf8_is_valid(s))
                return strdup(s);
        if (width == 0)
                return strdup("");

        while (s[n]) {
                uint32_t c;
                size_t k = utf8_decode(s + n, &c), w = character_width(c);

                if (used + w > width - 1)
                        break;
                used += w;
                n += k;
        }

        return strf("%.*s%s", (int) n, s, dots);
}
