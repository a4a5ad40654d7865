/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/self-test.h"
#include "parse/smartctl-json.h"

/* What the parts of self-test.c share: one for each protocol. All return 0 or -ENOMEM. */

#define SELF_TEST_ENTRY_WORDS   128U
#define SELF_TEST_MINUTES_MAX   100000U
#define SELF_TEST_NVME_SIZE_MAX (1024U * 1024U)

/* Appends; beyond the end of the log nothing is kept. */
int self_test_log_add(SelfTestReading *r, const SelfTestEntry *e, const char *words);
void self_test_set_hours(SelfTestEntry *e, uint64_t hours, SelfTestHours are);
/* A drive's estimate; 0 and nonsense are none. */
void self_test_set_minutes(uint64_t minutes, uint32_t *ret);
/* A percentage over 100 is not told, an unknown kind leaves the one that is known. */
void self_test_set_running(SelfTestReading *r, SelfTestKind kind, uint64_t percent);
/* Where the running test is logged its kind is there. */
void self_test_running_from_log(SelfTestReading *r);
bool self_test_any_line(struct json_object *output, const char *prefix);

/* From smartctl's JSON. */
int self_test_read_scsi(SelfTestReading *r, struct json_object *o);
int self_test_read_nvme(SelfTestReading *r, struct json_object *o);
/* From nvme-cli's; -EBADMSG: it is not. */
int self_test_read_nvme_cli(SelfTestReading *r, struct json_object *o);
