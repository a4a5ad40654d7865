/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/self-test-judge.h"
#include "shared/facts.h"

/* What TrueNAS's REST API v2.0 answers. Pure: no I/O, no clock, any input is safe; what is of another shape than expected is
 * -EBADMSG, and nothing was changed then. Strings are clean and bounded.
 *
 * Two dialects of the SMART calls are about. TrueNAS up to 25.04 starts a test with POST smart/test/manual_test, calls its jobs
 * smart.test.wait, and has GET smart/test/results?disk=NAME; POST smart/test makes a periodic task there. Other servers of that
 * API start one with POST smart/test, call the jobs smart.test, and have GET smart/test/results/NAME. The answers are alike. */

#define TRUENAS_DISKS_MAX 4096U
#define TRUENAS_TESTS_MAX 4096U
#define TRUENAS_WORDS_MAX 512U

typedef struct TruenasDisk {
        char *identifier; /* "{serial_lunid}WD-..._5001...": how TrueNAS names it whatever its device is called */
        DriveFacts *facts; /* locked, at least as unclassified: the API knows of pools alone */
} TruenasDisk;

typedef struct TruenasDisks {
        TruenasDisk *disks;
        size_t n;
} TruenasDisks;

/* A self-test that TrueNAS has as a running job: one that somebody started there. */
typedef struct TruenasTest {
        char *kname;
        SelfTestKind kind;
        uint64_t job;
        int percent; /* done, 0 to 100; -1: not told */
} TruenasTest;

typedef struct TruenasTests {
        TruenasTest *tests;
        size_t n;
} TruenasTests;

void truenas_disks_done(TruenasDisks *d);
void truenas_tests_done(TruenasTests *t);
TruenasDisk *truenas_find_disk(const TruenasDisks *d, const char *kname);
TruenasTest *truenas_find_test(const TruenasTests *t, const char *kname);

/* GET disk. A drive whose name cannot be a device's makes it all -EBADMSG: one that is left out would look like one that is gone. */
int truenas_parse_disks(const char *text, size_t size, char *const *boot_pools, TruenasDisks *ret);
/* GET pool: locks the members, also those that "disk" did not name as such, and adds the pools' guids. */
int truenas_parse_pools(const char *text, size_t size, char *const *boot_pools, TruenasDisks *disks);
/* POST disk/temperatures. */
int truenas_parse_temperatures(const char *text, size_t size, TruenasDisks *disks);
/* GET core/get_jobs: those of the self-tests that run. */
int truenas_parse_tests(const char *text, size_t size, TruenasTests *ret);
/* What starting a test answered. 1: it runs, as *ret_job; 0: the drive refused, *ret_reason has its words. */
int truenas_parse_started(const char *text, size_t size, const char *kname, uint64_t *ret_job,
                          char **ret_reason);
/* The results of one drive. Activity is UNKNOWN unless they show a running test: not every drive does; ask the jobs. */
int truenas_parse_results(const char *text, size_t size, const char *kname, SelfTestReading *ret);
/* What burnin-truenas hands on to the follower of a test: {"drive": DriveFacts, "reading": ..}, and {"started": bool, "words"?}. */
int truenas_pack_reading(const DriveFacts *f, const SelfTestReading *r, char **ret);
int truenas_unpack_reading(const char *text, size_t size, DriveFacts **ret_drive, SelfTestReading *ret);
/* refused: the drive's or TrueNAS's words; NULL: the test has begun. */
int truenas_pack_start(const char *refused, char **ret);
int truenas_unpack_start(const char *text, size_t size, SelfTestStart *ret);
/* system/version, "TrueNAS-SCALE-24.10.2.1" or "25.10.1": clean, and its two first numbers. */
int truenas_parse_version(const char *text, size_t size, char **ret, unsigned *ret_major,
                          unsigned *ret_minor);
/* What an error says, in one line; "" where it says nothing fit for people. Never NULL but on -ENOMEM. */
char *truenas_error_words(const char *text, size_t size);
