/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "cgi/handlers.h"
#include "cgi/route.h"

#define API "/api/v1"

/* What anybody who is logged in may ask for, as far as his role goes; what changes something needs the token. */
#define READ(path_, handler_, ...)                                                                          \
        {                                                                                                   \
                .method = "GET", .path = (path_), .handler = (handler_), __VA_ARGS__                        \
        }
#define CHANGE(method_, path_, handler_, ...)                                                               \
        {                                                                                                   \
                .method = (method_), .path = (path_), .handler = (handler_), .csrf = true, __VA_ARGS__      \
        }

const Route route_table[] = {
        READ(API "/session", session_show, .login = LOGIN_OPTIONAL),
        { .method = "POST",
          .path = API "/session",
          .handler = session_login,
          .fields = session_login_fields,
          .login = LOGIN_NONE },
        CHANGE("DELETE", API "/session", session_logout),
        CHANGE("POST", API "/session/password", session_change_password, .fields = session_password_fields),
        { .method = "POST",
          .path = API "/accounts/first",
          .handler = accounts_create_first,
          .fields = accounts_first_fields,
          .login = LOGIN_NONE },
        READ(API "/accounts", accounts_list),
        CHANGE("POST", API "/accounts", accounts_add, .fields = accounts_add_fields),
        CHANGE("PATCH", API "/accounts/{name}", accounts_change, .fields = accounts_change_fields),
        CHANGE("DELETE", API "/accounts/{name}", accounts_remove),
        READ(API "/sessions", accounts_list_sessions, .fields = accounts_session_fields),
        CHANGE("DELETE", API "/sessions/{id}", accounts_revoke_session),

        READ(API "/drives", drives_list, .fields = drives_list_fields),
        READ(API "/drives/{id}", drives_show),
        CHANGE("PATCH", API "/drives/{id}", drives_change, .fields = drives_change_fields),
        CHANGE("DELETE", API "/drives/{id}", drives_forget),
        READ(API "/drives/{id}/drawer", drives_drawer),
        READ(API "/drives/{id}/readings", drives_readings, .fields = drives_reading_fields),
        CHANGE("POST", API "/drives/{id}/smart/start", drives_start_self_test,
               .fields = drives_self_test_fields),
        CHANGE("POST", API "/drives/{id}/smart/cancel", drives_cancel_self_test,
               .fields = drives_self_test_fields),
        CHANGE("POST", API "/drives/{id}/unlock", drives_unlock, .fields = drives_unlock_fields),
        CHANGE("POST", API "/drives/{id}/identify", drives_identify, .fields = drives_identify_fields),
        READ(API "/grants", grants_list, .fields = grants_list_fields),
        CHANGE("DELETE", API "/grants/{id}", grants_revoke),

        CHANGE("POST", API "/burnin/start", burnin_start, .fields = burnin_start_fields),
        CHANGE("POST", API "/estimate", burnin_estimate, .fields = burnin_estimate_fields),
        READ(API "/burnin", burnin_list, .fields = burnin_list_fields),
        CHANGE("POST", API "/burnin/cancel-all", burnin_cancel_all, .fields = burnin_reason_fields),
        READ(API "/burnin/export.csv", burnin_export, .fields = burnin_export_fields),
        READ(API "/burnin/{id}", burnin_show),
        CHANGE("POST", API "/burnin/{id}/cancel", burnin_cancel, .fields = burnin_reason_fields),
        CHANGE("POST", API "/burnin/{id}/pause", burnin_pause, .fields = burnin_reason_fields),
        CHANGE("POST", API "/burnin/{id}/resume", burnin_resume),
        CHANGE("POST", API "/burnin/{id}/priority", burnin_set_priority, .fields = burnin_priority_fields),
        CHANGE("POST", API "/burnin/{id}/retry", burnin_retry, .fields = burnin_retry_fields),
        READ(API "/burnin/{id}/log", burnin_log, .fields = burnin_log_fields),
        READ(API "/burnin/{id}/report.html", report_page),
        READ(API "/burnin/{id}/report.json", report_document),
        READ(API "/burnin/{id}/report.json.sig", report_signature),

        READ(API "/statistics", statistics_show, .fields = statistics_fields),
        READ(API "/audit", audit_list, .fields = audit_fields),
        READ(API "/audit/export.csv", audit_export, .fields = audit_export_fields),
        READ(API "/settings", settings_list),
        CHANGE("POST", API "/settings", settings_change, .free = true),
        CHANGE("POST", API "/settings/test-smtp", settings_test_smtp, .free = true),
        READ(API "/notifiers", notifiers_list),
        CHANGE("POST", API "/notifiers", notifiers_add, .fields = notifiers_add_fields),
        CHANGE("PATCH", API "/notifiers/{name}", notifiers_change, .fields = notifiers_change_fields),
        CHANGE("DELETE", API "/notifiers/{name}", notifiers_remove),
        CHANGE("POST", API "/notifiers/{name}/test", notifiers_test),
        READ(API "/deliveries", deliveries_list, .fields = deliveries_fields),
        CHANGE("POST", API "/deliveries/retry", deliveries_retry, .fields = deliveries_retry_fields),

        READ(API "/ssh-key", hosts_public_key),
        READ(API "/hosts", hosts_list),
        CHANGE("POST", API "/hosts", hosts_add, .fields = hosts_add_fields),
        READ(API "/hosts/{name}", hosts_show),
        CHANGE("PATCH", API "/hosts/{name}", hosts_change, .fields = hosts_change_fields),
        CHANGE("DELETE", API "/hosts/{name}", hosts_remove),
        CHANGE("POST", API "/hosts/{name}/accept-key", hosts_accept_key, .fields = hosts_key_fields),
        CHANGE("POST", API "/hosts/{name}/refresh", hosts_refresh),

        READ("/health", health_show, .login = LOGIN_NONE),
        READ("/metrics", metrics_show, .login = LOGIN_OPTIONAL),
};
const size_t route_table_size = ELEMENTSOF(route_table);

bool route_has_body(const Route *route)
{
        return streq(route->method, "POST") || streq(route->method, "PATCH");
}

/* How well it fits: 0: not at all; 1: where it has {…}; 2: word for word. */
static int route_match(const Route *route, char *const *path)
{
        const char *p = route->path;
        int match = 2;

        STRV_FOREACH(part, path) {
                size_t n;

                if (*p != '/')
                        return 0;
                n = strcspn(++p, "/");
                if (*p == '{')
                        match = 1;
                else if (strlen(*part) != n || strncmp(p, *part, n) != 0)
                        return 0;
                p += n;
        }

        return *p || !path ? 0 : match;
}

static int route_arguments(const Route *route, char *const *path, char ***ret)
{
        char **arguments = new0(char *, REQUEST_SEGMENTS_MAX + 1);
        const char *p = route->path;
        size_t n = 0;

        if (!arguments)
                return -ENOMEM;
        STRV_FOREACH(part, path) {
                if (p[1] == '{')
                        arguments[n++] = *part;
                p += 1 + strcspn(p + 1, "/");
        }

        *ret = arguments;
        return 0;
}

int route_find(const char *method, char *const *path, const Route **ret, char ***ret_arguments,
               char **ret_allowed, HttpError *error)
{
        _cleanup_strv_free_ char **allowed = NULL;
        const Route *found = NULL;
        int best = 0, r;

        for (size_t i = 0; i < route_table_size; i++)
                best = MAX(best, route_match(route_table + i, path));
        if (best == 0)
                return http_error_set(error, "NotFound", NULL, "There is nothing under this path.");

        for (size_t i = 0; i < route_table_size; i++) {
                const Route *route = route_table + i;

                if (route_match(route, path) != best)
                        continue;
                if (streq(route->method, method))
                        found = route;
                r = strv_extend(&allowed, route->method);
                if (r >= 0 && streq(route->method, "GET"))
                        r = strv_extend(&allowed, "HEAD");
                if (r < 0)
                        return r;
        }
        if (!found) {
                *ret_allowed = strv_join(allowed, ", ");
                return http_error_set(error, "MethodNotAllowed", NULL, "This path has no such method.");
        }

        r = route_arguments(found, path, ret_arguments);
        if (r < 0)
                return r;
        *ret = found;
        return 0;
}
