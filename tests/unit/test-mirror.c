/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>

#include "events/mirror.h"
#include "test-util.h"

#define DRIVE(n)   "/org/burnin1/drive/" n
#define EVERYTHING SIZE_MAX

static struct json_object *values(const char *text)
{
        struct json_object *o;

        assert(json_parse(text, strlen(text), &o) == 0);
        return o;
}

static int set(Mirror *m, const char *path, const char *text)
{
        return mirror_set(m, MIRROR_DRIVE, path, values(text), false);
}

/* What the reader is told now, without the id; "" for nothing. The caller frees it. */
static char *read_all(const Mirror *m, MirrorReader *reader, size_t max)
{
        char *text = NULL, *id;
        size_t size;
        int r;

        r = mirror_read(m, reader, max, &text, &size);
        assert(r >= 0);
        if (r == 0)
                return strdup("");
        assert(strlen(text) == size);
        id = strstr(text, "id: ");
        assert(id && endswith(id, "\n\n"));
        *id = 0;
        return text;
}

#define assert_told(m, reader, expected)                                                                    \
        do {                                                                                                \
                _cleanup_free_ char *_told = read_all(m, reader, EVERYTHING);                               \
                                                                                                            \
                if (!streq(_told, expected))                                                                \
                        (void) fprintf(stderr, "told: %s\nnot: %s\n", _told, expected);                     \
                assert(streq(_told, expected));                                                             \
        } while (0)

static void test_changes(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL;
        MirrorReader reader, late;

        assert(mirror_new(&m) == 0);
        reader = mirror_reader_new(m);
        assert_told(m, &reader, "");

        assert(set(m, DRIVE("a"), "{\"id\":\"a\",\"t\":1}") == 1);
        assert(set(m, DRIVE("b"), "{\"id\":\"b\"}") == 1);
        assert_told(m, &reader,
                    "event: drives-update\ndata: {\"drives\":[{\"id\":\"a\",\"t\":1},{\"id\":\"b\"}],\"removed\":[]}\n\n");
        /* What is as it was is no change; of several only the last one is told. */
        assert(set(m, DRIVE("a"), "{\"t\":1}") == 0);
        assert_told(m, &reader, "");
        assert(set(m, DRIVE("a"), "{\"t\":2}") == 1);
        assert(set(m, DRIVE("a"), "{\"t\":3}") == 1);
        assert_told(m, &reader,
                    "event: drives-update\ndata: {\"drives\":[{\"id\":\"a\",\"t\":3}],\"removed\":[]}\n\n");

        late = mirror_reader_new(m);
        assert(mirror_remove(m, DRIVE("b")) == 1);
        assert(mirror_remove(m, DRIVE("b")) == 0);
        assert(!mirror_has(m, DRIVE("b")));
        assert_told(m, &reader, "event: drives-update\ndata: {\"drives\":[],\"removed\":[\"b\"]}\n\n");
        /* Who began before that may have been sent it; who comes later was not. */
        assert_told(m, &late,
                    "event: drives-update\ndata: {\"drives\":[{\"id\":\"a\",\"t\":3}],\"removed\":[\"b\"]}\n\n");
        late = mirror_reader_new(m);
        assert_told(m, &late,
                    "event: drives-update\ndata: {\"drives\":[{\"id\":\"a\",\"t\":3}],\"removed\":[]}\n\n");

        /* It comes back as another one. */
        assert(set(m, DRIVE("b"), "{\"id\":\"b\",\"new\":1}") == 1);
        assert_told(m, &reader,
                    "event: drives-update\ndata: {\"drives\":[{\"id\":\"b\",\"new\":1}],\"removed\":[]}\n\n");
}

static void test_whole(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        const char *s;

        assert(mirror_new(&m) == 0);
        assert(set(m, DRIVE("a"), "{\"id\":\"a\",\"old\":\"x\"}") == 1);
        assert(mirror_set(m, MIRROR_DRIVE, DRIVE("a"), values("{\"id\":\"a\"}"), true) == 1);
        o = mirror_get(m, DRIVE("a"));
        assert(o && json_get_string(o, "old", &s) == 0 && json_get_string(o, "id", &s) == 1);
        assert(!mirror_get(m, DRIVE("b")));
}

static void test_sweep(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL;
        MirrorReader reader;

        assert(mirror_new(&m) == 0);
        assert(set(m, DRIVE("a"), "{}") == 1);
        assert(set(m, DRIVE("b_20c"), "{}") == 1);
        assert(mirror_set(m, MIRROR_HOST, "/org/burnin1/host/nas", values("{}"), false) == 1);
        reader = mirror_reader_new(m);
        assert_told(m, &reader,
                    "event: drives-update\ndata: {\"drives\":[{},{}],\"removed\":[]}\n\n"
                    "event: hosts-update\ndata: {\"hosts\":[{}],\"removed\":[]}\n\n");

        mirror_sweep_begin(m, MIRROR_DRIVE);
        assert(set(m, DRIVE("a"), "{}") == 0);
        assert(mirror_sweep_end(m, MIRROR_DRIVE) == 1);
        assert(mirror_has(m, DRIVE("a")) && mirror_has(m, "/org/burnin1/host/nas"));
        assert_told(m, &reader, "event: drives-update\ndata: {\"drives\":[],\"removed\":[\"b c\"]}\n\n");
}

/* One piece at a time, with changes between them: in the end the reader knows each object as it is. */
static void test_slow_reader(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL;
        unsigned pieces = 0, told = 0;
        MirrorReader reader;

        assert(mirror_new(&m) == 0);
        reader = mirror_reader_new(m);
        for (unsigned i = 0; i < 100; i++) {
                _cleanup_free_ char *path = strf(DRIVE("d%u"), i);

                assert(path && set(m, path, "{\"n\":0}") == 1);
        }
        for (;;) {
                _cleanup_free_ char *text = read_all(m, &reader, 50);

                if (isempty(text))
                        break;
                pieces++;
                for (const char *p = text; (p = strstr(p, "\"n\":")); p++)
                        told++;
                /* This one is always ahead of the reader. */
                if (pieces < 5)
                        assert(set(m, DRIVE("d99"), pieces % 2 ? "{\"n\":1}" : "{\"n\":0}") == 1);
        }
        assert(pieces > 5);
        assert(told == 100);
}

static void test_resume(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL, *other = NULL;
        _cleanup_free_ char *text = NULL, *id = NULL;
        MirrorReader reader, again;
        size_t size;

        assert(mirror_new(&m) == 0 && mirror_new(&other) == 0);
        reader = mirror_reader_new(m);
        assert(set(m, DRIVE("a"), "{}") == 1);
        assert(mirror_read(m, &reader, EVERYTHING, &text, &size) == 1);
        id = strdup(strstr(text, "id: ") + 4);
        assert(id);
        id[strcspn(id, "\n")] = 0;

        assert(mirror_set(m, MIRROR_ALERT, "/alert/1", values("{\"id\":1}"), true) == 1);
        assert(mirror_reader_resume(m, id, &again));
        assert_told(m, &again, "event: job-alert\ndata: {\"id\":1}\n\n");
        /* Somebody new is not told of what is over. */
        again = mirror_reader_new(m);
        assert_told(m, &again, "event: drives-update\ndata: {\"drives\":[{}],\"removed\":[]}\n\n");

        assert(!mirror_reader_resume(other, id, &again));
        assert(!mirror_reader_resume(m, "", &again));
        assert(!mirror_reader_resume(m, "-", &again));
        assert(!mirror_reader_resume(m, "-1", &again));
        *strchr(id, '-') = 0;
        assert(!mirror_reader_resume(m, id, &again));
        text = (free(text), strf("%s-99", id));
        assert(text && !mirror_reader_resume(m, text, &again));
}

/* More is gone than is remembered: who was away starts anew, who had not begun then does not. */
static void test_forgotten(void)
{
        _cleanup_(mirror_freep) Mirror *m = NULL;
        MirrorReader early, late;

        assert(mirror_new(&m) == 0);
        assert(set(m, DRIVE("stays"), "{}") == 1);
        early = mirror_reader_new(m);
        assert_told(m, &early, "event: drives-update\ndata: {\"drives\":[{}],\"removed\":[]}\n\n");
        for (unsigned i = 0; i < 5000; i++) {
                _cleanup_free_ char *path = strf(DRIVE("d%u"), i);

                assert(path && set(m, path, "{}") == 1 && mirror_remove(m, path) == 1);
        }
        assert(!mirror_reader_is_valid(m, &early));
        late = mirror_reader_new(m);
        assert(mirror_reader_is_valid(m, &late));
        assert_told(m, &late, "event: drives-update\ndata: {\"drives\":[{}],\"removed\":[]}\n\n");
}

int main(void)
{
        test_changes();
        test_whole();
        test_sweep();
        test_slow_reader();
        test_resume();
        test_forgotten();
        return 0;
}
