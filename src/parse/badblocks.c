/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/badblocks.h"

/* badblocks writes a header, then progress, each text followed by as many backspaces, then "done" on the same line: so a
 * line is whatever stands between '\b', '\r' and '\n', and a header counts as soon as its colon is there, hours before
 * the newline. The header is then cut off, and what follows it is a line of its own. */

#define PATTERNS_MAX 1024U
#define PASSES_MAX   1024U

/* badblocks.c: the end block "must be 32-bit value", the block size at most 16 MiB. */
#define BLOCKS_END     (UINT64_C(1) << 32)
#define BLOCK_SIZE_MIN 512U
#define BLOCK_SIZE_MAX (16U * 1024U * 1024U)

static uint32_t clamp(uint32_t v, uint32_t max)
{
        return v == 0 ? 1 : MIN(v, max);
}

void badblocks_init(BadblocksState *s, uint32_t patterns, uint32_t passes)
{
        uint32_t n = clamp(patterns, PATTERNS_MAX);

        *s = (BadblocksState){
                .patterns = n,
                .phases = 2 * n * clamp(passes, PASSES_MAX),
        };
}

void badblocks_resume(BadblocksState *s, uint32_t phases, const uint64_t errors[static 3])
{
        s->before = s->phase.number = MIN(phases, 2 * PATTERNS_MAX * PASSES_MAX);
        s->phases += s->before;
        memcpy(s->errors_before, errors, sizeof(s->errors_before));
        s->read_errors = errors[0];
        s->write_errors = errors[1];
        s->compare_errors = errors[2];
}

void badblocks_done(BadblocksState *s)
{
        free(s->error);
        *s = (BadblocksState){ 0 };
}

/* Reads a number at *p and moves behind it. */
static bool read_number(const char **p, uint64_t *ret)
{
        char digits[21];
        size_t n = strspn(*p, "0123456789");

        if (n == 0 || n >= sizeof(digits))
                return false;
        memcpy(digits, *p, n);
        digits[n] = 0;
        if (parse_u64(digits, ret) < 0)
                return false;

        *p += n;
        return true;
}

static bool read_literal(const char **p, const char *literal)
{
        const char *e = startswith(*p, literal);

        if (!e)
                return false;
        *p = e;
        return true;
}

/* "(16/0/0 errors)" at p; returns the end, or NULL. */
static const char *read_triple(const char *p, uint64_t ret[static 3])
{
        if (read_literal(&p, "(") && read_number(&p, &ret[0]) && read_literal(&p, "/") &&
            read_number(&p, &ret[1]) && read_literal(&p, "/") && read_number(&p, &ret[2]) &&
            read_literal(&p, " errors)"))
                return p;

        return NULL;
}

static void state_add_triple(BadblocksState *s, const uint64_t t[static 3])
{
        s->read_errors = MAX(s->read_errors, s->errors_before[0] + t[0]);
        s->write_errors = MAX(s->write_errors, s->errors_before[1] + t[1]);
        s->compare_errors = MAX(s->compare_errors, s->errors_before[2] + t[2]);
}

/* The only positive word badblocks has, so nothing but the whole of it counts. */
static bool state_take_final(BadblocksState *s, const char *line)
{
        uint64_t bad, triple[3];
        const char *p = line;

        if (!read_literal(&p, "Pass completed, ") || !read_number(&p, &bad) ||
            !read_literal(&p, " bad blocks found. "))
                return false;
        p = read_triple(p, triple);
        if (!p || p[strspn(p, " ")])
                return false;

        if (s->passes_completed < UINT32_MAX)
                s->passes_completed++;
        s->reported_bad = MAX(s->reported_bad, bad);
        state_add_triple(s, triple);
        return true;
}

static bool state_take_range(BadblocksState *s, const char *line)
{
        uint64_t first, last;
        const char *p = line;

        if (!read_literal(&p, "From block ") && !read_literal(&p, "Checking blocks "))
                return false;
        if (!read_number(&p, &first) || !read_literal(&p, " to ") || !read_number(&p, &last) || *p)
                return false;

        s->first_block = first;
        s->last_block = last;
        s->have_range = true;
        return true;
}

static int state_take_error(BadblocksState *s, const char *line)
{
        /* com_err() puts the program's name in front; the two refusals have the device's. set_o_direct's complaint is
         * harmless and has neither. */
        if (s->error || !(startswith(line, "badblocks: ") || startswith(line, "Usage: ") ||
                          endswith(line, "it's not safe to run badblocks!")))
                return 0;

        s->error = str_clean(line, strlen(line), sizeof(s->line), false);
        return s->error ? 0 : -ENOMEM;
}

/* A line that a backspace, carriage return or newline ended; only a newline makes a final line final. */
static int state_take_line(BadblocksState *s, char end)
{
        char *line;
        uint64_t triple[3];
        const char *p;

        s->line[s->line_size] = 0;
        s->line_size = 0;
        line = strstrip(s->line);

        if (end == '\n' && (state_take_final(s, line) || state_take_range(s, line)))
                return 0;
        if (startswith(line, "Too many bad blocks, aborting test"))
                s->too_many = true;
        else if (startswith(line, "Interrupted at block ") ||
                 startswith(line, "Interrupt caught, cleaning up"))
                s->interrupted = true;
        else if ((p = strrchr(line, '(')) && read_triple(p, triple))
                state_add_triple(s, triple);
        else
                return state_take_error(s, line);

        return 0;
}

/* Called at each ':'. The line so far is the header, if it is one. */
static bool state_take_header(BadblocksState *s)
{
        char what[sizeof(s->phase.name) - STRLEN("Verify ")] = "";
        bool verify = false;
        const char *p;

        s->line[s->line_size] = 0;
        if (streq(s->line, "Reading and comparing"))
                verify = true;
        else if (streq(s->line, "Testing with random pattern"))
                (void) snprintf(what, sizeof(what), "random");
        else if ((p = startswith(s->line, "Testing with pattern ")) && startswith(p, "0x") &&
                 p[2 + strspn(p + 2, "0123456789abcdefABCDEF")] == 0 && p[2])
                (void) snprintf(what, sizeof(what), "%s", p);
        else
                return false;

        if (verify) {
                /* A verify names no pattern: it is that of the write before it. */
                p = startswith(s->phase.name, "Write ");
                (void) snprintf(what, sizeof(what), "%s", strempty(p));
        }

        if (s->phase.number < UINT32_MAX)
                s->phase.number++;
        s->phase.verify = verify;
        (void) snprintf(s->phase.name, sizeof(s->phase.name), "%s%s%s", verify ? "Verify" : "Write",
                        *what ? " " : "", what);

        /* A pass that found something new is followed by another one, as often as it takes. */
        if (s->phase.number > s->phases && s->phases <= UINT32_MAX - 2 * s->patterns)
                s->phases += 2 * s->patterns;

        s->line_size = 0;
        return true;
}

int badblocks_feed(BadblocksState *s, const char *data, size_t size,
                   void (*on_phase)(const BadblocksPhase *p, void *userdata), void *userdata)
{
        int n = 0, r;

        for (size_t i = 0; i < size; i++) {
                char c = data[i];

                if (c == '\b' || c == '\r' || c == '\n') {
                        r = state_take_line(s, c);
                        if (r < 0)
                                return r;
                        continue;
                }

                if (c == ':' && state_take_header(s)) {
                        if (n < INT32_MAX)
                                n++;
                        if (on_phase)
                                on_phase(&s->phase, userdata);
                        continue;
                }

                /* What is too long for a line is none that we know; its head is kept for the error text. */
                if (s->line_size < sizeof(s->line) - 1)
                        s->line[s->line_size++] = c ?: '?';
        }

        return n;
}

double badblocks_percent(const BadblocksState *s, uint64_t position_bytes, uint64_t size_bytes)
{
        double share = 0;

        if (s->phases == 0 || s->phase.number == 0)
                return 0;
        if (s->before + (uint64_t) s->passes_completed * 2 * s->patterns >= s->phases)
                return 100;
        if (size_bytes > 0 && position_bytes != UINT64_MAX)
                share = (double) MIN(position_bytes, size_bytes) / (double) size_bytes;

        return MIN(100.0 * (s->phase.number - 1 + share) / s->phases, 100.0);
}

bool badblocks_covers(const BadblocksState *s, uint64_t size_bytes, uint32_t block_size, uint64_t *ret)
{
        uint64_t covered = 0;

        if (s->have_range && s->first_block == 0 && s->last_block < BLOCKS_END)
                covered = (s->last_block + 1) * block_size;

        *ret = covered;
        return covered > 0 && covered <= size_bytes && size_bytes - covered < block_size;
}

int badblocks_parse_blocks(const char *data, size_t size, size_t max, uint64_t **ret, size_t *ret_n,
                           uint64_t *ret_total)
{
        _cleanup_free_ uint64_t *blocks = NULL;
        size_t n = 0, allocated = 0;
        uint64_t total = 0;

        for (size_t i = 0; i < size;) {
                uint64_t v = 0;
                size_t start = i;

                for (; i < size && data[i] >= '0' && data[i] <= '9'; i++)
                        if (__builtin_mul_overflow(v, (uint64_t) 10, &v) ||
                            __builtin_add_overflow(v, (uint64_t) (data[i] - '0'), &v))
                                return -EBADMSG;
                if (i == size)
                        break; /* still being written */
                if (i == start || data[i] != '\n')
                        return -EBADMSG;
                i++;

                total++;
                if (n >= max)
                        continue;
                if (n == allocated) {
                        uint64_t *p;

                        allocated = allocated == 0 ? 64 : 2 * allocated;
                        p = reallocarray(blocks, allocated, sizeof(uint64_t));
                        if (!p)
                                return -ENOMEM;
                        blocks = p;
                }
                blocks[n++] = v;
        }

        *ret = TAKE_PTR(blocks);
        *ret_n = n;
        *ret_total = total;
        return 0;
}

size_t badblocks_from(const uint64_t *blocks, size_t n, uint64_t first)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (blocks[middle] < first)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

uint32_t badblocks_block_size(uint64_t size_bytes, uint32_t wanted)
{
        for (uint64_t b = BLOCK_SIZE_MIN; b <= BLOCK_SIZE_MAX; b *= 2)
                if (b >= wanted && size_bytes / b < BLOCKS_END)
                        return (uint32_t) b;

        return 0;
}
