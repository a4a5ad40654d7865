/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/response.h"
#include "common/web-json.h"
#include "shared/names.h"

/* For load balancers and monitors, before any login: which part is well, and the state of each host, but no reasons that tell more
 * of the site. */

static int add_row(struct json_object *rows, const char *name, const char *state)
{
        struct json_object *row = json_object_new_object();

        if (!row || json_put_string(row, "name", name) < 0 || json_put_string(row, "state", state) < 0 ||
            json_object_array_add(rows, row) < 0) {
                json_object_put(row);
                return -ENOMEM;
        }
        return 0;
}

static const char *member(struct json_object *tuple, size_t i)
{
        struct json_object *v = json_object_is_type(tuple, json_type_array)
                                                ? json_object_array_get_idx(tuple, i)
                                                : NULL;

        return v ? json_object_get_string(v) : "";
}

/* (name, state) pairs of the bus: how many there are, and how many have this state. */
static int add_pairs(struct json_object *rows, struct json_object *manager, const char *property,
                     const char *state, size_t *ret_n, size_t *ret_equal)
{
        struct json_object *pairs = NULL;
        size_t n = 0, equal = 0;

        (void) json_get(manager, property, json_type_array, &pairs);
        for (size_t i = 0; pairs && i < json_object_array_length(pairs); i++) {
                struct json_object *pair = json_object_array_get_idx(pairs, i);
                int r;

                n++;
                equal += streq(member(pair, 1), state);
                r = add_row(rows, member(pair, 0), member(pair, 1));
                if (r < 0)
                        return r;
        }

        *ret_n = n;
        *ret_equal = equal;
        return 0;
}

static int health_fill(Web *w, struct json_object *manager, struct json_object *parts,
                       struct json_object *hosts, bool *ret_healthy)
{
        size_t n_parts, n_well, n_hosts, n_online;
        bool reachable;
        int r;

        r = add_pairs(parts, manager, "HealthParts", "ok", &n_parts, &n_well);
        if (r >= 0)
                r = add_pairs(hosts, manager, "HostStates", "online", &n_hosts, &n_online);
        if (r < 0)
                return r;
        reachable = n_hosts == 0 || n_online > 0;

        *ret_healthy = n_parts > 0 && n_well == n_parts && reachable;
        return add_row(parts, "hosts", reachable ? "ok" : "No host can be reached.");
}

static int copy_version(struct json_object *manager, struct json_object *answer)
{
        struct json_object *version = NULL;

        (void) json_get(manager, "Version", json_type_string, &version);
        return web_json_put(answer, "version", json_object_get(version));
}

int health_show(Web *w)
{
        _cleanup_json_ struct json_object *answer = json_object_new_object(), *manager = NULL;
        struct json_object *parts = json_object_new_array(), *hosts = json_object_new_array();
        bool healthy = false;
        int r;

        if (web_json_put(answer, "parts", parts) < 0 || web_json_put(answer, "hosts", hosts) < 0)
                return -ENOMEM;

        r = web_get_all(w, BUS_PATH, BUS_INTERFACE_MANAGER, &manager);
        if (r >= 0)
                r = health_fill(w, manager, parts, hosts, &healthy);
        else if (w->error.status != 0)
                r = add_row(parts, streq_ptr(w->error.code, "BusDown") ? "bus" : "daemon", w->error.message);
        if (r >= 0)
                r = json_put_string(answer, "status", healthy ? "ok" : "failing");
        if (r >= 0)
                r = copy_version(manager, answer);

        return r < 0 ? r : response_json(w, healthy ? 200 : 503, TAKE_PTR(answer));
}
