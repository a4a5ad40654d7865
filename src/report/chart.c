/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <qrencode.h>

#include "basic/string-util.h"
#include "report/chart.h"
#include "report/markup.h"

/* The plot within its picture; what is left of it and below is for the scales. */
#define PICTURE_WIDTH  720
#define PICTURE_HEIGHT 180
#define PLOT_LEFT      70
#define PLOT_TOP       8
#define PLOT_WIDTH     (PICTURE_WIDTH - PLOT_LEFT - 8)
#define PLOT_HEIGHT    (PICTURE_HEIGHT - PLOT_TOP - 24)
#define LINES_MAX      32U
#define QR_MARGIN      4

typedef struct Point {
        bool known;
        int64_t x, y;
} Point;

/* The part that v is of the range, of so many pixels. The range is no empty one. In whole numbers: other machines round others
 * otherwise, and a page is compared byte by byte. */
static int place(int64_t v, int64_t from, int64_t to, int pixels)
{
        uint64_t range = (uint64_t) to - (uint64_t) from, part = (uint64_t) v - (uint64_t) from;

        for (; range > UINT64_MAX / (2 * PICTURE_WIDTH); range /= 2)
                part /= 2;

        return (int) ((part * (uint64_t) pixels + range / 2) / range);
}

/* A line through what is known, with gaps where nothing is. */
static void line(FILE *f, const char *class, const Point *points, size_t n, int64_t from, int64_t to,
                 int64_t low, int64_t high)
{
        bool open = false;

        for (size_t i = 0; i <= n; i++) {
                if (i < n && points[i].known) {
                        (void) fprintf(f, "%s%d,%d", open ? " " : "<polyline points=\"",
                                       PLOT_LEFT + place(points[i].x, from, to, PLOT_WIDTH),
                                       PLOT_TOP + PLOT_HEIGHT - place(points[i].y, low, high, PLOT_HEIGHT));
                        open = true;
                } else if (open) {
                        (void) fprintf(f, "\" class=\"%s\"/>", class);
                        open = false;
                }
        }
}

static void picture_begin(FILE *f, const char *label)
{
        (void) fprintf(f,
                       "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">"
                       "<path class=\"grid\" d=\"M%d %dh%dM%d %dh%d\"/><path class=\"axis\" d=\"M%d %dv%dh%d\"/>",
                       PICTURE_WIDTH, PICTURE_HEIGHT, label, PLOT_LEFT, PLOT_TOP, PLOT_WIDTH, PLOT_LEFT,
                       PLOT_TOP + PLOT_HEIGHT / 2, PLOT_WIDTH, PLOT_LEFT, PLOT_TOP, PLOT_HEIGHT, PLOT_WIDTH);
}

/* halves: from below, as the lines of the grid are. */
static void label_left(FILE *f, int halves)
{
        (void) fprintf(f, "<text text-anchor=\"end\" x=\"%d\" y=\"%d\">", PLOT_LEFT - 6,
                       PLOT_TOP + PLOT_HEIGHT - PLOT_HEIGHT / 2 * halves + (halves == 2 ? 8 : 4));
}

static void label_below(FILE *f, bool end)
{
        (void) fprintf(f, "<text text-anchor=\"%s\" x=\"%d\" y=\"%d\">", end ? "end" : "start",
                       end ? PLOT_LEFT + PLOT_WIDTH : PLOT_LEFT, PICTURE_HEIGHT - 6);
}

/* In MB/s; 0: not known. */
static int64_t region_speed(struct json_object *row, size_t i, uint64_t region_bytes)
{
        int64_t msec = json_object_get_int64(json_object_array_get_idx(row, i));

        return msec > 0 ? (int64_t) MIN(region_bytes / 1000 / (uint64_t) msec, UINT64_C(1000000)) : 0;
}

static int64_t fastest_region(struct json_object *rows, uint64_t size_bytes)
{
        int64_t most = 0;

        for (size_t i = 0; i < MIN(document_length(rows), (size_t) LINES_MAX); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                size_t n = json_object_is_type(row, json_type_array) ? json_object_array_length(row) : 0;

                for (size_t k = 0; k < n; k++)
                        most = MAX(most, region_speed(row, k, size_bytes / n));
        }

        return most;
}

static void region_line(FILE *f, struct json_object *row, bool verify, uint64_t size_bytes, int64_t most)
{
        size_t n = json_object_is_type(row, json_type_array) ? json_object_array_length(row) : 0;
        _cleanup_free_ Point *points = n >= 2 ? new0(Point, n) : NULL;

        if (!points)
                return;
        for (size_t i = 0; i < n; i++) {
                int64_t speed = region_speed(row, i, size_bytes / n);

                points[i] = (Point){ .known = speed > 0, .x = (int64_t) i, .y = speed };
        }
        line(f, verify ? "verify" : "write", points, n, 0, (int64_t) n - 1, 0, most);
}

/* Where the bad blocks are, one mark for all that are at one place of the picture. */
static void bad_marks(FILE *f, struct json_object *list, uint64_t block_size, uint64_t size_bytes)
{
        bool marked[PLOT_WIDTH + 1] = {};

        if (size_bytes == 0 || block_size == 0 || document_length(list) == 0)
                return;
        for (size_t i = 0; i < document_length(list); i++) {
                uint64_t block = json_object_get_uint64(json_object_array_get_idx(list, i));

                if (block < size_bytes / block_size)
                        marked[place((int64_t) block, 0, (int64_t) (size_bytes / block_size), PLOT_WIDTH)] =
                                        true;
        }

        (void) fputs("<path class=\"bad\" d=\"", f);
        for (int x = 0; x <= PLOT_WIDTH; x++)
                if (marked[x])
                        (void) fprintf(f, "M%d %dv-10", PLOT_LEFT + x, PLOT_TOP + PLOT_HEIGHT);
        (void) fputs("\"/>", f);
}

void chart_regions(FILE *f, struct json_object *stage, uint64_t size_bytes)
{
        struct json_object *rows = document_list(stage, "region_msec"),
                           *bad = document_list(stage, "bad_block_list");
        int64_t most = fastest_region(rows, size_bytes);

        if (most == 0)
                return;
        most += most % 2; /* half of it is written, too */

        (void) fprintf(f,
                       "<h3>Speed over the drive</h3><p class=\"key\"><span class=\"write\">writing</span> "
                       "<span class=\"verify\">verifying</span>, a line for each pass%s</p>",
                       document_length(bad) > 0 ? "; <span class=\"bad\">bad blocks</span> below" : "");
        picture_begin(f, "Speed over the drive");
        for (size_t i = 0; i < MIN(document_length(rows), (size_t) LINES_MAX); i++)
                region_line(f, json_object_array_get_idx(rows, i), i % 2 == 1, size_bytes, most);
        bad_marks(f, bad, document_u64(stage, "block_size"), size_bytes);
        label_left(f, 2);
        (void) fprintf(f, "%" PRIi64 " MB/s</text>", most);
        label_left(f, 1);
        (void) fprintf(f, "%" PRIi64 "</text>", most / 2);
        label_left(f, 0);
        (void) fputs("0</text>", f);
        label_below(f, false);
        (void) fputs("start of the drive</text>", f);
        label_below(f, true);
        markup_size(f, size_bytes);
        (void) fputs("</text></svg>", f);
}

static bool temperature_at(struct json_object *list, size_t i, Point *ret)
{
        struct json_object *o = json_object_array_get_idx(list, i);
        int64_t mdegc;

        if (!json_object_is_type(o, json_type_object) || json_get_i64(o, "mdegc", &mdegc) <= 0 ||
            mdegc < -100000 || mdegc > 200000 || document_u64(o, "usec") == 0 ||
            document_u64(o, "usec") > INT64_MAX)
                return false;

        *ret = (Point){ .known = true, .x = (int64_t) document_u64(o, "usec"), .y = mdegc };
        return true;
}

void chart_temperatures(FILE *f, struct json_object *temperatures)
{
        size_t n = document_length(temperatures), known = 0;
        _cleanup_free_ Point *points = n >= 2 ? new0(Point, n) : NULL;
        int64_t low = INT64_MAX, high = INT64_MIN;

        for (size_t i = 0; points && i < n; i++)
                if (temperature_at(temperatures, i, points + known) &&
                    (known == 0 || points[known].x >= points[known - 1].x)) {
                        low = MIN(low, points[known].y);
                        high = MAX(high, points[known].y);
                        known++;
                }
        if (known < 2 || points[known - 1].x == points[0].x)
                return;
        /* Whole degrees above, below and in the middle; a line that is flat stays there. */
        low = (low - (low % 2000 + 2000) % 2000) - (high - low < 4000 ? 2000 : 0);
        high += ((low - high) % 4000 + 4000) % 4000;

        picture_begin(f, "Temperature");
        line(f, "heat", points, known, points[0].x, points[known - 1].x, low, high);
        label_left(f, 2);
        markup_mdegc(f, high);
        (void) fputs("</text>", f);
        label_left(f, 1);
        markup_mdegc(f, (low + high) / 2);
        (void) fputs("</text>", f);
        label_left(f, 0);
        markup_mdegc(f, low);
        (void) fputs("</text>", f);
        label_below(f, false);
        markup_time(f, (uint64_t) points[0].x);
        (void) fputs("</text>", f);
        label_below(f, true);
        markup_time(f, (uint64_t) points[known - 1].x);
        (void) fputs("</text></svg>", f);
}

int chart_qr(FILE *f, const char *text)
{
        QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
        int side;

        if (!code)
                return -errno;

        side = code->width + 2 * QR_MARGIN;
        (void) fprintf(f,
                       "<svg class=\"qr\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"QR code\" shape-rendering=\"crispEdges\">"
                       "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
                       side, side, side, side);
        for (int y = 0; y < code->width; y++)
                for (int x = 0; x < code->width; x++)
                        if (code->data[y * code->width + x] & 1)
                                (void) fprintf(f, "M%d %dh1v1h-1z", x + QR_MARGIN, y + QR_MARGIN);
        (void) fputs("\"/></svg>", f);
        QRcode_free(code);
        return 0;
}
