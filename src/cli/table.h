/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "basic/macro.h"

/* Aligned columns for people. Cells are cleaned when they are added, so that text from anywhere may go in. */

typedef enum Style {
        STYLE_NONE,
        STYLE_BOLD,
        STYLE_DIM,
        STYLE_GREEN,
        STYLE_YELLOW,
        STYLE_RED,
        _STYLE_MAX,
} Style;

/* The escape sequence that starts a style, "" for STYLE_NONE or without colour; STYLE_NONE with colour resets. */
const char *style_on(Style style, bool colour);
const char *style_off(Style style, bool colour);

typedef struct TableColumn {
        const char *title;
        bool right;       /* aligned to the right: figures */
        size_t min_width; /* may be cut down to this where the terminal is narrow; 0: never cut */
} TableColumn;

typedef struct TableFormat {
        size_t columns; /* of the terminal; 0: no limit */
        bool legend;    /* the line with the titles */
        bool colour;
        bool utf8;
        const char *indent; /* in front of every line; NULL for none */
} TableFormat;

typedef struct Table Table;

/* The columns are borrowed and must outlive the table. */
int table_new(const TableColumn *columns, size_t n_columns, Table **ret);
Table *table_free(Table *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(Table *, table_free);

/* The next cell; a row is full after n_columns of them. An empty one is shown as "-". Without memory the table turns
 * bad, and table_print() says so: callers need not look here. */
void table_add(Table *t, Style style, const char *format, ...) _printf_(3, 4);
size_t table_rows(const Table *t);

/* 0, or -ENOMEM of this call or of one before. Full rows only. */
int table_print(const Table *t, FILE *f, const TableFormat *format);
