/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point; fuzz-main.c stands in for libFuzzer where the compiler has none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test, checked also in release builds. */
#define check(condition)                                                                                    \
        do                                                                                                  \
                if (!(condition))                                                                           \
                        __builtin_trap();                                                                   \
        while (0)
