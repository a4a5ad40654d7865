/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "worker/surface-run.h"

/* What badblocks prints without -s is a few kilobytes; its list is a line per bad block and phase, and -e bounds it. */
#define REMOTE_LOG_MAX    (16U * 1024U * 1024U)
#define REMOTE_BLOCKS_MAX (64U * 1024U * 1024U)

#define PROGRESS_INTERVAL (900 * USEC_PER_MSEC)
/* The mean follows the present speed with this weight per sample, so that an ETA neither jumps nor sticks. */
#define SPEED_WEIGHT    0.05
#define ETA_PERCENT_MIN 0.5

void surface_done(Surface *s)
{
        free(s->state_path);
        surface_state_done(&s->state);
        badblocks_done(&s->badblocks);
        free(s->blocks);
        free(s->end_detail);
        free(s->content);
        free(s->places);
        free(s->stalled);
        free(s->heat_words);
        free(s->paused);
}

void surface_save(Surface *s)
{
        int r;

        r = surface_state_save(s->state_path, &s->state);
        if (r < 0)
                (void) log_full_errno(LOG_WARNING, r, s->w->fields, "Failed to store %s: %m", s->state_path);
}

void surface_set_end(Surface *s, SurfaceEnd end, const char *detail)
{
        if (s->ended)
                return;

        s->ended = true;
        s->end = end;
        if (detail) {
                s->end_detail = str_clean(detail, strlen(detail), 512, false);
                if (!s->end_detail)
                        (void) log_oom();
        }
}

void surface_refuse(Surface *s, const char *why)
{
        surface_set_end(s, s->w->params.before ? SURFACE_NOT_RESUMED : SURFACE_REFUSED, why);
}

static int compare_u64(const void *a, const void *b)
{
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

int surface_add_blocks(Surface *s, const uint64_t *blocks, size_t n)
{
        uint64_t *p;
        size_t k = 0;

        n = MIN(n, SURFACE_BLOCKS_MAX - s->n_blocks);
        if (n == 0)
                return 0;
        p = reallocarray(s->blocks, s->n_blocks + n, sizeof(uint64_t));
        if (!p)
                return -ENOMEM;
        s->blocks = p;
        memcpy(p + s->n_blocks, blocks, n * sizeof(uint64_t));

        /* A block that is bad in several phases is one bad block. */
        qsort(p, s->n_blocks + n, sizeof(uint64_t), compare_u64);
        for (size_t i = 0; i < s->n_blocks + n; i++)
                if (i == 0 || p[i] != p[k - 1])
                        p[k++] = p[i];
        s->n_blocks = k;

        return 0;
}

/* Only whole lines: the rest comes again with the next look. */
static int take_blocks(Surface *s, const RunStatus *status)
{
        _cleanup_free_ uint64_t *blocks = NULL;
        const char *end;
        uint64_t total;
        size_t n;
        int r;

        if (status->blocks_size == 0)
                return 0;
        end = memrchr(status->blocks, '\n', status->blocks_size);
        if (!end || s->blocks_offset > REMOTE_BLOCKS_MAX) {
                if (status->blocks_size > 4096)
                        surface_set_end(s, SURFACE_NONSENSE, "its list of bad blocks is no list");
                return 0;
        }

        n = (size_t) (end - status->blocks) + 1;
        r = badblocks_parse_blocks(status->blocks, n, SURFACE_BLOCKS_MAX, &blocks, &n, &total);
        if (r == -EBADMSG) {
                surface_set_end(s, SURFACE_NONSENSE, "its list of bad blocks is no list");
                return 0;
        }
        if (r < 0)
                return r;

        s->blocks_offset += (uint64_t) (end - status->blocks) + 1;
        return surface_add_blocks(s, blocks, n);
}

void surface_on_phase(const BadblocksPhase *p, void *userdata)
{
        Surface *s = userdata;
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t now = now_usec(CLOCK_REALTIME);
        bool again = p->number > s->state.trace.phase;

        s->new_phase = true;
        surface_trace_phase(&s->state.trace, p->number, p->name);
        /* One that is done again after a reboot began when it began first. */
        if (surface_state_add_phase(&s->state, p, now) == 0 && !again)
                return;

        surface_save(s);
        o = json_object_new_object();
        if (!o || json_put_u64(o, "phase", p->number) < 0 ||
            json_put_u64(o, "phases", s->badblocks.phases) < 0 || json_put_string(o, "name", p->name) < 0 ||
            json_put_u64(o, "usec", surface_state_phase_began(&s->state, p->number) ?: now) < 0) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "phase", TAKE_PTR(o));
}

uint64_t surface_work(const Surface *s)
{
        const SurfacePast *p = &s->state.past;

        return s->state.work_bytes == UINT64_MAX ? UINT64_MAX : s->state.work_bytes + p->phases * p->covered;
}

uint64_t surface_next_log_offset(Surface *s)
{
        return MIN(s->log_offset, stage_log_next(s->w->log));
}

static int take_log(Surface *s, uint64_t offset, const RunStatus *status)
{
        uint64_t end = offset + status->log_size;
        int r;

        if (status->log_size == 0)
                return 0;
        if (s->log_offset > REMOTE_LOG_MAX) {
                surface_set_end(s, SURFACE_NONSENSE, "the command prints far more than a badblocks does");
                return 0;
        }

        r = stage_log_feed(s->w->log, offset, status->log, status->log_size);
        if (r < 0)
                return r;
        if (end <= s->log_offset)
                return 0;
        r = badblocks_feed(&s->badblocks, status->log + (s->log_offset - offset), end - s->log_offset,
                           surface_on_phase, s);
        if (r < 0)
                return r;

        s->log_offset = end;
        return 0;
}

/* Any of these moving is work: the host's counter, the place on the drive, the words. */
static void watch_work(Surface *s, const RunStatus *status, bool words)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), work = UINT64_MAX;

        if (status->work_bytes != UINT64_MAX && s->state.work_start != UINT64_MAX &&
            status->work_bytes >= s->state.work_start)
                work = status->work_bytes - s->state.work_start;

        if ((work != UINT64_MAX && work != s->state.work_bytes) ||
            (status->position != UINT64_MAX && status->position != s->position) || words) {
                s->work_usec = now;
                if (s->stalled)
                        stage_log_line(s->w->log, LOG_NOTICE, "The test works again.");
                s->stalled = (free(s->stalled), NULL);
        }
        if (work != UINT64_MAX)
                s->state.work_bytes = work;
        s->position = status->position;
        s->stopped = status->stopped;
        s->dying = status->dying;
}

/* While it is held or stopped nothing is measured, nor in the looks before and after. */
static bool watch_disturbance(Surface *s, const RunStatus *status)
{
        bool stands = status->stopped, held = s->paused;

        for (size_t i = 0; i < ELEMENTSOF(status->paused); i++)
                held = held || status->paused[i];
        if (surface_state_set_held(&s->state, held, now_usec(CLOCK_REALTIME)))
                surface_save(s);

        stands = stands || held || s->disturbed;
        s->disturbed = status->stopped || held;
        if (stands && s->state.n_phases > 0)
                s->state.phases[s->state.n_phases - 1].disturbed = true;
        return stands;
}

/* Speed between two looks, none across a phase change or under a second. */
static void measure_speed(Surface *s, uint64_t position)
{
        uint64_t now = now_usec(CLOCK_MONOTONIC), took = now - s->sample_usec;
        bool comparable = s->sample_usec > 0 && s->sample_phase == s->badblocks.phase.number &&
                          !s->new_phase && position >= s->sample_position;

        if (comparable && took < USEC_PER_SEC)
                return;

        s->speed = comparable ? (double) (position - s->sample_position) * 1e6 / (double) took : 0;
        if (comparable)
                s->mean_speed = s->mean_speed == 0
                                                ? s->speed
                                                : s->mean_speed + SPEED_WEIGHT * (s->speed - s->mean_speed);
        s->sample_usec = now;
        s->sample_position = position;
        s->sample_phase = s->badblocks.phase.number;
}

/* For whoever has to know after a reboot how far it was; from then on it is stored with everything else. */
static void note_position(Surface *s, uint64_t position)
{
        bool first = s->state.trace.certain == 0;
        uint64_t size = s->w->params.identity.size_bytes;

        /* At the end it may still stand from the phase before this one. */
        if (s->badblocks.phase.number != s->state.trace.phase || s->block_size == 0 ||
            position >= size / s->block_size * s->block_size)
                return;
        surface_trace_look(&s->state.trace, position);
        if (first && s->state.trace.certain > 0)
                surface_save(s);
}

static void measure_progress(Surface *s, const RunStatus *status)
{
        uint64_t size = s->w->params.identity.size_bytes, position = status->position;
        bool disturbed = watch_disturbance(s, status);
        double percent;

        surface_speed_look(&s->state.speed, s->badblocks.phase.number, s->new_phase ? UINT64_MAX : position,
                           now_usec(CLOCK_MONOTONIC), disturbed);
        if (disturbed) {
                s->speed = 0;
                s->sample_usec = 0;
        }

        if (s->new_phase) {
                /* A header can be there before the position went back to the start: that position would count the
                 * phase twice, and for good. */
                s->new_phase = false;
                s->speed = 0;
                s->sample_usec = s->sample_position = 0;
                s->sample_phase = s->badblocks.phase.number;
                position = 0;
        } else if (position == UINT64_MAX || s->badblocks.phase.number == 0)
                return;
        else {
                note_position(s, position);
                measure_speed(s, MIN(position, size));
        }

        percent = badblocks_percent(&s->badblocks, MIN(position, size), size);
        percent = MIN(percent, 99.9);
        s->percent = MAX(s->percent, percent);
}

/* On its way down a host ends its processes, some of which still note how they ended. */
static bool was_cut_off(const Surface *s, int exit_status)
{
        const BadblocksState *b = &s->badblocks;

        return !b->too_many && !b->error && (b->interrupted || exit_status > 128);
}

static void take_end(Surface *s, const RunStatus *status)
{
        bool rebooted = s->rebooted;

        switch (status->state) {
        case RUN_EXITED:
                /* Also of one that ended well by itself the host has forgotten what it had counted and said. */
                if (rebooted && (status->exit_status == 0 || was_cut_off(s, status->exit_status))) {
                        surface_set_end(s, SURFACE_REBOOTED, NULL);
                        break;
                }
                if (status->host_stops && was_cut_off(s, status->exit_status))
                        break;
                s->exit_status = status->exit_status;
                if (free_and_strdup(&s->content, status->content) < 0)
                        (void) log_oom();
                surface_set_end(s, SURFACE_EXITED, NULL);
                break;
        case RUN_REFUSED:
                surface_refuse(s, status->refused);
                break;
        case RUN_LOST:
                if (status->host_stops && !rebooted)
                        break;
                surface_set_end(s, rebooted ? SURFACE_REBOOTED : SURFACE_LOST, NULL);
                break;
        case RUN_NONE:
                s->never_began = !rebooted && s->log_offset == 0 && stage_log_cursor(s->w->log) == 0;
                surface_set_end(s, rebooted ? SURFACE_REBOOTED : SURFACE_MISSING, NULL);
                break;
        case RUN_TOMBSTONE:
                surface_set_end(s, SURFACE_MISSING, "it was cancelled before it started");
                break;
        default:
                break;
        }
}

int surface_take_status(Surface *s, uint64_t log_offset, const RunStatus *status)
{
        uint64_t before = s->log_offset + s->blocks_offset, words = s->log_offset;
        size_t n_phases = s->state.n_phases;
        int r;

        r = take_log(s, log_offset, status);
        if (r < 0)
                return r;
        r = take_blocks(s, status);
        if (r < 0)
                return r;

        s->rebooted = status->boot_id &&
                      ((s->state.boot_id && !streq(s->state.boot_id, status->boot_id)) ||
                       (status->run_boot_id && !streq(status->run_boot_id, status->boot_id)));
        if (status->exclusive && !s->state.exclusive) {
                s->state.exclusive = true;
                surface_save(s);
        }
        /* Of another boot the counters are others, too. */
        if (!s->rebooted) {
                surface_state_add_temperature(&s->state, status->temperature_mdegc);
                s->mdegc = status->temperature_mdegc != MDEGC_UNKNOWN ? status->temperature_mdegc
                                                                      : s->smart_mdegc;
                watch_work(s, status, s->log_offset > words);
        }
        /* What a reboot would make nobody know any more. */
        if (s->state.n_phases > n_phases)
                surface_save(s);

        if (status->state == RUN_STARTING || status->state == RUN_RUNNING) {
                if (status->state == RUN_RUNNING)
                        measure_progress(s, status);
                /* A full piece is hardly the last one. */
                return status->log_size >= 256U * 1024U;
        }

        /* Its last words first: an end is an end when a look at it brought nothing new. */
        if (s->log_offset + s->blocks_offset > before && !s->ended)
                return 1;
        take_end(s, status);
        return 0;
}

void surface_send_progress(Surface *s)
{
        _cleanup_json_ struct json_object *o = NULL;
        uint64_t now = now_usec(CLOCK_MONOTONIC), size = s->w->params.identity.size_bytes;
        uint32_t phase = MAX(s->badblocks.phase.number, s->badblocks.before + 1);
        uint64_t work = surface_work(s),
                 position = s->sample_phase == s->badblocks.phase.number ? s->sample_position : 0;
        /* Not by s->percent: what is done again after a reboot takes its time again. */
        double left = (100 - badblocks_percent(&s->badblocks, position, size)) / 100 *
                      (double) s->badblocks.phases * (double) size;
        const SurfaceState *state = &s->state;

        if (s->sent_usec > 0 && now - s->sent_usec < PROGRESS_INTERVAL)
                return;
        s->sent_usec = now;

        o = json_object_new_object();
        if (!o || json_put_double(o, "percent", s->percent) < 0 || json_put_u64(o, "phase", phase) < 0 ||
            json_put_u64(o, "phases", s->badblocks.phases) < 0 ||
            json_put_double(o, "phase_percent", size == 0 ? 0 : 100.0 * (double) position / (double) size) <
                            0 ||
            json_put_u64(o, "bad_blocks", MAX((uint64_t) s->n_blocks, s->badblocks.reported_bad)) < 0 ||
            (s->speed > 0 && !s->paused && json_put_u64(o, "bytes_per_second", (uint64_t) s->speed) < 0) ||
            json_put_u64(o, "read_errors", s->badblocks.read_errors) < 0 ||
            json_put_u64(o, "write_errors", s->badblocks.write_errors) < 0 ||
            json_put_u64(o, "compare_errors", s->badblocks.compare_errors) < 0 ||
            (s->paused && json_put_string(o, "paused", s->paused) < 0) ||
            (s->stalled && json_put_string(o, "stalled", s->stalled) < 0) ||
            (s->waiting && json_put_string(o, "waiting", s->waiting) < 0) ||
            (s->mdegc != MDEGC_UNKNOWN && json_put_i64(o, "temperature_mdegc", s->mdegc) < 0) ||
            (state->temperature_min_mdegc != MDEGC_UNKNOWN &&
             (json_put_i64(o, "temperature_min_mdegc", state->temperature_min_mdegc) < 0 ||
              json_put_i64(o, "temperature_max_mdegc", state->temperature_max_mdegc) < 0)) ||
            (s->mean_speed >= 1 && !s->paused && s->percent >= ETA_PERCENT_MIN &&
             json_put_u64(o, "eta_usec",
                          now_usec(CLOCK_REALTIME) + (uint64_t) (left / s->mean_speed * 1e6)) < 0) ||
            (work != UINT64_MAX && json_put_u64(o, "work_bytes", work) < 0)) {
                (void) log_oom();
                return;
        }
        (void) worker_send(s->w, "progress", TAKE_PTR(o));
}
