/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Whole-string conversions: 0, -EINVAL (not that type, or something behind it), -ERANGE. Output untouched on failure. */
int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);
int parse_u32(const char *s, uint32_t *ret);
/* "yes/no", "true/false", "on/off", "1/0". */
int parse_boolean(const char *s);
