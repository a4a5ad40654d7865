/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/worker-proto.h"

/* Writing a StageReport. Pure. */

/* A line for the ledger. expected, observed and reason are taken over, also on failure; NULL is lack of memory (-ENOMEM), but
 * for the reason of a passed line. The report's verdict follows the worst line, its reason is that of the first such line:
 * the first specific reason is never overwritten. */
int report_line(StageReport *r, Verdict verdict, const char *rule, const char *source, char *expected,
                char *observed, char *reason);

/* Unless there is a reason already. */
void report_set_reason(StageReport *r, const char *format, ...) _printf_(2, 3);

/* report->details, made when it is not there; NULL: out of memory. Borrowed. */
struct json_object *report_details(StageReport *r);
/* {"remnant": true}: the run could not be proven gone. */
int report_set_remnant(StageReport *r);
