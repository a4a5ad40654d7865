/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/truenas.h"
#include "truenas/http.h"

/* One TrueNAS, asked by its REST API v2.0: its drives, and the SMART self-tests that it runs for us.
 *
 * Each question is answered once by its callback, in the end: connections that fail, 429 and 5xx are tried again with growing
 * pauses (Retry-After is heeded, up to TRUENAS_RETRY_AFTER_MAX), any other 4xx is final. A start whose answer got lost is not
 * repeated, since nobody knows whether it was heard: truenas_read_self_test() tells.
 *
 * Of the two dialects (parse/truenas.h) TrueNAS's own is tried first, and the other where there is no such route (404, 405, nothing
 * else): what starts a test in the other one would make a periodic task on a real TrueNAS. */

#define TRUENAS_ATTEMPTS        3U
#define TRUENAS_RETRY_MIN       (500 * USEC_PER_MSEC)
#define TRUENAS_RETRY_AFTER_MAX (30 * USEC_PER_SEC)

typedef enum TruenasError {
        TRUENAS_OK,
        TRUENAS_UNREACHABLE, /* it does not answer, or with 5xx or 429 only */
        TRUENAS_TLS,         /* its certificate is not to be trusted */
        TRUENAS_AUTH,        /* it refuses our key */
        TRUENAS_TIMEOUT,
        TRUENAS_GARBAGE,  /* the answer is none of TrueNAS's */
        TRUENAS_NO_SMART, /* 25.10 and later: the API has no SMART calls */
        TRUENAS_NO_API,   /* 26 and later: there is no REST API */
        TRUENAS_REFUSED,  /* TrueNAS or the drive said no */
        _TRUENAS_ERROR_MAX,
        _TRUENAS_ERROR_INVALID = -EINVAL,
} TruenasError;
/* As on the wire: worker-proto.h, POLL_ERROR_*. */
const char *truenas_error_to_string(TruenasError e);

typedef struct TruenasTarget {
        const char *url; /* "https://nas.example.org[:PORT]" */
        const char *key, *pin;
        bool verify;
        uint64_t timeout_usec; /* for a question with all its attempts */
        char *const *boot_pools;
} TruenasTarget;

typedef struct TruenasFacts {
        char *os; /* "TrueNAS-SCALE-24.10.2.1" */
        bool has_smart;
        TruenasDisks disks;
} TruenasFacts;

typedef struct Truenas Truenas;

/* reason: in words, for people; "" with TRUENAS_OK. What is given along may be taken over by emptying it; NULL unless OK. */
typedef void (*truenas_facts_t)(TruenasError e, const char *reason, TruenasFacts *facts, void *userdata);
typedef void (*truenas_self_test_t)(TruenasError e, const char *reason, SelfTestReading *reading,
                                    void *userdata);
typedef void (*truenas_ended_t)(TruenasError e, const char *reason, void *userdata);

int truenas_new(sd_event *event, HttpClient *http, const TruenasTarget *target, Truenas **ret);
/* The same host, with no question open. */
int truenas_clone(const Truenas *t, Truenas **ret);
/* Questions that are open end without a word. */
Truenas *truenas_free(Truenas *t);
DEFINE_TRIVIAL_CLEANUP_FUNC(Truenas *, truenas_free);

/* Their identity alone, by one question. */
int truenas_list_identities(Truenas *t, truenas_facts_t done, void *userdata);
/* The drives with their identity, pool and temperature. */
int truenas_list_disks(Truenas *t, truenas_facts_t done, void *userdata);
/* kind: SELF_TEST_KIND_SHORT or _LONG. identifier: TruenasDisk's. */
int truenas_start_self_test(Truenas *t, const char *kname, const char *identifier, SelfTestKind kind,
                            truenas_ended_t done, void *userdata);
/* What self_test_judge() wants: whether one runs and how far it is, and the drive's log. */
int truenas_read_self_test(Truenas *t, const char *kname, truenas_self_test_t done, void *userdata);
/* OK also when none runs. Of tests that TrueNAS itself did not start it knows nothing, so those go on. */
int truenas_abort_self_test(Truenas *t, const char *kname, truenas_ended_t done, void *userdata);

void truenas_facts_done(TruenasFacts *f);
