/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/names.h"
#include "shared/worker-proto.h"

/* A worker parses what hostile hosts print, so burnind takes nothing it says as it stands. */
#define RULE_MAX       64U
#define EVIDENCE_MAX   256U
#define BAD_BLOCKS_MAX 4096U
#define LIST_MAX       256U
#define HOST_KEY_MAX   8192U
#define PATH_MAX_BYTES 4096U

/* A bounded string without control characters (text may have lines); 1 when it was there. */
static int get_bounded(struct json_object *o, const char *key, size_t max, bool lines, char **ret)
{
        const char *s;
        int r;

        r = json_get_string(o, key, &s);
        if (r <= 0)
                return r;
        if (!str_is_clean(s, max, lines))
                return -EBADMSG;

        r = free_and_strdup(ret, s);
        return r < 0 ? r : 1;
}

static int need_bounded(struct json_object *o, const char *key, size_t max, char **ret)
{
        int r;

        r = json_dup_text(o, key, max, ret);
        if (r < 0)
                return r;
        return r == 0 ? -EBADMSG : 0;
}

static struct json_object *strv_to_json(char *const *l)
{
        _cleanup_json_ struct json_object *a = json_object_new_array();

        if (!a)
                return NULL;
        STRV_FOREACH(s, l) {
                struct json_object *v = json_object_new_string(*s);

                if (!v || json_object_array_add(a, v) < 0) {
                        json_object_put(v);
                        return NULL;
                }
        }

        return TAKE_PTR(a);
}

static int strv_from_json(struct json_object *o, const char *key, size_t max, const char *charset,
                          char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        struct json_object *a;
        int r;

        r = json_get(o, key, json_type_array, &a);
        if (r <= 0)
                return r;
        if (json_object_array_length(a) > max)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(a); i++) {
                struct json_object *v = json_object_array_get_idx(a, i);
                const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

                if (!s || !str_in_charset(s, charset, 255))
                        return -EBADMSG;
                r = strv_extend(&l, s);
                if (r < 0)
                        return r;
        }

        strv_free(*ret);
        *ret = TAKE_PTR(l);
        return 1;
}

void host_target_done(HostTarget *t)
{
        free(t->name);
        free(t->address);
        free(t->user);
        free(t->host_key);
        *t = (HostTarget){ 0 };
}

struct json_object *host_target_to_json(const HostTarget *t)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_string(o, "name", t->name) < 0 || json_put_string(o, "address", t->address) < 0 ||
            json_put_u64(o, "port", t->port) < 0 || json_put_string(o, "user", t->user) < 0 ||
            json_put_string(o, "host_key", t->host_key) < 0 || json_put_bool(o, "local", t->local) < 0 ||
            json_put_bool(o, "api", t->api) < 0)
                return NULL;

        return TAKE_PTR(o);
}

int host_target_from_json(struct json_object *o, HostTarget *ret)
{
        _cleanup_(host_target_done) HostTarget t = { 0 };
        uint32_t port = 22;
        int r;

        if (!json_object_is_type(o, json_type_object))
                return -EBADMSG;
        if ((r = need_bounded(o, "name", NAME_MAX_CHARS * 4, &t.name)) < 0 ||
            (r = json_get_bool(o, "local", &t.local)) < 0 || (r = json_get_bool(o, "api", &t.api)) < 0)
                return r;
        if (t.local || t.api) {
                *ret = t;
                t = (HostTarget){ 0 };
                return 0;
        }

        if ((r = need_bounded(o, "address", 255, &t.address)) < 0 ||
            (r = json_get_u32(o, "port", &port)) < 0 || (r = need_bounded(o, "user", 64, &t.user)) < 0 ||
            (r = get_bounded(o, "host_key", HOST_KEY_MAX, false, &t.host_key)) < 0)
                return r;
        if (port == 0 || port > UINT16_MAX)
                return -EBADMSG;

        t.port = (uint16_t) port;
        *ret = t;
        t = (HostTarget){ 0 };
        return 0;
}

void stage_params_done(StageParams *p)
{
        free(p->run);
        free(p->before);
        free(p->machine_id);
        free(p->kname);
        drive_identity_done(&p->identity);
        free(p->content);
        drive_lock_done(&p->granted);
        host_target_done(&p->target);
        free(p->log_path);
        free(p->report_path);
        free(p->baseline_path);
        strv_free(p->boot_pools);
        free(p->pattern);
        free(p->heat);
        *p = (StageParams){ 0 };
}

/* The plain numbers of StageParams, once for both ways. */
static const struct {
        const char *key;
        size_t offset;
        enum { NUMBER_U32, NUMBER_I32, NUMBER_U64 } type;
} params_numbers[] = {
#define NUMBER(field, t)                                                                                    \
        {                                                                                                   \
#field, offsetof(StageParams, field), t                                                     \
        }
        NUMBER(job, NUMBER_U64),
        NUMBER(stage, NUMBER_U32),
        NUMBER(attempt, NUMBER_U32),
        NUMBER(resumes, NUMBER_U32),
        NUMBER(block_size, NUMBER_U32),
        NUMBER(block_buffer, NUMBER_U32),
        NUMBER(passes, NUMBER_U32),
        NUMBER(bad_block_threshold, NUMBER_U32),
        NUMBER(temp_warn_mdegc, NUMBER_I32),
        NUMBER(temp_crit_mdegc, NUMBER_I32),
        NUMBER(smart_pending_max, NUMBER_U32),
        NUMBER(smart_uncorrectable_max, NUMBER_U32),
        NUMBER(smart_reallocated_delta_max, NUMBER_U32),
        NUMBER(smart_pending_delta_max, NUMBER_U32),
        NUMBER(smart_offline_uncorrectable_delta_max, NUMBER_U32),
        NUMBER(smart_reported_uncorrectable_delta_max, NUMBER_U32),
        NUMBER(smart_crc_delta_max, NUMBER_U32),
        NUMBER(smart_media_errors_delta_max, NUMBER_U32),
        NUMBER(smart_percentage_used_delta_max, NUMBER_U32),
        NUMBER(slow_floor, NUMBER_U64),
        NUMBER(sibling_speed, NUMBER_U64),
        NUMBER(slow_ratio, NUMBER_U32),
        NUMBER(stall_usec, NUMBER_U64),
        NUMBER(stall_end_usec, NUMBER_U64),
        NUMBER(stuck_usec, NUMBER_U64),
        NUMBER(estimate_usec, NUMBER_U64),
        NUMBER(job_started_usec, NUMBER_U64),
        NUMBER(follow_interval_usec, NUMBER_U64),
        NUMBER(poll_timeout_usec, NUMBER_U64),
        NUMBER(self_test_retries, NUMBER_U32),
        NUMBER(self_test_interval_usec, NUMBER_U64),
        NUMBER(started_usec, NUMBER_U64),
#undef NUMBER
};

static int params_numbers_to_json(const StageParams *p, struct json_object *o)
{
        for (size_t i = 0; i < ELEMENTSOF(params_numbers); i++) {
                const char *field = (const char *) p + params_numbers[i].offset;
                int r = 0;

                switch (params_numbers[i].type) {
                case NUMBER_U32:
                        r = json_put_u64(o, params_numbers[i].key, *(const uint32_t *) (const void *) field);
                        break;
                case NUMBER_I32:
                        r = json_put_i64(o, params_numbers[i].key, *(const int32_t *) (const void *) field);
                        break;
                case NUMBER_U64:
                        r = json_put_u64(o, params_numbers[i].key, *(const uint64_t *) (const void *) field);
                        break;
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

static int params_numbers_from_json(struct json_object *o, StageParams *p)
{
        for (size_t i = 0; i < ELEMENTSOF(params_numbers); i++) {
                char *field = (char *) p + params_numbers[i].offset;
                int r = 0;

                switch (params_numbers[i].type) {
                case NUMBER_U32:
                        r = json_get_u32(o, params_numbers[i].key, (uint32_t *) (void *) field);
                        break;
                case NUMBER_I32:
                        r = json_get_i32(o, params_numbers[i].key, (int32_t *) (void *) field);
                        break;
                case NUMBER_U64:
                        r = json_get_u64(o, params_numbers[i].key, (uint64_t *) (void *) field);
                        break;
                }
                if (r < 0)
                        return r;
        }

        return 0;
}

struct json_object *stage_params_to_json(const StageParams *p)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *kind = stage_kind_to_string(p->kind);

        if (!o || !kind || params_numbers_to_json(p, o) < 0 || json_put_string(o, "kind", kind) < 0 ||
            json_put_string(o, "run", p->run) < 0 || json_put_string(o, "before", p->before) < 0 ||
            json_put_bool(o, "follow", p->follow) < 0 || json_put_bool(o, "cancel", p->cancel) < 0 ||
            json_put_bool(o, "self_test_keep_alive", p->self_test_keep_alive) < 0 ||
            json_put_string(o, "machine_id", p->machine_id) < 0 ||
            json_put_string(o, "kname", p->kname) < 0 ||
            json_put(o, "identity", drive_identity_to_json(&p->identity)) < 0 ||
            json_put_string(o, "content", p->content) < 0 ||
            json_put(o, "target", host_target_to_json(&p->target)) < 0 ||
            json_put_string(o, "log_path", p->log_path) < 0 ||
            json_put_string(o, "report_path", p->report_path) < 0 ||
            json_put_string(o, "baseline_path", p->baseline_path) < 0 ||
            json_put(o, "granted", drive_lock_to_json(&p->granted)) < 0 ||
            json_put_bool(o, "reads_only", p->reads_only) < 0 ||
            json_put_bool(o, "release", p->release) < 0 ||
            json_put(o, "boot_pools", strv_to_json(p->boot_pools)) < 0 ||
            json_put_string(o, "pattern", p->pattern) < 0 || json_put_string(o, "heat", p->heat) < 0 ||
            json_put_bool(o, "slow_fails", p->slow_fails) < 0 ||
            json_put_double(o, "percent", p->percent) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static bool run_is_valid(const char *s)
{
        return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

static bool params_are_sane(const StageParams *p)
{
        return p->job > 0 && p->attempt > 0 && run_is_valid(p->run) &&
               (!p->before || run_is_valid(p->before)) && p->resumes <= RESUMES_MAX &&
               kname_is_valid(p->kname) && (!p->pattern || streq(p->pattern, "random")) &&
               p->log_path[0] == '/' && p->report_path[0] == '/' && p->baseline_path[0] == '/' &&
               p->percent >= 0 && p->percent <= 100;
}

int stage_params_from_json(struct json_object *o, StageParams *ret)
{
        _cleanup_(stage_params_done) StageParams p = {
                .temp_warn_mdegc = MDEGC_UNKNOWN,
                .temp_crit_mdegc = MDEGC_UNKNOWN,
                /* Of a stage that was begun before this could be set. */
                .smart_percentage_used_delta_max = 2,
        };
        struct json_object *identity, *target, *granted = NULL;
        const char *kind;
        int r;

        if (json_get_string(o, "kind", &kind) <= 0 ||
            json_get(o, "identity", json_type_object, &identity) <= 0 ||
            json_get(o, "target", json_type_object, &target) <= 0)
                return -EBADMSG;
        p.kind = stage_kind_from_string(kind);
        if ((int) p.kind < 0)
                return -EBADMSG;

        if ((r = params_numbers_from_json(o, &p)) < 0 || (r = need_bounded(o, "run", 32, &p.run)) < 0 ||
            (r = get_bounded(o, "before", 32, false, &p.before)) < 0 ||
            (r = json_get_bool(o, "follow", &p.follow)) < 0 ||
            (r = json_get_bool(o, "cancel", &p.cancel)) < 0 ||
            (r = json_get_bool(o, "self_test_keep_alive", &p.self_test_keep_alive)) < 0 ||
            (r = need_bounded(o, "machine_id", 64, &p.machine_id)) < 0 ||
            (r = need_bounded(o, "kname", 32, &p.kname)) < 0 ||
            (r = drive_identity_from_json(identity, &p.identity)) < 0 ||
            (r = get_bounded(o, "content", 256, false, &p.content)) < 0 ||
            (r = json_get(o, "granted", json_type_object, &granted)) < 0 ||
            (granted && (r = drive_lock_from_json(granted, &p.granted)) < 0) ||
            (r = json_get_bool(o, "reads_only", &p.reads_only)) < 0 ||
            (r = json_get_bool(o, "release", &p.release)) < 0 ||
            (r = host_target_from_json(target, &p.target)) < 0 ||
            (r = need_bounded(o, "log_path", PATH_MAX_BYTES, &p.log_path)) < 0 ||
            (r = need_bounded(o, "report_path", PATH_MAX_BYTES, &p.report_path)) < 0 ||
            (r = need_bounded(o, "baseline_path", PATH_MAX_BYTES, &p.baseline_path)) < 0 ||
            (r = strv_from_json(o, "boot_pools", LIST_MAX, "-_.: ", &p.boot_pools)) < 0 ||
            (r = get_bounded(o, "pattern", 32, false, &p.pattern)) < 0 ||
            (r = json_get_bool(o, "slow_fails", &p.slow_fails)) < 0 ||
            (r = get_bounded(o, "heat", TEXT_MAX_BYTES, false, &p.heat)) < 0 ||
            (r = json_get_double(o, "percent", &p.percent)) < 0)
                return r;
        if (!params_are_sane(&p))
                return -EBADMSG;

        *ret = p;
        p = (StageParams){ 0 };
        return 0;
}

void evidence_done(Evidence *e)
{
        free(e->rule);
        free(e->expected);
        free(e->observed);
        free(e->source);
        *e = (Evidence){ 0 };
}

void stage_report_done(StageReport *r)
{
        free(r->reason);
        for (size_t i = 0; i < r->n_evidence; i++)
                evidence_done(r->evidence + i);
        free(r->evidence);
        strv_free(r->bad_blocks);
        json_object_put(r->details);
        *r = (StageReport){ 0 };
}

/* Takes the line over, emptying it; on failure it stays the caller's. */
static int report_take(StageReport *r, Evidence *e)
{
        Evidence *l;

        if (r->n_evidence >= EVIDENCE_MAX)
                return -E2BIG;
        l = reallocarray(r->evidence, r->n_evidence + 1, sizeof(Evidence));
        if (!l)
                return -ENOMEM;

        r->evidence = l;
        r->evidence[r->n_evidence++] = *e;
        *e = (Evidence){ 0 };
        return 0;
}

int stage_report_add(StageReport *r, Verdict verdict, const char *rule, const char *expected,
                     const char *observed, const char *source)
{
        _cleanup_(evidence_done) Evidence e = { .verdict = verdict };

        if (free_and_strdup(&e.rule, rule) < 0 || free_and_strdup(&e.expected, expected) < 0 ||
            free_and_strdup(&e.observed, observed) < 0 || free_and_strdup(&e.source, source) < 0)
                return -ENOMEM;

        return report_take(r, &e);
}

static bool verdict_is_evidence(Verdict v)
{
        return v == VERDICT_PASSED || v == VERDICT_INCONCLUSIVE || v == VERDICT_FAILED;
}

Verdict stage_report_judge(const StageReport *r)
{
        Verdict worst = VERDICT_PASSED;

        if (r->n_evidence == 0)
                return VERDICT_INCONCLUSIVE;

        /* The enum is ordered by weight. What is no judgement of a line cannot carry a pass. */
        for (size_t i = 0; i < r->n_evidence; i++)
                worst = MAX(worst, verdict_is_evidence(r->evidence[i].verdict) ? r->evidence[i].verdict
                                                                               : VERDICT_INCONCLUSIVE);

        return worst;
}

char *stage_report_warnings(const StageReport *r)
{
        char *text = strdup("");

        for (size_t i = 0; text && i < r->n_evidence; i++) {
                const Evidence *e = r->evidence + i;
                char *longer;

                if (e->verdict != VERDICT_PASSED || !strstr(strempty(e->observed), EVIDENCE_WARNING))
                        continue;
                longer = strf("%s%s%s", text, isempty(text) ? "" : ", ", e->rule);
                free(text);
                text = longer;
        }

        return text;
}

static struct json_object *evidence_to_json(const Evidence *e)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *verdict = verdict_to_string(e->verdict);

        if (!o || !verdict || json_put_string(o, "rule", e->rule) < 0 ||
            json_put_string(o, "expected", e->expected) < 0 ||
            json_put_string(o, "observed", e->observed) < 0 || json_put_string(o, "source", e->source) < 0 ||
            json_put_string(o, "verdict", verdict) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static int evidence_from_json(struct json_object *o, Evidence *ret)
{
        _cleanup_(evidence_done) Evidence e = { 0 };
        const char *verdict;
        int r;

        if ((r = need_bounded(o, "rule", RULE_MAX, &e.rule)) < 0 ||
            (r = get_bounded(o, "expected", TEXT_MAX_BYTES, true, &e.expected)) < 0 ||
            (r = get_bounded(o, "observed", TEXT_MAX_BYTES, true, &e.observed)) < 0 ||
            (r = get_bounded(o, "source", RULE_MAX, false, &e.source)) < 0)
                return r;
        if (json_get_string(o, "verdict", &verdict) <= 0)
                return -EBADMSG;
        e.verdict = verdict_from_string(verdict);
        if (!verdict_is_evidence(e.verdict))
                return -EBADMSG;

        *ret = e;
        e = (Evidence){ 0 };
        return 0;
}

struct json_object *stage_report_to_json(const StageReport *r)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *a = json_object_new_array();
        const char *verdict = verdict_to_string(r->verdict);

        if (!o || !a || !verdict)
                return NULL;
        for (size_t i = 0; i < r->n_evidence; i++) {
                struct json_object *e = evidence_to_json(r->evidence + i);

                if (!e || json_object_array_add(a, e) < 0) {
                        json_object_put(e);
                        return NULL;
                }
        }

        if (json_put_string(o, "verdict", verdict) < 0 || json_put_string(o, "reason", r->reason) < 0 ||
            json_put(o, "evidence", json_object_get(a)) < 0 ||
            json_put(o, "bad_blocks", strv_to_json(r->bad_blocks)) < 0 ||
            json_put_u64(o, "n_bad_blocks", r->n_bad_blocks) < 0 ||
            json_put_u64(o, "read_errors", r->read_errors) < 0 ||
            json_put_u64(o, "write_errors", r->write_errors) < 0 ||
            json_put_u64(o, "compare_errors", r->compare_errors) < 0 ||
            json_put_u64(o, "ended_usec", r->ended_usec) < 0 ||
            (r->details && json_put(o, "details", json_object_get(r->details)) < 0))
                return NULL;

        return TAKE_PTR(o);
}

static int report_evidence_from_json(struct json_object *o, StageReport *report)
{
        struct json_object *a;
        int r;

        r = json_get(o, "evidence", json_type_array, &a);
        if (r <= 0)
                return r;
        if (json_object_array_length(a) > EVIDENCE_MAX)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(a); i++) {
                _cleanup_(evidence_done) Evidence e = { 0 };

                r = evidence_from_json(json_object_array_get_idx(a, i), &e);
                if (r < 0)
                        return r;
                r = report_take(report, &e);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A verdict must follow from its ledger: a pass with a bad line or with none is a lie, as is an end without reason. */
static bool report_is_consistent(const StageReport *r)
{
        if (r->verdict == VERDICT_PASSED)
                return stage_report_judge(r) == VERDICT_PASSED;

        return (r->verdict == VERDICT_INCONCLUSIVE || r->verdict == VERDICT_FAILED ||
                r->verdict == VERDICT_CANCELLED) &&
               !isempty(r->reason);
}

int stage_report_from_json(struct json_object *o, StageReport *ret)
{
        _cleanup_(stage_report_done) StageReport report = { 0 };
        struct json_object *details = NULL;
        const char *verdict;
        int r;

        if (json_get_string(o, "verdict", &verdict) <= 0)
                return -EBADMSG;
        report.verdict = verdict_from_string(verdict);

        if ((r = get_bounded(o, "reason", TEXT_MAX_BYTES, true, &report.reason)) < 0 ||
            (r = report_evidence_from_json(o, &report)) < 0 ||
            (r = strv_from_json(o, "bad_blocks", BAD_BLOCKS_MAX, "", &report.bad_blocks)) < 0 ||
            (r = json_get_u64(o, "n_bad_blocks", &report.n_bad_blocks)) < 0 ||
            (r = json_get_u64(o, "read_errors", &report.read_errors)) < 0 ||
            (r = json_get_u64(o, "write_errors", &report.write_errors)) < 0 ||
            (r = json_get_u64(o, "compare_errors", &report.compare_errors)) < 0 ||
            (r = json_get_u64(o, "ended_usec", &report.ended_usec)) < 0 ||
            (r = json_get(o, "details", json_type_object, &details)) < 0)
                return r;
        STRV_FOREACH(b, report.bad_blocks) {
                if (strspn(*b, "0123456789") != strlen(*b) || strlen(*b) > 20)
                        return -EBADMSG;
        }
        if (!report_is_consistent(&report))
                return -EBADMSG;

        report.details = details ? json_object_get(details) : NULL;
        *ret = report;
        report = (StageReport){ 0 };
        return 0;
}
