/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* /proc/self/mountinfo and /proc/swaps. Pure. */

#define MOUNTS_MAX 16384U

typedef struct Mount {
        uint32_t major, minor;
        char *target, *fstype, *source; /* escapes resolved, clean */
} Mount;

typedef struct MountTable {
        Mount *mounts;
        size_t n_mounts;
} MountTable;

void mount_table_done(MountTable *t);
/* -EBADMSG on the first line that is not one of mountinfo's, and for an empty text: every system has a root. */
int mountinfo_parse(const char *text, size_t size, MountTable *ret);
/* The paths in the first column. -EBADMSG without the heading. */
int swaps_parse(const char *text, size_t size, char ***ret);
