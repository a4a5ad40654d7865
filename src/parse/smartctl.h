/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/facts.h"

/* `smartctl --json=cou -x` to a struct: ATA, SAS and NVMe, smartctl 7.0 and newer. Pure. */

#define SMART_ATTRIBUTES_MAX 64

typedef struct SmartAttribute {
        uint8_t id;
        char *name;
        uint8_t value, worst, threshold;
        bool failing_now;
        uint64_t raw;
        char *raw_string;
} SmartAttribute;

/* INT64_MIN in a counter: the drive does not report it. */
#define SMART_NOT_REPORTED INT64_MIN

typedef struct SmartReading {
        DriveIdentity identity; /* wwn, serial, model, size as smartctl prints them; no fingerprint */
        char *protocol;         /* "ATA", "SCSI", "NVMe" */
        char *version;          /* smartctl's, "7.3" */
        bool standby;           /* skipped because the drive sleeps: nothing else is set */
        bool self_test_running;
        SmartHealth health;
        int32_t temperature_mdegc; /* MDEGC_UNKNOWN */
        int64_t power_on_hours;
        int64_t reallocated;            /* ATA 5 raw; SCSI grown defects */
        int64_t pending;                /* ATA 197 */
        int64_t offline_uncorrectable;  /* ATA 198 */
        int64_t reported_uncorrectable; /* ATA 187, as its vendor packs it; SCSI total uncorrected errors */
        int64_t crc_errors;             /* ATA 199 */
        int64_t media_errors;           /* NVMe */
        int64_t percentage_used;        /* NVMe, SSD */
        int64_t critical_warning;       /* NVMe bits */
        int32_t warning_temperature_mdegc,
                        critical_temperature_mdegc; /* NVMe: the controller's own; else unknown */
        SmartAttribute *attributes;
        size_t n_attributes;
} SmartReading;

void smart_reading_done(SmartReading *r);
/* -EBADMSG: not smartctl's JSON. -ENODEV: smartctl could not open the device, -EOPNOTSUPP: no SMART there, both with
 * reterr_reason in smartctl's words. */
int smartctl_parse(const char *text, size_t size, SmartReading *ret, char **reterr_reason);
struct json_object *smart_reading_to_json(const SmartReading *r);
int smart_reading_from_json(struct json_object *o, SmartReading *ret);
