/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* NULL-terminated arrays of strings, both owned. NULL is the empty array. */

char **strv_free(char **l);
size_t strv_length(char *const *l);
bool strv_contains(char *const *l, const char *s);
/* Appends a copy. 0 or -ENOMEM. */
int strv_extend(char ***l, const char *s);
/* Appends s itself, freeing it on failure. */
int strv_consume(char ***l, char *s);
/* Splits at any character of separators; empty words are dropped. */
int strv_split(const char *s, const char *separators, char ***ret);
char *strv_join(char *const *l, const char *separator);

DEFINE_TRIVIAL_CLEANUP_FUNC(char **, strv_free);
#define _cleanup_strv_free_ _cleanup_(strv_freep)

#define STRV_FOREACH(s, l) for (char *const *s = (l); s && *s; s++)
