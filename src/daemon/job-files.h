/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* The directory of a job that has ended, in the open directory of all of them. Workers write there, so nothing in it is followed or
 * believed. Removes so many files at most, and none that burnind has put aside (JOB_FILE_KEPT): 1: it is gone; 2: such files are all
 * that is left; 0: call again; -errno (-ENOTEMPTY: something is in it that is none of a job's files). */
#define JOB_FILE_KEPT ".refused"
int job_files_remove(int jobs_fd, const char *name, unsigned max);
