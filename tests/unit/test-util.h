/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>
#include <string.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"

/* A captured or hand-made sample from tests/data; the caller frees it. */
_unused_ static __attribute__((noinline)) char *sample_read(const char *name, size_t *ret_size)
{
        const char *slash = strrchr(__FILE__, '/');
        _cleanup_free_ char *path = strf("%.*s/../data/%s", slash ? (int) (slash - __FILE__) : 1,
                                         slash ? __FILE__ : ".", name);
        size_t size;
        char *text = NULL;
        int r;

        assert(path);
        r = read_file_full(path, 16U * 1024U * 1024U, &text, &size);
        if (r < 0)
                fprintf(stderr, "%s: %s\n", path, strerror(-r));
        assert(r >= 0);
        if (ret_size)
                *ret_size = size;
        return text;
}

/* Splits of a text: whatever the pieces, the result is the same. */
static const size_t piece_sizes[] = { 1, 2, 7, 64, 4096, SIZE_MAX };
