/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/lines.h"
#include "parse/lock.h"

#define DETAIL_MAX 512U
#define ERROR_MAX  2048U

#define ACTIVITY_OF_MAX 128U

/* Memory disks and flash translation have no entry in lsblk, and no drive below. */
#define MAJOR_RAM      1U
#define MAJOR_MTDBLOCK 31U

typedef struct Finding {
        LockMap *map;
        LockRole role;
        const char *pool, *guid;
        const char *detail;
        bool used;
        unsigned drives;
} Finding;

int lock_map_init(LockMap *m, BlockTree *tree, char *const *boot_pools)
{
        *m = (LockMap){
                .tree = tree,
                .boot_pools = boot_pools,
                .locks = new0(DriveLock, MAX(tree->n_devices, (size_t) 1)),
        };

        return m->locks ? 0 : -ENOMEM;
}

void lock_map_done(LockMap *m)
{
        for (size_t i = 0; m->locks && i < m->tree->n_devices; i++)
                drive_lock_done(m->locks + i);
        free(m->locks);
        free(m->error);
        *m = (LockMap){ 0 };
}

DriveLock *lock_map_get(const LockMap *m, const BlockDevice *drive)
{
        return m->locks + (drive - m->tree->devices);
}

/* Appends to a list in words. Said once is enough, and at some point it has been said. */
static int text_append(char **text, const char *more, size_t max)
{
        char *t;

        if (*text && (strstr(*text, more) || strlen(*text) + strlen(more) + 2 > max))
                return 0;

        t = *text ? strf("%s; %s", *text, more) : str_clean(more, strlen(more), max, false);
        if (!t)
                return -ENOMEM;

        free(*text);
        *text = t;
        return 0;
}

int lock_map_fail(LockMap *m, const char *format, ...)
{
        _cleanup_free_ char *t = NULL, *clean = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&t, format, ap);
        va_end(ap);
        if (r < 0) {
                t = NULL;
                return -ENOMEM;
        }
        clean = str_clean(t, strlen(t), DETAIL_MAX, false);

        return clean ? text_append(&m->error, clean, ERROR_MAX) : -ENOMEM;
}

static int finding_apply(BlockDevice *drive, void *userdata)
{
        Finding *f = userdata;
        DriveLock *l = lock_map_get(f->map, drive), activity;
        bool used;

        f->drives++;
        l->used |= f->used;
        if (f->role < l->role)
                return 0;
        if (f->role == l->role)
                return text_append(&l->detail, f->detail, DETAIL_MAX);

        used = l->used;
        activity = (DriveLock){ .activity = l->activity, .activity_of = TAKE_PTR(l->activity_of) };
        drive_lock_done(l);
        *l = activity;
        l->used = used;
        if (free_and_strdup(&l->pool, f->pool) < 0 || free_and_strdup(&l->guid, f->guid) < 0 ||
            text_append(&l->detail, f->detail, DETAIL_MAX) < 0)
                return -ENOMEM;
        l->role = f->role;
        return 0;
}

static int finding_raise(Finding *f, BlockDevice *d, const char *detail)
{
        _cleanup_free_ char *clean = str_clean(detail, strlen(detail), DETAIL_MAX, false);

        if (!clean)
                return -ENOMEM;

        f->detail = clean;
        return block_tree_visit_drives(f->map->tree, d, finding_apply, f);
}

static int raise_pool(LockMap *m, BlockDevice *d, LockRole role, const char *pool, const char *guid,
                      const char *format, ...) _printf_(6, 7);

static int raise_pool(LockMap *m, BlockDevice *d, LockRole role, const char *pool, const char *guid,
                      const char *format, ...)
{
        _cleanup_free_ char *t = NULL;
        Finding f = {
                .map = m,
                .role = role,
                .pool = pool,
                .guid = guid,
                .used = role >= LOCK_MOUNTED,
        };
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&t, format, ap);
        va_end(ap);
        if (r < 0) {
                t = NULL;
                return -ENOMEM;
        }

        return finding_raise(&f, d, t);
}

int lock_map_raise(LockMap *m, BlockDevice *device, LockRole role, const char *detail)
{
        return raise_pool(m, device, role, NULL, NULL, "%s", detail);
}

static int used_apply(BlockDevice *drive, void *userdata)
{
        lock_map_get(userdata, drive)->used = true;
        return 0;
}

/* A part of something that lives now, and not only by its signature. */
static int mark_used(LockMap *m, BlockDevice *d)
{
        return block_tree_visit_drives(m->tree, d, used_apply, m);
}

typedef struct Activity {
        LockMap *map;
        StorageActivity activity;
        const char *of, *detail;
} Activity;

static int activity_apply(BlockDevice *drive, void *userdata)
{
        const Activity *a = userdata;
        DriveLock *l = lock_map_get(a->map, drive);

        /* One is enough to wait for; the next one is found once it has ended. */
        if (l->activity == STORAGE_IDLE) {
                l->activity_of = strdup(a->of);
                if (!l->activity_of)
                        return -ENOMEM;
                l->activity = a->activity;
        }

        return a->detail && l->role != LOCK_NONE ? text_append(&l->detail, a->detail, DETAIL_MAX) : 0;
}

/* of: for people. detail: NULL where the lock's says it already. */
static int raise_activity(LockMap *m, BlockDevice *d, StorageActivity activity, const char *of,
                          const char *detail)
{
        Activity a = { .map = m, .activity = activity, .of = of, .detail = detail };

        return block_tree_visit_drives(m->tree, d, activity_apply, &a);
}

static LockRole pool_role(const LockMap *m, const char *pool)
{
        return strv_contains(m->boot_pools, pool) ? LOCK_BOOT_POOL : LOCK_ACTIVE_POOL;
}

/* words: how the device is a part of it: "member of the active ZFS pool" */
static int raise_active(LockMap *m, BlockDevice *d, const Pool *p, const char *words)
{
        static const char *const goes_on[_STORAGE_ACTIVITY_MAX] = {
                [STORAGE_IDLE] = "",
                [STORAGE_SCRUB] = ", where a scrub goes on",
                [STORAGE_RESILVER] = ", which resilvers",
        };
        _cleanup_free_ char *t = strf("%s %s%s", words, p->name, strempty(goes_on[p->activity])),
                            *of = strf("pool %s", p->name);
        Finding f = {
                .map = m,
                .role = pool_role(m, p->name),
                .pool = p->name,
                .guid = p->guid,
                .used = true,
        };
        int r;

        r = t && of ? finding_raise(&f, d, t) : -ENOMEM;
        return r < 0 || p->activity == STORAGE_IDLE ? r : raise_activity(m, d, p->activity, of, NULL);
}

int lock_map_add_pools(LockMap *m, PoolList *pools)
{
        int r;

        for (size_t i = 0; i < pools->n_vdevs; i++) {
                PoolVdev *v = pools->vdevs + i;
                Pool *p = pools->pools + v->pool;
                BlockDevice *d = block_tree_find_path(m->tree, v->path);

                if (d) {
                        r = raise_active(m, d, p, "member of the active ZFS pool");
                        if (r < 0)
                                return r;
                        continue;
                }

                p->unresolved = true;
                /* A file that serves as a member lies on a file system, which is mounted. */
                if (v->missing || (v->path[0] == '/' && !startswith(v->path, "/dev/")))
                        continue;
                r = lock_map_fail(m, "member %s of the active ZFS pool %s is no drive that could be found",
                                  v->path, p->name);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A ZFS label that says it belongs to no active pool is exported; every doubt about that makes it active. */
static int add_zfs_member(LockMap *m, const PoolList *pools, BlockDevice *d, const char *label,
                          const char *guid)
{
        for (size_t i = 0; pools && i < pools->n_pools; i++) {
                const Pool *p = pools->pools + i;

                if (guid && p->guid && streq(guid, p->guid))
                        return raise_active(m, d, p, "member of the active ZFS pool");
                if ((!guid || !p->guid) && (p->unresolved || (label && streq(label, p->name))))
                        return raise_active(m, d, p, "carries a ZFS label, perhaps of the active pool");
        }

        if (label)
                return raise_pool(m, d, LOCK_EXPORTED_POOL, label, guid,
                                  "member of the exported ZFS pool %s", label);
        return raise_pool(m, d, LOCK_EXPORTED_POOL, NULL, guid, "member of an exported ZFS pool");
}

/* What blkid calls them; every "..._member" is a part of something bigger. */
static bool is_storage_signature(const char *type)
{
        static const char *const types[] = {
                "crypto_LUKS",  "bcache", "ceph_bluestore", "drbd", "DM_snapshot_cow",  "DM_verity_hash",
                "DM_integrity", "vdo",    "stratis",        "jbd",  "xfs_external_log", "BitLocker",
                "VMFS"
        };

        if (endswith(type, "_member"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(type, types[i]))
                        return true;

        return false;
}

static int add_signature(LockMap *m, const PoolList *pools, BlockDevice *d, const char *type,
                         const char *label, const char *uuid)
{
        if (streq(type, "zfs_member"))
                return add_zfs_member(m, pools, d, label, uuid);
        if (is_storage_signature(type))
                return raise_pool(m, d, LOCK_STORAGE_MEMBER, NULL, NULL, "%s signature on %s", type,
                                  d->kname);

        return raise_pool(m, d, LOCK_EXISTING_DATA, NULL, NULL, "%s signature on %s", type, d->kname);
}

int lock_map_add_signatures(LockMap *m, const PoolList *pools)
{
        int r;

        for (size_t i = 0; i < m->tree->n_devices; i++) {
                BlockDevice *d = m->tree->devices + i;

                if (d->fstype) {
                        r = add_signature(m, pools, d, d->fstype, d->label, d->uuid);
                        if (r < 0)
                                return r;
                }
                if (d->pttype && d->n_parents == 0) {
                        r = raise_pool(m, d, LOCK_EXISTING_DATA, NULL, NULL, "%s partition table",
                                       d->pttype);
                        if (r < 0)
                                return r;
                }
                if (d->n_parents == 0)
                        continue;

                /* Something lies on a drive: a partition at least, else a volume of some kind. */
                if (streq_ptr(d->type, "part"))
                        r = raise_pool(m, d, LOCK_EXISTING_DATA, NULL, NULL, "partition %s", d->kname);
                else {
                        r = raise_pool(m, d, LOCK_STORAGE_MEMBER, NULL, NULL, "part of %s (%s)", d->name,
                                       d->type ?: "unknown");
                        if (r >= 0)
                                r = mark_used(m, d);
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool is_multi_device(const char *fstype)
{
        return streq(fstype, "btrfs") || streq(fstype, "bcachefs");
}

/* The other devices of a file system that lies on several: those with its UUID; without one, all of its kind. */
static int add_siblings(LockMap *m, const BlockDevice *first, const char *fstype, const char *target)
{
        int r;

        for (size_t i = 0; i < m->tree->n_devices; i++) {
                BlockDevice *d = m->tree->devices + i;

                if (d == first || !streq_ptr(d->fstype, fstype) ||
                    (first && first->uuid && d->uuid && !streq(d->uuid, first->uuid)))
                        continue;
                r = raise_pool(m, d, LOCK_MOUNTED, NULL, NULL, "part of the %s file system mounted at %s",
                               fstype, target);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int add_mounted(LockMap *m, BlockDevice *d, const char *target)
{
        if (d->n_parents == 0 || streq_ptr(d->type, "part"))
                return raise_pool(m, d, LOCK_MOUNTED, NULL, NULL, "mounted at %s", target);

        return raise_pool(m, d, LOCK_MOUNTED, NULL, NULL, "mounted at %s (by way of %s)", target, d->name);
}

/* File systems with an anonymous number have devices only in their source: "/dev/sda", "/dev/sda:/dev/sdb". */
static int add_mount_source(LockMap *m, const Mount *mount)
{
        _cleanup_strv_free_ char **paths = NULL;
        BlockDevice *first = NULL;
        bool lost = false;
        int r;

        r = strv_split(mount->source, ":", &paths);
        if (r < 0)
                return r;

        STRV_FOREACH(p, paths) {
                BlockDevice *d = startswith(*p, "/dev/") ? block_tree_find_path(m->tree, *p) : NULL;

                if (!d) {
                        lost = true;
                        continue;
                }
                first = first ?: d;
                r = add_mounted(m, d, mount->target);
                if (r < 0)
                        return r;
        }

        if (!is_multi_device(mount->fstype))
                return 0;
        if (lost || !first) {
                r = lock_map_fail(m, "%s, mounted at %s, is no drive that could be found", mount->source,
                                  mount->target);
                if (r < 0)
                        return r;
        }

        return add_siblings(m, first, mount->fstype, mount->target);
}

int lock_map_add_mounts(LockMap *m, const MountTable *mounts)
{
        int r;

        for (size_t i = 0; i < mounts->n_mounts; i++) {
                const Mount *mount = mounts->mounts + i;
                BlockDevice *d;

                if (mount->major == 0) {
                        if (is_multi_device(mount->fstype) || startswith(mount->source, "/dev/")) {
                                r = add_mount_source(m, mount);
                                if (r < 0)
                                        return r;
                        }
                        continue;
                }

                d = block_tree_find_number(m->tree, mount->major, mount->minor)
                                    ?: block_tree_find_path(m->tree, mount->source);
                if (d)
                        r = add_mounted(m, d, mount->target);
                else if (mount->major == MAJOR_RAM || mount->major == MAJOR_MTDBLOCK)
                        r = 0;
                else
                        r = lock_map_fail(m,
                                          "%s (%" PRIu32 ":%" PRIu32
                                          "), mounted at %s, is no drive that could be found",
                                          mount->source, mount->major, mount->minor, mount->target);
                if (r < 0)
                        return r;
        }

        return 0;
}

int lock_map_add_swaps(LockMap *m, char *const *swaps)
{
        int r;

        STRV_FOREACH(s, swaps) {
                BlockDevice *d;

                /* A file lies on a file system, which is mounted. */
                if (!startswith(*s, "/dev/"))
                        continue;
                d = block_tree_find_path(m->tree, *s);
                if (d)
                        r = raise_pool(m, d, LOCK_MOUNTED, NULL, NULL, "swap on %s", d->kname);
                else
                        r = lock_map_fail(m, "the swap device %s is no drive that could be found", *s);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Calls fn for each line of text, cut into its first words; what is behind them stays in the last. */
static int foreach_line(LockMap *m, const char *text, size_t size, size_t n_words,
                        int (*fn)(LockMap *m, char *const *words))
{
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next_nonempty(&lines))) {
                char *words[4] = { 0 };

                if (line_cut(line, words, n_words) < n_words)
                        return -EBADMSG;
                for (size_t i = 0; i < n_words; i++)
                        if (isempty(words[i]))
                                return -EBADMSG;
                r = fn(m, words);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int add_holder(LockMap *m, char *const *words)
{
        BlockDevice *d = block_tree_find(m->tree, words[0]);
        int r;

        if (!d)
                return lock_map_fail(m, "%s, held by %s, is no drive that could be found", words[0],
                                     words[1]);

        r = raise_pool(m, d, LOCK_STORAGE_MEMBER, NULL, NULL, "%s is held by %s", words[0], words[1]);
        return r < 0 ? r : mark_used(m, d);
}

int lock_map_add_holders(LockMap *m, const char *text, size_t size)
{
        return foreach_line(m, text, size, 2, add_holder);
}

static int add_activity(LockMap *m, char *const *words)
{
        _cleanup_free_ char *of = str_clean(words[2], strlen(words[2]), ACTIVITY_OF_MAX, false), *t = NULL;
        StorageActivity activity = storage_activity_from_string(words[0]);
        BlockDevice *d = block_tree_find(m->tree, words[1]);

        if ((int) activity <= STORAGE_IDLE)
                return -EBADMSG;
        if (!of)
                return -ENOMEM;
        if (!d)
                return 0;

        t = strf("a %s of %s goes on", words[0], of);
        return t ? raise_activity(m, d, activity, of, t) : -ENOMEM;
}

int lock_map_add_activities(LockMap *m, const char *text, size_t size)
{
        return foreach_line(m, text, size, 3, add_activity);
}

/* What already says why it is open (a pool, a mount, a volume) stays what it is: its own processes open it. */
static int opener_apply(BlockDevice *drive, void *userdata)
{
        const Finding *f = userdata;
        DriveLock *l = lock_map_get(f->map, drive);

        if (l->used && l->role != LOCK_IN_USE)
                return text_append(&l->detail, f->detail, DETAIL_MAX);

        return finding_apply(drive, userdata);
}

static int add_opener(LockMap *m, char *const *words)
{
        _cleanup_free_ char *t = NULL, *clean = NULL;
        Finding f = { .map = m, .role = LOCK_IN_USE, .used = true };
        uint32_t major, minor, pid;
        BlockDevice *d;

        if (!device_number_parse(words[0], &major, &minor) || parse_u32(words[1], &pid) < 0)
                return -EBADMSG;

        d = block_tree_find_number(m->tree, major, minor);
        if (!d) {
                if (major == MAJOR_RAM || major == MAJOR_MTDBLOCK)
                        return 0;
                return lock_map_fail(m, "device %s, open in %s (pid %s), is no drive that could be found",
                                     words[0], words[2], words[1]);
        }

        t = strf("open in %s (pid %" PRIu32 ")", words[2], pid);
        clean = t ? str_clean(t, strlen(t), DETAIL_MAX, false) : NULL;
        if (!clean)
                return -ENOMEM;
        f.detail = clean;
        return block_tree_visit_drives(m->tree, d, opener_apply, &f);
}

int lock_map_add_openers(LockMap *m, const char *text, size_t size)
{
        return foreach_line(m, text, size, 3, add_opener);
}

typedef struct Probe {
        char *devname, *type, *label, *uuid, *pttype;
} Probe;

static void probe_done(Probe *p)
{
        free(p->devname);
        free(p->type);
        free(p->label);
        free(p->uuid);
        free(p->pttype);
        *p = (Probe){ 0 };
}

static int probe_apply(LockMap *m, const PoolList *pools, BlockDevice *drive, const Probe *p)
{
        int r;

        /* Partitions are the drive's, whether lsblk knew them or not. */
        if (p->type) {
                r = add_signature(m, pools, drive, p->type, p->label, p->uuid);
                if (r < 0)
                        return r;
        }
        if (p->pttype)
                return raise_pool(m, drive, LOCK_EXISTING_DATA, NULL, NULL, "%s partition table", p->pttype);

        return 0;
}

/* export's values have shell's specials escaped; only names of pools could have any, and those do not. */
static int probe_take(Probe *p, const char *key, const char *value)
{
        char **field = streq(key, "DEVNAME")  ? &p->devname
                       : streq(key, "TYPE")   ? &p->type
                       : streq(key, "LABEL")  ? &p->label
                       : streq(key, "UUID")   ? &p->uuid
                       : streq(key, "PTTYPE") ? &p->pttype
                                              : NULL;
        char *clean;

        if (!field || isempty(value))
                return 0;
        clean = str_clean(value, strlen(value), 255, false);
        if (!clean)
                return -ENOMEM;
        free(*field);
        *field = clean;
        return 0;
}

int lock_map_add_probe(LockMap *m, const PoolList *pools, BlockDevice *drive, const char *text, size_t size)
{
        _cleanup_(probe_done) Probe probe = { 0 };
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next(&lines))) {
                char *value = line, *key;

                key = strsep(&value, "=");
                if (*key && !value)
                        return -EBADMSG;
                /* A device ends at an empty line, or where the next one begins. */
                if (!*key || streq(key, "DEVNAME")) {
                        r = probe_apply(m, pools, drive, &probe);
                        if (r < 0)
                                return r;
                        probe_done(&probe);
                }
                if (*key) {
                        r = probe_take(&probe, key, value);
                        if (r < 0)
                                return r;
                }
        }

        return probe_apply(m, pools, drive, &probe);
}

int lock_map_close(LockMap *m)
{
        int r;

        if (!m->error)
                return 0;

        for (size_t i = 0; i < m->tree->n_devices; i++) {
                DriveLock *l = m->locks + i;

                if (l->role != LOCK_NONE)
                        continue;
                r = free_and_strdup(&l->detail, "what uses it could not be found out");
                if (r < 0)
                        return r;
                l->role = LOCK_UNCLASSIFIED;
        }

        return 0;
}
