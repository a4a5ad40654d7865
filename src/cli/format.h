/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Figures and texts as people read them. Nothing here depends on the locale's decimal point: what one site's script cuts out
 * of a table looks the same at another's. */

#define FORMAT_MAX 64

/* Decimal, as drive makers count: "14.0 TB", "500.1 GB", "512 B". */
const char *format_size(char buf[static FORMAT_MAX], uint64_t bytes);
/* "213.4 MB/s"; "" for 0, which is 'not known'. */
const char *format_rate(char buf[static FORMAT_MAX], uint64_t bytes_per_second);
/* "34 °C" ("34 C" without UTF-8); "" when not known. */
const char *format_temperature(char buf[static FORMAT_MAX], int32_t mdegc, bool utf8);
/* Local time, "2026-01-31 23:59:59"; "" for 0. */
const char *format_local(char buf[static FORMAT_MAX], uint64_t realtime_usec);
/* "3 d 4 h" up to a time that is to come, "" for 0, "now" for one that has passed. */
const char *format_left(char buf[static FORMAT_MAX], uint64_t realtime_usec, uint64_t now);

/* Cells of the widest bar; the percentage in one decimal is behind it: "[#####     ]  50.0 %". */
#define BAR_CELLS_MAX 40
#define BAR_MAX       (BAR_CELLS_MAX * 3 + 16)
const char *format_bar(char buf[static BAR_MAX], double percent, unsigned cells, bool utf8);

/* Text that came from elsewhere, harmless on a terminal: what str_clean() does, and also no C1 controls (one of them starts
 * an escape sequence) and none of the characters that turn the direction of writing. Never NULL but on OOM. */
char *text_clean(const char *s, bool keep_lines) _warn_unused_;

/* Columns on a terminal; the byte length where the text is not UTF-8. */
size_t text_width(const char *s);
/* At most width columns, with an ellipsis where something was cut. */
char *text_ellipsize(const char *s, size_t width, bool utf8) _warn_unused_;
