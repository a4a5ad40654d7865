/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/drive.h"

/* What SMART readings said of a drive over time. A reading is written down where something differs from the last one that
 * was: the health, a counter, the temperature by more than it wavers by itself; and once a day though nothing did. So a drive
 * at rest costs a row a day, however often it is read. */

/* The row for a reading of the drive at this time. last: the row before, or NULL. smart may be NULL. 1 when it is to be written
 * (the caller frees it), 0 when it says nothing new. */
int reading_new(const ReadingRecord *last, const char *drive, uint64_t now, int32_t temperature_mdegc,
                SmartHealth health, struct json_object *smart, ReadingRecord *ret);

/* Writes a reading that has just come down, if need be. The drive is stored, in the transaction that is open. */
int reading_on_smart(const Drive *d, struct json_object *smart);
