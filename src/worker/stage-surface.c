/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "worker/host-read.h"
#include "worker/stage.h"
#include "worker/surface-pause.h"
#include "worker/surface-resume.h"
#include "worker/surface-stall.h"

/* A destructive surface test by badblocks: every block is written and read back, pattern by pattern. badblocks runs detached on
 * the host; here it is started, followed, and judged.
 *
 *     start (or find it) ──▶ follow, look by look ──▶ end ──▶ prove it gone ──▶ collect what is left ──▶ judge
 *
 * The follower may lose its host, and burnind may lose the follower: the run goes on, and is found again at the byte where it
 * was left. Only what can end a test on its host ends it; after a reboot there surface-resume.h goes on. */

#define PATTERNS          4U /* badblocks' own: 0xaa, 0x55, 0xff, 0x00 */
#define BLOCK_SIZE        4096U
#define START_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define AFTER_LIMIT_USEC  (10 * USEC_PER_MINUTE)
#define FOLLOW_FIRST_USEC USEC_PER_SEC
#define FOLLOW_FIRST_FOR  (30 * USEC_PER_SEC)
#define KERNEL_LOG_USEC   USEC_PER_MINUTE
#define CLOCK_MIN_USEC    USEC_PER_SEC

static int surface_command(const Surface *s, char ***ret)
{
        const StageParams *p = &s->w->params;
        _cleanup_strv_free_ char **argv = NULL;
        uint32_t passes = p->before ? 0 : p->passes;
        int r;

        r = strv_split("badblocks -w -v", " ", &argv);
        if (r < 0)
                return r;
        /* -X: the device is held for badblocks by its own parent. -e: without it a dead drive prints a line per block. */
        if (strv_extend(&argv, "-b") < 0 || strv_consume(&argv, strf("%u", s->block_size)) < 0 ||
            strv_extend(&argv, "-c") < 0 ||
            strv_consume(&argv, strf("%u", p->block_buffer ?: BLOCK_BUFFER)) < 0 ||
            strv_extend(&argv, "-p") < 0 || strv_consume(&argv, strf("%u", passes)) < 0 ||
            strv_extend(&argv, "-e") < 0 ||
            strv_consume(&argv, strf("%" PRIu64, (uint64_t) p->bad_block_threshold + 1)) < 0 ||
            (!p->before && p->pattern &&
             (strv_extend(&argv, "-t") < 0 || strv_extend(&argv, p->pattern) < 0)))
                return -ENOMEM;
        /* What is left of several passes is one with so many patterns. */
        for (uint32_t i = s->state.past.phases / 2; p->before && i < s->state.past.planned / 2; i++)
                if (strv_extend(&argv, "-t") < 0 || strv_extend(&argv, surface_pattern(p, i)) < 0)
                        return -ENOMEM;
        if (strv_extend(&argv, "-X") < 0 || strv_extend(&argv, "{}") < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(argv);
        return 0;
}

/* What can be known only before the start: where the counters stand. 1: it may start. */
static int note_start(Surface *s, const HostProbe *probe)
{
        _cleanup_(run_status_done) RunStatus before = { 0 };
        Worker *w = s->w;
        int r;

        r = remote_run_status(&w->remote, w->params.run, w->params.kname, 0, 0, &before);
        if (r < 0)
                return r;
        /* An earlier attempt of ours to start it came through after all: what was noted before it holds. */
        if (before.state != RUN_NONE) {
                s->begun = true;
                return 1;
        }

        if (free_and_strdup(&s->state.boot_id, probe->boot_id) < 0)
                return -ENOMEM;
        s->state.work_start = before.work_bytes;
        s->state.block_size = s->block_size;
        s->state.kernel_seq = probe->kernel_log_seq;
        s->state.kernel_gap = probe->kernel_log_seq == 0;
        r = surface_state_save(s->state_path, &s->state);
        /* A run that goes on is known to have begun by this alone. */
        if (r < 0 && w->params.before && !s->begun) {
                surface_refuse(s, "that it begins could not be stored by burnind");
                return 0;
        }
        if (r < 0)
                (void) log_full_errno(LOG_WARNING, r, w->fields, "Failed to store %s: %m", s->state_path);
        s->begun = true;
        return 1;
}

/* No smaller than a sector, and large enough for badblocks to count the blocks. */
static int plan_blocks(Surface *s, uint32_t sector_size)
{
        const StageParams *p = &s->w->params;

        s->block_size_wanted = p->block_size ?: BLOCK_SIZE;
        s->block_size = badblocks_block_size(p->identity.size_bytes, MAX(s->block_size_wanted, sector_size));
        if (s->block_size == 0) {
                surface_refuse(s, "the drive is too large for badblocks' block numbers");
                return 0;
        }
        /* Once, however often the start is tried. */
        if (s->block_size != s->block_size_wanted && s->state.block_size == 0)
                stage_log_line(s->w->log, LOG_NOTICE, "Block size raised from %u to %u, for %s.",
                               s->block_size_wanted, s->block_size,
                               s->block_size > sector_size ? "the number of blocks to fit in 32 bits"
                                                           : "a block to be no smaller than a sector");
        return 1;
}

static int start_once(Worker *w, void *userdata)
{
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        _cleanup_(run_status_done) RunStatus status = { 0 };
        _cleanup_strv_free_ char **argv = NULL;
        _cleanup_free_ char *words = NULL;
        Surface *s = userdata;
        int r;

        r = remote_probe(&w->remote, strempty(w->params.identity.fingerprint), &probe);
        if (r < 0)
                return r;
        if (!probe.kname || !kname_is_valid(probe.kname) || isempty(w->params.identity.fingerprint)) {
                surface_refuse(s, "the drive is not there any more, or its identity changed");
                return 0;
        }
        if (free_and_strdup(&w->params.kname, probe.kname) < 0)
                return -ENOMEM;
        r = plan_blocks(s, probe.sector_size);
        if (r <= 0)
                return r;
        r = note_start(s, &probe);
        if (r <= 0)
                return r;
        r = surface_command(s, &argv);
        if (r < 0)
                return r;
        words = strv_join(argv, " ");
        stage_log_line(w->log, LOG_INFO, "Surface test of %s, run %s: %s", s->drive, w->params.run,
                       strempty(words));
        r = worker_start_run(w, &probe, s->places ?: w->params.content, argv, &status);
        if (r < 0)
                return r;

        if (status.state == RUN_REFUSED)
                surface_refuse(s, status.refused);
        return 0;
}

static int surface_start(Surface *s)
{
        BadblocksPhase first = { .number = s->badblocks.before + 1 };
        Worker *w = s->w;
        int r;

        if (w->params.before) {
                r = surface_find_trace(s);
                if (r < 0 || s->ended)
                        return r;
                s->work_usec = now_usec(CLOCK_MONOTONIC);
        }

        (void) snprintf(first.name, sizeof(first.name), "Write %s",
                        surface_pattern(&w->params, s->badblocks.before / 2));

        /* Phase 1 at 0 % from the first second on. */
        surface_on_phase(&first, s);
        s->new_phase = false;
        surface_send_progress(s);

        r = worker_try(w, START_LIMIT_USEC, start_once, s);
        if (r >= 0 || r == -ECANCELED || r == -ENOMEM)
                return r;

        /* Whether it started nobody knows: what follows proves it gone, or calls it a remnant. */
        surface_set_end(s, r == -EKEYREJECTED ? SURFACE_KEY_CHANGED : SURFACE_NO_CONTACT, worker_error(w));
        return 0;
}

static int read_kernel_log(Worker *w, void *userdata)
{
        _cleanup_(kernel_log_done) KernelLog log = { 0 };
        Surface *s = userdata;
        int r;

        r = remote_kernel_log(&w->remote, w->params.kname, s->state.kernel_seq, &log);
        if (r < 0)
                return r;

        s->kernel_usec = now_usec(CLOCK_MONOTONIC);
        r = surface_state_add_kernel_log(&s->state, &log, w->params.kname);
        if (r >= 0)
                r = surface_note_proof(s);
        surface_save(s);
        return r;
}

/* One look. 1: look again at once. */
static int surface_look(Surface *s)
{
        _cleanup_(run_status_done) RunStatus status = { 0 };
        uint64_t log_offset = surface_next_log_offset(s);
        Worker *w = s->w;
        int r, more = 0;

        r = remote_run_status(&w->remote, w->params.run, w->params.kname, log_offset, s->blocks_offset,
                              &status);
        if (r >= 0) {
                more = surface_take_status(s, log_offset, &status);
                if (more < 0)
                        return more;
                /* With passes to repeat, badblocks aborts each and begins the next, for ever. */
                if (!s->ended && status.state == RUN_RUNNING && s->badblocks.too_many &&
                    w->params.passes > 0)
                        surface_set_end(s, SURFACE_BEYOND, NULL);
                if (!s->ended && status.state == RUN_RUNNING)
                        r = surface_pause(s, &status);
                if (!s->ended)
                        surface_send_progress(s);
                if (r >= 0 && !s->ended && !s->rebooted)
                        r = surface_read_temperature(s);
                if (r >= 0 && !s->ended && !s->rebooted &&
                    (surface_has_news(s) || now_usec(CLOCK_MONOTONIC) - s->kernel_usec >= KERNEL_LOG_USEC))
                        r = read_kernel_log(w, s);
        }

        /* Another key in the host's name: not a word is exchanged with it, and the run on the true host goes on. burnind says it
         * loudly; an accepted new key brings a new worker. */
        if (r == -EKEYREJECTED)
                r = -ENOTCONN;
        r = worker_contact(w, r);

        return r < 0 ? r : r > 0 || more > 0;
}

static int surface_follow(Surface *s)
{
        uint64_t usual = worker_follow_usec(s->w);

        while (!s->ended) {
                uint64_t began = now_usec(CLOCK_MONOTONIC);
                int r;

                r = surface_look(s);
                if (r < 0)
                        return r;
                if (s->ended)
                        break;
                surface_check_stall(s);
                /* No news is news: what was last told of its speed is not true any more. */
                if (now_usec(CLOCK_MONOTONIC) - s->sent_usec >= ALIVE_USEC) {
                        s->speed = 0;
                        surface_send_progress(s);
                }
                if (r > 0 || s->ended)
                        continue;

                r = worker_wait_for_look(s->w,
                                         began - s->started_usec < FOLLOW_FIRST_FOR
                                                         ? MIN(usual, FOLLOW_FIRST_USEC)
                                                         : usual,
                                         began);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Ends that leave something behind: it is ended now, or named. */
static int prove_gone(Surface *s, StageReport *report)
{
        if (s->end == SURFACE_EXITED || s->end == SURFACE_REBOOTED || s->end == SURFACE_LOST)
                return 0;
        /* A start that was refused cannot come again: its place is taken. */
        if (s->end == SURFACE_REFUSED || s->end == SURFACE_NOT_RESUMED)
                return 0;
        /* Nor is there anything of a test that waits to go on: the boot of its host is another one. */
        if (s->w->params.before && !s->begun)
                return 0;
        if (s->end != SURFACE_KEY_CHANGED && worker_cancel_run(s->w))
                return 0;
        if (s->w->cancel)
                return -ECANCELED;

        stage_log_line(s->w->log, LOG_ERR, "The run %s on %s could not be proven gone.", s->w->params.run,
                       s->w->params.target.name);
        return report_set_remnant(report);
}

/* What the host still has to say once the test is over. */
static int collect_after(Surface *s, SurfaceIdentity *ret_identity)
{
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        Worker *w = s->w;
        int r;

        if (s->end != SURFACE_EXITED && s->end != SURFACE_LOST && s->end != SURFACE_STALLED &&
            s->end != SURFACE_BEYOND && s->end != SURFACE_TOO_HOT && s->end != SURFACE_NONSENSE)
                return 0;

        r = worker_try(w, AFTER_LIMIT_USEC, read_kernel_log, s);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r < 0)
                s->state.kernel_gap = true;

        r = host_read_probe(w, AFTER_LIMIT_USEC, &probe);
        if (r == -ECANCELED || r == -ENOMEM)
                return r;
        if (r < 0)
                return 0;

        if (probe.kname)
                *ret_identity = SURFACE_IDENTITY_SAME;
        else if (probe.ident)
                *ret_identity = SURFACE_IDENTITY_OTHER;
        else
                *ret_identity = SURFACE_IDENTITY_GONE;
        return 0;
}

/* Where too little of it was seen, by the clock, unless it stood still. Several that one look found are no time apart, and badblocks
 * leaves out the rest of those that it aborts: nobody knows how fast these were. */
static double phase_speed(const Surface *s, const SurfacePhase *p, uint64_t took_usec)
{
        uint32_t n_regions;
        double speed = surface_speed_phase(&s->state.speed, p->number, &n_regions, NULL);

        if (n_regions >= SPEED_REGIONS / 2 || p->disturbed)
                return speed;
        if (s->badblocks.too_many || took_usec < CLOCK_MIN_USEC)
                return 0;

        return (double) s->w->params.identity.size_bytes * 1e6 / (double) took_usec;
}

static struct json_object *phases_with_speeds(const Surface *s, uint64_t end_usec)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (size_t i = 0; a && i < s->state.n_phases; i++) {
                const SurfacePhase *p = s->state.phases + i;
                uint64_t until = i + 1 < s->state.n_phases ? p[1].started_usec : end_usec;
                bool over = until > p->started_usec &&
                            (s->end == SURFACE_EXITED || i + 1 < s->state.n_phases);
                double speed = over ? phase_speed(s, p, until - p->started_usec) : 0;
                struct json_object *o = json_object_new_object();

                if (!o || json_put_u64(o, "number", p->number) < 0 ||
                    json_put_string(o, "name", p->name) < 0 ||
                    json_put_u64(o, "started_usec", p->started_usec) < 0 ||
                    (over && json_put_u64(o, "ended_usec", until) < 0) ||
                    (speed >= 1 && json_put_u64(o, "bytes_per_second", (uint64_t) speed) < 0) ||
                    json_object_array_add(a, o) < 0) {
                        json_object_put(o);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static int add_details(Surface *s, SurfaceIdentity identity, StageReport *report)
{
        struct json_object *o = report_details(report);
        uint64_t work = surface_work(s);

        (void) surface_state_set_held(&s->state, false, now_usec(CLOCK_REALTIME));
        if (!o || json_put(o, "phases", phases_with_speeds(s, now_usec(CLOCK_REALTIME))) < 0 ||
            json_put_u64(o, "block_size", s->block_size) < 0 ||
            json_put(o, "region_msec", surface_speed_to_json(&s->state.speed)) < 0 ||
            json_put_u64(o, "paused_usec", s->state.paused_usec) < 0 ||
            json_put_string(o, "kname", s->w->params.kname) < 0 ||
            json_put_string(o, "boot_id", s->state.boot_id) < 0 ||
            json_put_string(o, "content_after", identity == SURFACE_IDENTITY_SAME ? s->content : NULL) < 0 ||
            (work != UINT64_MAX && json_put_u64(o, "work_bytes", work) < 0) ||
            (s->end == SURFACE_EXITED && json_put_i64(o, "exit_status", s->exit_status) < 0) ||
            (s->state.temperature_min_mdegc != MDEGC_UNKNOWN &&
             (json_put_i64(o, "temperature_min_mdegc", s->state.temperature_min_mdegc) < 0 ||
              json_put_i64(o, "temperature_max_mdegc", s->state.temperature_max_mdegc) < 0)))
                return -ENOMEM;

        return 0;
}

/* The last one is one of them once the test has gone on. */
static size_t reboots_survived(const Surface *s)
{
        size_t n = s->state.past.n_reboots;

        return n > 0 && (s->end == SURFACE_NOT_RESUMED || !s->begun) ? n - 1 : n;
}

static int surface_conclude(Surface *s, StageReport *report)
{
        const StageParams *p = &s->w->params;
        SurfaceIdentity identity = SURFACE_IDENTITY_UNKNOWN;
        int r;

        r = prove_gone(s, report);
        if (r < 0)
                return r;
        r = collect_after(s, &identity);
        if (r < 0)
                return r;
        r = add_details(s, identity, report);
        if (r < 0)
                return r;

        return surface_judge(
                        &(SurfaceFindings){
                                        .drive = s->drive,
                                        .end = s->end,
                                        .end_detail = s->end_detail,
                                        .exit_status = s->exit_status,
                                        .badblocks = &s->badblocks,
                                        .reboots = s->state.past.reboots,
                                        .n_reboots = reboots_survived(s),
                                        .passes = p->before ? 1 : MAX(p->passes, 1U),
                                        .size_bytes = p->identity.size_bytes,
                                        .block_size = s->block_size,
                                        .block_size_wanted = s->block_size_wanted,
                                        .threshold = p->bad_block_threshold,
                                        .blocks = s->blocks,
                                        .n_blocks = s->n_blocks,
                                        .exclusive = s->state.exclusive,
                                        .identity = identity,
                                        .work_bytes = surface_work(s),
                                        .kernel_log_complete = !s->state.kernel_gap,
                                        .kernel_errors = s->state.kernel_errors,
                                        .n_kernel_errors = s->state.n_kernel_errors,
                                        .n_kernel_total = s->state.n_kernel_total,
                                        .kernel_line = s->state.kernel_line,
                                        .speed = &s->state.speed,
                                        .slow = { .floor = p->slow_floor,
                                                  .ratio = p->slow_ratio / 1000.0,
                                                  .siblings = p->sibling_speed,
                                                  .one_pass = s->badblocks.phases <= 2,
                                                  .fails = p->slow_fails },
                        },
                        report);
}

/* All patterns, as often as there are passes; or those that the runs before this one have left. */
static void surface_plan(Surface *s)
{
        const SurfacePast *past = &s->state.past;
        const StageParams *p = &s->w->params;

        if (!p->before || past->n_reboots == 0) {
                badblocks_init(&s->badblocks, p->pattern ? 1 : PATTERNS, p->passes);
                return;
        }
        badblocks_init(&s->badblocks, (past->planned - past->phases) / 2, 0);
        badblocks_resume(&s->badblocks, past->phases, past->errors);
}

static int surface_init(Surface *s, Worker *w)
{
        const StageParams *p = &w->params;
        uint64_t now = now_usec(CLOCK_MONOTONIC);
        int r;

        *s = (Surface){
                .w = w,
                .percent = MIN(p->percent, 99.9),
                .position = UINT64_MAX,
                .work_usec = now,
                .started_usec = now,
                .kernel_usec = now,
                .block_size_wanted = p->block_size ?: BLOCK_SIZE,
                .temp_warn_mdegc = p->temp_warn_mdegc,
                .temp_crit_mdegc = p->temp_crit_mdegc,
                .mdegc = MDEGC_UNKNOWN,
                .smart_mdegc = MDEGC_UNKNOWN,
                .state_path = strf("%s.state", p->log_path),
        };
        if (!s->state_path)
                return -ENOMEM;
        (void) worker_drive_name(w, s->drive);
        /* Without its state a run that is followed can still fail, but what nobody saw of it cannot be vouched for. */
        r = surface_state_load(s->state_path, p->run, &s->state);
        if (r != -ENOMEM && r < 0 && p->before)
                r = surface_load_past(s);
        if (r == -ENOMEM)
                return r;
        s->begun = r < 0 || s->state.boot_id;
        if (r < 0) {
                r = surface_state_init(&s->state, p->run);
                s->state.kernel_gap = true;
        }
        if (r < 0)
                return r;

        surface_plan(s);
        r = surface_add_blocks(s, s->state.past.blocks, s->state.past.n_blocks);
        if (r < 0)
                return r;
        s->block_size = s->state.block_size
                                        ?: badblocks_block_size(p->identity.size_bytes,
                                                                s->block_size_wanted);
        s->state.speed.size_bytes = p->identity.size_bytes;
        return 0;
}

static int surface_run(Worker *w, StageReport *report)
{
        _cleanup_(surface_done) Surface s = { 0 };
        int r;

        r = surface_init(&s, w);
        if (r < 0)
                return r;

        if (surface_goes_on(&s))
                return surface_go_on(&s);

        if (w->params.follow && !s.ended)
                stage_log_line(w->log, LOG_INFO,
                               "Following run %s of %s again, from byte %" PRIu64 " of its output.",
                               w->params.run, s.drive, stage_log_cursor(w->log));
        else if (!s.ended) {
                r = surface_start(&s);
                if (r < 0)
                        return r;
        }

        r = surface_follow(&s);
        if (r < 0)
                return r;

        /* Whom we take over from died between its gate and the host. Its run can begin now as then: the run's directory is the
         * lock against a second one, and what was confirmed is what is compared. */
        if (w->params.follow && s.never_began) {
                s.ended = false;
                r = surface_start(&s);
                if (r >= 0)
                        r = surface_follow(&s);
                if (r < 0)
                        return r;
        }

        if (s.end == SURFACE_REBOOTED) {
                r = surface_go_on(&s);
                if (r < 0)
                        return r;
        }

        return surface_conclude(&s, report);
}

static bool surface_stop(Worker *w)
{
        _cleanup_(surface_done) Surface s = { 0 };

        /* What never began is gone, also where the host is still down: by what is on disk, where surface_run() left it. */
        if (w->params.before && surface_init(&s, w) >= 0 && !s.begun)
                return true;

        return worker_cancel_run(w);
}

const StageType stage_surface_validate = {
        .kind = STAGE_SURFACE_VALIDATE,
        .stop = surface_stop,
        .run = surface_run,
};
