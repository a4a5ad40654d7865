/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "daemon/history.h"
#include "daemon/host.h"
#include "daemon/stage.h"
#include "shared/names.h"

/* What a stage's workers are told. */

static EstimateDrive job_drive(const Job *j)
{
        EstimateDrive drive =
                        j->drive ? drive_for_estimate(j->drive) : (EstimateDrive){ .rotational = true };

        drive.size_bytes = j->identity.size_bytes;
        return drive;
}

static uint32_t job_phases(const Job *j)
{
        return profile_phases(j->record.profile, j->manager->settings.surface_validate_passes);
}

static EstimateRange stage_estimate(const Stage *s)
{
        const EstimateDrive drive = job_drive(s->job);

        return estimate_stage(s->record.kind, s->record.phases ?: job_phases(s->job), &drive);
}

/* Of the whole job: what its operator was told, too. */
static int job_fill_estimate(const Job *j, StageParams *p)
{
        const EstimateDrive drive = job_drive(j);
        const Plan plan = job_plan(j);
        EstimateHistory history = {};
        EstimateBasis basis;
        int r;

        r = history_find(j->manager->store, &plan, job_phases(j), j->record.model, &history);
        if (r < 0)
                return r;

        p->estimate_usec =
                        estimate_job(plan.stages, plan.n, job_phases(j), &drive, &history, &basis).high_usec;
        return 0;
}

double stage_weight(const Stage *s)
{
        return (double) stage_estimate(s).low_usec / (double) USEC_PER_SEC;
}

static void stage_fill_settings(const Settings *set, bool rotational, StageParams *p)
{
        p->block_size = set->surface_validate_block_size;
        p->block_buffer = set->surface_validate_block_buffer;
        p->passes = set->surface_validate_passes;
        p->bad_block_threshold = set->bad_block_threshold;
        p->temp_warn_mdegc = (int32_t) (rotational ? set->temp_warn_c : set->temp_warn_ssd_c) * 1000;
        p->temp_crit_mdegc = (int32_t) (rotational ? set->temp_crit_c : set->temp_crit_ssd_c) * 1000;
        p->smart_pending_max = set->smart_pending_max;
        p->smart_uncorrectable_max = set->smart_uncorrectable_max;
        p->smart_reallocated_delta_max = set->smart_reallocated_delta_max;
        p->smart_pending_delta_max = set->smart_pending_delta_max;
        p->smart_offline_uncorrectable_delta_max = set->smart_offline_uncorrectable_delta_max;
        p->smart_reported_uncorrectable_delta_max = set->smart_reported_uncorrectable_delta_max;
        p->smart_crc_delta_max = set->smart_crc_delta_max;
        p->smart_media_errors_delta_max = set->smart_media_errors_delta_max;
        p->smart_percentage_used_delta_max = set->smart_percentage_used_delta_max;
        p->slow_floor = UINT64_C(1000000) * (rotational ? set->slow_floor_hdd : set->slow_floor_ssd);
        p->slow_ratio = set->slow_ratio;
        p->slow_fails = set->slow_fails;
        p->stuck_usec = set->stuck_job_hours * USEC_PER_HOUR;
        p->stall_usec = set->stall_minutes * USEC_PER_MINUTE;
        p->stall_end_usec = set->stall_end_hours * USEC_PER_HOUR;
        p->follow_interval_usec = set->follow_interval_seconds * USEC_PER_SEC;
        p->self_test_retries = set->self_test_retries;
        p->self_test_interval_usec = set->self_test_interval_seconds * USEC_PER_SEC;
        p->self_test_keep_alive = set->self_test_keep_alive;
        p->poll_timeout_usec = set->poll_timeout_seconds * USEC_PER_SEC;
}

/* Not where the drive is seen now: that may be another one of two hosts that reach it, and what runs on the first one would go on
 * unseen while its follower takes the second one for the first after a reboot. */
Host *stage_host(const Stage *s)
{
        return host_find(s->job->manager, strempty(s->job->record.host));
}

static int stage_add_place(const Stage *s, StageParams *p)
{
        const Job *j = s->job;
        const char *kname = p->kname ?: j->record.kname;
        const Host *h = stage_host(s);
        HostTarget target;
        int r;

        if (!h)
                return -EHOSTUNREACH;
        r = host_target(h, &target);
        if (r < 0)
                return r;

        p->attempt = MAX(s->record.attempt, 1U);
        p->target.port = target.port;
        p->target.local = target.local;
        p->target.api = target.api;
        /* Of a drive that is seen elsewhere: as it was called here. */
        if (streq_ptr(j->drive->record.host, j->record.host))
                kname = j->drive->record.kname;
        if (free_and_strdup(&p->kname, kname) < 0 || free_and_strdup(&p->target.name, target.name) < 0 ||
            free_and_strdup(&p->target.address, target.address) < 0 ||
            free_and_strdup(&p->target.user, target.user) < 0 ||
            free_and_strdup(&p->target.host_key, target.host_key) < 0)
                return -ENOMEM;

        return 0;
}

/* What is on the drive, and what may be destroyed: as it was confirmed, until a stage of this job has destroyed it. From there on
 * nothing but what that one left, as its host read it when it let go of the drive; where that is not known nothing may be. */
static int stage_fix_content(const Stage *s, StageParams *p)
{
        const Job *j = s->job;
        const Stage *before = NULL;
        const char *content = NULL;
        int r;

        for (uint32_t i = 0; i < s->record.index; i++)
                if (stage_kind_is_destructive(j->stages[i]->record.kind))
                        before = j->stages[i];
        if (!before) {
                p->release = j->grant.release;
                r = free_and_strdup(&p->content, j->record.content);
                return r < 0 ? r : drive_lock_copy(&j->grant.lock, &p->granted);
        }

        if (before->report.details &&
            json_get_string(before->report.details, "content_after", &content) > 0 &&
            content_is_valid(content))
                return MIN(free_and_strdup(&p->content, content), 0);

        return 0;
}

/* A setting that is changed meanwhile must not change its plan. */
int stage_fix_params(Stage *s)
{
        _cleanup_(stage_params_done) StageParams p = {};
        _cleanup_json_ struct json_object *o = NULL;
        char log[STAGE_PATH_MAX], report[STAGE_PATH_MAX];
        const Job *j = s->job;
        int r;

        p.job = j->record.id;
        p.stage = s->record.index;
        p.kind = s->record.kind;
        p.reads_only = !job_is_destructive(j);
        p.started_usec = s->record.started_usec;
        p.job_started_usec = j->record.started_usec + j->record.pauses_usec;
        if (p.kind == STAGE_PRECHECK && free_and_strdup(&p.heat, j->heat) < 0)
                return -ENOMEM;
        stage_fill_settings(&j->manager->settings, j->drive->record.rotational, &p);

        if (p.kind == STAGE_SURFACE_VALIDATE) {
                r = job_fill_estimate(j, &p);
                if (r < 0)
                        return r;
                r = store_sibling_speed(j->manager->store, j->record.model, j->record.drive,
                                        &p.sibling_speed);
                if (r < 0)
                        return r;
                if (profile_is_fast(j->record.profile) && free_and_strdup(&p.pattern, "random") < 0)
                        return -ENOMEM;
        }
        r = drive_identity_copy(&j->identity, &p.identity);
        if (r >= 0)
                r = stage_fix_content(s, &p);
        if (r < 0)
                return r;
        p.baseline_path = strf(PATH_JOBS "/%" PRIu64 "/baseline.json", j->record.id);
        if (!p.baseline_path || free_and_strdup(&p.run, s->record.run) < 0 ||
            free_and_strdup(&p.machine_id, j->manager->machine_id) < 0 ||
            free_and_strdup(&p.log_path, stage_log_path(s, log)) < 0 ||
            free_and_strdup(&p.report_path, stage_report_path(s, report)) < 0)
                return -ENOMEM;
        STRV_FOREACH(pool, j->manager->settings.boot_pools)
                if (strv_extend(&p.boot_pools, *pool) < 0)
                        return -ENOMEM;

        r = stage_add_place(s, &p);
        if (r < 0)
                return r;
        o = stage_params_to_json(&p);
        if (!o)
                return -ENOMEM;

        return free_and_strdup(&s->record.settings,
                               json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

int stage_fix_next_run(Stage *s, const char *run)
{
        _cleanup_(stage_params_done) StageParams p = {};
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *settings = NULL, *copy = strdup(run);
        int r;

        r = json_parse(strempty(s->record.settings), strlen(strempty(s->record.settings)), &o);
        if (r >= 0)
                r = stage_params_from_json(o, &p);
        if (r < 0)
                return r;
        if (p.resumes >= RESUMES_MAX)
                return -EBADMSG;

        if (!copy || json_put_string(o, "before", s->record.run) < 0 || json_put_string(o, "run", run) < 0 ||
            json_put_u64(o, "resumes", p.resumes + 1) < 0)
                return -ENOMEM;
        settings = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        if (!settings)
                return -ENOMEM;

        SWAP(s->record.settings, settings);
        SWAP(s->record.run, copy);
        return 0;
}

int stage_fill_params(const Stage *s, StageParams *ret)
{
        _cleanup_(stage_params_done) StageParams p = {};
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_parse(strempty(s->record.settings), strlen(strempty(s->record.settings)), &o);
        if (r >= 0)
                r = stage_params_from_json(o, &p);
        if (r >= 0)
                r = stage_add_place(s, &p);
        if (r < 0)
                return r;

        p.percent = s->record.percent;
        *ret = p;
        p = (StageParams){};
        return 0;
}
