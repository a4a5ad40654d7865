/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "shared/json-util.h"

/* The graphs of a report, as SVG that stands in the page: from numbers alone, nothing of them is text of somebody else. */

/* How fast each region was in each phase; nothing where that is not known. */
void chart_regions(FILE *f, struct json_object *stage, uint64_t size_bytes);
/* The drive's temperature while the job ran. */
void chart_temperatures(FILE *f, struct json_object *temperatures);
/* A QR code of this text. */
int chart_qr(FILE *f, const char *text);
