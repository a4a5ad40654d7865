/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The errors of org.burnin1 (shared/names.h) as errno and back to where they came from: sd_bus_error_get_errno() and the
 * return values of sd_bus_call() know them once this was called. Every program calls it first; more than once does no
 * harm. 0 or -errno. */
int bus_error_register(void);
