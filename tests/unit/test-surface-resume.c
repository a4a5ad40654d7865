/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <stdio.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "worker/surface-resume.h"

#define MIB (UINT64_C(1024) * 1024)
#define GIB (1024 * MIB)

static void test_trace(void)
{
        SurfaceTrace t = { .original = true };

        surface_trace_phase(&t, 1, "Write 0xaa");
        assert(streq(t.bytes, "aa") && t.original && t.certain == 0);
        surface_trace_look(&t, 5 * MIB);
        surface_trace_look(&t, 4 * MIB);
        surface_trace_look(&t, UINT64_MAX);
        assert(t.certain == 5 * MIB);
        surface_trace_phase(&t, 2, "Verify 0xaa");
        assert(streq(t.bytes, "aa") && !t.original && t.certain == UINT64_MAX);
        surface_trace_look(&t, MIB);
        assert(t.certain == UINT64_MAX);

        surface_trace_phase(&t, 3, "Write 0x55");
        assert(streq(t.bytes, "55aa") && t.certain == 0);
        surface_trace_look(&t, 7 * MIB);
        /* Another follower reads the log from its start. */
        surface_trace_phase(&t, 1, "Write 0xaa");
        surface_trace_phase(&t, 2, "Verify 0xaa");
        surface_trace_phase(&t, 3, "Write 0x55");
        assert(streq(t.bytes, "55aa") && t.certain == 7 * MIB && t.phase == 3);

        /* The same write again, after a reboot: where it was, it stays. */
        t.phase = 2;
        surface_trace_phase(&t, 3, "Write 0x55");
        assert(streq(t.bytes, "55aa") && t.certain == 7 * MIB && !t.original);
        surface_trace_look(&t, MIB);
        assert(t.certain == 7 * MIB);
        /* And an earlier one, whose work nobody had counted. */
        t.phase = 0;
        surface_trace_phase(&t, 1, "Write 0xaa");
        assert(streq(t.bytes, "aa55"));
        surface_trace_phase(&t, 2, "Verify 0xaa");
        surface_trace_phase(&t, 3, "Write 0x55");
        surface_trace_phase(&t, 4, "Verify 0x55");
        assert(streq(t.bytes, "55") && t.certain == UINT64_MAX);

        t = (SurfaceTrace){ .original = true };
        surface_trace_phase(&t, 1, "Write random");
        assert(t.random && t.original && t.certain == 0);
        surface_trace_phase(&t, 2, "Verify random");
        assert(t.random && !t.original && t.certain == UINT64_MAX);
}

/* Each place must be on the drive, and, by bytes, where they are expected. */
static size_t check_places(const SurfacePlaces *p, const char *certainly, uint64_t until,
                           const char *perhaps)
{
        _cleanup_strv_free_ char **places = NULL;
        _cleanup_free_ char *text = NULL;

        assert(surface_trace_places(p, &text) == 0);
        assert(strlen(text) <= 1024);
        assert(strv_split(text, ",", &places) >= 0);
        STRV_FOREACH(place, places) {
                unsigned long long first, count;
                char bytes[32];

                assert(sscanf(*place, "%llu+%llu=%31s", &first, &count, bytes) == 3);
                first *= 512;
                count *= 512;
                assert(count > 0 && count <= MIB && first + count <= p->covered);
                assert(!streq(bytes, "@") || (first >= p->chunk_size && first % p->chunk_size == 0));
                assert(streq(bytes, certainly) ? first + count <= until : perhaps && streq(bytes, perhaps));
                for (size_t i = 0; i < p->n_blocks; i++)
                        assert(p->blocks[i] * p->block_size + p->block_size <= first ||
                               p->blocks[i] * p->block_size >= first + count);
        }

        return strv_length(places);
}

static void test_places(void)
{
        static const uint64_t bad[] = { 3, 1000, 100000, 100001 };
        SurfaceTrace t = { .bytes = "55", .certain = UINT64_MAX };
        SurfacePlaces p = { .trace = &t, .covered = 64 * GIB, .block_size = 4096, .chunk_size = 256 * 1024 };
        _cleanup_free_ char *none = NULL;

        for (p.seed = 0; p.seed < 200; p.seed++)
                assert(check_places(&p, "55", p.covered, NULL) == 10);

        /* Over a part of the drive: what was written last may have been lost with the power. */
        t = (SurfaceTrace){ .bytes = "55aa", .certain = 10 * GIB };
        for (p.seed = 0; p.seed < 200; p.seed++)
                assert(check_places(&p, "55", 9 * GIB, "55aa") == 14);
        t.certain = 0;
        assert(check_places(&p, "55", 0, "55aa") == 6);

        /* Behind the first write of all there is what nobody knows. */
        t = (SurfaceTrace){ .original = true, .bytes = "aa", .certain = 10 * GIB };
        for (p.seed = 0; p.seed < 200; p.seed++)
                assert(check_places(&p, "aa", 9 * GIB, NULL) == 9);
        t.certain = 2 * MIB - 2;
        assert(surface_trace_places(&p, &none) == -ENODATA);
        t.certain = 2 * MIB;
        assert(check_places(&p, "aa", MIB, NULL) == 9);
        t = (SurfaceTrace){ .original = true };
        assert(surface_trace_places(&p, &none) == -ENODATA);

        /* The rest of the first MiB, and the end of the drive, which need not be a whole chunk. */
        t = (SurfaceTrace){ .random = true, .certain = UINT64_MAX };
        assert(check_places(&p, "@", p.covered, NULL) == 12);
        p.covered -= 4096;
        assert(check_places(&p, "@", p.covered, NULL) == 12);
        p.covered += 4096;
        t = (SurfaceTrace){ .random = true, .original = true, .certain = 4 * GIB };
        assert(check_places(&p, "@", 3 * GIB, NULL) == 11);
        p.chunk_size = 4096;
        assert(check_places(&p, "@", 3 * GIB, NULL) == 23);
        p.chunk_size = 64 * 4096;
        t.certain = MIB - 2;
        assert(surface_trace_places(&p, &none) == -ENODATA);

        /* The first MiB has a bad block, so nothing is expected of it. */
        t = (SurfaceTrace){ .bytes = "00", .certain = UINT64_MAX };
        p.covered = 512 * MIB;
        p.blocks = bad;
        p.n_blocks = ELEMENTSOF(bad);
        for (p.seed = 0; p.seed < 200; p.seed++)
                assert(check_places(&p, "00", p.covered, NULL) == 9);
        /* Of what was unlocked nobody could tell then whether it is what came in its place. */
        t.original = true;
        assert(surface_trace_places(&p, &none) == -ENODATA);
        t.original = false;
        p.covered = MIB - 4096;
        assert(surface_trace_places(&p, &none) == -ENODATA && !none);
}

static void feed(BadblocksState *b, const char *text)
{
        assert(badblocks_feed(b, text, strlen(text), NULL, NULL) >= 0);
}

#define PATTERN(p) "Testing with pattern " p ": done   \nReading and comparing: done   \n"

static void test_phases_done(void)
{
        BadblocksState b;

        badblocks_init(&b, 4, 0);
        assert(surface_phases_done(&b, 0, MIB) == 0);
        feed(&b, PATTERN("0xaa") "Testing with pattern 0x55: ");
        assert(surface_phases_done(&b, 2 * MIB, MIB) == 2);
        assert(surface_phases_done(&b, 2 * MIB - 1, MIB) == 0);
        assert(surface_phases_done(&b, UINT64_MAX, MIB) == 0);
        assert(surface_phases_done(&b, 100 * MIB, 0) == 0);
        feed(&b, "done   \nReading and comparing: ");
        assert(surface_phases_done(&b, 100 * MIB, MIB) == 2);
        badblocks_done(&b);

        /* What is left of it, in a command of its own. */
        badblocks_init(&b, 3, 0);
        badblocks_resume(&b, 2, (uint64_t[]){ 1, 2, 3 });
        assert(b.phases == 8 && b.phase.number == 2 && badblocks_percent(&b, 0, MIB) == 12.5);
        feed(&b, PATTERN("0x55") "Testing with pattern 0xff: ");
        assert(b.phase.number == 5 && streq(b.phase.name, "Write 0xff") && b.phases == 8);
        assert(surface_phases_done(&b, 2 * MIB, MIB) == 4);
        assert(surface_phases_done(&b, MIB, MIB) == 2);
        feed(&b, "done   \nReading and comparing: done   \n" PATTERN(
                                 "0x00") "Pass completed, 1 bad blocks found. (0/1/0 errors)\n");
        assert(b.phases == 8 && b.phase.number == 8 && b.passes_completed == 1);
        assert(b.read_errors == 1 && b.write_errors == 3 && b.compare_errors == 3);
        assert(badblocks_percent(&b, 0, MIB) == 100);
        badblocks_done(&b);
}

/* Not what badblocks has said alone. */
static void test_proof(void)
{
        Worker w = { .params.identity.size_bytes = MIB };
        uint64_t block = 7;
        Surface s = {
                .w = &w,
                .block_size = 4096,
                .blocks = &block,
                .n_blocks = 1,
                .state = { .exclusive = true, .work_bytes = 2 * MIB },
        };

        badblocks_init(&s.badblocks, 4, 0);
        feed(&s.badblocks,
             "From block 0 to 255\nTesting with pattern 0xaa: done   \nReading and comparing: done   \n");
        assert(!surface_has_news(&s));
        feed(&s.badblocks, "Testing with pattern 0x55: ");
        assert(surface_has_news(&s));

        s.state.kernel_gap = true;
        assert(!surface_has_news(&s) && surface_note_proof(&s) == 0 && s.state.past.proven == 0);
        s.state.kernel_gap = false;
        s.state.exclusive = false;
        assert(!surface_has_news(&s));
        s.state.exclusive = true;
        s.state.work_bytes--;
        assert(!surface_has_news(&s));
        s.state.work_bytes++;

        s.badblocks.write_errors = 3;
        assert(surface_note_proof(&s) == 0);
        assert(s.state.past.proven_errors[1] == 3 && s.state.past.errors[1] == 0);
        assert(s.state.past.proven == 2 && s.state.past.phases == 0 && s.state.past.covered == MIB);
        assert(s.state.past.n_blocks == 1 && s.state.past.blocks[0] == 7);
        assert(!surface_has_news(&s) && surface_work(&s) == 2 * MIB);
        surface_state_done(&s.state);

        s.state.past.proven = 0;
        feed(&s.badblocks, "\nbadblocks: Input/output error during ext2fs_sync_device\n");
        assert(s.badblocks.error && !surface_has_news(&s));
        badblocks_done(&s.badblocks);
}

/* What one worker notes is what the next one knows, and no more of the run than goes on with it. */
static void test_state(void)
{
        static const char first[] = "0123456789abcdef0123456789abcdef",
                          next[] = "ffffffffffffffffffffffffffffffff";
        SurfaceState s, t;
        char path[] = "/tmp/burnin-test-XXXXXX";
        int fd = mkstemp(path);

        assert(fd >= 0 && close(fd) == 0);
        assert(surface_state_init(&s, first) == 0);
        assert((s.boot_id = strdup("boot")) && (s.past.blocks = calloc(2, sizeof(uint64_t))));
        s.past.blocks[0] = 7;
        s.past.blocks[1] = UINT64_C(1) << 31;
        s.past.n_blocks = 2;
        s.past.phases = 2;
        s.past.proven = 2;
        s.past.planned = 8;
        s.past.covered = 64 * GIB;
        s.past.errors[1] = 5;
        s.past.proven_errors[1] = 6;
        s.past.reboots[0] = (SurfaceReboot){ .phase = 3, .name = "Write 0x55", .usec = 4711 };
        s.past.n_reboots = 1;
        s.work_start = 100;
        s.work_bytes = UINT64_C(1) << 50;
        s.trace = (SurfaceTrace){ .phase = 4, .bytes = "55", .certain = UINT64_MAX };
        s.exclusive = true;
        s.kernel_seq = 99;
        s.phases[0] = (SurfacePhase){ .number = 2, .name = "Verify 0xaa", .started_usec = 1 };
        s.phases[1] = (SurfacePhase){ .number = 3, .name = "Write 0x55", .started_usec = 2 };
        s.n_phases = 2;
        assert(surface_state_save(path, &s) == 0);
        surface_state_done(&s);

        assert(surface_state_load(path, next, &t) == -ENOENT);
        assert(surface_state_load(path, first, &t) == 0);
        assert(t.past.n_blocks == 2 && t.past.blocks[1] == UINT64_C(1) << 31 && t.past.errors[1] == 5);
        assert(t.past.proven_errors[0] == 0 && t.past.proven_errors[1] == 6);
        assert(t.past.phases == 2 && t.past.proven == 2 && t.past.planned == 8 &&
               t.past.covered == 64 * GIB);
        assert(t.past.n_reboots == 1 && streq(t.past.reboots[0].name, "Write 0x55"));
        assert(t.work_bytes == UINT64_C(1) << 50 && t.trace.certain == UINT64_MAX && !t.trace.original);

        assert(surface_state_go_on(&t, next) == 0);
        assert(streq(t.run, next) && !t.boot_id && t.work_start == UINT64_MAX && t.work_bytes == UINT64_MAX);
        assert(!t.exclusive && t.kernel_gap && t.kernel_seq == 0);
        assert(streq(t.trace.bytes, "55") && t.trace.phase == 2);
        assert(!t.phases[0].disturbed && t.phases[1].disturbed);
        assert(surface_state_phase_began(&t, 3) == 2 && surface_state_phase_began(&t, 4) == 0);
        surface_state_done(&t);
        assert(unlink(path) == 0);
}

/* Those that are not in the list would be forgotten. */
static void test_more_blocks_than_are_kept(void)
{
        Worker w = { .params.bad_block_threshold = 1000000 };
        Surface s = { .w = &w, .state_path = (char *) "/nonexistent/state" };

        assert(surface_state_init(&s.state, "0123456789abcdef0123456789abcdef") == 0);
        s.n_blocks = SURFACE_BLOCKS_MAX;
        assert((s.blocks = calloc(s.n_blocks, sizeof(uint64_t))));
        assert(surface_go_on(&s) == 0 && strstr(s.end_detail, "bad blocks"));
        assert(s.state.past.n_reboots == 0 && s.state.past.n_blocks == 0);

        free(s.blocks);
        free(s.end_detail);
        surface_state_done(&s.state);
}

/* Its predecessors have written, so what they found counts, however its own start was refused. */
static void test_refused(void)
{
        Worker w = { .params.before = NULL };
        Surface first = { .w = &w }, next = { .w = &w };

        surface_refuse(&first, "no");
        assert(first.ended && first.end == SURFACE_REFUSED);
        w.params.before = (char *) "0123456789abcdef0123456789abcdef";
        surface_refuse(&next, "no");
        assert(next.ended && next.end == SURFACE_NOT_RESUMED && streq(next.end_detail, "no"));
        free(first.end_detail);
        free(next.end_detail);
}

/* What another boot's log says is of another time, and perhaps of another drive under this name. */
static void test_kernel_log_of_another_boot(void)
{
        char *lines[] = { (char *) "I/O error, dev sda, sector 8", NULL };
        KernelLog log = { .boot_id = (char *) "one", .first = 1, .last = 50 };
        SurfaceState s;

        assert(surface_state_init(&s, "0123456789abcdef0123456789abcdef") == 0);
        assert((s.boot_id = strdup("one")));
        s.kernel_seq = 40;
        assert(surface_state_add_kernel_log(&s, &log, "sda") == 0);
        assert(!s.kernel_gap && s.kernel_seq == 50 && s.n_kernel_total == 0);

        log = (KernelLog){ .boot_id = (char *) "two", .last = 900, .lines = lines };
        assert(surface_state_add_kernel_log(&s, &log, "sda") == 0);
        assert(s.kernel_gap && s.kernel_seq == 50 && s.n_kernel_total == 0);
        surface_state_done(&s);
}

static void test_patterns(void)
{
        StageParams p = { 0 };

        assert(streq(surface_pattern(&p, 0), "0xaa") && streq(surface_pattern(&p, 3), "0x00"));
        assert(streq(surface_pattern(&p, 5), "0x55"));
        p.pattern = (char *) "random";
        assert(streq(surface_pattern(&p, 3), "random"));
}

int main(void)
{
        test_trace();
        test_places();
        test_phases_done();
        test_proof();
        test_state();
        test_more_blocks_than_are_kept();
        test_refused();
        test_kernel_log_of_another_boot();
        test_patterns();
        return 0;
}
