/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Copies of the database, in a directory of their own. Their names have their time in UTC, so they sort by it:
 * burnin-20261121T020000Z.db. What has such a name is whole and was verified; what is half made has another one.
 *
 * Errors are those of the store: -EUCLEAN: damaged, or no database of ours; -ENOTSUP: of a newer burnind; -ENOSPC: it would leave
 * too little room; -EBUSY. */

#define BACKUP_NAME_SIZE sizeof("burnin-20261121T020000Z.db")
#define BACKUPS_MAX      1000U

typedef struct Backup {
        char name[BACKUP_NAME_SIZE];
        uint64_t time_usec, size_bytes;
} Backup;

/* Of a name; -EINVAL: no backup is called so. */
int backup_parse_name(const char *name, uint64_t *ret_usec);

/* The database as it is at one moment, while others write to it. */
int backup_make(const char *database, const char *dir, uint64_t now, Backup *ret);

/* A whole database of ours; reads alone. */
int backup_verify(const char *path);

/* The newest first, at most so many. A directory that is missing has none. */
int backup_list(const char *dir, Backup ret[static BACKUPS_MAX], size_t *ret_n);

/* Removes all but the newest of them and this one, and what was left half made; how many backups went. */
int backup_rotate(const char *dir, uint32_t keep, const char *but);

/* Puts a copy of that file, brought up to date, into the place of the database, which nobody may have open. Of the old one everything
 * is kept under ret_aside, "" where there was none.
 *
 * What the backup says of jobs that had not ended is not true any more: they are cancelled, so that none begins that has run or was
 * cancelled since; what they may have left running keeps its drive locked. Logins end. Numbers of jobs are not given again:
 * first_job is the least one that may be. */
int backup_restore(const char *database, const char *file, uint64_t now, uint64_t first_job,
                   char **ret_aside);
