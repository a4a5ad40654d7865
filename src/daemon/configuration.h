/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/audit.h"

/* The settings in effect (Manager.settings), and how they change while burnind runs:
 *
 *      defaults  <  burnind.conf  <  burnind.conf.d/  <  what was set over the bus, kept in the store
 *
 * A change is stored, takes effect for the queue, the poller and the hosts, and is signalled, audited and logged key by key
 * (who, old and new value). Stages that run keep what they were started with. */

/* Files alone, since the store is not open yet. */
int configuration_new(Manager *m);
Configuration *configuration_free(Configuration *c);
/* Before anything looks at Manager.settings for longer than a moment. */
int configuration_load_runtime(Manager *m);

/* Reads the files again. Where that fails everything stays as it was, and the log says why. */
void configuration_reload(Manager *m);

/* value NULL: takes back what was set at runtime. Errors: InvalidArgument, Store; nothing was changed then. */
int configuration_set(Manager *m, const Setting *setting, const char *value, const Actor *actor,
                      sd_bus_error *error);

int setting_bus_register(Manager *m);
void setting_emit_changed(Manager *m, const Setting *setting);

extern const sd_bus_vtable setting_vtable[];
