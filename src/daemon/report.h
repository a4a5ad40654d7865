/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/job.h"
#include "shared/json-util.h"
#include "shared/report-proto.h"

/* What a job that has ended was, did and found, as docs/report.schema.json has it. It is made of what the store has of the job alone, so
 * that it says the same whenever it is asked for; only of its temperatures the store forgets some with the years, and page_url may be
 * another one by then. */

/* Times that a graph of temperatures is made from: the last ones. */
#define REPORT_TEMPERATURES_MAX 2000U

/* page_url: the setting. -ENOENT: there is no such job; -EBUSY: it has not ended. Owner: the caller. */
int report_new(Store *s, uint64_t job, const char *page_url, struct json_object **ret);

/* report-bus.c */
/* What burnin-report makes of it answers the message, later: as a descriptor, or as bytes. The caller has judged who asks. Returns 1, or
 * negative with the error set. */
int report_ask(const Job *j, sd_bus_message *m, ReportKind kind, bool as_bytes, sd_bus_error *error);
/* Nobody gets an answer any more. */
void reports_done(Manager *m);
