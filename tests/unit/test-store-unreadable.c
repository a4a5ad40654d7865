/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "store-sample.h"

/* A job that cannot be read: it says nothing of the others, which are read, and nothing of it is lost. */

static int add_job(JobRecord *r, void *userdata)
{
        assert(r->drive);
        *(uint64_t *) userdata += r->id;
        return 0;
}

static int add_stage(StageRecord *r, void *userdata)
{
        assert(r->index == 1);
        *(uint64_t *) userdata += r->job;
        return 0;
}

static int add_phase(PhaseRecord *r, void *userdata)
{
        *(uint64_t *) userdata += r->number;
        return 0;
}

static uint64_t put_job(Store *s, const char *drive)
{
        const PhaseRecord phase = { .number = 3, .name = (char *) "Write", .started_usec = 4 };
        JobRecord j = job_sample();
        StageRecord g;

        j.request = NULL;
        j.drive = (char *) drive;
        assert_ok(store_job_put(s, &j));
        g = stage_sample(j.id, 1);
        g.run = NULL;
        g.run_sent = false;
        assert_ok(store_stage_put(s, &g));
        assert_ok(store_phase_put(s, j.id, 1, &phase));
        return j.id;
}

#define SUM(list, ...)                                                                                      \
        ({                                                                                                  \
                uint64_t _sum = 0;                                                                          \
                int _r = list(__VA_ARGS__, &_sum);                                                          \
                _r < 0 ? (int64_t) _r : (int64_t) _sum;                                                     \
        })

static void change(Store *s, const char *sql)
{
        assert(sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static void test_unreadable(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_(store_closep) Store *s = store_in(dir);
        const JobFilter all = { .state = -1, .verdict = -1 };
        uint64_t bad = put_job(s, "one"), good = put_job(s, "another"), sum = 0, total;
        _cleanup_(job_record_done) JobRecord r = {};

        assert(bad == 1 && good == 2);
        change(s, "UPDATE jobs SET note = 'a' || char(0) || 'b' WHERE id = 1");
        assert_error(-EUCLEAN, store_job_get(s, bad, &r));
        assert_error(-ENOENT, store_job_get(s, 99, &r));
        assert_ok(store_job_get(s, good, &r));
        assert_ok(store_job_list(s, &all, add_job, &sum, &total));
        assert(sum == good && total == 2);
        assert(SUM(store_job_list_active, s, add_job) == (int64_t) (bad + good));

        assert(SUM(store_stage_list, s, bad, add_stage) == (int64_t) bad);
        change(s, "UPDATE stages SET reason = 'a' || char(0) WHERE job = 1");
        assert(SUM(store_stage_list, s, bad, add_stage) == -EUCLEAN);
        assert(SUM(store_stage_list, s, good, add_stage) == (int64_t) good);
        assert(SUM(store_stage_list_names, s, bad, add_stage) == (int64_t) bad);

        assert(SUM(store_phase_list, s, bad, 1, add_phase) == 3);
        change(s, "UPDATE phases SET name = 'a' || char(0) WHERE job = 1");
        assert(SUM(store_phase_list, s, bad, 1, add_phase) == -EUCLEAN);
        assert(SUM(store_phase_list, s, good, 1, add_phase) == 3);
        assert_ok(store_check(s));
}

int main(void)
{
        test_unreadable();
        return 0;
}
