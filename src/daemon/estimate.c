/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/estimate.h"

/* Sustained rates of whole passes in MB/s, the average of outer and inner zone: what badblocks reaches with its one request at a
 * time, and what the drive can do. */
#define HDD_LOW_MB   80.0
#define HDD_HIGH_MB  200.0
#define SSD_LOW_MB   200.0
#define SSD_HIGH_MB  500.0
#define NVME_LOW_MB  500.0
#define NVME_HIGH_MB 2000.0

/* Connecting, reading SMART, the checks. */
#define CHECK_LOW_USEC  (5 * USEC_PER_SEC)
#define CHECK_HIGH_USEC (30 * USEC_PER_SEC)

/* A short self-test of a drive that does not say how long. */
#define SHORT_LOW_USEC  USEC_PER_MINUTE
#define SHORT_HIGH_USEC (5 * USEC_PER_MINUTE)
/* What drives say of their self-tests is the least that they take: 784 minutes were more than 1022. */
#define SELF_TEST_OVERRUN 1.5

/* A flash drive forgets its blocks, or its key; one that overwrites itself takes hours, whatever its size. */
#define FORMAT_LOW_USEC    (10 * USEC_PER_SEC)
#define FORMAT_HIGH_USEC   (15 * USEC_PER_MINUTE)
#define SANITIZE_LOW_USEC  (30 * USEC_PER_SEC)
#define SANITIZE_HIGH_USEC (4 * USEC_PER_HOUR)

/* How far the next job of a model may be from those before it. */
#define HISTORY_MARGIN 0.1

static const char *const estimate_basis_table[_ESTIMATE_BASIS_MAX] = {
        [ESTIMATE_CLASS] = "class",
        [ESTIMATE_HISTORY] = "history",
};
DEFINE_STRING_TABLE(estimate_basis, EstimateBasis);

/* A hundred years: what drives say of their size may be anything, and the sum of a batch must not overflow. */
static uint64_t to_usec(double usec)
{
        const double max = 100.0 * 366 * 24 * (double) USEC_PER_HOUR;

        return (uint64_t) MIN(usec, max);
}

/* A byte at 1 MB/s takes a microsecond. */
static EstimateRange range_of_bytes(double bytes, double low_mb, double high_mb)
{
        return (EstimateRange){ to_usec(bytes / high_mb), to_usec(bytes / low_mb) };
}

static EstimateRange range_of_passes(uint32_t passes, const EstimateDrive *d)
{
        double bytes = (double) d->size_bytes * passes;

        return d->nvme         ? range_of_bytes(bytes, NVME_LOW_MB, NVME_HIGH_MB)
               : d->rotational ? range_of_bytes(bytes, HDD_LOW_MB, HDD_HIGH_MB)
                               : range_of_bytes(bytes, SSD_LOW_MB, SSD_HIGH_MB);
}

static EstimateRange range_of_minutes(uint32_t minutes)
{
        double usec = (double) minutes * (double) USEC_PER_MINUTE;

        return (EstimateRange){ to_usec(usec), to_usec(usec * SELF_TEST_OVERRUN) };
}

/* What the stage is for, without what it does before and behind. */
static EstimateRange estimate_work(StageKind kind, uint32_t phases, const EstimateDrive *d)
{
        switch (kind) {
        case STAGE_SURFACE_VALIDATE:
                return range_of_passes(phases, d);
        case STAGE_SHORT_SMART:
                return d->short_minutes > 0 ? range_of_minutes(d->short_minutes)
                                            : (EstimateRange){ SHORT_LOW_USEC, SHORT_HIGH_USEC };
        case STAGE_LONG_SMART:
                /* It reads itself once. */
                return d->long_minutes > 0 ? range_of_minutes(d->long_minutes) : range_of_passes(1, d);
        case STAGE_NVME_FORMAT:
                return (EstimateRange){ FORMAT_LOW_USEC, FORMAT_HIGH_USEC };
        case STAGE_NVME_SANITIZE:
                return (EstimateRange){ SANITIZE_LOW_USEC, SANITIZE_HIGH_USEC };
        case STAGE_PRECHECK:
        case STAGE_FINAL_CHECK:
        default:
                return (EstimateRange){};
        }
}

EstimateRange estimate_stage(StageKind kind, uint32_t phases, const EstimateDrive *d)
{
        EstimateRange work = estimate_work(kind, phases, d);

        return (EstimateRange){ work.low_usec + CHECK_LOW_USEC, work.high_usec + CHECK_HIGH_USEC };
}

void estimate_history_add(EstimateHistory *h, uint64_t size_bytes, uint64_t took_usec)
{
        double rate;

        if (size_bytes == 0 || took_usec == 0)
                return;

        rate = (double) took_usec / (double) size_bytes;
        h->low = h->n == 0 ? rate : MIN(h->low, rate);
        h->high = h->n == 0 ? rate : MAX(h->high, rate);
        h->n++;
}

EstimateRange estimate_job(const StageKind *kinds, size_t n_kinds, uint32_t phases, const EstimateDrive *d,
                           const EstimateHistory *history, EstimateBasis *ret_basis)
{
        EstimateRange sum = {};

        if (history->n > 0 && d->size_bytes > 0) {
                *ret_basis = ESTIMATE_HISTORY;
                return (EstimateRange){
                        to_usec(history->low * (1 - HISTORY_MARGIN) * (double) d->size_bytes),
                        to_usec(history->high * (1 + HISTORY_MARGIN) * (double) d->size_bytes),
                };
        }

        for (size_t i = 0; i < n_kinds; i++) {
                EstimateRange stage = estimate_stage(kinds[i], phases, d);

                sum.low_usec += stage.low_usec;
                sum.high_usec += stage.high_usec;
        }

        *ret_basis = ESTIMATE_CLASS;
        return sum;
}

typedef struct Running {
        uint64_t end_usec;
        size_t host;
} Running;

/* Takes the one that ends first. */
static Running take_first(Running *running, size_t *n)
{
        size_t first = 0;
        Running r;

        for (size_t i = 1; i < *n; i++)
                if (running[i].end_usec < running[first].end_usec)
                        first = i;

        r = running[first];
        running[first] = running[--*n];
        return r;
}

/* Room: Running and bool for each job, and a number for each host. */
typedef struct Simulation {
        Running *running;
        bool *started;
        uint32_t *on_host;
} Simulation;

static uint64_t simulate(const Simulation *s, const EstimateRange *jobs, bool high, const size_t *hosts,
                         size_t n, uint32_t cap, uint32_t per_host)
{
        size_t n_running = 0, n_left = n, first = 0;
        uint64_t now = 0;
        Running ended;

        memset(s->started, 0, n * sizeof(bool));
        memset(s->on_host, 0, n * sizeof(uint32_t));

        while (n_left > 0 || n_running > 0) {
                while (first < n && s->started[first])
                        first++;
                for (size_t i = first; i < n && n_running < cap; i++) {
                        if (s->started[i] || (per_host > 0 && s->on_host[hosts[i]] >= per_host))
                                continue;
                        s->started[i] = true;
                        s->on_host[hosts[i]]++;
                        s->running[n_running++] =
                                        (Running){ now + (high ? jobs[i].high_usec : jobs[i].low_usec),
                                                   hosts[i] };
                        n_left--;
                }

                if (n_running == 0) /* no place for any */
                        break;
                ended = take_first(s->running, &n_running);
                now = ended.end_usec;
                s->on_host[ended.host]--;
        }

        return now;
}

int estimate_batch(const EstimateRange *jobs, const size_t *hosts, size_t n, uint32_t cap, uint32_t per_host,
                   EstimateRange *ret)
{
        _cleanup_free_ Running *running = new (Running, n + 1);
        _cleanup_free_ bool *started = new0(bool, n + 1);
        _cleanup_free_ uint32_t *on_host = new0(uint32_t, n + 1);
        const Simulation s = { running, started, on_host };

        if (!running || !started || !on_host)
                return -ENOMEM;
        if (n == 0 || cap == 0) {
                *ret = (EstimateRange){};
                return 0;
        }

        ret->low_usec = simulate(&s, jobs, false, hosts, n, cap, per_host);
        ret->high_usec = simulate(&s, jobs, true, hosts, n, cap, per_host);
        return 0;
}
