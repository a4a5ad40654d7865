/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/time-util.h"
#include "worker/surface-speed.h"

/* Between two looks that are further apart the run was out of sight. */
#define LOOK_MAX_USEC USEC_PER_MINUTE

void surface_speed_init(SurfaceSpeed *s, uint64_t size_bytes)
{
        *s = (SurfaceSpeed){ .size_bytes = size_bytes };
}

static uint64_t region_start(const SurfaceSpeed *s, uint32_t region)
{
        return s->size_bytes / SPEED_REGIONS * region;
}

static uint32_t region_of(const SurfaceSpeed *s, uint64_t position)
{
        return (uint32_t) MIN(position / (s->size_bytes / SPEED_REGIONS), (uint64_t) SPEED_REGIONS);
}

/* Every border between the look before and this one was crossed at a time in between. */
static void cross_borders(SurfaceSpeed *s, uint64_t position, uint64_t usec)
{
        double per_byte = (double) (usec - s->usec) / (double) (position - s->position);
        uint32_t first = region_of(s, s->position), last = region_of(s, position);

        for (uint32_t region = first; region < last; region++) {
                uint64_t border = region_start(s, region + 1), crossed;

                crossed = s->usec + (uint64_t) ((double) (border - s->position) * per_byte);
                /* What was measured first holds: a phase that is seen again by another follower is the same phase. */
                if (s->region_usec > 0 && s->phases[s->phase - 1].msec[region] == 0) {
                        uint64_t msec = (crossed - s->region_usec) / USEC_PER_MSEC;

                        msec = MAX(msec, UINT64_C(1));
                        s->phases[s->phase - 1].msec[region] = (uint32_t) MIN(msec, (uint64_t) UINT32_MAX);
                }
                s->region_usec = crossed;
        }
}

void surface_speed_look(SurfaceSpeed *s, uint32_t phase, uint64_t position, uint64_t usec, bool disturbed)
{
        bool known = phase > 0 && phase <= SPEED_PHASES_MAX && position != UINT64_MAX &&
                     s->size_bytes >= SPEED_REGIONS;

        if (!known) {
                s->phase = 0;
                return;
        }
        if (disturbed || phase != s->phase || position < s->position || usec <= s->usec ||
            usec - s->usec > LOOK_MAX_USEC)
                s->region_usec = 0;
        else if (position > s->position)
                cross_borders(s, position, usec);

        s->phase = phase;
        s->position = position;
        s->usec = usec;
}

double surface_speed_region(const SurfaceSpeed *s, uint32_t phase, uint32_t region)
{
        uint32_t msec;

        if (phase == 0 || phase > SPEED_PHASES_MAX || region >= SPEED_REGIONS)
                return 0;

        msec = s->phases[phase - 1].msec[region];
        return msec == 0 ? 0 : (double) s->size_bytes / SPEED_REGIONS * 1000 / (double) msec;
}

double surface_speed_phase(const SurfaceSpeed *s, uint32_t phase, uint32_t *ret_regions, uint64_t *ret_usec)
{
        uint64_t msec = 0;
        uint32_t n = 0;

        if (phase > 0 && phase <= SPEED_PHASES_MAX)
                for (uint32_t i = 0; i < SPEED_REGIONS; i++) {
                        msec += s->phases[phase - 1].msec[i];
                        n += s->phases[phase - 1].msec[i] > 0;
                }

        if (ret_regions)
                *ret_regions = n;
        if (ret_usec)
                *ret_usec = msec * USEC_PER_MSEC;
        return msec == 0 ? 0 : (double) n * (double) s->size_bytes / SPEED_REGIONS * 1000 / (double) msec;
}

static struct json_object *phase_to_json(const SpeedPhase *p)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        for (uint32_t i = 0; a && i < SPEED_REGIONS; i++) {
                struct json_object *v = json_object_new_int64(p->msec[i]);

                if (!v || json_object_array_add(a, v) < 0) {
                        json_object_put(v);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

struct json_object *surface_speed_to_json(const SurfaceSpeed *s)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();
        uint32_t n = SPEED_PHASES_MAX;

        while (n > 0 && surface_speed_phase(s, n, NULL, NULL) == 0)
                n--;
        for (uint32_t i = 0; a && i < n; i++) {
                struct json_object *p = phase_to_json(s->phases + i);

                if (!p || json_object_array_add(a, p) < 0) {
                        json_object_put(p);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

int surface_speed_from_json(struct json_object *a, SurfaceSpeed *s)
{
        for (size_t i = 0; i < json_object_array_length(a) && i < SPEED_PHASES_MAX; i++) {
                struct json_object *p = json_object_array_get_idx(a, i);

                if (!json_object_is_type(p, json_type_array) || json_object_array_length(p) != SPEED_REGIONS)
                        return -EBADMSG;
                for (size_t k = 0; k < SPEED_REGIONS; k++) {
                        struct json_object *v = json_object_array_get_idx(p, k);
                        int64_t msec = json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : -1;

                        if (msec < 0 || msec > UINT32_MAX)
                                return -EBADMSG;
                        s->phases[i].msec[k] = (uint32_t) msec;
                }
        }

        return 0;
}
