/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/kernel-log.h"
#include "worker/surface-state.h"

#define STATE_FILE_MAX   (1024U * 1024U)
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
        s->run = s->boot_id = s->kernel_line = NULL;
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

int surface_state_save(const char *path, const SurfaceState *s)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *text;
        size_t size;

        if (!o || json_put_string(o, "run", s->run) < 0 || json_put_string(o, "boot_id", s->boot_id) < 0 ||
            (s->work_start != UINT64_MAX && json_put_u64(o, "work_start", s->work_start) < 0) ||
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
            (r = json_get_bool(o, "exclusive", &s.exclusive)) < 0 ||
            (r = json_get_u64(o, "kernel_seq", &s.kernel_seq)) < 0 ||
            (r = json_get_bool(o, "kernel_gap", &s.kernel_gap)) < 0 ||
            (r = kernel_errors_from_json(o, &s)) < 0 ||
            (r = json_get_u64(o, "kernel_total", &s.n_kernel_total)) < 0 ||
            (r = json_dup_string(o, "kernel_line", &s.kernel_line)) < 0 ||
            (r = phases_from_json(o, &s)) < 0 || (r = json_get_u32(o, "block_size", &s.block_size)) < 0 ||
            (r = speeds_from_json(o, &s)) < 0 || (r = heat_from_json(o, &s.heat)) < 0 ||
            (r = json_get_u64(o, "heat_since_usec", &s.heat_since_usec)) < 0 ||
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

int surface_state_add_kernel_log(SurfaceState *s, const KernelLog *log, const char *kname)
{
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

void surface_state_add_temperature(SurfaceState *s, int32_t mdegc)
{
        s->temperature_now_mdegc = mdegc;
        if (mdegc == MDEGC_UNKNOWN)
                return;

        if (s->temperature_min_mdegc == MDEGC_UNKNOWN || mdegc < s->temperature_min_mdegc)
                s->temperature_min_mdegc = mdegc;
        s->temperature_max_mdegc = MAX(s->temperature_max_mdegc, mdegc);
}
