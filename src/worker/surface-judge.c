/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "worker/report.h"
#include "worker/surface-judge.h"

#define BAD_BLOCKS_LISTED 4096U
#define SECTOR_SIZE       512U
#define REQUEST_SECTORS   8192U /* Linux asks a drive for no more at once, unless its administrator says so */

/* A request that fails is named by its first sector, wherever in it the error was: badblocks asks for many blocks at once, and
 * for each one alone where that fails; the checks before it, and whatever else looks at the drive, read ahead. So a bad block
 * explains an error up to a request before it. */
static bool explains_error(const SurfaceFindings *f, uint64_t sector)
{
        uint64_t per_block = MAX(f->block_size / SECTOR_SIZE, 1U), first = sector / per_block;
        size_t i = badblocks_from(f->blocks, f->n_blocks, first);

        return i < f->n_blocks && (f->blocks[i] - first) * per_block < REQUEST_SECTORS;
}

/* Each source can say less than the truth: the last line of a repeated pass counts what is new in it (often 0), the list may
 * be cut, and -e stops the count. So the largest is taken. */
static uint64_t bad_count(const SurfaceFindings *f)
{
        const BadblocksState *b = f->badblocks;
        uint64_t n = MAX((uint64_t) f->n_blocks, b->reported_bad);

        if (n == 0 && (b->read_errors > 0 || b->write_errors > 0 || b->compare_errors > 0))
                n = 1;
        if (b->too_many)
                n = MAX(n, (uint64_t) f->threshold + 1);

        return n;
}

static int judge_end(const SurfaceFindings *f, StageReport *r)
{
        static const struct {
                const char *rule, *words;
        } ends[] = {
                [SURFACE_REFUSED] = { "start",
                                      "the host refused the start, nothing was written to the drive" },
                [SURFACE_REBOOTED] = { "run", "the host was rebooted, which ended the test" },
                [SURFACE_NOT_RESUMED] = { "resumed",
                                          "the host was rebooted, and the test could not go on; nothing was "
                                          "written to the drive since" },
                [SURFACE_LOST] = { "run", "the test was killed on its host by something else" },
                [SURFACE_MISSING] = { "run",
                                      "the host knows nothing of this run, so nobody can say what it did" },
                [SURFACE_STALLED] = { "work", "the test did no work for too long and was ended" },
                [SURFACE_BEYOND] = { "run",
                                     "it was ended, having found more bad blocks than are tolerated" },
                [SURFACE_NO_CONTACT] = { "contact", "the host could not be reached for too long" },
                [SURFACE_KEY_CHANGED] = { "contact", "another host key is offered in the host's name" },
                [SURFACE_TOO_HOT] = { "temperature",
                                      "the drive was too hot to be tested, and the test was ended" },
                [SURFACE_NONSENSE] = { "run", "the host's answers make no sense" },
        };
        const char *detail = isempty(f->end_detail) ? "" : f->end_detail;

        if (f->end == SURFACE_EXITED) {
                /* 0 proves nothing, but anything else says that something was wrong. */
                bool zero = f->exit_status == 0;

                return report_line(r, zero ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "exit-status",
                                   "badblocks", strdup("0 (which proves nothing)"),
                                   strf("%i", f->exit_status),
                                   zero ? NULL
                                        : strf("%s: badblocks ended with status %i%s%s", f->drive,
                                               f->exit_status, f->badblocks->error ? ": " : "",
                                               strempty(f->badblocks->error)));
        }
        assert(f->end > SURFACE_EXITED && (size_t) f->end < ELEMENTSOF(ends));

        return report_line(r, VERDICT_INCONCLUSIVE, ends[f->end].rule, "host",
                           strdup("the command runs to its end"),
                           strf("%s%s%s", ends[f->end].words, *detail ? ": " : "", detail),
                           strf("%s: %s%s%s", f->drive, ends[f->end].words, *detail ? ": " : "", detail));
}

static int judge_bad_blocks(const SurfaceFindings *f, StageReport *r)
{
        /* Where there is no drive any more, every block is bad: that says nothing about the blocks. The kernel's log does. */
        bool there = f->identity != SURFACE_IDENTITY_GONE && f->identity != SURFACE_IDENTITY_OTHER;
        uint64_t n = bad_count(f);
        bool over = n > f->threshold;
        const BadblocksState *b = f->badblocks;
        const char *least = b->too_many ? "at least " : "", *plural = n == 1 ? "" : "s";
        _cleanup_free_ char *where = NULL;

        where = f->n_blocks > 0 ? strf(", the first is block %" PRIu64 " of %u bytes", f->blocks[0],
                                       f->block_size)
                                : strdup("");
        if (!where)
                return -ENOMEM;

        return report_line(r,
                           !over   ? VERDICT_PASSED
                           : there ? VERDICT_FAILED
                                   : VERDICT_INCONCLUSIVE,
                           "bad-blocks", "badblocks", strf("at most %u", f->threshold),
                           strf("%s%" PRIu64 "%s (%" PRIu64 "/%" PRIu64 "/%" PRIu64
                                " read/write/compare errors)",
                                least, n, where, b->read_errors, b->write_errors, b->compare_errors),
                           !over   ? NULL
                           : there ? strf("%s: %s%" PRIu64
                                          " bad block%s, more than the %u that are tolerated%s",
                                          f->drive, least, n, plural, f->threshold, where)
                                   : strf("%s: the drive vanished under the test, so its %" PRIu64
                                          " bad block%s may be none of its own",
                                          f->drive, n, plural));
}

/* Errors at blocks that are tolerated do not count again; the kernel's lines without a place (sense keys) come along with
 * those that have one. */
static uint64_t kernel_count(const SurfaceFindings *f)
{
        bool tolerated = f->n_blocks > 0 && bad_count(f) <= f->threshold;
        uint64_t n = f->n_kernel_total - MIN(f->n_kernel_total, (uint64_t) f->n_kernel_errors);

        for (size_t i = 0; i < f->n_kernel_errors; i++) {
                const SurfaceKernelError *e = f->kernel_errors + i;

                if (!tolerated || (e->have_sector && !explains_error(f, e->sector)))
                        n++;
        }

        return n;
}

static int judge_kernel_log(const SurfaceFindings *f, StageReport *r)
{
        uint64_t n = kernel_count(f);
        int k;

        if (n > 0)
                return report_line(r, VERDICT_FAILED, "kernel-log", "/dev/kmsg",
                                   strdup("no error of this drive"),
                                   strf("%" PRIu64 " error%s, the first: %s", n, n == 1 ? "" : "s",
                                        strempty(f->kernel_line)),
                                   strf("%s: the kernel reported %" PRIu64 " error%s, the first: %s",
                                        f->drive, n, n == 1 ? "" : "s", strempty(f->kernel_line)));
        /* Only a test that went through has to show a clean log. */
        if (f->end != SURFACE_EXITED)
                return 0;

        k = report_line(r, f->kernel_log_complete ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "kernel-log",
                        "/dev/kmsg", strdup("no error of this drive"),
                        strdup(f->kernel_log_complete ? "none"
                                                      : "not known: the log has a gap or cannot be read"),
                        f->kernel_log_complete
                                        ? NULL
                                        : strf("%s: the kernel's log of that time has a gap or cannot be read, so errors may be "
                                               "missing",
                                               f->drive));
        return k;
}

static int judge_exclusive(const SurfaceFindings *f, StageReport *r)
{
        return report_line(
                        r, f->exclusive ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "exclusive", "host",
                        strdup("the device is held for the test alone"),
                        strdup(f->exclusive ? "held" : "not exclusive"),
                        f->exclusive ? NULL
                                     : strf("%s: the device was not held exclusively, something else may have used it",
                                            f->drive));
}

static int judge_phases(const SurfaceFindings *f, StageReport *r)
{
        const BadblocksState *b = f->badblocks;
        uint32_t finals = MAX(f->passes, 1U), per_pass = 2 * b->patterns;
        bool all, said;
        int k;

        /* A pass that was repeated has phases and a final line of its own. */
        said = b->passes_completed >= finals && !b->interrupted && !b->error;
        all = b->phase.number >= b->phases &&
              b->phase.number - b->before == (uint64_t) b->passes_completed * per_pass;

        k = report_line(r, said ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "final-line", "badblocks",
                        strf("\"Pass completed\" %u time%s", finals, finals == 1 ? "" : "s"),
                        strf("%u time%s%s%s%s", b->passes_completed, b->passes_completed == 1 ? "" : "s",
                             b->interrupted ? ", interrupted" : "", b->error ? ", " : "",
                             strempty(b->error)),
                        said ? NULL
                             : strf("%s: badblocks did not finish%s%s%s", f->drive,
                                    b->interrupted ? ", it was interrupted" : "", b->error ? ": " : "",
                                    strempty(b->error)));
        if (k < 0)
                return k;

        return report_line(r, all ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "phases", "badblocks",
                           strf("%u phases", b->phases), strf("%u phases", b->phase.number),
                           all ? NULL
                               : strf("%s: %u of %u planned phases were seen", f->drive, b->phase.number,
                                      b->phases));
}

static int judge_coverage(const SurfaceFindings *f, StageReport *r)
{
        uint64_t covered;
        bool whole = badblocks_covers(f->badblocks, f->size_bytes, f->block_size, &covered);
        uint64_t wanted = whole ? covered * f->badblocks->phases : f->size_bytes;
        bool known = f->work_bytes != UINT64_MAX, worked = whole && known && f->work_bytes >= wanted;
        _cleanup_free_ char *rest = NULL, *raised = NULL;
        int k;

        /* badblocks knows whole blocks alone. */
        rest = whole && covered < f->size_bytes
                               ? strf("; the last %" PRIu64 " are no whole block and were not tested",
                                      f->size_bytes - covered)
                               : strdup("");
        raised = f->block_size_wanted > 0 && f->block_size_wanted != f->block_size
                                 ? strf(" (raised from %u)", f->block_size_wanted)
                                 : strdup("");
        if (!rest || !raised)
                return -ENOMEM;

        k = report_line(r, whole ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "coverage", "badblocks",
                        strf("%" PRIu64 " bytes from block 0 on", f->size_bytes),
                        strf("%" PRIu64 " bytes in blocks of %u%s%s", covered, f->block_size, raised, rest),
                        whole ? NULL
                              : strf("%s: badblocks covered %" PRIu64 " of %" PRIu64 " bytes", f->drive,
                                     covered, f->size_bytes));
        if (k < 0)
                return k;

        return report_line(r, worked ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "work", "sysfs",
                           strf("at least %" PRIu64 " bytes read and written", wanted),
                           known ? strf("%" PRIu64 " bytes", f->work_bytes) : strdup("not known"),
                           worked  ? NULL
                           : known ? strf("%s: its host counted %" PRIu64
                                          " bytes of work where the test needs %" PRIu64,
                                          f->drive, f->work_bytes, wanted)
                                   : strf("%s: the work on the drive is not known", f->drive));
}

static int judge_identity(const SurfaceFindings *f, StageReport *r)
{
        static const char *const observed[] = {
                [SURFACE_IDENTITY_UNKNOWN] = "not known",
                [SURFACE_IDENTITY_SAME] = "the same drive",
                [SURFACE_IDENTITY_OTHER] = "another drive is in its place",
                [SURFACE_IDENTITY_GONE] = "the drive is gone",
        };
        bool same = f->identity == SURFACE_IDENTITY_SAME;

        return report_line(r, same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "identity-after", "sysfs",
                           strdup("the same drive"), strdup(observed[f->identity]),
                           same ? NULL : strf("%s: after the test, %s", f->drive, observed[f->identity]));
}

/* A fact, and no fault of the drive. */
static int report_reboots(const SurfaceFindings *f, StageReport *r)
{
        for (size_t i = 0; i < f->n_reboots; i++) {
                const SurfaceReboot *b = f->reboots + i;
                char t[TIMESTAMP_MAX];
                int k;

                k = report_line(r, VERDICT_PASSED, "resumed", "host",
                                strdup("what the test had written is still on the drive"),
                                strf("after a reboot of the host at phase %u (%s), found %s; what the kernel said "
                                     "last before it is not known",
                                     b->phase, b->name, format_timestamp(t, b->usec)),
                                NULL);
                if (k < 0)
                        return k;
        }

        return 0;
}

static int report_list_blocks(const SurfaceFindings *f, StageReport *r)
{
        size_t n = MIN(f->n_blocks, (size_t) BAD_BLOCKS_LISTED);

        r->n_bad_blocks = bad_count(f);
        r->read_errors = f->badblocks->read_errors;
        r->write_errors = f->badblocks->write_errors;
        r->compare_errors = f->badblocks->compare_errors;
        if (n == 0)
                return 0;

        r->bad_blocks = new0(char *, n + 1);
        if (!r->bad_blocks)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r->bad_blocks[i] = strf("%" PRIu64, f->blocks[i]);
                if (!r->bad_blocks[i])
                        return -ENOMEM;
        }

        return 0;
}

int surface_judge(const SurfaceFindings *f, StageReport *ret)
{
        static int (*const judges[])(const SurfaceFindings *f, StageReport *r) = {
                judge_exclusive,
                judge_phases,
                judge_coverage,
        };
        int r;

        r = report_list_blocks(f, ret);
        if (r < 0)
                return r;
        r = report_reboots(f, ret);
        if (r < 0)
                return r;

        /* First, for a reason that says 'gone' explains all the others. */
        if (f->end == SURFACE_EXITED ||
            (f->end == SURFACE_BEYOND && f->identity != SURFACE_IDENTITY_UNKNOWN)) {
                r = judge_identity(f, ret);
                if (r < 0)
                        return r;
        }
        /* What the drive did wrong counts however the test ended; what it did right counts only if the test went through. */
        if (f->end != SURFACE_REFUSED && f->end != SURFACE_MISSING) {
                r = judge_bad_blocks(f, ret);
                if (r < 0)
                        return r;
                r = judge_kernel_log(f, ret);
                if (r < 0)
                        return r;
        }
        if (f->end == SURFACE_EXITED)
                for (size_t i = 0; i < ELEMENTSOF(judges); i++) {
                        r = judges[i](f, ret);
                        if (r < 0)
                                return r;
                }
        if (f->end == SURFACE_EXITED && f->speed) {
                r = surface_slow_judge(f->speed, &f->slow, f->drive, ret);
                if (r < 0)
                        return r;
        }
        r = judge_end(f, ret);
        if (r < 0)
                return r;

        /* One truth: the verdict is the worst line of the ledger. */
        ret->verdict = stage_report_judge(ret);
        return 0;
}
