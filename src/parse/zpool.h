/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"
#include "shared/enums.h"

/* `zpool list -vHP` (with or without -L), `zpool list -H -o name,guid`, and what goes on by `zpool status`. Pure. */

#define POOLS_MAX 256U
#define VDEVS_MAX 8192U

typedef struct Pool {
        char *name;
        char *guid;      /* NULL: not known */
        bool unresolved; /* has a member that is no known device */
        StorageActivity activity;
} Pool;

typedef struct PoolVdev {
        uint32_t pool;
        char *path; /* a leaf: what the pool lies on; also spares, logs, caches. A member that is gone may be a number */
        bool missing; /* by the pool's own word the device is not there */
} PoolVdev;

typedef struct PoolList {
        Pool *pools;
        size_t n_pools;
        PoolVdev *vdevs;
        size_t n_vdevs;
} PoolList;

void pool_list_done(PoolList *l);
/* -EBADMSG: a line that is neither pool, section nor member. */
int zpool_list_parse(const char *text, size_t size, PoolList *ret);
/* Adds the guids; a pool that was not listed before (imported in between) is added. */
int zpool_guid_parse(const char *text, size_t size, PoolList *l);
/* "ACTIVITY<tab>NAME" of pools that are being read through. One that is not listed is left out. -EBADMSG */
int zpool_activity_parse(const char *text, size_t size, PoolList *l);
