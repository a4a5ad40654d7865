/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/lines.h"
#include "parse/zpool.h"

#define POOL_NAME_MAX 255U
#define COLUMN_HEALTH 9U

void pool_list_done(PoolList *l)
{
        for (size_t i = 0; i < l->n_pools; i++) {
                free(l->pools[i].name);
                free(l->pools[i].guid);
        }
        free(l->pools);
        for (size_t i = 0; i < l->n_vdevs; i++)
                free(l->vdevs[i].path);
        free(l->vdevs);
        *l = (PoolList){ 0 };
}

static Pool *pool_find(const PoolList *l, const char *name)
{
        for (size_t i = 0; i < l->n_pools; i++)
                if (streq(l->pools[i].name, name))
                        return l->pools + i;

        return NULL;
}

static int pool_add(PoolList *l, const char *name, Pool **ret)
{
        Pool *p = pool_find(l, name);

        if (!p) {
                if (l->n_pools >= POOLS_MAX || !str_in_charset(name, "_-.: ", POOL_NAME_MAX))
                        return -EBADMSG;

                p = reallocarray(l->pools, l->n_pools + 1, sizeof(Pool));
                if (!p)
                        return -ENOMEM;
                l->pools = p;
                p += l->n_pools;
                *p = (Pool){ .name = strdup(name) };
                if (!p->name)
                        return -ENOMEM;
                l->n_pools++;
        }

        *ret = p;
        return 0;
}

static int vdev_add(PoolList *l, uint32_t pool, const char *path, const char *health)
{
        static const char *const gone[] = { "UNAVAIL", "REMOVED", "FAULTED", "OFFLINE" };
        PoolVdev *v;

        if (l->n_vdevs >= VDEVS_MAX || !str_is_clean(path, 4096, false))
                return -EBADMSG;

        v = reallocarray(l->vdevs, l->n_vdevs + 1, sizeof(PoolVdev));
        if (!v)
                return -ENOMEM;
        l->vdevs = v;
        v += l->n_vdevs;
        *v = (PoolVdev){ .pool = pool, .path = strdup(path) };
        if (!v->path)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(gone); i++)
                v->missing = v->missing || streq(health, gone[i]);

        l->n_vdevs++;
        return 0;
}

/* "mirror-0", "raidz2-1", "draid2:4d:8c:1s-0", "replacing-3", "spare-1", "indirect-0", "hole-1", "root-0"; a
 * distributed spare, "draid2-0-1", is no device either. */
static bool is_interior(const char *name)
{
        static const char *const kinds[] = { "mirror-", "raidz",     "draid", "replacing-",
                                             "spare-",  "indirect-", "hole-", "root-" };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (startswith(name, kinds[i]))
                        return true;

        return false;
}

/* Section lines are padded with blanks even where all others have tabs. */
static bool is_section(const char *line)
{
        static const char *const sections[] = {
                "dedup", "special", "logs", "log", "cache", "spares", "spare"
        };

        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                const char *rest = startswith(line, sections[i]);

                if (rest && rest[strspn(rest, " -")] == 0)
                        return true;
        }

        return false;
}

static const char *nth_column(char *columns, size_t n)
{
        char *c = NULL;

        for (size_t i = 0; i <= n; i++) {
                c = strsep(&columns, "\t");
                if (!c)
                        return "";
        }

        return c;
}

static int line_parse(PoolList *l, char *line, ssize_t *pool)
{
        char *rest = line, *name;
        Pool *p;
        int r;

        if (*line != '\t') {
                if (!strchr(line, '\t'))
                        return is_section(line) || streq(line, "no pools available") ? 0 : -EBADMSG;
                name = strsep(&rest, "\t");
                if (isempty(nth_column(rest, COLUMN_HEALTH - 1)))
                        return -EBADMSG;
                r = pool_add(l, name, &p);
                if (r < 0)
                        return r;
                *pool = p - l->pools;
                return 0;
        }

        rest = line + strspn(line, "\t ");
        name = strsep(&rest, "\t");
        name = strstrip(name);
        if (*pool < 0 || isempty(name))
                return -EBADMSG;
        if (is_section(name) || is_interior(name))
                return 0;

        return vdev_add(l, (uint32_t) *pool, name, nth_column(rest, COLUMN_HEALTH - 1));
}

int zpool_list_parse(const char *text, size_t size, PoolList *ret)
{
        _cleanup_(pool_list_done) PoolList l = { 0 };
        _cleanup_(lines_done) Lines lines = { 0 };
        ssize_t pool = -1;
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next_nonempty(&lines))) {
                r = line_parse(&l, line, &pool);
                if (r < 0)
                        return r;
        }

        *ret = l;
        l = (PoolList){ 0 };
        return 0;
}

int zpool_guid_parse(const char *text, size_t size, PoolList *l)
{
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next_nonempty(&lines))) {
                char *name, *guid = line;
                uint64_t n;
                Pool *pool;

                if (streq(line, "no pools available"))
                        continue;
                name = strsep(&guid, "\t");
                if (!guid || parse_u64(guid, &n) < 0)
                        return -EBADMSG;
                r = pool_add(l, name, &pool);
                if (r < 0)
                        return r;
                r = free_and_strdup(&pool->guid, guid);
                if (r < 0)
                        return r;
        }

        return 0;
}

int zpool_activity_parse(const char *text, size_t size, PoolList *l)
{
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next_nonempty(&lines))) {
                char *name = line;
                StorageActivity activity;
                Pool *pool;

                activity = storage_activity_from_string(strsep(&name, "\t"));
                if (!name || (int) activity < 0)
                        return -EBADMSG;
                pool = pool_find(l, name);
                if (pool)
                        pool->activity = activity;
        }

        return 0;
}
