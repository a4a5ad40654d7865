/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/random.h>
#include <systemd/sd-bus.h>
#include <uthash.h>
#include <utlist.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "events/mirror.h"
#include "shared/names.h"

#define OBJECTS_MAX (DRIVES_MAX + 8U * JOBS_ACTIVE_MAX)
/* What was removed is remembered, so that a reader that comes back is told; with more gone since, it is sent everything. */
#define GONE_MAX 4096U

typedef struct Object {
        UT_hash_handle hh;
        struct Object *prev, *next; /* in the order of changes */
        char *path;
        MirrorKind kind;
        char *text; /* JSON; NULL: it was removed */
        uint64_t changed;
        bool seen; /* in this sweep */
} Object;

struct Mirror {
        Object *by_path, *by_change;
        uint64_t now;   /* the number of the last change */
        uint64_t epoch; /* drawn anew with each Mirror: where a reader was in another one means nothing here */
        uint64_t forgotten; /* the last change that was forgotten */
        size_t n_gone;
};

/* The list of a kind in its events; NULL: each is an event by itself. */
static const struct {
        const char *event, *list;
} kinds[_MIRROR_KIND_MAX] = {
        [MIRROR_DRIVE] = { "drives-update", "drives" }, [MIRROR_JOB] = { "jobs-update", "jobs" },
        [MIRROR_HOST] = { "hosts-update", "hosts" },    [MIRROR_GRANT] = { "grants-update", "grants" },
        [MIRROR_MANAGER] = { "daemon", NULL },          [MIRROR_ALERT] = { "job-alert", NULL },
};

int mirror_new(Mirror **ret)
{
        Mirror *m = new0(Mirror, 1);

        if (!m)
                return -ENOMEM;
        /* A name for people and logs alike; nothing rests on its being secret. */
        if (getrandom(&m->epoch, sizeof(m->epoch), 0) != sizeof(m->epoch)) {
                free(m);
                return -errno;
        }
        m->epoch >>= 16;

        *ret = m;
        return 0;
}

static void object_free(Mirror *m, Object *o)
{
        HASH_DEL(m->by_path, o);
        DL_DELETE(m->by_change, o);
        free(o->path);
        free(o->text);
        free(o);
}

Mirror *mirror_free(Mirror *m)
{
        Object *o, *next;

        if (!m)
                return NULL;
        HASH_ITER(hh, m->by_path, o, next)
                object_free(m, o);
        free(m);
        return NULL;
}

static Object *object_find(const Mirror *m, const char *path)
{
        Object *o;

        HASH_FIND_STR(m->by_path, path, o);
        return o;
}

bool mirror_has(const Mirror *m, const char *path)
{
        const Object *o = object_find(m, path);

        return o && o->text;
}

struct json_object *mirror_get(const Mirror *m, const char *path)
{
        const Object *o = object_find(m, path);
        struct json_object *values;

        if (!o || !o->text || json_parse(o->text, strlen(o->text), &values) < 0)
                return NULL;
        return values;
}

static void object_changed(Mirror *m, Object *o)
{
        o->changed = ++m->now;
        DL_DELETE(m->by_change, o);
        DL_APPEND(m->by_change, o);
}

static int object_new(Mirror *m, MirrorKind kind, const char *path, Object **ret)
{
        Object *o;

        if (HASH_COUNT(m->by_path) >= OBJECTS_MAX)
                return -ENOBUFS;
        o = new0(Object, 1);
        if (!o)
                return -ENOMEM;
        o->path = strdup(path);
        if (!o->path) {
                free(o);
                return -ENOMEM;
        }
        o->kind = kind;
        HASH_ADD_KEYPTR(hh, m->by_path, o->path, strlen(o->path), o);
        DL_APPEND(m->by_change, o);

        *ret = o;
        return 0;
}

static int values_merge(const Object *o, struct json_object *values, struct json_object **ret)
{
        _cleanup_json_ struct json_object *merged = NULL;
        int r;

        r = json_parse(o->text, strlen(o->text), &merged);
        if (r >= 0)
                r = json_merge(merged, values);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(merged);
        return 0;
}

int mirror_set(Mirror *m, MirrorKind kind, const char *path, struct json_object *values, bool whole)
{
        _cleanup_json_ struct json_object *owned = values, *merged = NULL;
        _cleanup_free_ char *text = NULL;
        Object *o = object_find(m, path);
        int r;

        if (o && o->text && !whole) {
                r = values_merge(o, values, &merged);
                if (r < 0)
                        return r;
        }
        text = strdup(json_object_to_json_string_ext(merged ?: owned, JSON_C_TO_STRING_PLAIN));
        if (!text)
                return -ENOMEM;
        if (!o) {
                r = object_new(m, kind, path, &o);
                if (r < 0)
                        return r;
        }
        o->seen = true;
        if (streq_ptr(o->text, text))
                return 0;

        if (!o->text && o->changed > 0)
                m->n_gone--;
        free(o->text);
        o->text = TAKE_PTR(text);
        object_changed(m, o);
        return 1;
}

static void forget_oldest(Mirror *m)
{
        Object *o, *next;

        DL_FOREACH_SAFE(m->by_change, o, next) {
                if (o->text)
                        continue;
                m->forgotten = o->changed;
                object_free(m, o);
                m->n_gone--;
                return;
        }
}

static void object_remove(Mirror *m, Object *o)
{
        free(o->text);
        o->text = NULL;
        object_changed(m, o);
        if (++m->n_gone > GONE_MAX)
                forget_oldest(m);
}

int mirror_remove(Mirror *m, const char *path)
{
        Object *o = object_find(m, path);

        if (!o || !o->text)
                return 0;
        object_remove(m, o);
        return 1;
}

void mirror_sweep_begin(Mirror *m, MirrorKind kind)
{
        Object *o;

        DL_FOREACH(m->by_change, o)
                if (o->kind == kind)
                        o->seen = false;
}

int mirror_sweep_end(Mirror *m, MirrorKind kind)
{
        Object *o, *next;
        int n = 0;

        HASH_ITER(hh, m->by_path, o, next)
                if (o->kind == kind && !o->seen && o->text) {
                        object_remove(m, o);
                        n++;
                }

        return n;
}

MirrorReader mirror_reader_new(const Mirror *m)
{
        return (MirrorReader){ .start = m->now };
}

bool mirror_reader_resume(const Mirror *m, const char *id, MirrorReader *ret)
{
        _cleanup_free_ char *epoch = NULL;
        const char *dash = strchr(id, '-');
        MirrorReader reader = { 0 };

        epoch = strf("%" PRIx64, m->epoch);
        if (!epoch || !dash || strlen(epoch) != (size_t) (dash - id) ||
            strncmp(id, epoch, strlen(epoch)) != 0 || parse_u64(dash + 1, &reader.position) < 0 ||
            reader.position > m->now || !mirror_reader_is_valid(m, &reader))
                return false;

        *ret = reader;
        return true;
}

bool mirror_reader_is_valid(const Mirror *m, const MirrorReader *reader)
{
        return MAX(reader->position, reader->start) >= m->forgotten;
}

typedef struct Batch {
        char *text;
        size_t size;
        FILE *f;
        size_t n;
} Batch;

static void batch_done(Batch *b)
{
        if (b->f)
                (void) fclose(b->f);
        free(b->text);
        *b = (Batch){ 0 };
}

static int batch_add(Batch *b, const char *json)
{
        if (!b->f) {
                b->f = open_memstream(&b->text, &b->size);
                if (!b->f)
                        return -errno;
        }
        (void) fprintf(b->f, "%s%s", b->n > 0 ? "," : "", json);
        b->n++;
        return 0;
}

/* What is gone is named by the last part of its path: the id of a drive or grant, the name of a host. */
static int batch_add_removed(Batch *b, const Object *o)
{
        _cleanup_free_ char *prefix = strndup(o->path, (size_t) (strrchr(o->path, '/') - o->path)),
                            *id = NULL;
        _cleanup_json_ struct json_object *name = NULL;
        int r;

        if (!prefix)
                return -ENOMEM;
        r = sd_bus_path_decode(o->path, prefix, &id);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        name = json_object_new_string(id);
        return name ? batch_add(b, json_object_to_json_string_ext(name, JSON_C_TO_STRING_PLAIN)) : -ENOMEM;
}

static int batch_close(Batch *b)
{
        if (b->f && fclose(TAKE_PTR(b->f)) != 0)
                return -ENOMEM;
        return 0;
}

/* The first object behind position: those that a reader has not seen are at the end. */
static const Object *object_behind(const Mirror *m, uint64_t position)
{
        const Object *first = NULL, *o = m->by_change ? m->by_change->prev : NULL;

        for (; o && o->changed > position; o = o->prev) {
                first = o;
                if (o == m->by_change)
                        break;
        }

        return first;
}

static int events_print(FILE *f, Batch changed[], Batch removed[])
{
        for (MirrorKind k = 0; k < _MIRROR_KIND_MAX; k++) {
                int r;

                r = batch_close(changed + k);
                if (r >= 0)
                        r = batch_close(removed + k);
                if (r < 0)
                        return r;
                if (!kinds[k].list || (changed[k].n == 0 && removed[k].n == 0))
                        continue;
                (void) fprintf(f, "event: %s\ndata: {\"%s\":[%s],\"removed\":[%s]}\n\n", kinds[k].event,
                               kinds[k].list, strempty(changed[k].text), strempty(removed[k].text));
        }

        return 0;
}

static int changes_print(const Mirror *m, MirrorReader *reader, size_t max, FILE *f, Batch changed[],
                         Batch removed[])
{
        size_t size = 0;
        int r = 0;

        for (const Object *o = object_behind(m, reader->position); o && size < max; o = o->next) {
                reader->position = o->changed;
                if (o->changed <= reader->start && (!o->text || o->kind == MIRROR_ALERT))
                        continue;
                if (!o->text)
                        r = kinds[o->kind].list ? batch_add_removed(removed + o->kind, o) : 0;
                else if (kinds[o->kind].list)
                        r = batch_add(changed + o->kind, o->text);
                else
                        (void) fprintf(f, "event: %s\ndata: %s\n\n", kinds[o->kind].event, o->text);
                if (r < 0)
                        return r;
                size += o->text ? strlen(o->text) : 0;
        }

        return events_print(f, changed, removed);
}

int mirror_read(const Mirror *m, MirrorReader *reader, size_t max, char **ret, size_t *ret_size)
{
        Batch changed[_MIRROR_KIND_MAX] = { 0 }, removed[_MIRROR_KIND_MAX] = { 0 };
        _cleanup_free_ char *text = NULL;
        MirrorReader moved = *reader;
        size_t size;
        FILE *f;
        int r;

        if (moved.position >= m->now)
                return 0;
        f = open_memstream(&text, &size);
        if (!f)
                return -errno;
        r = changes_print(m, &moved, max, f, changed, removed);
        for (MirrorKind k = 0; k < _MIRROR_KIND_MAX; k++) {
                batch_done(changed + k);
                batch_done(removed + k);
        }
        /* Last, and without data of its own: whoever was cut off in the middle is sent it all again. One that has not got everything
         * yet would come back without knowing what was removed before it began, which is nothing it ever saw. */
        if (r >= 0)
                (void) fprintf(f, "id: %" PRIx64 "-%" PRIu64 "\n\n", m->epoch, moved.position);
        if (fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;

        *reader = moved;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 1;
}
