/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/kernel-log.h"
#include "worker/surface-state.h"

#define STATE_FILE_MAX   (4U * 1024U * 1024U)
#define KERNEL_LINE_MAX  512U
#define KERNEL_LINES_ALL 200U /* remote_kernel_log() gives no more at once */

int surface_state_init(SurfaceState *s, const char *run)
{
        char *copy = strdup(run);

        if (!copy)
                return -ENOMEM;

        *s = (SurfaceState){
                .run = copy,
                .work_start = UINT64_MAX,
                .work_bytes = UINT64_MAX,
                .trace = { .original = true },
                .temperature_min_mdegc = MDEGC_UNKNOWN,
                .temperature_max_mdegc = MDEGC_UNKNOWN,
                .temperature_now_mdegc = MDEGC_UNKNOWN,
        };
        return 0;
}

void surface_state_done(SurfaceState *s)
{
        free(s->run);
        free(s->boot_id);
        free(s->kernel_line);
        free(s->past.blocks);
        s->run = s->boot_id = s->kernel_line = NULL;
        s->past.blocks = NULL;
}

static struct json_object *kernel_errors_to_json(const SurfaceState *s)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        /* -1: an error without a place. */
        for (size_t i = 0; a && i < s->n_kernel_errors; i++) {
                const SurfaceKernelError *e = s->kernel_errors + i;
                struct json_object *v = json_object_new_int64(e->have_sector ? (int64_t) e->sector : -1);

                if (!v || json_object_array_add(a, v) < 0) {
                        json_object_put(v);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static struct json_object *phases_to_json(const SurfaceState *s)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (size_t i = 0; a && i < s->n_phases; i++) {
                const SurfacePhase *p = s->phases + i;
                struct json_object *o = json_object_new_object();

                if (!o || json_put_u64(o, "number", p->number) < 0 ||
                    json_put_string(o, "name", p->name) < 0 ||
                    json_put_u64(o, "started_usec", p->started_usec) < 0 ||
                    json_put_bool(o, "disturbed", p->disturbed) < 0 || json_object_array_add(a, o) < 0) {
                        json_object_put(o);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static struct json_object *heat_to_json(const HeatState *h)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (size_t i = 0; a && i < h->n_pauses; i++) {
                struct json_object *o = json_object_new_object();

                if (!o || json_put_u64(o, "usec", h->pauses[i].usec) < 0 ||
                    json_put_i64(o, "mdegc", h->pauses[i].mdegc) < 0 || json_object_array_add(a, o) < 0) {
                        json_object_put(o);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static struct json_object *numbers_to_json(const uint64_t *numbers, size_t n)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (size_t i = 0; a && i < n; i++) {
                struct json_object *v = json_object_new_uint64(numbers[i]);

                if (!v || json_object_array_add(a, v) < 0) {
                        json_object_put(v);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static struct json_object *reboots_to_json(const SurfacePast *p)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (size_t i = 0; a && i < p->n_reboots; i++) {
                struct json_object *o = json_object_new_object();

                if (!o || json_put_u64(o, "phase", p->reboots[i].phase) < 0 ||
                    json_put_string(o, "name", p->reboots[i].name) < 0 ||
                    json_put_u64(o, "usec", p->reboots[i].usec) < 0 || json_object_array_add(a, o) < 0) {
                        json_object_put(o);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static struct json_object *past_to_json(const SurfacePast *p)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_u64(o, "phases", p->phases) < 0 || json_put_u64(o, "proven", p->proven) < 0 ||
            json_put_u64(o, "planned", p->planned) < 0 || json_put_u64(o, "covered", p->covered) < 0 ||
            json_put(o, "blocks", numbers_to_json(p->blocks, p->n_blocks)) < 0 ||
            json_put(o, "errors", numbers_to_json(p->errors, ELEMENTSOF(p->errors))) < 0 ||
            json_put(o, "proven_errors", numbers_to_json(p->proven_errors, ELEMENTSOF(p->proven_errors))) <
                            0 ||
            json_put(o, "reboots", reboots_to_json(p)) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static struct json_object *trace_to_json(const SurfaceTrace *t)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_bool(o, "original", t->original) < 0 ||
            json_put_bool(o, "random", t->random) < 0 || json_put_string(o, "bytes", t->bytes) < 0 ||
            json_put_u64(o, "certain", t->certain) < 0 || json_put_u64(o, "phase", t->phase) < 0)
                return NULL;

        return TAKE_PTR(o);
}

int surface_state_save(const char *path, const SurfaceState *s)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *text;
        size_t size;

        if (!o || json_put_string(o, "run", s->run) < 0 || json_put_string(o, "boot_id", s->boot_id) < 0 ||
            (s->work_start != UINT64_MAX && json_put_u64(o, "work_start", s->work_start) < 0) ||
            (s->work_bytes != UINT64_MAX && json_put_u64(o, "work_bytes", s->work_bytes) < 0) ||
            json_put(o, "trace", trace_to_json(&s->trace)) < 0 ||
            json_put(o, "past", past_to_json(&s->past)) < 0 ||
            json_put_bool(o, "exclusive", s->exclusive) < 0 ||
            json_put_u64(o, "kernel_seq", s->kernel_seq) < 0 ||
            json_put_bool(o, "kernel_gap", s->kernel_gap) < 0 ||
            json_put(o, "kernel_errors", kernel_errors_to_json(s)) < 0 ||
            json_put_u64(o, "kernel_total", s->n_kernel_total) < 0 ||
            json_put_string(o, "kernel_line", s->kernel_line) < 0 ||
            json_put(o, "phases", phases_to_json(s)) < 0 ||
            json_put_u64(o, "block_size", s->block_size) < 0 ||
            json_put(o, "speeds", surface_speed_to_json(&s->speed)) < 0 ||
            json_put(o, "heat", heat_to_json(&s->heat)) < 0 ||
            json_put_u64(o, "heat_since_usec", s->heat_since_usec) < 0 ||
            json_put_u64(o, "held_since_usec", s->held_since_usec) < 0 ||
            json_put_u64(o, "paused_usec", s->paused_usec) < 0 ||
            json_put_i64(o, "temperature_min_mdegc", s->temperature_min_mdegc) < 0 ||
            json_put_i64(o, "temperature_max_mdegc", s->temperature_max_mdegc) < 0)
                return -ENOMEM;

        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        return write_file_atomic(path, text, size, 0640);
}

static int kernel_errors_from_json(struct json_object *o, SurfaceState *s)
{
        struct json_object *a;
        int r;

        r = json_get(o, "kernel_errors", json_type_array, &a);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < json_object_array_length(a) && i < SURFACE_KERNEL_ERRORS_MAX; i++) {
                struct json_object *v = json_object_array_get_idx(a, i);
                int64_t sector;

                if (!json_object_is_type(v, json_type_int))
                        return -EBADMSG;
                sector = json_object_get_int64(v);
                s->kernel_errors[s->n_kernel_errors++] = (SurfaceKernelError){
                        .have_sector = sector >= 0,
                        .sector = sector >= 0 ? (uint64_t) sector : 0,
                };
        }

        return 0;
}

static int phases_from_json(struct json_object *o, SurfaceState *s)
{
        struct json_object *a;
        int r;

        r = json_get(o, "phases", json_type_array, &a);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < json_object_array_length(a) && i < SURFACE_PHASES_MAX; i++) {
                struct json_object *v = json_object_array_get_idx(a, i);
                SurfacePhase p = { 0 };
                const char *name;

                if (json_get_u32(v, "number", &p.number) <= 0 || json_get_string(v, "name", &name) <= 0 ||
                    json_get_u64(v, "started_usec", &p.started_usec) <= 0 ||
                    json_get_bool(v, "disturbed", &p.disturbed) < 0)
                        return -EBADMSG;
                (void) snprintf(p.name, sizeof(p.name), "%s", name);
                s->phases[s->n_phases++] = p;
        }

        return 0;
}

static int speeds_from_json(struct json_object *o, SurfaceState *s)
{
        struct json_object *a;
        int r;

        r = json_get(o, "speeds", json_type_array, &a);
        return r <= 0 ? r : surface_speed_from_json(a, &s->speed);
}

static int heat_from_json(struct json_object *o, HeatState *h)
{
        struct json_object *a;
        int r;

        r = json_get(o, "heat", json_type_array, &a);
        if (r <= 0)
                return r;

        for (size_t i = 0; i < json_object_array_length(a) && i < HEAT_PAUSES_MAX; i++) {
                struct json_object *v = json_object_array_get_idx(a, i);
                HeatPause *p = h->pauses + h->n_pauses;

                if (json_get_u64(v, "usec", &p->usec) <= 0 || json_get_i32(v, "mdegc", &p->mdegc) <= 0)
                        return -EBADMSG;
                h->n_pauses++;
        }

        return 0;
}

/* -EBADMSG where there are more than max. */
static int numbers_from_json(struct json_object *o, const char *key, size_t max, uint64_t *ret,
                             size_t *ret_n)
{
        struct json_object *a;
        size_t n;
        int r;

        r = json_get(o, key, json_type_array, &a);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        n = json_object_array_length(a);
        if (n > max)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++) {
                struct json_object *v = json_object_array_get_idx(a, i);

                if (!json_object_is_type(v, json_type_int))
                        return -EBADMSG;
                ret[i] = json_object_get_uint64(v);
        }

        *ret_n = n;
        return 0;
}

static int reboots_from_json(struct json_object *o, SurfacePast *p)
{
        struct json_object *a;

        if (json_get(o, "reboots", json_type_array, &a) <= 0)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(a) && i < ELEMENTSOF(p->reboots); i++) {
                struct json_object *v = json_object_array_get_idx(a, i);
                SurfaceReboot *b = p->reboots + i;
                const char *name;

                if (json_get_u32(v, "phase", &b->phase) <= 0 || json_get_string(v, "name", &name) <= 0 ||
                    json_get_u64(v, "usec", &b->usec) <= 0)
                        return -EBADMSG;
                (void) snprintf(b->name, sizeof(b->name), "%s", name);
                p->n_reboots++;
        }

        return 0;
}

static int past_from_json(struct json_object *o, SurfacePast *p)
{
        struct json_object *past;
        size_t n;
        int r;

        r = json_get(o, "past", json_type_object, &past);
        if (r <= 0)
                return r;

        p->blocks = new (uint64_t, SURFACE_BLOCKS_MAX);
        if (!p->blocks)
                return -ENOMEM;
        if ((r = json_get_u32(past, "phases", &p->phases)) < 0 ||
            (r = json_get_u32(past, "proven", &p->proven)) < 0 ||
            (r = json_get_u32(past, "planned", &p->planned)) < 0 ||
            (r = json_get_u64(past, "covered", &p->covered)) < 0 ||
            (r = numbers_from_json(past, "blocks", SURFACE_BLOCKS_MAX, p->blocks, &p->n_blocks)) < 0 ||
            (r = numbers_from_json(past, "errors", ELEMENTSOF(p->errors), p->errors, &n)) < 0)
                return r;
        /* A worker of an earlier version has noted none. */
        if (json_object_object_get_ex(past, "proven_errors", NULL) &&
            (r = numbers_from_json(past, "proven_errors", ELEMENTSOF(p->proven_errors), p->proven_errors,
                                   &n)) < 0)
                return r;

        return reboots_from_json(past, p);
}

static int trace_from_json(struct json_object *o, SurfaceTrace *t)
{
        struct json_object *trace;
        const char *bytes = NULL;
        int r;

        r = json_get(o, "trace", json_type_object, &trace);
        if (r <= 0)
                return r;
        if (json_get_bool(trace, "original", &t->original) <= 0 ||
            json_get_bool(trace, "random", &t->random) <= 0 ||
            json_get_string(trace, "bytes", &bytes) <= 0 ||
            json_get_u64(trace, "certain", &t->certain) <= 0 ||
            json_get_u32(trace, "phase", &t->phase) <= 0 || strlen(bytes) >= sizeof(t->bytes))
                return -EBADMSG;

        (void) snprintf(t->bytes, sizeof(t->bytes), "%s", bytes);
        return 0;
}

int surface_state_load(const char *path, const char *run, SurfaceState *ret)
{
        _cleanup_(surface_state_done) SurfaceState s = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_full(path, STATE_FILE_MAX, &text, &size);
        if (r < 0)
                return r;
        r = json_parse(text, size, &o);
        if (r < 0)
                return r;

        r = surface_state_init(&s, "");
        if (r < 0)
                return r;
        if ((r = json_dup_string(o, "run", &s.run)) < 0 ||
            (r = json_dup_string(o, "boot_id", &s.boot_id)) < 0 ||
            (r = json_get_u64(o, "work_start", &s.work_start)) < 0 ||
            (r = json_get_u64(o, "work_bytes", &s.work_bytes)) < 0 ||
            (r = trace_from_json(o, &s.trace)) < 0 || (r = past_from_json(o, &s.past)) < 0 ||
            (r = json_get_bool(o, "exclusive", &s.exclusive)) < 0 ||
            (r = json_get_u64(o, "kernel_seq", &s.kernel_seq)) < 0 ||
            (r = json_get_bool(o, "kernel_gap", &s.kernel_gap)) < 0 ||
            (r = kernel_errors_from_json(o, &s)) < 0 ||
            (r = json_get_u64(o, "kernel_total", &s.n_kernel_total)) < 0 ||
            (r = json_dup_string(o, "kernel_line", &s.kernel_line)) < 0 ||
            (r = phases_from_json(o, &s)) < 0 || (r = json_get_u32(o, "block_size", &s.block_size)) < 0 ||
            (r = speeds_from_json(o, &s)) < 0 || (r = heat_from_json(o, &s.heat)) < 0 ||
            (r = json_get_u64(o, "heat_since_usec", &s.heat_since_usec)) < 0 ||
            (r = json_get_u64(o, "held_since_usec", &s.held_since_usec)) < 0 ||
            (r = json_get_u64(o, "paused_usec", &s.paused_usec)) < 0 ||
            (r = json_get_i32(o, "temperature_min_mdegc", &s.temperature_min_mdegc)) < 0 ||
            (r = json_get_i32(o, "temperature_max_mdegc", &s.temperature_max_mdegc)) < 0)
                return r;
        if (!streq(s.run, run))
                return -ENOENT;

        *ret = s;
        s = (SurfaceState){ 0 };
        return 0;
}

int surface_state_go_on(SurfaceState *s, const char *run)
{
        char *copy = strdup(run);

        if (!copy)
                return -ENOMEM;

        free(s->run);
        s->run = copy;
        s->boot_id = (free(s->boot_id), NULL);
        s->work_start = s->work_bytes = UINT64_MAX;
        s->exclusive = false;
        s->trace.phase = s->past.phases;
        s->kernel_gap = true;
        s->kernel_seq = 0;
        s->heat_since_usec = 0;
        /* The clock says nothing of a phase that is done twice. */
        for (size_t i = 0; i < s->n_phases; i++)
                if (s->phases[i].number > s->past.phases)
                        s->phases[i].disturbed = true;

        return 0;
}

int surface_state_add_kernel_log(SurfaceState *s, const KernelLog *log, const char *kname)
{
        /* Of another boot: what was not read before it is lost, and this is none of the test's. */
        if (s->boot_id && !streq_ptr(log->boot_id, s->boot_id)) {
                s->kernel_gap = true;
                return 0;
        }

        /* The ring has wrapped past what was read, started anew, or cannot be read at all. */
        if ((log->first == 0 && log->last == 0) || log->first > s->kernel_seq + 1 ||
            log->last < s->kernel_seq || strv_length(log->lines) >= KERNEL_LINES_ALL)
                s->kernel_gap = true;

        STRV_FOREACH(line, log->lines) {
                KernelError e = kernel_log_judge(*line, kname);

                if (!e.error)
                        continue;
                s->n_kernel_total++;
                if (s->n_kernel_errors < SURFACE_KERNEL_ERRORS_MAX)
                        s->kernel_errors[s->n_kernel_errors++] = (SurfaceKernelError){
                                .have_sector = e.have_sector && e.sector <= INT64_MAX,
                                .sector = e.sector,
                        };
                if (!s->kernel_line) {
                        s->kernel_line = str_clean(*line, strlen(*line), KERNEL_LINE_MAX, false);
                        if (!s->kernel_line)
                                return -ENOMEM;
                }
        }
        s->kernel_seq = log->last;

        return 0;
}

int surface_state_add_phase(SurfaceState *s, const BadblocksPhase *p, uint64_t usec)
{
        SurfacePhase phase = { .number = p->number, .started_usec = usec };

        for (size_t i = s->n_phases; i > 0; i--)
                if (s->phases[i - 1].number == p->number)
                        return 0;
        if (s->n_phases >= SURFACE_PHASES_MAX)
                return 0;

        (void) snprintf(phase.name, sizeof(phase.name), "%s", p->name);
        s->phases[s->n_phases++] = phase;
        return 1;
}

uint64_t surface_state_phase_began(const SurfaceState *s, uint32_t number)
{
        for (size_t i = 0; i < s->n_phases; i++)
                if (s->phases[i].number == number)
                        return s->phases[i].started_usec;

        return 0;
}

void surface_state_add_temperature(SurfaceState *s, int32_t mdegc)
{
        s->temperature_now_mdegc = mdegc;
        if (mdegc == MDEGC_UNKNOWN)
                return;

        if (s->temperature_min_mdegc == MDEGC_UNKNOWN || mdegc < s->temperature_min_mdegc)
                s->temperature_min_mdegc = mdegc;
        s->temperature_max_mdegc = MAX(s->temperature_max_mdegc, mdegc);
}

bool surface_state_set_held(SurfaceState *s, bool held, uint64_t usec)
{
        if (held == (s->held_since_usec > 0))
                return false;

        if (!held)
                s->paused_usec += usec - MIN(s->held_since_usec, usec);
        s->held_since_usec = held ? usec : 0;
        return true;
}
