/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/lsblk.h"
#include "parse/mountinfo.h"
#include "parse/zpool.h"
#include "shared/facts.h"

/* What uses which drive, from what the detectors saw. Each finding is about some block device and counts for every
 * whole drive below it. The strongest role wins, and no finding ever weakens one: any doubt is more locked, never less.
 *
 * Where the answer cannot be complete (a detector failed, or a device that is in use is nobody's we know), error says so, and
 * no drive may come out as free: lock_map_close().
 *
 * Pools: a member is found by its path; failing that by its label, since lsblk's UUID of a zfs_member is the pool's guid. An
 * active pool with a member that cannot be found makes every zfs_member drive of no known other pool one of that pool (its
 * name must be typed). It is an error as well, unless the pool itself says that the device is gone. */

typedef struct LockMap {
        BlockTree *tree;         /* weak */
        DriveLock *locks;        /* one per device of the tree; only those of drives mean something */
        char *const *boot_pools; /* weak */
        char *error;             /* for people; NULL: every detector worked */
} LockMap;

int lock_map_init(LockMap *m, BlockTree *tree, char *const *boot_pools);
void lock_map_done(LockMap *m);
/* A detector failed: what could not be told. */
int lock_map_fail(LockMap *m, const char *format, ...) _printf_(2, 3);

/* Pools before signatures, openers last. */
int lock_map_add_pools(LockMap *m, PoolList *pools);
int lock_map_add_signatures(LockMap *m, const PoolList *pools);
int lock_map_add_mounts(LockMap *m, const MountTable *mounts);
int lock_map_add_swaps(LockMap *m, char *const *swaps);
/* "KNAME HOLDER..." and "MAJ:MIN PID COMM"; a line of another form is -EBADMSG. */
int lock_map_add_holders(LockMap *m, const char *text, size_t size);
int lock_map_add_openers(LockMap *m, const char *text, size_t size);
/* "ACTIVITY KNAME WHAT", WHAT for people: what reads all of its drives now. That locks none. */
int lock_map_add_activities(LockMap *m, const char *text, size_t size);
/* `blkid -p -o export` of a drive and its partitions. */
int lock_map_add_probe(LockMap *m, const PoolList *pools, BlockDevice *drive, const char *text, size_t size);
/* The drive could not be probed, or not to the end: at least this role, whatever else was found. */
int lock_map_raise(LockMap *m, BlockDevice *device, LockRole role, const char *detail);
/* Last of all: where a detector failed, what seems free was merely not classified. */
int lock_map_close(LockMap *m);

DriveLock *lock_map_get(const LockMap *m, const BlockDevice *drive);
