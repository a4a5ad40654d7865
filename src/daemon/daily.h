/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"
#include "shared/json-util.h"
#include "shared/report-proto.h"

/* The report of a day, or of any other span that ends now: what is to be looked at, what runs and waits, and what has ended since then.
 * For people: report/daily.h makes text and a page of it. dbus/org.burnin1.Manager.xml has its keys. Owner: the caller. */
int daily_new(Manager *m, uint64_t since_usec, uint64_t until_usec, struct json_object **ret);

/* As somebody asks for it on the bus, until now; since_usec 0: since a day ago. */
int daily_ask(Manager *m, uint64_t since_usec, struct json_object **ret, sd_bus_error *error);

/* Drops entries from the end of its longest lists until it is no longer than that; it says then that it is shortened. 1: it was. */
int daily_shorten(struct json_object *document, size_t max);

int manager_method_get_daily_report(sd_bus_message *m, void *userdata, sd_bus_error *error);
