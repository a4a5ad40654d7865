/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <arpa/inet.h>
#include <poll.h>
#include <strings.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "cgi/json-syntax.h"
#include "cgi/request.h"
#include "common/web-token.h"
#include "shared/names.h"

void request_done(Request *r)
{
        free(r->method);
        strv_free(r->path);
        json_object_put(r->parameters);
        if (r->token)
                explicit_bzero(r->token, strlen(r->token));
        free(r->token);
        free(r->csrf);
        free(r->address);
        free(r->forwarded);
        *r = (Request){};
}

void request_env_from_process(RequestEnv *ret)
{
        *ret = (RequestEnv){
                .method = getenv("REQUEST_METHOD"),
                .target = getenv("REQUEST_URI"),
                .content_type = getenv("CONTENT_TYPE"),
                .content_length = getenv("CONTENT_LENGTH"),
                .cookie = getenv("HTTP_COOKIE"),
                .authorization = getenv("HTTP_AUTHORIZATION"),
                .origin = getenv("HTTP_ORIGIN"),
                .host = getenv("HTTP_HOST"),
                .fetch_site = getenv("HTTP_SEC_FETCH_SITE"),
                .csrf = getenv("HTTP_X_CSRF_TOKEN"),
                .https = getenv("HTTPS"),
                .forwarded_proto = getenv("HTTP_X_FORWARDED_PROTO"),
                .forwarded_for = getenv("HTTP_X_FORWARDED_FOR"),
                .other_proxy = getenv("HTTP_FORWARDED") ?: getenv("HTTP_VIA") ?: getenv("HTTP_X_REAL_IP"),
                .address = getenv("REMOTE_ADDR"),
        };
}

static int unhex(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int request_decode(const char *s, size_t size, bool query, char **ret)
{
        _cleanup_free_ char *text = new (char, size + 1);
        size_t n = 0;

        if (!text)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++) {
                char c = s[i];

                if (c == '%') {
                        int high = i + 2 < size ? unhex(s[i + 1]) : -1,
                            low = high >= 0 ? unhex(s[i + 2]) : -1;

                        if (low < 0)
                                return -EBADMSG;
                        c = (char) (high * 16 + low);
                        i += 2;
                } else if (c == '+' && query)
                        c = ' ';
                text[n++] = c;
        }
        text[n] = '\0';
        if (strlen(text) != n || !str_is_clean(text, n, false))
                return -EBADMSG;

        *ret = TAKE_PTR(text);
        return 0;
}

static int parse_path(Request *r, const char *s, size_t size, HttpError *error)
{
        const char *end = s + size;
        size_t n = 0;

        if (size == 0 || s[0] != '/')
                return http_error_set(error, "BadRequest", NULL, "The path does not begin with '/'.");

        for (const char *p = s + 1; p < end;) {
                const char *slash = memchr(p, '/', (size_t) (end - p));
                size_t length = (size_t) ((slash ?: end) - p);
                char *part;
                int k;

                k = request_decode(p, length, false, &part);
                if (k == -ENOMEM)
                        return k;
                if (k < 0)
                        return http_error_set(error, "BadRequest", NULL,
                                              "The path has a part that is no text once it is decoded.");
                k = strv_consume(&r->path, part);
                if (k < 0)
                        return k;
                /* A slash that was encoded is refused too: no name has one, and a server in between may decode it. */
                part = r->path[n++];
                if (n > REQUEST_SEGMENTS_MAX || !*part || (slash && slash + 1 == end) || streq(part, ".") ||
                    streq(part, "..") || strchr(part, '/'))
                        return http_error_set(error, "NotFound", NULL, "There is nothing under this path.");
                p = slash ? slash + 1 : end;
        }

        return 0;
}

static int parse_query(Request *r, const char *s, HttpError *error)
{
        size_t n = 0;

        while (*s) {
                size_t length = strcspn(s, "&"), name_length = strcspn(s, "=&");
                _cleanup_free_ char *name = NULL, *value = NULL;
                const char *v = s + name_length + (name_length < length);
                int k;

                k = request_decode(s, name_length, true, &name);
                if (k >= 0)
                        k = request_decode(v, (size_t) (s + length - v), true, &value);
                if (k == -ENOMEM)
                        return k;
                if (k < 0)
                        return http_error_set(error, "BadParameter", NULL,
                                              "The query has something that is no text once it is decoded.");
                if (n++ >= REQUEST_PARAMETERS_MAX)
                        return http_error_set(error, "BadParameter", NULL,
                                              "The query has more than %u parameters.",
                                              REQUEST_PARAMETERS_MAX);
                if (length > 0) {
                        if (json_object_object_get_ex(r->parameters, name, NULL))
                                return http_error_set(error, "BadParameter", name,
                                                      "The parameter \"%s\" is there twice.", name);
                        k = json_put_string(r->parameters, name, value);
                        if (k < 0)
                                return k;
                }
                s += length + (s[length] == '&');
        }

        return 0;
}

/* Browsers say with each request which page made it; what is no browser says nothing, and has no cookie that another site
 * could use. */
static bool is_cross_site(const RequestEnv *env)
{
        const char *origin;

        if (env->fetch_site && !streq(env->fetch_site, "same-origin") && !streq(env->fetch_site, "none"))
                return true;
        if (!env->origin)
                return false;

        origin = startswith(env->origin, "https://") ?: startswith(env->origin, "http://");
        return !origin || isempty(env->host) || strcasecmp(origin, env->host) != 0;
}

static bool is_loopback(const char *address)
{
        struct in_addr v4;

        address = startswith(address, "::ffff:") ?: address;
        return streq(address, "::1") ||
               (inet_pton(AF_INET, address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* What a proxy passes on comes from elsewhere. So does what a browser here asks for a page from there, whose name was made to mean
 * this machine: that name is then the Host. */
static bool is_local(const RequestEnv *env)
{
        _cleanup_free_ char *host = NULL;
        const char *h = strempty(env->host);

        if (env->forwarded_for || env->other_proxy || !is_loopback(strempty(env->address)))
                return false;

        host = *h == '[' ? strndup(h + 1, strcspn(h + 1, "]")) : strndup(h, strcspn(h, ":"));
        return host && (strcasecmp(host, "localhost") == 0 || is_loopback(host));
}

static int parse_body_head(Request *r, const RequestEnv *env, HttpError *error)
{
        const char *type = strempty(env->content_type);
        size_t n = strcspn(type, "; \t");

        r->is_json = n == STRLEN("application/json") && strncasecmp(type, "application/json", n) == 0;

        if (isempty(env->content_length))
                return 0;
        if (parse_u64(env->content_length, &r->content_length) < 0)
                return http_error_set(error, "BadRequest", NULL, "Content-Length is no number.");
        if (r->content_length > REQUEST_BODY_MAX)
                return http_error_set(error, "TooLarge", NULL, "The body has more than %u bytes.",
                                      REQUEST_BODY_MAX);
        return 0;
}

static int parse_headers(Request *r, const RequestEnv *env, HttpError *error)
{
        const char *const headers[] = {
                env->cookie, env->authorization, env->origin,     env->host,
                env->csrf,   env->content_type,  env->fetch_site, env->forwarded_for
        };

        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                if (headers[i] && strnlen(headers[i], REQUEST_HEADER_MAX + 1) > REQUEST_HEADER_MAX)
                        return http_error_set(error, "BadRequest", NULL, "A header has more than %u bytes.",
                                              REQUEST_HEADER_MAX);

        r->cross_site = is_cross_site(env);
        r->https = (env->https && strcasecmp(env->https, "on") == 0) ||
                   (env->forwarded_proto && strcasecmp(env->forwarded_proto, "https") == 0);
        r->local = is_local(env);
        r->csrf = env->csrf ? strdup(env->csrf) : NULL;
        r->address = strdup(strempty(env->address));
        r->forwarded = strdup(strempty(env->forwarded_for));
        if (!r->address || !r->forwarded || (env->csrf && !r->csrf))
                return -ENOMEM;

        return web_token_find(env->cookie, env->authorization, &r->token, &r->by_header);
}

int request_parse(const RequestEnv *env, Request *ret, HttpError *error)
{
        _cleanup_request_ Request r = {};
        size_t path_length;
        int k;

        if (isempty(env->method) || !env->target)
                return http_error_set(error, "BadRequest", NULL,
                                      "This is no request of a web server (REQUEST_METHOD, REQUEST_URI).");
        if (strnlen(env->target, REQUEST_TARGET_MAX + 1) > REQUEST_TARGET_MAX)
                return http_error_set(error, "PathTooLong", NULL, "Path and query have more than %u bytes.",
                                      REQUEST_TARGET_MAX);

        r.head = streq(env->method, "HEAD");
        r.method = strdup(r.head ? "GET" : env->method);
        r.parameters = json_object_new_object();
        if (!r.method || !r.parameters)
                return -ENOMEM;

        k = parse_headers(&r, env, error);
        if (k < 0)
                return k;
        path_length = strcspn(env->target, "?");
        k = parse_path(&r, env->target, path_length, error);
        if (k < 0)
                return k;
        if (env->target[path_length]) {
                k = parse_query(&r, env->target + path_length + 1, error);
                if (k < 0)
                        return k;
        }
        k = parse_body_head(&r, env, error);
        if (k < 0)
                return k;

        *ret = r;
        r = (Request){};
        return 0;
}

/* Exactly so many bytes; who stops sending has until the deadline. */
static int read_until(int fd, char *buf, size_t size, uint64_t deadline_usec, HttpError *error)
{
        for (size_t n = 0; n < size;) {
                uint64_t now = now_usec(CLOCK_MONOTONIC);
                struct pollfd p = { .fd = fd, .events = POLLIN };
                ssize_t k;

                k = now < deadline_usec ? poll(&p, 1,
                                               (int) MIN((deadline_usec - now) / USEC_PER_MSEC + 1,
                                                         (uint64_t) INT32_MAX))
                                        : 0;
                if (k == 0)
                        return http_error_set(error, "TooSlow", NULL, "The body did not come in time.");
                if (k > 0)
                        k = read(fd, buf + n, size - n);
                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        return http_error_set(error, "BadRequest", NULL,
                                              "The body has %zu bytes instead of %zu.", n, size);
                n += (size_t) k;
        }

        return 0;
}

/* Every text in it can go over the bus: valid UTF-8, without NUL. Adds the members of its objects to members. */
static bool is_all_text(struct json_object *v, size_t *members)
{
        if (json_object_is_type(v, json_type_string))
                return strlen(json_object_get_string(v)) == (size_t) json_object_get_string_len(v) &&
                       utf8_is_valid(json_object_get_string(v));
        if (json_object_is_type(v, json_type_array))
                for (size_t i = 0; i < json_object_array_length(v); i++)
                        if (!is_all_text(json_object_array_get_idx(v, i), members))
                                return false;
        if (json_object_is_type(v, json_type_object)) {
                *members += (size_t) json_object_object_length(v);
                json_object_object_foreach(v, name, member) if (!utf8_is_valid(name) ||
                                                                !is_all_text(member, members)) return false;
        }

        return true;
}

int request_read_body(const Request *r, int fd, uint64_t deadline_usec, struct json_object **ret,
                      HttpError *error)
{
        _cleanup_json_ struct json_object *body = NULL;
        _cleanup_free_ char *text = NULL;
        size_t written, members = 0;
        int k;

        if (r->content_length == 0) {
                body = json_object_new_object();
                if (!body)
                        return -ENOMEM;
        } else {
                if (!r->is_json)
                        return http_error_set(error, "NotJson", NULL, "The body must be application/json.");
                text = new (char, r->content_length);
                if (!text)
                        return -ENOMEM;
                k = read_until(fd, text, r->content_length, deadline_usec, error);
                if (k < 0)
                        return k;
                k = json_syntax_is_valid(text, r->content_length, REQUEST_DEPTH_MAX, &written)
                                    ? json_parse(text, r->content_length, &body)
                                    : -EBADMSG;
                if (k == -ENOMEM)
                        return k;
                if (k < 0 || !json_object_is_type(body, json_type_object) || !is_all_text(body, &members))
                        return http_error_set(error, "BadJson", NULL, "The body is no JSON object.");
                /* Of two with one name json-c keeps the last. */
                if (members != written)
                        return http_error_set(error, "BadJson", NULL, "The body has a field twice.");
        }

        *ret = TAKE_PTR(body);
        return 0;
}

static const Field *field_find(const Field *fields, const char *name)
{
        for (const Field *f = fields; f && f->name; f++)
                if (streq(f->name, name))
                        return f;

        return NULL;
}

static bool integer_fits(struct json_object *v, int64_t min, uint64_t max)
{
        int64_t n;

        if (!json_object_is_type(v, json_type_int))
                return false;
        n = json_object_get_int64(v);
        /* json-c clamps. */
        if (n == INT64_MAX && json_object_get_uint64(v) != INT64_MAX)
                return false;
        return n >= min && (n < 0 || (uint64_t) n <= max);
}

static bool value_fits(struct json_object *v, char type)
{
        switch (type) {
        case 's':
        case 'h':
                return json_object_is_type(v, json_type_string);
        case 'b':
                return json_object_is_type(v, json_type_boolean);
        case 'i':
                return integer_fits(v, INT32_MIN, INT32_MAX);
        case 'q':
                return integer_fits(v, 0, UINT16_MAX);
        case 'u':
                return integer_fits(v, 0, UINT32_MAX);
        case 't':
                return integer_fits(v, 0, INT64_MAX);
        case 'x':
                return integer_fits(v, INT64_MIN, INT64_MAX);
        case 'a':
                return json_is_strings(v);
        case 'o':
                return json_object_is_type(v, json_type_object);
        default:
                assert_not_reached();
        }
}

static const char *type_in_words(char type)
{
        switch (type) {
        case 's':
        case 'h':
                return "a text";
        case 'b':
                return "true or false";
        case 'a':
                return "a list of texts";
        case 'o':
                return "an object";
        default:
                return "a whole number in its range";
        }
}

int request_check_body(struct json_object *body, const Field *fields, HttpError *error)
{
        json_object_object_foreach(body, name, value)
        {
                const Field *f = field_find(fields, name);

                if (!f)
                        return http_error_set(error, "BadField", name, "There is no field \"%s\" here.",
                                              name);
                if (!value_fits(value, f->type))
                        return http_error_set(error, "BadField", name, "\"%s\" must be %s.", name,
                                              type_in_words(f->type));
        }

        for (const Field *f = fields; f && f->name; f++)
                if (f->required && !json_object_object_get_ex(body, f->name, NULL))
                        return http_error_set(error, "BadField", f->name, "\"%s\" is missing.", f->name);

        return 0;
}

static struct json_object *parameter_convert(const char *text, char type)
{
        int64_t n;

        switch (type) {
        case 's':
                return json_object_new_string(text);
        case 'b':
                return parse_boolean(text) < 0 ? NULL : json_object_new_boolean(parse_boolean(text) > 0);
        default:
                return parse_i64(text, &n) < 0 ? NULL : json_object_new_int64(n);
        }
}

int request_check_query(const Request *r, const Field *fields, struct json_object **ret, HttpError *error)
{
        _cleanup_json_ struct json_object *query = json_object_new_object();

        if (!query)
                return -ENOMEM;
        json_object_object_foreach(r->parameters, name, text)
        {
                const Field *f = field_find(fields, name);
                _cleanup_json_ struct json_object *value = NULL;
                int k;

                if (!f)
                        return http_error_set(error, "BadParameter", name,
                                              "There is no parameter \"%s\" here.", name);
                value = parameter_convert(json_object_get_string(text), f->type);
                if (!value || !value_fits(value, f->type))
                        return http_error_set(error, "BadParameter", name, "\"%s\" must be %s.", name,
                                              type_in_words(f->type));
                k = json_put(query, name, TAKE_PTR(value));
                if (k < 0)
                        return k;
        }

        *ret = TAKE_PTR(query);
        return 0;
}
