/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/string-util.h"

/* Enum <-> string, from one table. The string form is the form on the bus, in JSON, in SQL and in the log. Defines
 *   const char *name_to_string(type t)     NULL for a value outside the table
 *   type name_from_string(const char *s)   -EINVAL (the enum's _INVALID) for an unknown string */
#define DECLARE_STRING_TABLE(name, type)                                                                    \
        const char *name##_to_string(type t);                                                               \
        type name##_from_string(const char *s)

#define DEFINE_STRING_TABLE(name, type)                                                                     \
        const char *name##_to_string(type t)                                                                \
        {                                                                                                   \
                return (int) t < 0 || (size_t) t >= ELEMENTSOF(name##_table) ? NULL : name##_table[t];      \
        }                                                                                                   \
        type name##_from_string(const char *s)                                                              \
        {                                                                                                   \
                for (size_t i = 0; s && i < ELEMENTSOF(name##_table); i++)                                  \
                        if (name##_table[i] && streq(name##_table[i], s))                                   \
                                return (type) i;                                                            \
                return (type) -EINVAL;                                                                      \
        }                                                                                                   \
        struct _need_semicolon_
