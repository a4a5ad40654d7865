/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>

#include "basic/string-util.h"
#include "cli/format.h"
#include "cli/table.h"

#define GAP 2 /* blanks between columns */

typedef struct Cell {
        char *text;
        size_t width;
        Style style;
} Cell;

struct Table {
        const TableColumn *columns;
        size_t n_columns;
        Cell *cells;
        size_t n_cells, n_allocated;
        int error;
};

const char *style_on(Style style, bool colour)
{
        static const char *const sequence[_STYLE_MAX] = {
                [STYLE_NONE] = "",          [STYLE_BOLD] = "\033[1m",    [STYLE_DIM] = "\033[2m",
                [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m", [STYLE_RED] = "\033[1;31m",
        };

        return colour ? sequence[style] : "";
}

const char *style_off(Style style, bool colour)
{
        return colour && style != STYLE_NONE ? "\033[0m" : "";
}

int table_new(const TableColumn *columns, size_t n_columns, Table **ret)
{
        Table *t;

        t = new (Table, 1);
        if (!t)
                return -ENOMEM;

        *t = (Table){
                .columns = columns,
                .n_columns = n_columns,
        };
        *ret = t;
        return 0;
}

Table *table_free(Table *t)
{
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i].text);
        free(t->cells);
        free(t);
        return NULL;
}

static int table_grow(Table *t)
{
        size_t n = MAX(t->n_allocated * 2, (size_t) 64);
        Cell *c;

        if (t->n_cells < t->n_allocated)
                return 0;

        c = reallocarray(t->cells, n, sizeof(Cell));
        if (!c)
                return -ENOMEM;

        t->cells = c;
        t->n_allocated = n;
        return 0;
}

void table_add(Table *t, Style style, const char *format, ...)
{
        _cleanup_free_ char *raw = NULL, *text = NULL;
        size_t width;
        va_list ap;
        int r;

        if (t->error < 0)
                return;

        va_start(ap, format);
        r = vasprintf(&raw, format, ap);
        va_end(ap);
        if (r < 0) {
                raw = NULL;
                t->error = -ENOMEM;
                return;
        }

        text = text_clean(isempty(raw) ? "-" : raw, false);
        if (!text || table_grow(t) < 0) {
                t->error = -ENOMEM;
                return;
        }

        width = text_width(text);
        t->cells[t->n_cells++] = (Cell){
                .text = TAKE_PTR(text),
                .width = width,
                .style = style,
        };
}

size_t table_rows(const Table *t)
{
        return t->n_cells / t->n_columns;
}

/* What each column needs; then, on a narrow terminal, the widest of those that may be cut gives way first. */
static void table_measure(const Table *t, const TableFormat *format, size_t *width)
{
        size_t total = strlen(strempty(format->indent)) + GAP * (t->n_columns - 1);

        for (size_t i = 0; i < t->n_columns; i++)
                width[i] = format->legend ? text_width(t->columns[i].title) : 0;
        for (size_t i = 0; i < table_rows(t) * t->n_columns; i++)
                width[i % t->n_columns] = MAX(width[i % t->n_columns], t->cells[i].width);
        for (size_t i = 0; i < t->n_columns; i++)
                total += width[i];

        while (format->columns > 0 && total > format->columns) {
                size_t widest = SIZE_MAX;

                for (size_t i = 0; i < t->n_columns; i++)
                        if (t->columns[i].min_width > 0 && width[i] > t->columns[i].min_width &&
                            (widest == SIZE_MAX || width[i] > width[widest]))
                                widest = i;
                if (widest == SIZE_MAX)
                        return;
                width[widest]--;
                total--;
        }
}

static int table_print_cell(const Table *t, FILE *f, const TableFormat *format, size_t column, size_t width,
                            const char *text, Style style)
{
        bool last = column + 1 == t->n_columns, right = t->columns[column].right;
        _cleanup_free_ char *cut = NULL;
        size_t pad;

        cut = text_ellipsize(text, width, format->utf8);
        if (!cut)
                return -ENOMEM;
        pad = width - MIN(width, text_width(cut));

        (void) fprintf(f, "%*s%s%s%s", right ? (int) pad : 0, "", style_on(style, format->colour), cut,
                       style_off(style, format->colour));
        if (!last)
                (void) fprintf(f, "%*s", (int) (right ? GAP : pad + GAP), "");
        return 0;
}

int table_print(const Table *t, FILE *f, const TableFormat *format)
{
        _cleanup_free_ size_t *width = NULL;
        int r;

        if (t->error < 0)
                return t->error;

        width = new0(size_t, t->n_columns);
        if (!width)
                return -ENOMEM;
        table_measure(t, format, width);

        if (format->legend) {
                (void) fputs(strempty(format->indent), f);
                for (size_t i = 0; i < t->n_columns; i++) {
                        r = table_print_cell(t, f, format, i, width[i], t->columns[i].title, STYLE_BOLD);
                        if (r < 0)
                                return r;
                }
                (void) fputc('\n', f);
        }

        for (size_t i = 0; i < table_rows(t) * t->n_columns; i++) {
                size_t column = i % t->n_columns;

                if (column == 0)
                        (void) fputs(strempty(format->indent), f);
                r = table_print_cell(t, f, format, column, width[column], t->cells[i].text,
                                     t->cells[i].style);
                if (r < 0)
                        return r;
                if (column + 1 == t->n_columns)
                        (void) fputc('\n', f);
        }

        return 0;
}
