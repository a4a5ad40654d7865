/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/sha256.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "notify/hook.h"

/* Bytes, under what each of them takes in characters. */
#define NTFY_MESSAGE_MAX    4000U
#define SLACK_MESSAGE_MAX   3000U
#define DISCORD_MESSAGE_MAX 3500U
#define NTFY_TOPIC_MAX      64U

static const unsigned ntfy_priorities[_SEVERITY_MAX] = { 3, 4, 5 };
static const char *const ntfy_tags[_SEVERITY_MAX] = { "information_source", "warning", "rotating_light" };
static const unsigned gotify_priorities[_SEVERITY_MAX] = { 2, 5, 8 };
static const unsigned discord_colors[_SEVERITY_MAX] = { 0x1a7f37, 0x9a6700, 0xcf222e };

void hook_done(Hook *h)
{
        erase_and_freep(&h->url);
        STRV_FOREACH(header, h->headers)
                explicit_bzero(*header, strlen(*header));
        strv_free(h->headers);
        free(h->body);
        *h = (Hook){};
}

static int add_header(Hook *h, const char *name, const char *before, const char *value)
{
        char *line = strf("%s: %s%s", name, before, value);

        return line ? strv_consume(&h->headers, line) : -ENOMEM;
}

static int set_body(Hook *h, struct json_object *o)
{
        h->body = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                                           JSON_C_TO_STRING_NOSLASHESCAPE));
        return h->body ? 0 : -ENOMEM;
}

/* The first bytes, with no character cut in two. */
static char *shortened(const char *s, size_t max)
{
        return str_clean(s, strlen(s), max, true);
}

/* The event itself. The signature is over "TIME.BODY". */
static int compose_webhook(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *h)
{
        _cleanup_free_ char *signed_text = NULL;
        char hex[SHA256_HEX_SIZE], time[24];
        int k;

        h->url = strdup(r->url);
        if (!h->url || set_body(h, r->event) < 0)
                return -ENOMEM;
        (void) snprintf(time, sizeof(time), "%" PRIu64, time_usec / USEC_PER_SEC);
        if (add_header(h, "X-Burnin-Event", "", t->kind) < 0 ||
            add_header(h, "X-Burnin-Delivery", "", t->id) < 0 ||
            add_header(h, "X-Burnin-Timestamp", "", time) < 0)
                return -ENOMEM;
        if (!r->secret)
                return 0;

        signed_text = strf("%s.%s", time, h->body);
        if (!signed_text)
                return -ENOMEM;
        k = hmac_sha256_hex(r->secret, signed_text, strlen(signed_text), hex);
        return k < 0 ? k : add_header(h, "X-Burnin-Signature", "sha256=", hex);
}

/* The topic is the last part of its URL; as JSON it goes to what is before that. */
static int compose_ntfy(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *h)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *message = shortened(t->message, NTFY_MESSAGE_MAX);
        const char *topic = strrchr(r->url, '/') + 1;
        struct json_object *tags, *tag;

        if (topic - r->url <= (ptrdiff_t) STRLEN("https://") || !str_in_charset(topic, "-_", NTFY_TOPIC_MAX))
                return -EBADMSG;
        h->url = strndup(r->url, (size_t) (topic - r->url));
        if (!o || !message || !h->url || json_put_string(o, "topic", topic) < 0 ||
            json_put_string(o, "title", t->title) < 0 || json_put_string(o, "message", message) < 0 ||
            json_put_u64(o, "priority", ntfy_priorities[t->severity]) < 0 ||
            json_put_string(o, "click", t->url) < 0 ||
            json_put(o, "tags", tags = json_object_new_array()) < 0)
                return -ENOMEM;
        tag = json_object_new_string(ntfy_tags[t->severity]);
        if (!tag || json_object_array_add(tags, tag) < 0) {
                json_object_put(tag);
                return -ENOMEM;
        }
        if (r->secret && add_header(h, "Authorization", "Bearer ", r->secret) < 0)
                return -ENOMEM;

        return set_body(h, o);
}

/* Three characters mean something to Slack; the others are shown as they are. */
static char *slack_escape(const char *s)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        for (; *s; s++)
                if (*s == '&')
                        (void) fputs("&amp;", f);
                else if (*s == '<')
                        (void) fputs("&lt;", f);
                else if (*s == '>')
                        (void) fputs("&gt;", f);
                else
                        (void) fputc(*s, f);

        return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

static int compose_slack(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *h)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *message = shortened(t->message, SLACK_MESSAGE_MAX), *escaped = NULL,
                            *title = slack_escape(t->title), *text = NULL;

        if (!o || !message || !title)
                return -ENOMEM;
        escaped = slack_escape(message);
        text = escaped ? strf("%s\n%s%s%s", title, escaped, t->url ? "\n" : "", strempty(t->url)) : NULL;
        h->url = strdup(r->url);
        if (!text || !h->url || json_put_string(o, "text", text) < 0 ||
            json_put_bool(o, "mrkdwn", false) < 0)
                return -ENOMEM;

        return set_body(h, o);
}

static int compose_discord(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *h)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        _cleanup_free_ char *message = shortened(t->message, DISCORD_MESSAGE_MAX);
        struct json_object *mentions, *embeds, *embed;

        h->url = strdup(r->url);
        if (!o || !message || !h->url ||
            /* Nobody is called by what a drive calls itself. */
            json_put(o, "allowed_mentions", mentions = json_object_new_object()) < 0 ||
            json_put(mentions, "parse", json_object_new_array()) < 0 ||
            json_put(o, "embeds", embeds = json_object_new_array()) < 0)
                return -ENOMEM;
        embed = json_object_new_object();
        if (!embed || json_object_array_add(embeds, embed) < 0) {
                json_object_put(embed);
                return -ENOMEM;
        }
        if (json_put_string(embed, "title", t->title) < 0 ||
            json_put_string(embed, "description", message) < 0 ||
            json_put_string(embed, "url", t->url) < 0 ||
            json_put_u64(embed, "color", discord_colors[t->severity]) < 0)
                return -ENOMEM;

        return set_body(h, o);
}

static int compose_gotify(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *h)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        h->url = strf("%s%smessage", r->url, endswith(r->url, "/") ? "" : "/");
        if (!o || !h->url || json_put_string(o, "title", t->title) < 0 ||
            json_put_string(o, "message", t->plain) < 0 ||
            json_put_u64(o, "priority", gotify_priorities[t->severity]) < 0)
                return -ENOMEM;
        if (r->secret && add_header(h, "X-Gotify-Key", "", r->secret) < 0)
                return -ENOMEM;

        return set_body(h, o);
}

int hook_compose(const NotifyRequest *r, const Text *t, uint64_t time_usec, Hook *ret)
{
        static int (*const composers[_NOTIFIER_KIND_MAX])(const NotifyRequest *, const Text *, uint64_t,
                                                          Hook *) = {
                [NOTIFIER_WEBHOOK] = compose_webhook, [NOTIFIER_NTFY] = compose_ntfy,
                [NOTIFIER_SLACK] = compose_slack,     [NOTIFIER_DISCORD] = compose_discord,
                [NOTIFIER_GOTIFY] = compose_gotify,   [NOTIFIER_N8N] = compose_webhook,
        };
        _cleanup_(hook_done) Hook h = {};
        int k;

        if (!composers[r->kind])
                return -EBADMSG;
        k = composers[r->kind](r, t, time_usec, &h);
        if (k >= 0)
                k = add_header(&h, "Content-Type", "", "application/json");
        if (k < 0)
                return k;

        *ret = h;
        h = (Hook){};
        return 0;
}
