/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <time.h>

#include "basic/string-util.h"
#include "report/mail-part.h"
#include "report/markup.h"

#define LINE_MAX_CHARS 72U

/* Each is legible on its page: 4.5:1 at least. */
static const struct {
        const char *class, *light, *dark;
} colors[_MAIL_COLOR_MAX] = {
        [MAIL_TEXT] = { "text", "#1b1f24", "#e6edf3" },   [MAIL_SOFT] = { "soft", "#59636e", "#9198a1" },
        [MAIL_RED] = { "red", "#cf222e", "#ff7b72" },     [MAIL_AMBER] = { "amber", "#9a6700", "#d29922" },
        [MAIL_GREEN] = { "green", "#1a7f37", "#3fb950" }, [MAIL_BLUE] = { "blue", "#0969da", "#4493f8" },
};

void mail_page_begin(FILE *f, const char *title)
{
        (void) fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "<meta name=\"color-scheme\" content=\"light dark\"><title>",
                     f);
        markup_text(f, title);
        (void) fputs("</title><style>\n:root { color-scheme: light dark }\n@media (prefers-color-scheme: dark) {\n"
                     ".page { background: #0d1117 !important }\n.line { border-color: #3d444d !important }\n",
                     f);
        for (size_t i = 0; i < ELEMENTSOF(colors); i++)
                (void) fprintf(f, ".%s { color: %s !important }\n", colors[i].class, colors[i].dark);
        (void) fputs("}\n</style></head>\n<body class=\"page\" style=\"margin:0;padding:0;background:#ffffff\">\n<div",
                     f);
        mail_color(f, MAIL_TEXT,
                   "max-width:640px;margin:0 auto;padding:12px;"
                   "font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;"
                   "overflow-wrap:anywhere;word-break:break-word");
        (void) fputs(">\n", f);
}

void mail_page_end(FILE *f)
{
        (void) fputs("</div></body></html>\n", f);
}

void mail_color(FILE *f, MailColor color, const char *style)
{
        (void) fprintf(f, " class=\"%s\" style=\"color:%s;%s\"", colors[color].class, colors[color].light,
                       style);
}

const char *mail_color_code(MailColor color)
{
        return colors[color].light;
}

void mail_link(FILE *f, const char *url, const char *words)
{
        (void) fprintf(f, "<p style=\"margin:16px 0\"><a href=\"%s\"", url);
        mail_color(f, MAIL_BLUE, "font-weight:600");
        (void) fprintf(f, ">%s</a></p>\n", words);
}

/* In characters. */
static size_t word_width(const char *s, size_t n)
{
        size_t width = 0;

        for (size_t i = 0; i < n; i++)
                width += ((uint8_t) s[i] & 0xc0) != 0x80;

        return width;
}

void mail_wrap(FILE *f, unsigned indent, const char *s)
{
        size_t column = 0;

        while (*(s += strspn(s, " "))) {
                size_t n = strcspn(s, " "), width = word_width(s, n);

                if (column > 0 && column + 1 + width > LINE_MAX_CHARS) {
                        (void) fputc('\n', f);
                        column = 0;
                }
                if (column == 0) {
                        (void) fprintf(f, "%*s", (int) indent, "");
                        column = indent;
                } else {
                        (void) fputc(' ', f);
                        column++;
                }
                (void) fwrite(s, 1, n, f);
                column += width;
                s += n;
        }
        (void) fputc('\n', f);
}

void mail_time(FILE *f, uint64_t usec)
{
        time_t t = (time_t) (usec / USEC_PER_SEC);
        char buf[64];
        struct tm tm;

        /* Whatever clock has made it: years of five digits are no time that anybody reads. */
        if (usec / USEC_PER_SEC <= UINT64_C(253402300799) && localtime_r(&t, &tm) &&
            strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M %Z", &tm) > 0)
                (void) fputs(buf, f);
        else
                (void) fputs("at a time that is not known", f);
}
