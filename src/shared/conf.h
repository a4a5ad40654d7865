/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Configuration files in systemd's manner: [Section], Key=Value, '#' and ';' comments, drop-ins (*.conf, in the order of their
 * names) override the main file. An empty value resets to the default. */

/* Called for each assignment, with the path of its file. Returning -EINVAL (no such value), -ERANGE (out of range) or -ENOENT (no such section or key)
 * makes it a logged warning that names file, line and key; the assignment is then ignored and the rest is read. Any other
 * negative return ends the reading and is handed up. */
typedef int (*conf_callback_t)(const char *path, const char *section, const char *key, const char *value,
                               void *userdata);

/* main_file and the drop-in directory may be missing. -errno only where an existing file cannot be read. */
int conf_parse(const char *main_file, const char *dropin_dir, conf_callback_t callback, void *userdata);
