/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* The List methods: filtered and paged here, each object with the very properties that it has on the bus. */
int manager_method_list_hosts(sd_bus_message *m, void *userdata, sd_bus_error *error);
int manager_method_list_drives(sd_bus_message *m, void *userdata, sd_bus_error *error);
int manager_method_list_jobs(sd_bus_message *m, void *userdata, sd_bus_error *error);
int manager_method_list_grants(sd_bus_message *m, void *userdata, sd_bus_error *error);
int manager_method_list_audit(sd_bus_message *m, void *userdata, sd_bus_error *error);
int manager_method_list_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error);
int drive_method_list_readings(sd_bus_message *m, void *userdata, sd_bus_error *error);
int notifier_method_list_deliveries(sd_bus_message *m, void *userdata, sd_bus_error *error);
