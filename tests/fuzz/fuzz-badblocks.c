/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fuzz.h"
#include "parse/badblocks.h"

static void on_phase(const BadblocksPhase *p, void *userdata)
{
        uint32_t *last = userdata;

        check(p->number == *last + 1);
        check(strnlen(p->name, sizeof(p->name)) < sizeof(p->name));
        *last = p->number;
}

/* Whole, and byte by byte: the state must be the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(badblocks_done) BadblocksState whole, pieces;
        _cleanup_free_ uint64_t *blocks = NULL;
        const char *text = (const char *) data;
        uint32_t a = 0, b = 0;
        uint64_t total = 0;
        double percent;
        size_t n = 0;

        badblocks_init(&whole, 4, 1);
        badblocks_init(&pieces, 4, 1);
        (void) badblocks_feed(&whole, text, size, on_phase, &a);
        for (size_t i = 0; i < size; i++)
                (void) badblocks_feed(&pieces, text + i, 1, on_phase, &b);

        check(a == b && whole.phase.number == pieces.phase.number && whole.phases == pieces.phases);
        check(whole.passes_completed == pieces.passes_completed &&
              whole.reported_bad == pieces.reported_bad);
        check(whole.read_errors == pieces.read_errors && whole.line_size == pieces.line_size);
        check(!whole.error == !pieces.error && whole.line_size < sizeof(whole.line));
        percent = badblocks_percent(&whole, size, 4096);
        check(percent >= 0 && percent <= 100);

        if (badblocks_parse_blocks(text, size, 16, &blocks, &n, &total) >= 0)
                check(n <= 16 && n <= total);
        return 0;
}
