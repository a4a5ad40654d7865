/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* How burnind asks burnin-backup for a backup, which it must not wait for: one connection to PATH_BACKUP_SOCKET, one packet each way.
 * The process ends with its answer. */

#define BACKUP_KEEP_MAX 1000U

typedef struct BackupRequest {
        uint32_t keep; /* so many stay, with the new one; 1 to BACKUP_KEEP_MAX */
} BackupRequest;

typedef struct BackupAnswer {
        int32_t error; /* 0, or -errno: no backup was made */
        uint32_t removed;
        uint64_t size_bytes;
        char name[32];
} BackupAnswer;
