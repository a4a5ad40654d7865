/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <strings.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/lsblk.h"
#include "shared/facts.h"

#define NAME_BYTES_MAX 255U
#define DEPTH_MAX      16U

static void block_device_done(BlockDevice *d)
{
        free(d->name);
        free(d->kname);
        free(d->path);
        free(d->type);
        free(d->transport);
        free(d->model);
        free(d->serial);
        free(d->wwn);
        free(d->fstype);
        free(d->label);
        free(d->uuid);
        free(d->partuuid);
        free(d->pttype);
        free(d->parents);
}

void block_tree_done(BlockTree *t)
{
        for (size_t i = 0; i < t->n_devices; i++)
                block_device_done(t->devices + i);
        free(t->devices);
        for (size_t i = 0; i < t->n_links; i++)
                free(t->links[i].name);
        free(t->links);
        free(t->stack);
        *t = (BlockTree){ 0 };
}

bool device_number_parse(const char *s, uint32_t *ret_major, uint32_t *ret_minor)
{
        _cleanup_free_ char *t = NULL;
        const char *colon = strchr(s, ':');
        uint32_t major, minor;

        if (!colon || colon - s > 10)
                return false;
        t = strndup(s, (size_t) (colon - s));
        if (!t || parse_u32(t, &major) < 0 || parse_u32(colon + 1, &minor) < 0)
                return false;

        *ret_major = major;
        *ret_minor = minor;
        return true;
}

/* Trimmed and clean; nothing where nothing is left, or where the value is no string. */
static int get_name(struct json_object *o, const char *key, char **ret)
{
        _cleanup_free_ char *t = NULL;
        const char *s;

        if (json_get_string(o, key, &s) <= 0)
                return 0;
        t = str_clean(s, strlen(s), NAME_BYTES_MAX, false);
        if (!t)
                return -ENOMEM;
        s = strstrip(t);

        return isempty(s) ? 0 : free_and_strdup(ret, s);
}

/* Before 2.33 numbers and booleans were strings. */
static void get_number(struct json_object *o, const char *key, uint64_t *ret)
{
        const char *s;

        if (json_get_u64(o, key, ret) < 0 && json_get_string(o, key, &s) > 0)
                (void) parse_u64(s, ret);
}

static bool get_flag(struct json_object *o, const char *key)
{
        uint64_t n = 0;
        bool b;

        if (json_get_bool(o, key, &b) > 0)
                return b;
        get_number(o, key, &n);
        return n != 0;
}

static uint32_t get_sector(struct json_object *o, const char *key)
{
        uint64_t n = 0;

        get_number(o, key, &n);
        return n > UINT32_MAX ? 0 : (uint32_t) n;
}

/* A WWN in one spelling; none for the zeroes that bridges and virtual drives give. */
static void normalize_wwn(char **wwn)
{
        const char *digits;

        if (!*wwn)
                return;
        for (char *p = *wwn; *p; p++)
                *p = (char) tolower((unsigned char) *p);

        digits = startswith(*wwn, "0x") ?: startswith(*wwn, "eui.") ?: *wwn;
        if (digits[strspn(digits, "0")] == 0) {
                free(*wwn);
                *wwn = NULL;
        }
}

BlockDevice *block_tree_find(const BlockTree *t, const char *kname)
{
        for (size_t i = 0; i < t->n_devices; i++)
                if (streq(t->devices[i].kname, kname))
                        return t->devices + i;

        return NULL;
}

BlockDevice *block_tree_find_number(const BlockTree *t, uint32_t major, uint32_t minor)
{
        for (size_t i = 0; i < t->n_devices; i++)
                if (t->devices[i].have_number && t->devices[i].major == major &&
                    t->devices[i].minor == minor)
                        return t->devices + i;

        return NULL;
}

static BlockDevice *find_uuid(const BlockTree *t, const char *uuid, bool partition)
{
        for (size_t i = 0; i < t->n_devices; i++) {
                const char *s = partition ? t->devices[i].partuuid : t->devices[i].uuid;

                if (s && strcasecmp(s, uuid) == 0)
                        return t->devices + i;
        }

        return NULL;
}

static BlockDevice *find_name(const BlockTree *t, const char *name)
{
        for (size_t i = 0; i < t->n_devices; i++)
                if (streq(t->devices[i].name, name))
                        return t->devices + i;

        return NULL;
}

static BlockDevice *find_link(const BlockTree *t, const char *name)
{
        const char *part = NULL;
        size_t n = strlen(name);

        for (size_t i = 0; i < t->n_links; i++)
                if (streq(t->links[i].name, name))
                        return t->devices + t->links[i].device;

        /* "ata-X-part1" is on the disk "ata-X". */
        for (const char *p = name; (p = strstr(p, "-part")); p++)
                part = p;
        if (!part || !part[5] || part[5 + strspn(part + 5, "0123456789")])
                return NULL;
        n = (size_t) (part - name);

        for (size_t i = 0; i < t->n_links; i++)
                if (strlen(t->links[i].name) == n && strncmp(t->links[i].name, name, n) == 0)
                        return t->devices + t->links[i].device;

        return NULL;
}

/* "/dev/vg/lv" is "vg-lv" to the device mapper, with dashes inside doubled. */
static BlockDevice *find_volume(const BlockTree *t, const char *name)
{
        char mapper[2 * NAME_BYTES_MAX + 2], *p = mapper;

        if (strlen(name) > NAME_BYTES_MAX)
                return NULL;
        for (; *name; name++) {
                if (*name == '-')
                        *p++ = '-';
                *p++ = *name == '/' ? '-' : *name;
        }
        *p = 0;

        return find_name(t, mapper);
}

BlockDevice *block_tree_find_path(const BlockTree *t, const char *path)
{
        BlockDevice *d;
        const char *name;

        for (size_t i = 0; i < t->n_devices; i++)
                if (t->devices[i].path && streq(t->devices[i].path, path))
                        return t->devices + i;

        if ((name = startswith(path, "/dev/disk/by-partuuid/")))
                return find_uuid(t, name, true);
        if ((name = startswith(path, "/dev/disk/by-uuid/")))
                return find_uuid(t, name, false);
        if ((name = startswith(path, "/dev/disk/by-id/")))
                return find_link(t, name);
        if ((name = startswith(path, "/dev/mapper/")))
                return find_name(t, name);

        name = startswith(path, "/dev/");
        if (!name) {
                if (strchr(path, '/'))
                        return NULL;
                name = path;
        }

        d = block_tree_find(t, name) ?: find_name(t, name) ?: find_link(t, name);
        if (!d && strchr(name, '/'))
                d = find_volume(t, name);

        return d;
}

int block_tree_add_link(BlockTree *t, const char *kname, const char *name)
{
        BlockDevice *d = block_tree_find(t, kname);
        BlockLink *l;
        char *copy;

        if (!d || t->n_links >= 4 * BLOCK_DEVICES_MAX)
                return 0;

        l = reallocarray(t->links, t->n_links + 1, sizeof(BlockLink));
        if (!l)
                return -ENOMEM;
        t->links = l;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;

        t->links[t->n_links++] = (BlockLink){ .name = copy, .device = (uint32_t) (d - t->devices) };
        return 0;
}

int block_tree_visit_drives(BlockTree *t, BlockDevice *d, int (*fn)(BlockDevice *drive, void *userdata),
                            void *userdata)
{
        size_t n = 0;
        int r;

        /* No recursion: a host may print a chain as long as it likes. Each device gets on the stack once. */
        t->visit++;
        d->visited = t->visit;
        t->stack[n++] = (uint32_t) (d - t->devices);

        while (n > 0) {
                d = t->devices + t->stack[--n];

                if (d->n_parents == 0) {
                        r = fn(d, userdata);
                        if (r < 0)
                                return r;
                }
                for (size_t i = 0; i < d->n_parents; i++) {
                        BlockDevice *parent = t->devices + d->parents[i];

                        if (parent->visited == t->visit)
                                continue;
                        parent->visited = t->visit;
                        t->stack[n++] = d->parents[i];
                }
        }

        return 0;
}

bool block_device_is_drive(const BlockDevice *d, bool loop_drives)
{
        static const char *const others[] = { "ram", "zram", "fd",     "dm-", "md",
                                              "zd",  "drbd", "bcache", "nbd", "rbd" };

        if (d->size_bytes == 0 || d->n_parents > 0 || !d->type || !kname_is_valid(d->kname))
                return false;
        if (streq(d->type, "loop"))
                return loop_drives;
        if (!streq(d->type, "disk"))
                return false;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                const char *rest = startswith(d->kname, others[i]);

                if (rest && *rest >= '0' && *rest <= '9')
                        return false;
        }

        /* The hidden boot areas of eMMC are part of a drive that has its own entry. */
        return !(startswith(d->kname, "mmcblk") && (strstr(d->kname, "boot") || strstr(d->kname, "rpmb")));
}

static int device_add_parent(BlockDevice *d, size_t parent)
{
        uint32_t *p;

        for (size_t i = 0; i < d->n_parents; i++)
                if (d->parents[i] == parent)
                        return 0;

        p = reallocarray(d->parents, d->n_parents + 1, sizeof(uint32_t));
        if (!p)
                return -ENOMEM;
        p[d->n_parents++] = (uint32_t) parent;
        d->parents = p;
        return 0;
}

static int device_fill(struct json_object *o, BlockDevice *d)
{
        const char *number;

        if (get_name(o, "kname", &d->kname) < 0 || get_name(o, "name", &d->name) < 0 ||
            get_name(o, "path", &d->path) < 0 || get_name(o, "type", &d->type) < 0 ||
            get_name(o, "tran", &d->transport) < 0 || get_name(o, "model", &d->model) < 0 ||
            get_name(o, "serial", &d->serial) < 0 || get_name(o, "wwn", &d->wwn) < 0 ||
            get_name(o, "fstype", &d->fstype) < 0 || get_name(o, "label", &d->label) < 0 ||
            get_name(o, "uuid", &d->uuid) < 0 || get_name(o, "partuuid", &d->partuuid) < 0 ||
            get_name(o, "pttype", &d->pttype) < 0)
                return -ENOMEM;
        if (!d->kname || !d->name)
                return -EBADMSG;
        normalize_wwn(&d->wwn);

        if (json_get_string(o, "maj:min", &number) > 0)
                d->have_number = device_number_parse(strspn(number, " ") + number, &d->major, &d->minor);
        get_number(o, "size", &d->size_bytes);
        d->rotational = get_flag(o, "rota");
        d->read_only = get_flag(o, "ro");
        d->logical_block_size = get_sector(o, "log-sec");
        d->physical_block_size = get_sector(o, "phy-sec");
        return 0;
}

/* One entry of the tree. A device that lies on several others is printed below each of them. */
static int tree_add(BlockTree *t, struct json_object *o, ssize_t parent, unsigned depth)
{
        struct json_object *children;
        BlockDevice d = { 0 }, *known;
        ssize_t index;
        int r;

        if (!json_object_is_type(o, json_type_object) || depth > DEPTH_MAX)
                return -EBADMSG;

        r = device_fill(o, &d);
        if (r < 0) {
                block_device_done(&d);
                return r;
        }

        known = block_tree_find(t, d.kname);
        if (known) {
                block_device_done(&d);
                index = known - t->devices;
        } else {
                if (t->n_devices >= BLOCK_DEVICES_MAX) {
                        block_device_done(&d);
                        return -EBADMSG;
                }
                index = (ssize_t) t->n_devices++;
                t->devices[index] = d;
        }

        if (parent >= 0 && parent != index) {
                r = device_add_parent(t->devices + index, (size_t) parent);
                if (r < 0)
                        return r;
        }

        r = json_get(o, "children", json_type_array, &children);
        for (size_t i = 0; r > 0 && i < json_object_array_length(children); i++) {
                int k = tree_add(t, json_object_array_get_idx(children, i), index, depth + 1);

                if (k < 0)
                        return k;
        }

        return r < 0 ? r : 0;
}

/* Some versions print a flat list; then only PKNAME tells. */
static int tree_add_pknames(BlockTree *t, struct json_object *list)
{
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                BlockDevice *d, *parent;
                const char *kname, *pkname;
                int r;

                if (json_get_string(o, "kname", &kname) <= 0 || json_get_string(o, "pkname", &pkname) <= 0)
                        continue;
                d = block_tree_find(t, kname);
                parent = block_tree_find(t, pkname);
                if (!d || !parent || d == parent)
                        continue;

                r = device_add_parent(d, (size_t) (parent - t->devices));
                if (r < 0)
                        return r;
        }

        return 0;
}

int lsblk_parse(const char *text, size_t size, BlockTree *ret)
{
        _cleanup_(block_tree_done) BlockTree t = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *clean = NULL;
        struct json_object *list;
        int r;

        /* A label is whatever bytes someone wrote on a drive once; they must not hide all the others. */
        clean = str_clean(text, size, size, true);
        if (!clean)
                return -ENOMEM;

        r = json_parse(clean, strlen(clean), &o);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (json_get(o, "blockdevices", json_type_array, &list) <= 0)
                return -EBADMSG;

        t.devices = new0(BlockDevice, BLOCK_DEVICES_MAX);
        t.stack = new (uint32_t, BLOCK_DEVICES_MAX);
        if (!t.devices || !t.stack)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                r = tree_add(&t, json_object_array_get_idx(list, i), -1, 0);
                if (r < 0)
                        return r;
        }
        r = tree_add_pknames(&t, list);
        if (r < 0)
                return r;

        *ret = t;
        t = (BlockTree){ 0 };
        return 0;
}
