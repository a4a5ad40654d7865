/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "worker/surface-judge.h"

#define SIZE  (UINT64_C(64) * 1024 * 1024 + 512)
#define BLOCK 4096U

/* A test that went through, as badblocks itself tells it. */
static void healthy(SurfaceFindings *f, BadblocksState *b, uint32_t passes, uint32_t threshold,
                    const char *extra)
{
        static const char *const patterns[] = { "0xaa", "0x55", "0xff", "0x00" };

        badblocks_init(b, 4, passes);
        assert(badblocks_feed(b, "From block 0 to 16383\n", 22, NULL, NULL) == 0);
        for (uint32_t pass = 0; pass < MAX(passes, 1U) + (extra ? 1 : 0); pass++) {
                char text[512];
                const char *final = pass == 0 && extra
                                                    ? extra
                                                    : "Pass completed, 0 bad blocks found. (0/0/0 errors)\n";

                for (size_t i = 0; i < ELEMENTSOF(patterns); i++) {
                        int n = snprintf(
                                        text, sizeof(text),
                                        "Testing with pattern %s: done   \nReading and comparing: done   \n",
                                        patterns[i]);

                        assert(badblocks_feed(b, text, (size_t) n, NULL, NULL) == 2);
                }
                assert(badblocks_feed(b, final, strlen(final), NULL, NULL) == 0);
        }

        *f = (SurfaceFindings){
                .drive = "sdb on nas1",
                .end = SURFACE_EXITED,
                .badblocks = b,
                .passes = MAX(passes, 1U),
                .size_bytes = SIZE,
                .block_size = BLOCK,
                .threshold = threshold,
                .exclusive = true,
                .identity = SURFACE_IDENTITY_SAME,
                .work_bytes = b->phases * (SIZE - 512),
                .kernel_log_complete = true,
        };
}

static const Evidence *line(const StageReport *r, const char *rule)
{
        for (size_t i = 0; i < r->n_evidence; i++)
                if (streq(r->evidence[i].rule, rule))
                        return r->evidence + i;

        return NULL;
}

static void expect(const SurfaceFindings *f, Verdict verdict, const char *rule, const char *words)
{
        _cleanup_(stage_report_done) StageReport r = { 0 }, again = { 0 };
        _cleanup_json_ struct json_object *o = NULL;

        assert(surface_judge(f, &r) == 0);
        assert(r.verdict == verdict);
        assert((verdict == VERDICT_PASSED) == !r.reason);
        if (rule)
                assert(line(&r, rule) && line(&r, rule)->verdict == verdict);
        if (words && !strstr(r.reason, words))
                fprintf(stderr, "'%s' not in '%s'\n", words, r.reason);
        assert(!words || strstr(r.reason, words));

        /* What is judged here must be what burnind takes. */
        o = stage_report_to_json(&r);
        assert(o && stage_report_from_json(o, &again) == 0);
}

/* Each finding alone, everything else well. */
static void test_single(void)
{
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        expect(&f, VERDICT_PASSED, "final-line", NULL);
        f.exclusive = false;
        expect(&f, VERDICT_INCONCLUSIVE, "exclusive", "exclusively");

        healthy(&f, &b, 0, 0, NULL);
        f.kernel_log_complete = false;
        expect(&f, VERDICT_INCONCLUSIVE, "kernel-log", "gap");

        healthy(&f, &b, 0, 0, NULL);
        f.work_bytes--;
        expect(&f, VERDICT_INCONCLUSIVE, "work", "counted");
        f.work_bytes = UINT64_MAX;
        expect(&f, VERDICT_INCONCLUSIVE, "work", "not known");

        healthy(&f, &b, 0, 0, NULL);
        f.size_bytes += BLOCK;
        expect(&f, VERDICT_INCONCLUSIVE, "coverage", "covered");
        f.size_bytes = SIZE - BLOCK;
        expect(&f, VERDICT_INCONCLUSIVE, "coverage", "covered");

        healthy(&f, &b, 0, 0, NULL);
        f.exit_status = 1;
        expect(&f, VERDICT_INCONCLUSIVE, "exit-status", "status 1");

        static const SurfaceIdentity others[] = { SURFACE_IDENTITY_GONE, SURFACE_IDENTITY_OTHER,
                                                  SURFACE_IDENTITY_UNKNOWN };
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                healthy(&f, &b, 0, 0, NULL);
                f.identity = others[i];
                expect(&f, VERDICT_INCONCLUSIVE, "identity-after", "after the test");
        }

        healthy(&f, &b, 0, 0, NULL);
        b.have_range = false;
        expect(&f, VERDICT_INCONCLUSIVE, "coverage", NULL);
        healthy(&f, &b, 0, 0, NULL);
        b.last_block = UINT64_MAX;
        expect(&f, VERDICT_INCONCLUSIVE, "coverage", NULL);
}

/* What was left out, and why blocks are as large as they are, is said. */
static void test_coverage_words(void)
{
        _cleanup_(stage_report_done) StageReport r = {};
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        f.block_size_wanted = 512;
        assert(surface_judge(&f, &r) == 0);
        assert(streq(line(&r, "coverage")->observed,
                     "67108864 bytes in blocks of 4096 (raised from 512); the last 512 are no whole block and were not tested"));
        assert(r.verdict == VERDICT_PASSED);
}

/* A slow drive fails with its test, and only where it was measured. */
static void test_slow(void)
{
        SurfaceSpeed speed;
        BadblocksState b;
        SurfaceFindings f;

        surface_speed_init(&speed, SIZE);
        for (uint32_t i = 0; i < SPEED_REGIONS; i++)
                speed.phases[0].msec[i] = 1000;

        healthy(&f, &b, 0, 0, NULL);
        f.speed = &speed;
        expect(&f, VERDICT_PASSED, NULL, NULL);
        f.slow = (SlowLimits){ .floor = 60000000, .ratio = 0.7, .fails = true };
        expect(&f, VERDICT_FAILED, "speed-floor", "1 MB/s on average in phase 1");
        f.slow.fails = false;
        expect(&f, VERDICT_PASSED, "speed-floor", NULL);
}

static void test_too_hot(void)
{
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        f.end = SURFACE_TOO_HOT;
        f.end_detail = "it reached 55, 56 and 57 °C within an hour";
        expect(&f, VERDICT_INCONCLUSIVE, "temperature", "55, 56 and 57 °C");
}

/* The words of badblocks. */
static void test_badblocks(void)
{
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        b.passes_completed = 0;
        expect(&f, VERDICT_INCONCLUSIVE, "final-line", "did not finish");
        healthy(&f, &b, 2, 0, NULL);
        expect(&f, VERDICT_PASSED, "phases", NULL);
        b.passes_completed = 1;
        expect(&f, VERDICT_INCONCLUSIVE, "final-line", "did not finish");
        healthy(&f, &b, 0, 0, NULL);
        b.phase.number = 7;
        expect(&f, VERDICT_INCONCLUSIVE, "phases", "7 of 8");
        /* A final line too many for the phases that were seen. */
        healthy(&f, &b, 0, 0, NULL);
        b.passes_completed = 2;
        expect(&f, VERDICT_INCONCLUSIVE, "phases", NULL);
        healthy(&f, &b, 0, 0, NULL);
        b.interrupted = true;
        expect(&f, VERDICT_INCONCLUSIVE, "final-line", "interrupted");
        healthy(&f, &b, 0, 0, NULL);
        b.error = strdup("badblocks: Invalid argument");
        expect(&f, VERDICT_INCONCLUSIVE, "final-line", "Invalid argument");
        badblocks_done(&b);
        /* Never started properly: nothing but its error. */
        badblocks_init(&b, 4, 0);
        b.error = strdup("badblocks: No such file or directory");
        f.exit_status = 1;
        f.work_bytes = 0;
        expect(&f, VERDICT_INCONCLUSIVE, "final-line", "No such file");
        badblocks_done(&b);
}

static void test_bad_blocks(void)
{
        static const uint64_t blocks[] = { 582, 583, 9000 };
        BadblocksState b;
        SurfaceFindings f;

        /* -p 1 and one bad block: sixteen phases, exit status 0, and a last line that says 0. */
        healthy(&f, &b, 1, 0, "Pass completed, 1 bad blocks found. (0/0/1 errors)\n");
        assert(b.phases == 16 && b.passes_completed == 2);
        f.blocks = blocks;
        f.n_blocks = 1;
        expect(&f, VERDICT_FAILED, "bad-blocks", "1 bad block, more than the 0 that are tolerated");
        /* The same without the list, without the first final line, and with nothing but the triple. */
        f.n_blocks = 0;
        expect(&f, VERDICT_FAILED, "bad-blocks", "1 bad block");
        b.reported_bad = 0;
        expect(&f, VERDICT_FAILED, "bad-blocks", "1 bad block");
        b.compare_errors = 0;
        expect(&f, VERDICT_PASSED, NULL, NULL);
        f.n_blocks = 1;
        expect(&f, VERDICT_FAILED, "bad-blocks", "block 582");

        /* The threshold's edge. */
        healthy(&f, &b, 0, 3, NULL);
        f.blocks = blocks;
        f.n_blocks = 3;
        expect(&f, VERDICT_PASSED, "bad-blocks", NULL);
        f.threshold = 2;
        expect(&f, VERDICT_FAILED, "bad-blocks", "3 bad blocks");
        f.threshold = 3;
        b.too_many = true;
        expect(&f, VERDICT_FAILED, "bad-blocks", "at least 4");

        /* A drive that is gone answers nothing: its host's kernel says whose fault that is. */
        f.identity = SURFACE_IDENTITY_GONE;
        expect(&f, VERDICT_INCONCLUSIVE, "bad-blocks", "gone");
        f.kernel_errors = &(SurfaceKernelError){ .have_sector = true, .sector = 8 };
        f.n_kernel_errors = f.n_kernel_total = 1;
        f.kernel_line = "I/O error, dev sdb, sector 8";
        expect(&f, VERDICT_FAILED, "kernel-log", "sector 8");
}

static void test_kernel_errors(void)
{
        enum {
                REQUEST_BLOCKS = 4 * 1024 * 1024 / BLOCK,
        };
        static const uint64_t blocks[] = { 2582 };
        SurfaceKernelError e[] = {
                { .have_sector = true, .sector = 2582 * 8 + 3 },
                { .have_sector = false },
                { .have_sector = true, .sector = 2583 * 8 },
        };
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        f.kernel_errors = e;
        f.kernel_line = "critical medium error, dev sdb, sector 20659";
        f.n_kernel_errors = f.n_kernel_total = 1;
        expect(&f, VERDICT_FAILED, "kernel-log", "medium error");

        /* At a tolerated block, and its sense key beside it: not again. At the block behind it: yes. */
        healthy(&f, &b, 0, 1, NULL);
        f.blocks = blocks;
        f.n_blocks = 1;
        f.kernel_errors = e;
        f.kernel_line = "critical medium error, dev sdb, sector 20659";
        f.n_kernel_errors = f.n_kernel_total = 2;
        expect(&f, VERDICT_PASSED, "kernel-log", NULL);
        f.n_kernel_errors = f.n_kernel_total = 3;
        expect(&f, VERDICT_FAILED, "kernel-log", "1 error,");
        /* A request of many blocks is named by its first one, and whoever reads ahead asks for many. */
        e[2].sector = (2582 - (REQUEST_BLOCKS - 1)) * 8;
        expect(&f, VERDICT_PASSED, "kernel-log", NULL);
        e[2].sector -= 1;
        expect(&f, VERDICT_FAILED, "kernel-log", "1 error,");
        /* More than could be kept: those nobody looked at count. */
        f.n_kernel_errors = 2;
        f.n_kernel_total = 200;
        expect(&f, VERDICT_FAILED, "kernel-log", "198 errors");
        /* Nothing is tolerated when there are too many. */
        f.threshold = 0;
        f.n_kernel_total = 2;
        expect(&f, VERDICT_FAILED, "bad-blocks", "1 bad block");
}

/* Other ends than badblocks' own: inconclusive, whatever looks well; the drive's fault, where it is one. */
static void test_ends(void)
{
        static const struct {
                SurfaceEnd end;
                const char *words;
                bool counts;
        } ends[] = {
                { SURFACE_REFUSED, "nothing was written", false },
                { SURFACE_REBOOTED, "rebooted", true },
                { SURFACE_NOT_RESUMED, "could not go on", true },
                { SURFACE_LOST, "killed", true },
                { SURFACE_MISSING, "knows nothing", false },
                { SURFACE_STALLED, "no work", true },
                { SURFACE_BEYOND, "than are tolerated", true },
                { SURFACE_NO_CONTACT, "could not be reached", true },
                { SURFACE_KEY_CHANGED, "host key", true },
                { SURFACE_NONSENSE, "no sense", true },
        };
        static const uint64_t blocks[] = { 1 };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                BadblocksState b;
                SurfaceFindings f;

                healthy(&f, &b, 0, 0, NULL);
                f.end = ends[i].end;
                f.end_detail = "the detail";
                expect(&f, VERDICT_INCONCLUSIVE, NULL, ends[i].words);
                expect(&f, VERDICT_INCONCLUSIVE, NULL, "the detail");
                f.kernel_log_complete = false;
                f.identity = SURFACE_IDENTITY_UNKNOWN;
                f.work_bytes = UINT64_MAX;
                expect(&f, VERDICT_INCONCLUSIVE, NULL, ends[i].words);

                f.blocks = blocks;
                f.n_blocks = 1;
                expect(&f, ends[i].counts ? VERDICT_FAILED : VERDICT_INCONCLUSIVE, NULL,
                       ends[i].counts ? "1 bad block" : ends[i].words);
        }
}

/* Every combination of good and bad: passed is only the one where all is good; failed only what is the drive's. */
static void test_all(void)
{
        static const uint64_t blocks[] = { 7 };
        static const SurfaceKernelError error = { .have_sector = true, .sector = 0 };

        for (unsigned mask = 0; mask < 1U << 9; mask++) {
                _cleanup_(stage_report_done) StageReport r = { 0 };
                bool bad = mask & 1, kernel = mask & 2, gone = mask & 4;
                BadblocksState b;
                SurfaceFindings f;
                Verdict want;

                healthy(&f, &b, 0, 0, NULL);
                f.blocks = blocks;
                f.n_blocks = bad;
                f.kernel_errors = &error;
                f.n_kernel_errors = f.n_kernel_total = kernel;
                f.kernel_line = "I/O error, dev sdb, sector 0";
                f.identity = gone ? SURFACE_IDENTITY_GONE : SURFACE_IDENTITY_SAME;
                f.exclusive = !(mask & 8);
                f.kernel_log_complete = !(mask & 16);
                f.work_bytes -= mask & 32 ? BLOCK : 0;
                b.passes_completed -= mask & 64 ? 1 : 0;
                f.size_bytes += mask & 128 ? BLOCK : 0;
                f.exit_status = mask & 256 ? 1 : 0;

                want = mask == 0                  ? VERDICT_PASSED
                       : kernel || (bad && !gone) ? VERDICT_FAILED
                                                  : VERDICT_INCONCLUSIVE;
                assert(surface_judge(&f, &r) == 0);
                assert(r.verdict == want && stage_report_judge(&r) == want);
                assert((want == VERDICT_PASSED) == !r.reason);
                assert(r.n_bad_blocks == bad && strv_length(r.bad_blocks) == bad);
        }
}

/* What several runs have done together, each but the last one ended by a reboot. */
static void test_resumed(void)
{
        static const SurfaceReboot reboots[] = {
                { .phase = 3, .name = "Write 0x55", .usec = 1 },
                { .phase = 5, .name = "Write 0xff", .usec = 2 },
        };
        static const char rest[] = "From block 0 to 16383\n"
                                   "Testing with pattern 0xff: done   \nReading and comparing: done   \n"
                                   "Testing with pattern 0x00: done   \nReading and comparing: done   \n"
                                   "Pass completed, 0 bad blocks found. (0/0/0 errors)\n";
        _cleanup_(stage_report_done) StageReport r = { 0 };
        BadblocksState b;
        SurfaceFindings f;

        healthy(&f, &b, 0, 0, NULL);
        badblocks_done(&b);
        badblocks_init(&b, 2, 0);
        badblocks_resume(&b, 4, (uint64_t[]){ 0, 0, 0 });
        assert(badblocks_feed(&b, rest, strlen(rest), NULL, NULL) == 4);
        f.reboots = reboots;
        f.n_reboots = ELEMENTSOF(reboots);
        expect(&f, VERDICT_PASSED, "resumed", NULL);
        assert(surface_judge(&f, &r) == 0);
        assert(strstr(line(&r, "resumed")->observed, "phase 3 (Write 0x55)"));
        assert(strstr(line(&r, "phases")->observed, "8 phases"));

        /* All eight phases need their work. */
        f.work_bytes--;
        expect(&f, VERDICT_INCONCLUSIVE, "work", "counted");
        f.work_bytes++;
        b.phase.number = 6;
        expect(&f, VERDICT_INCONCLUSIVE, "phases", "6 of 8");
        b.phase.number = 8;
        b.before = 2;
        expect(&f, VERDICT_INCONCLUSIVE, "phases", "planned phases");

        /* It could not go on; what the drive did wrong before counts. */
        b.before = 4;
        f.end = SURFACE_NOT_RESUMED;
        f.n_reboots = 0;
        f.end_detail = "the drive was changed";
        expect(&f, VERDICT_INCONCLUSIVE, "resumed", "the drive was changed");
        f.blocks = (uint64_t[]){ 7 };
        f.n_blocks = 1;
        expect(&f, VERDICT_FAILED, "bad-blocks", "bad block");
        badblocks_done(&b);
}

int main(void)
{
        test_resumed();
        test_coverage_words();
        test_slow();
        test_too_hot();
        test_single();
        test_badblocks();
        test_bad_blocks();
        test_kernel_errors();
        test_ends();
        test_all();
        return 0;
}
