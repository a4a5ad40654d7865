/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/random.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/stage.h"
#include "worker/surface-resume.h"

/* A host that comes up, or an enclosure that was switched on, takes a while to bring back its drives, and whatever else is looked for;
 * so long after the boot, and so long before our eyes. */
#define UP_USEC    (5 * USEC_PER_MINUTE)
#define LOOK_USEC  (20 * USEC_PER_SEC)
#define AGAIN_USEC (2 * USEC_PER_SEC)

const char *surface_pattern(const StageParams *p, uint32_t number)
{
        static const char *const patterns[] = { "0xaa", "0x55", "0xff", "0x00" };

        return p->pattern ?: patterns[number % ELEMENTSOF(patterns)];
}

uint32_t surface_phases_done(const BadblocksState *b, uint64_t work_bytes, uint64_t covered)
{
        uint32_t begun = b->phase.number > b->before ? (b->phase.number - b->before - 1) / 2 : 0;
        uint64_t worked = covered > 0 && work_bytes != UINT64_MAX ? work_bytes / 2 / covered : 0;

        return b->before + 2 * (uint32_t) MIN((uint64_t) begun, worked);
}

/* 0: not the whole drive, or not known. */
static uint64_t covered_bytes(const Surface *s)
{
        uint64_t covered;

        return badblocks_covers(&s->badblocks, s->w->params.identity.size_bytes, s->block_size, &covered)
                               ? covered
                               : 0;
}

static int note_blocks(Surface *s)
{
        SurfacePast *p = &s->state.past;
        uint64_t *blocks = NULL;

        if (s->n_blocks > 0) {
                blocks = new (uint64_t, s->n_blocks);
                if (!blocks)
                        return -ENOMEM;
                memcpy(blocks, s->blocks, s->n_blocks * sizeof(uint64_t));
        }

        free(p->blocks);
        p->blocks = blocks;
        p->n_blocks = s->n_blocks;
        return 0;
}

/* What badblocks, the counters and the kernel said of a pattern is lost with the host, so all of it must be here before. */
static uint32_t phases_vouched_for(const Surface *s)
{
        if (s->badblocks.error || !s->state.exclusive || s->state.kernel_gap)
                return 0;

        return surface_phases_done(&s->badblocks, s->state.work_bytes, covered_bytes(s));
}

bool surface_has_news(const Surface *s)
{
        return phases_vouched_for(s) > s->state.past.proven;
}

int surface_note_proof(Surface *s)
{
        SurfacePast *p = &s->state.past;
        int r;

        if (!surface_has_news(s))
                return 0;
        r = note_blocks(s);
        if (r < 0)
                return r;

        p->proven = phases_vouched_for(s);
        p->covered = covered_bytes(s);
        p->proven_errors[0] = MAX(p->proven_errors[0], s->badblocks.read_errors);
        p->proven_errors[1] = MAX(p->proven_errors[1], s->badblocks.write_errors);
        p->proven_errors[2] = MAX(p->proven_errors[2], s->badblocks.compare_errors);
        return 0;
}

static int note_past(Surface *s)
{
        const BadblocksState *b = &s->badblocks;
        SurfacePast *p = &s->state.past;
        SurfaceReboot *reboot = p->reboots + p->n_reboots;
        int r;

        r = note_blocks(s);
        if (r < 0)
                return r;
        p->phases = p->proven;
        p->planned = b->phases;
        /* A follower that is new since the reboot may not have read of them any more. */
        p->errors[0] = MAX(p->proven_errors[0], b->read_errors);
        p->errors[1] = MAX(p->proven_errors[1], b->write_errors);
        p->errors[2] = MAX(p->proven_errors[2], b->compare_errors);
        *reboot = (SurfaceReboot){ .phase = p->phases + 1, .usec = now_usec(CLOCK_REALTIME) };
        (void) snprintf(reboot->name, sizeof(reboot->name), "Write %s",
                        surface_pattern(&s->w->params, p->phases / 2));
        p->n_reboots++;

        r = surface_state_save(s->state_path, &s->state);
        if (r < 0)
                p->n_reboots--;
        return r;
}

bool surface_goes_on(const Surface *s)
{
        return s->state.past.n_reboots > s->w->params.resumes;
}

int surface_go_on(Surface *s)
{
        const StageParams *p = &s->w->params;
        const SurfaceReboot *reboot;
        int r;

        if (!surface_goes_on(s)) {
                /* It has failed already. */
                if (s->badblocks.too_many || s->n_blocks > p->bad_block_threshold)
                        return 0;
                if (s->badblocks.error) {
                        s->end_detail = strf("before that badblocks had said: %s", s->badblocks.error);
                        return s->end_detail ? 0 : -ENOMEM;
                }
                /* Those beyond the list would not count any more. */
                if (s->n_blocks >= SURFACE_BLOCKS_MAX) {
                        s->end_detail = strf(
                                        "it had found %zu bad blocks, more than can be kept for what is left",
                                        s->n_blocks);
                        return s->end_detail ? 0 : -ENOMEM;
                }
                if (p->resumes >= RESUMES_MAX) {
                        s->end_detail = strf("%u times now, and it is not taken up again so often",
                                             p->resumes + 1);
                        return s->end_detail ? 0 : -ENOMEM;
                }
                r = note_past(s);
                if (r < 0) {
                        s->end_detail = strf("where it was could not be stored: %s", strerror(-r));
                        return s->end_detail ? 0 : -ENOMEM;
                }
        }

        reboot = s->state.past.reboots + s->state.past.n_reboots - 1;
        stage_log_line(s->w->log, LOG_NOTICE,
                       "%s was rebooted, which ended run %s. The test goes on with phase %u (%s), if the drive is as it left it.",
                       p->target.name, p->run, reboot->phase, reboot->name);
        return worker_go_on_anew(s->w, reboot->phase, reboot->name);
}

int surface_load_past(Surface *s)
{
        const StageParams *p = &s->w->params;
        _cleanup_(surface_state_done) SurfaceState state = { 0 };
        const SurfacePast *past = &state.past;
        int r;

        r = surface_state_load(s->state_path, p->before, &state);
        if (r < 0)
                return r;
        if (past->n_reboots != p->resumes || past->phases % 2 != 0 || past->planned % 2 != 0 ||
            past->planned <= past->phases || past->proven != past->phases)
                return -EBADMSG;
        r = surface_state_go_on(&state, p->run);
        if (r < 0)
                return r;

        s->state = state;
        state = (SurfaceState){ 0 };
        surface_save(s);
        return 0;
}

static int look_for_drive(Surface *s, StageReport *report, uint64_t *ret_uptime)
{
        _cleanup_(host_probe_done) HostProbe probe = { 0 };
        Worker *w = s->w;
        int r;

        r = remote_probe(&w->remote, strempty(w->params.identity.fingerprint), &probe);
        if (r >= 0)
                r = remote_run_remove(&w->remote, w->params.before);
        if (r < 0)
                return r;

        *ret_uptime = probe.uptime_usec;
        return precheck_again(w, s->state.trace.original, report);
}

/* 1: the drive is there, the right one, and free. */
static int await_drive(Surface *s)
{
        uint64_t heard = now_usec(CLOCK_MONOTONIC), seen = 0;
        Worker *w = s->w;

        for (;;) {
                _cleanup_(stage_report_done) StageReport report = { 0 };
                uint64_t uptime = 0, now;
                int r;

                /* An operator's pause holds what has not begun, too; burnind says at once whether there is one. */
                if (!w->pause.said || w->pause.paused) {
                        free(s->paused);
                        s->paused = w->pause.said ? strf("by %s", w->pause.words) : NULL;
                        if (w->pause.said && !s->paused)
                                return -ENOMEM;
                        surface_send_progress(s);
                        r = worker_wait(w, AGAIN_USEC);
                        if (r < 0)
                                return r;
                        heard = now_usec(CLOCK_MONOTONIC);
                        continue;
                }

                s->paused = (free(s->paused), NULL);
                r = look_for_drive(s, &report, &uptime);
                now = now_usec(CLOCK_MONOTONIC);
                if (r >= 0) {
                        (void) worker_contact(w, 0);
                        seen = seen ?: now;
                        heard = now;
                } else {
                        /* As everywhere: nothing is said to another key, and a new one that is accepted brings a new worker. */
                        r = worker_contact(w, r == -EKEYREJECTED ? -ENOTCONN : r);
                        if (r < 0)
                                return r;
                        if (now - heard >= (w->params.stall_end_usec ?: STALL_END_USEC)) {
                                surface_set_end(s, SURFACE_NO_CONTACT, w->contact_error);
                                return 0;
                        }
                        surface_send_progress(s);
                        continue;
                }

                if (r > 0)
                        return 1;
                if (uptime >= UP_USEC && now - seen >= LOOK_USEC) {
                        surface_set_end(s, SURFACE_NOT_RESUMED, report.reason);
                        return 0;
                }

                surface_send_progress(s);
                r = worker_wait(w, AGAIN_USEC);
                if (r < 0)
                        return r;
        }
}

int surface_find_trace(Surface *s)
{
        const SurfaceTrace *t = &s->state.trace;
        const StageParams *p = &s->w->params;
        uint64_t seed = 0;
        int r;

        if (s->state.past.n_reboots == 0) {
                surface_set_end(s, SURFACE_NOT_RESUMED, "what the test had done is not known any more");
                return 0;
        }
        stage_log_line(s->w->log, LOG_INFO, "Waiting for %s, to go on after a reboot of its host.",
                       s->drive);
        s->waiting = "Waits for the drive, after a reboot of its host.";
        r = await_drive(s);
        s->waiting = NULL;
        if (r <= 0)
                return r;

        if (getrandom(&seed, sizeof(seed), 0) < 0)
                return -errno;
        s->places = (free(s->places), NULL);
        r = surface_trace_places(
                        &(SurfacePlaces){
                                        .trace = t,
                                        .covered = p->identity.size_bytes / s->block_size * s->block_size,
                                        .block_size = s->block_size,
                                        .chunk_size = s->block_size * (p->block_buffer ?: BLOCK_BUFFER),
                                        .blocks = s->blocks,
                                        .n_blocks = s->n_blocks,
                                        .seed = seed,
                        },
                        &s->places);
        /* Hardly begun: then what was confirmed is there still. */
        if (r == -ENODATA && t->original && p->content)
                return 0;
        if (r == -ENODATA) {
                surface_set_end(s, SURFACE_NOT_RESUMED,
                                "too little of what it wrote is known to find it again on the drive");
                return 0;
        }
        if (r >= 0)
                stage_log_line(s->w->log, LOG_INFO, "It is expected to hold: %s", s->places);
        return r;
}
