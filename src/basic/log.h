/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <syslog.h>

#include "basic/macro.h"

/* The log is the journal. Where standard error is not connected to it (a terminal, a test) the same line goes there,
 * with the syslog priority in front.
 *
 * Every entry carries PRIORITY, SYSLOG_IDENTIFIER, CODE_FILE, CODE_LINE, CODE_FUNC, and ERRNO where there is one. What
 * belongs to an object (BURNIN_JOB=, BURNIN_DRIVE=, ...) is passed as fields; shared/names.h lists their names. */

typedef struct LogField {
        const char *key;   /* without '=', not copied */
        const char *value; /* NULL: the field is left out */
} LogField;

#define LOG_FIELDS_MAX 24

void log_open(const char *identifier);
void log_set_max_level(int level);
int log_get_max_level(void);
/* "auto", "journal" or "console"; -EINVAL otherwise. */
int log_set_target(const char *target);
const char *log_get_target(void);

/* Returns -abs(error), so that a caller can log and return in one line. Fields with a NULL key end the list. */
int log_internal(int level, int error, const char *file, int line, const char *func, const LogField *fields,
                 const char *format, ...) _printf_(7, 8);

#define log_full_errno(level, error, fields, ...)                                                           \
        log_internal(level, error, __FILE__, __LINE__, __func__, fields, __VA_ARGS__)

#define log_debug(...)   log_full_errno(LOG_DEBUG, 0, NULL, __VA_ARGS__)
#define log_info(...)    log_full_errno(LOG_INFO, 0, NULL, __VA_ARGS__)
#define log_notice(...)  log_full_errno(LOG_NOTICE, 0, NULL, __VA_ARGS__)
#define log_warning(...) log_full_errno(LOG_WARNING, 0, NULL, __VA_ARGS__)
#define log_error(...)   log_full_errno(LOG_ERR, 0, NULL, __VA_ARGS__)

/* In these, %m is the text of error. */
#define log_debug_errno(error, ...)   log_full_errno(LOG_DEBUG, error, NULL, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full_errno(LOG_WARNING, error, NULL, __VA_ARGS__)
#define log_error_errno(error, ...)   log_full_errno(LOG_ERR, error, NULL, __VA_ARGS__)

#define log_oom() log_error_errno(ENOMEM, "Out of memory.")
