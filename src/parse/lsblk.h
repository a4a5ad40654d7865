/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* `lsblk -J -b -o ...` (util-linux 2.27 and newer) to a graph of block devices: a partition has its disk as parent, a volume
 * every device it lies on. Pure. */

#define BLOCK_DEVICES_MAX 8192U

typedef struct BlockDevice {
        char *name, *kname, *path, *type;
        char *transport, *model, *serial, *wwn;
        char *fstype, *label, *uuid, *partuuid, *pttype;
        bool have_number;
        uint32_t major, minor;
        uint64_t size_bytes;
        bool rotational, read_only;
        uint32_t logical_block_size, physical_block_size;
        uint32_t *parents; /* indices into BlockTree.devices */
        size_t n_parents;
        uint32_t visited;
} BlockDevice;

typedef struct BlockLink {
        char *name; /* in /dev/disk/by-id */
        uint32_t device;
} BlockLink;

typedef struct BlockTree {
        BlockDevice *devices;
        size_t n_devices;
        BlockLink *links;
        size_t n_links;
        uint32_t visit;
        uint32_t *stack; /* for block_tree_visit_drives() */
} BlockTree;

void block_tree_done(BlockTree *t);
/* -EBADMSG: not lsblk's JSON, or a device without a name. */
int lsblk_parse(const char *text, size_t size, BlockTree *ret);

BlockDevice *block_tree_find(const BlockTree *t, const char *kname);
BlockDevice *block_tree_find_number(const BlockTree *t, uint32_t major, uint32_t minor);
/* By any of the names that tools print: /dev/sda1, /dev/mapper/x, /dev/vg/lv, /dev/disk/by-{id,partuuid,uuid}/..., sda1. For a
 * link to a partition that only its disk's link is known of, the disk. NULL: nobody knows. */
BlockDevice *block_tree_find_path(const BlockTree *t, const char *path);
/* A link in /dev/disk/by-id; unknown devices are ignored. */
int block_tree_add_link(BlockTree *t, const char *kname, const char *name);
/* Calls fn for each device that d lies on and that itself lies on nothing: its whole drives, d itself if it is one. Stops at
 * the first negative result and returns it. */
int block_tree_visit_drives(BlockTree *t, BlockDevice *d, int (*fn)(BlockDevice *drive, void *userdata),
                            void *userdata);
/* A drive that can be tested: type "disk", with a size, on nothing else, and no device made of memory, network or others. */
bool block_device_is_drive(const BlockDevice *d, bool loop_drives);
/* "8:16" */
bool device_number_parse(const char *s, uint32_t *ret_major, uint32_t *ret_minor);
