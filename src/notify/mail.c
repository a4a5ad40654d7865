/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <time.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "notify/mail.h"

#define LINE_MAX_CHARS 76U
/* Of an encoded word, so that it fits into a line behind "Subject: ": whole groups of base64. */
#define WORD_BYTES_MAX 39U

/* Names of RFC 5322, whatever the locale. */
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static void put_base64(FILE *f, const uint8_t *p, size_t n)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (size_t i = 0; i < n; i += 3) {
                uint32_t v = (uint32_t) p[i] << 16 | (i + 1 < n ? (uint32_t) p[i + 1] << 8 : 0) |
                             (i + 2 < n ? p[i + 2] : 0);

                (void) fputc(digits[v >> 18], f);
                (void) fputc(digits[v >> 12 & 63], f);
                (void) fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', f);
                (void) fputc(i + 2 < n ? digits[v & 63] : '=', f);
        }
}

/* Encoded words of RFC 2047 throughout: nothing in the text can end the header, or look like another one. */
static void put_subject(FILE *f, const char *s)
{
        const uint8_t *p = (const uint8_t *) s;
        size_t left = strlen(s);

        (void) fputs("Subject: ", f);
        for (bool first = true; left > 0; first = false) {
                size_t n = MIN(left, (size_t) WORD_BYTES_MAX);

                /* No character is cut in two. */
                while (n < left && n > 1 && (p[n] & 0xc0) == 0x80)
                        n--;
                (void) fputs(first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?", f);
                put_base64(f, p, n);
                (void) fputs("?=", f);
                p += n;
                left -= n;
        }
        (void) fputs("\r\n", f);
}

static void put_quoted_printable(FILE *f, const char *s)
{
        size_t column = 0;

        for (const char *p = s; *p; p++) {
                bool at_end = p[1] == '\n' || p[1] == '\0';
                bool plain = *p >= ' ' && *p <= '~' && *p != '=' && !(*p == ' ' && at_end);

                if (*p == '\n') {
                        (void) fputs("\r\n", f);
                        column = 0;
                        continue;
                }
                /* A dot or "From " at the start of a line means something to those in between. */
                if (column == 0 && (*p == '.' || startswith(p, "From ")))
                        plain = false;
                if (column + (plain ? 1 : 3) > LINE_MAX_CHARS - 1) {
                        (void) fputs("=\r\n", f);
                        column = 0;
                        plain = plain && *p != '.';
                }
                if (plain)
                        (void) fputc(*p, f);
                else
                        (void) fprintf(f, "=%02X", (unsigned) (uint8_t) *p);
                column += plain ? 1 : 3;
        }
}

static void put_part(FILE *f, const Text *t, const char *type, const char *text)
{
        (void) fprintf(f,
                       "--%s.burnin\r\n"
                       "Content-Type: %s; charset=utf-8\r\n"
                       "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                       t->id, type);
        put_quoted_printable(f, text);
        (void) fputs("\r\n", f);
}

static int put_head(FILE *f, const NotifyRequest *r, const Text *t)
{
        _cleanup_free_ char *subject = strf("[burnin] %s", t->title);
        time_t seconds = (time_t) (t->time_usec / USEC_PER_SEC);
        struct tm tm;

        if (!subject)
                return -ENOMEM;
        if (!gmtime_r(&seconds, &tm))
                return -EBADMSG;

        (void) fprintf(f, "Date: %s, %02i %s %04i %02i:%02i:%02i +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                       months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        (void) fprintf(f, "From: burnin <%s>\r\n", r->smtp_from);
        STRV_FOREACH(to, r->smtp_to)
                (void) fprintf(f, "%s<%s>%s", to == r->smtp_to ? "To: " : " ", *to,
                               to[1] ? ",\r\n" : "\r\n");
        put_subject(f, subject);
        /* Nobody's absence is to be answered to a machine. */
        (void) fprintf(f,
                       "Message-ID: <%s@%s>\r\n"
                       "Auto-Submitted: auto-generated\r\n"
                       "X-Burnin-Event: %s\r\n"
                       "MIME-Version: 1.0\r\n"
                       "Content-Type: multipart/alternative;\r\n"
                       " boundary=\"%s.burnin\"\r\n\r\n",
                       t->id, r->site, t->kind, t->id);
        return 0;
}

int mail_compose(const NotifyRequest *r, const Text *t, char **ret)
{
        _cleanup_free_ char *mail = NULL;
        size_t size;
        FILE *f = open_memstream(&mail, &size);
        int k;

        if (!f)
                return -ENOMEM;
        k = put_head(f, r, t);
        put_part(f, t, "text/plain", t->plain);
        put_part(f, t, "text/html", t->html);
        (void) fprintf(f, "--%s.burnin--\r\n", t->id);
        if (fclose(f) != 0 && k >= 0)
                k = -ENOMEM;
        if (k < 0)
                return k;

        *ret = TAKE_PTR(mail);
        return 0;
}
