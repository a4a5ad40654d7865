/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The only home of general macros. Cleanup attributes follow systemd's names. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _warn_unused_  __attribute__((warn_unused_result))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define STRLEN(s)     (sizeof("" s "") - 1)

#define MAX(a, b)                                                                                           \
        ({                                                                                                  \
                __typeof__(a) _a = (a);                                                                     \
                __typeof__(b) _b = (b);                                                                     \
                _a > _b ? _a : _b;                                                                          \
        })
#define MIN(a, b)                                                                                           \
        ({                                                                                                  \
                __typeof__(a) _a = (a);                                                                     \
                __typeof__(b) _b = (b);                                                                     \
                _a < _b ? _a : _b;                                                                          \
        })

#define SWAP(a, b)                                                                                          \
        do {                                                                                                \
                __typeof__(a) _swapped = (a);                                                               \
                (a) = (b);                                                                                  \
                (b) = _swapped;                                                                             \
        } while (false)

/* Ownership leaves by these: the variable is emptied, the value goes on. */
#define TAKE_PTR(p)                                                                                         \
        ({                                                                                                  \
                __typeof__(p) *_pp = &(p);                                                                  \
                __typeof__(p) _p = *_pp;                                                                    \
                *_pp = NULL;                                                                                \
                _p;                                                                                         \
        })
#define TAKE_FD(fd)                                                                                         \
        ({                                                                                                  \
                int *_fp = &(fd);                                                                           \
                int _f = *_fp;                                                                              \
                *_fp = -EBADF;                                                                              \
                _f;                                                                                         \
        })

/* clang-format takes this one for C++, and breaks it. */
/* clang-format off */
#define new(t, n) ((t *) malloc(sizeof(t) * (n)))
/* clang-format on */
#define new0(t, n) ((t *) calloc((n), sizeof(t)))

/* Defines foo_freep() for use with _cleanup_(), from a foo_free() that accepts NULL. */
#define DEFINE_TRIVIAL_CLEANUP_FUNC(type, func)                                                             \
        static inline void func##p(type *p)                                                                 \
        {                                                                                                   \
                if (*p)                                                                                     \
                        func(*p);                                                                           \
        }                                                                                                   \
        struct _need_semicolon_

static inline void freep(void *p)
{
        free(*(void **) p);
}

#define _cleanup_free_ _cleanup_(freep)

/* An errno invented by us, not handed up by a call. */
#define SYNTHETIC_ERRNO(e) (-(e))

#define USEC_PER_SEC    ((uint64_t) 1000000)
#define USEC_PER_MSEC   ((uint64_t) 1000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)
#define USEC_INFINITY   UINT64_MAX

/* A temperature that is not known, in thousandths of a degree Celsius. */
#define MDEGC_UNKNOWN INT32_MIN

#define assert_not_reached() abort()
