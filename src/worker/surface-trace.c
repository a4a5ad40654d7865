/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "parse/badblocks.h"
#include "worker/surface-trace.h"

#define SECTOR_SIZE 512U
#define MIB         (UINT64_C(1024) * 1024)
#define PLACE_SIZE  (64U * 1024U)
#define PLACES      8U  /* at random, where the newest pattern is; half as many behind that */
#define TRIES       16U /* to find one without a bad block */
#define CHUNKS      15U
#define CACHE_SIZE  (1024 * MIB) /* of a drive, and then some: what it lost with the power was written last */
#define BYTE_DIGITS 2U

void surface_trace_phase(SurfaceTrace *t, uint32_t phase, const char *name)
{
        const char *pattern = startswith(name, "Write 0x");
        char bytes[sizeof(t->bytes)];

        if (phase <= t->phase)
                return;
        t->phase = phase;

        if (startswith(name, "Verify ")) {
                /* What was written last is everywhere now. */
                t->original = false;
                t->certain = UINT64_MAX;
                if (!t->random && strlen(t->bytes) > BYTE_DIGITS)
                        t->bytes[BYTE_DIGITS] = 0;
                return;
        }

        /* The same once more: where it is, it stays. */
        if (pattern && strlen(pattern) == BYTE_DIGITS && startswith(t->bytes, pattern))
                return;

        t->certain = 0;
        t->random = !pattern;
        if (!pattern || strlen(pattern) != BYTE_DIGITS)
                return;
        (void) snprintf(bytes, sizeof(bytes), "%s", pattern);
        for (size_t i = 0; i + 1 < strlen(t->bytes); i += BYTE_DIGITS)
                if (memcmp(t->bytes + i, pattern, BYTE_DIGITS) != 0 &&
                    strlen(bytes) + BYTE_DIGITS < sizeof(bytes))
                        strncat(bytes, t->bytes + i, BYTE_DIGITS);
        memcpy(t->bytes, bytes, sizeof(bytes));
}

void surface_trace_look(SurfaceTrace *t, uint64_t position)
{
        if (position != UINT64_MAX && t->certain != UINT64_MAX)
                t->certain = MAX(t->certain, position);
}

static bool holds_bad_block(const SurfacePlaces *p, uint64_t start, uint64_t size)
{
        size_t i = badblocks_from(p->blocks, p->n_blocks, start / p->block_size);

        return i < p->n_blocks && p->blocks[i] <= (start + size - 1) / p->block_size;
}

static int add_place(const SurfacePlaces *p, uint64_t start, uint64_t size, const char *bytes, char **text)
{
        char *longer;

        longer = strf("%s%s%" PRIu64 "+%" PRIu64 "=%s", strempty(*text), *text ? "," : "",
                      start / SECTOR_SIZE, size / SECTOR_SIZE, bytes);
        if (!longer)
                return -ENOMEM;

        free(*text);
        *text = longer;
        return 0;
}

/* splitmix64: where to look need not be a secret, only not be chosen. */
static uint64_t draw(uint64_t *seed)
{
        uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* Each at a multiple of step from the start of the drive. */
static int add_random_places(const SurfacePlaces *p, uint64_t from, uint64_t to, uint64_t step,
                             uint64_t size, size_t n, const char *bytes, uint64_t *seed, char **text)
{
        uint64_t first = (from + step - 1) / step, last = to >= size ? (to - size) / step : 0;

        if (to < size || first > last)
                return 0;

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < TRIES; k++) {
                        uint64_t start = (first + draw(seed) % (last - first + 1)) * step;
                        int r;

                        if (holds_bad_block(p, start, size))
                                continue;
                        r = add_place(p, start, size, bytes, text);
                        if (r < 0)
                                return r;
                        break;
                }

        return 0;
}

/* A random pattern is one chunk over and over: those of the first MiB, as many as can be named, and the end of the drive. */
static int add_chunks(const SurfacePlaces *p, uint64_t certain, char **text)
{
        uint64_t step = p->chunk_size, last = (p->covered - 1) / step * step;
        int r = 0;

        for (uint64_t i = 1; i <= CHUNKS && i * step < MIB && (i + 1) * step <= certain && r >= 0; i++)
                if (!holds_bad_block(p, i * step, step))
                        r = add_place(p, i * step, step, "@", text);
        if (r >= 0 && certain == p->covered && last > 0 && !holds_bad_block(p, last, p->covered - last))
                r = add_place(p, last, MIN(p->covered - last, MIB), "@", text);
        return r;
}

/* Where file systems and partition tables have their marks. */
static int add_ends(const SurfacePlaces *p, uint64_t certain, const char *newest, char **text)
{
        const SurfaceTrace *t = p->trace;
        int r = 0;

        if (!holds_bad_block(p, 0, MIB))
                r = add_place(p, 0, MIB, certain >= MIB ? newest : t->bytes, text);
        if (r >= 0 && !t->original && !holds_bad_block(p, p->covered - MIB, MIB))
                r = add_place(p, p->covered - MIB, MIB, certain == p->covered ? newest : t->bytes, text);
        return r;
}

int surface_trace_places(const SurfacePlaces *p, char **ret)
{
        const SurfaceTrace *t = p->trace;
        uint64_t certain = t->certain, seed = p->seed, size = PLACE_SIZE, step = PLACE_SIZE;
        bool others = !t->original && !t->random; /* what is behind certain is known, too */
        _cleanup_free_ char *text = NULL;
        const char *newest;
        char one[BYTE_DIGITS + 1];
        int r;

        if (p->block_size == 0 || p->chunk_size < SECTOR_SIZE || p->covered < MIB ||
            (!t->random && !t->bytes[0]))
                return -ENODATA;

        if (certain >= p->covered)
                certain = certain == UINT64_MAX ? p->covered : p->covered - 1;
        if (t->certain != UINT64_MAX)
                certain -= MIN(certain / 2, CACHE_SIZE);
        (void) snprintf(one, sizeof(one), "%.2s", t->bytes);
        newest = t->random ? "@" : one;
        /* The same random bytes are written again and again. */
        if (t->random) {
                step = p->chunk_size;
                size = MIN(size, step);
        }
        if (certain < (t->random ? 2 * step : MIB) && !others)
                return -ENODATA;
        /* Nothing else tells what was unlocked from what came in its place. */
        if (t->original && holds_bad_block(p, 0, MIB))
                return -ENODATA;

        r = t->random ? add_chunks(p, certain, &text) : add_ends(p, certain, newest, &text);
        if (r >= 0)
                r = add_random_places(p, t->random ? step : 0, certain, step, size, PLACES, newest, &seed,
                                      &text);
        if (r >= 0 && others && certain < p->covered)
                r = add_random_places(p, certain, p->covered, step, size, PLACES / 2, t->bytes, &seed,
                                      &text);
        if (r < 0)
                return r;
        if (!text)
                return -ENODATA;

        *ret = TAKE_PTR(text);
        return 0;
}
