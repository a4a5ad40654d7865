/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/plan.h"

/* In the order that they have where nobody gives one. */
static const struct {
        const char *key, *stage;
} runs[] = {
        { "run_short", "short_smart" },
        { "run_long", "long_smart" },
        { "run_surface", "surface_validate" },
};

static bool has(struct json_object *body, const char *key)
{
        return json_object_object_get_ex(body, key, NULL);
}

/* The place of a stage in runs; ELEMENTSOF(runs): it is none. */
static size_t run_find(const char *stage)
{
        size_t i = 0;

        while (i < ELEMENTSOF(runs) && !streq(runs[i].stage, stage))
                i++;
        return i;
}

static int add_stage(struct json_object *stages, const char *stage)
{
        struct json_object *s = json_object_new_string(stage);

        if (!s || json_object_array_add(stages, s) < 0) {
                json_object_put(s);
                return -ENOMEM;
        }
        return 0;
}

/* Those of the order that are wanted, each once; then what is wanted and does not stand in it. */
static int stages_in_order(struct json_object *order, bool wanted[static ELEMENTSOF(runs)],
                           struct json_object *stages, HttpError *error)
{
        int r;

        for (size_t i = 0; order && i < json_object_array_length(order); i++) {
                const char *stage = json_object_get_string(json_object_array_get_idx(order, i));
                size_t run = run_find(stage);

                if (run == ELEMENTSOF(runs))
                        return http_error_set(error, "BadField", "stage_order", "\"%s\" is no stage.",
                                              stage);
                if (!wanted[run])
                        continue;
                wanted[run] = false;
                r = add_stage(stages, stage);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(runs); i++) {
                if (!wanted[i])
                        continue;
                r = add_stage(stages, runs[i].stage);
                if (r < 0)
                        return r;
        }

        return 0;
}

int plan_read(struct json_object *body, HttpError *error)
{
        _cleanup_json_ struct json_object *stages = NULL;
        bool wanted[ELEMENTSOF(runs)] = {}, runs_given = false;
        struct json_object *order = NULL;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(runs); i++) {
                runs_given = runs_given || has(body, runs[i].key);
                (void) json_get_bool(body, runs[i].key, &wanted[i]);
        }
        (void) json_get(body, "stage_order", json_type_array, &order);

        if (runs_given + has(body, "profile") + has(body, "stages") > 1)
                return http_error_set(error, "BadField", "stages",
                                      "Give \"profile\", or \"stages\", or \"run_surface\" and its like.");
        if (!runs_given)
                return order ? http_error_set(error, "BadField", "stage_order",
                                              "\"stage_order\" needs \"run_surface\" or its like.")
                             : 0;

        stages = json_object_new_array();
        if (!stages)
                return -ENOMEM;
        r = stages_in_order(order, wanted, stages, error);
        if (r < 0)
                return r;
        if (json_object_array_length(stages) == 0)
                return http_error_set(error, "BadField", "run_surface", "No stage is to be run.");

        return json_put(body, "stages", TAKE_PTR(stages));
}
