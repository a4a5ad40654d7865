/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>

#include "basic/macro.h"

/* The directory of a job, in the open directory of all of them. Workers write there, so nothing in it is followed or believed. What
 * burnind has put aside (JOB_FILE_KEPT) stays, and is not counted. */
#define JOB_FILE_KEPT ".refused"

/* Of a job that has ended. Removes so many files at most: 1: it is gone; 2: such files are all that is left; 0: call again; -errno
 * (-ENOTEMPTY: something is in it that is none of a job's files). */
int job_files_remove(int jobs_fd, const char *name, unsigned max);

int job_files_open(int jobs_fd, const char *name, DIR **ret);
/* Adds what so many further files of it take on the disk. 1: those were all; 0: call again. */
int job_files_measure(DIR *d, unsigned max, uint64_t *bytes);

typedef struct JobFiles {
        uint64_t id, finished_usec; /* finished_usec 0: they may not go */
        uint64_t bytes;
} JobFiles;

/* Of many jobs, and which of them go first where they take too much. */
typedef struct JobFilesList {
        JobFiles *list;
        size_t n, allocated, next;
        uint64_t bytes; /* of those that nobody was told to remove */
        bool sorted;
} JobFilesList;

void job_files_list_done(JobFilesList *l);
int job_files_list_add(JobFilesList *l, const JobFiles *f);
/* Once all are in it: the one that ended longest ago, while they take more than this; it counts no more. NULL: none goes. */
const JobFiles *job_files_list_take(JobFilesList *l, uint64_t max_bytes);
