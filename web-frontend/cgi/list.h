/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/web.h"

/* The rows of a List method, filtered by the input's values that fields have an option for; fields NULL: the method takes none.
 * paged: behind them stands how many there are in all. ret_total may be NULL. */
int list_read(Web *w, const char *path, const char *interface, const char *member, const Field *fields,
              struct json_object **ret, uint64_t *ret_total);

/* These rows under key as the answer; paged: with total and offset. */
int list_answer(Web *w, const char *path, const char *interface, const char *member, const Field *fields,
                const char *key, bool paged);

/* Sets the page of the next list_read(). 0 or -ENOMEM. */
int list_set_page(Web *w, uint64_t offset, uint64_t limit);

/* BadParameter where the input asks for rows that no answer can have. */
int list_check_page(Web *w);

/* For methods with a filter, of which nothing is asked. */
extern const Field list_all_fields[];
