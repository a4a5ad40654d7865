/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/self-test-protocol.h"
#include "parse/truenas.h"

#define FIELD_MAX      200U
#define POOLS_MAX      256U
#define TOPOLOGY_DEPTH 8U
#define JOBS_MAX       65536U

void truenas_disks_done(TruenasDisks *d)
{
        for (size_t i = 0; i < d->n; i++) {
                free(d->disks[i].identifier);
                drive_facts_free(d->disks[i].facts);
        }
        free(d->disks);
        *d = (TruenasDisks){ 0 };
}

void truenas_tests_done(TruenasTests *t)
{
        for (size_t i = 0; i < t->n; i++)
                free(t->tests[i].kname);
        free(t->tests);
        *t = (TruenasTests){ 0 };
}

TruenasDisk *truenas_find_disk(const TruenasDisks *d, const char *kname)
{
        for (size_t i = 0; i < d->n; i++)
                if (streq(d->disks[i].facts->kname, kname))
                        return d->disks + i;

        return NULL;
}

TruenasTest *truenas_find_test(const TruenasTests *t, const char *kname)
{
        for (size_t i = 0; i < t->n; i++)
                if (streq(t->tests[i].kname, kname))
                        return t->tests + i;

        return NULL;
}

/* A string that is null, absent or empty is not known; one of another type makes no sense. */
static int get_field(struct json_object *o, const char *key, char **ret)
{
        const char *s = NULL;
        int r;

        r = json_get_string(o, key, &s);
        if (r <= 0 || isempty(s))
                return MIN(r, 0);

        free(*ret);
        *ret = str_clean(s, strlen(s), FIELD_MAX, false);
        return *ret ? 1 : -ENOMEM;
}

/* As smartctl and lsblk say it over SSH, so that one drive has one row whichever way it was seen. */
static int read_wwn(struct json_object *o, bool nvme, char **ret)
{
        const char *s = NULL;
        size_t n;
        int r;

        r = json_get_string(o, "lunid", &s);
        if (r <= 0 || isempty(s))
                return MIN(r, 0);
        s = startswith(s, "0x") ?: startswith(s, "eui.") ?: s;
        n = strlen(s);
        if (n > 32 || strspn(s, "0123456789abcdefABCDEF") != n || strspn(s, "0") == n)
                return 0; /* no WWN, or a null one */

        *ret = strf("%s%s", nvme ? "eui." : "0x", s);
        if (!*ret)
                return -ENOMEM;
        for (char *p = *ret; *p; p++)
                if (*p >= 'A' && *p <= 'F')
                        *p = (char) (*p - 'A' + 'a');
        return 0;
}

static int set_lock(DriveFacts *f, LockRole role, const char *pool, char *detail)
{
        _cleanup_free_ char *owned = detail;

        if (!owned)
                return -ENOMEM;
        if (free_and_strdup(&f->lock.pool, pool) < 0)
                return -ENOMEM;
        free(f->lock.detail);
        f->lock.detail = TAKE_PTR(owned);
        f->lock.role = role;
        return 0;
}

static int lock_member(DriveFacts *f, const char *pool, char *const *boot_pools)
{
        return set_lock(f, strv_contains(boot_pools, pool) ? LOCK_BOOT_POOL : LOCK_ACTIVE_POOL, pool,
                        strf("member of ZFS pool %s", pool));
}

static int read_disk(struct json_object *o, char *const *boot_pools, TruenasDisk *d)
{
        _cleanup_free_ char *pool = NULL, *bus = NULL;
        DriveFacts *f = d->facts;
        uint64_t rotation = 0;
        const char *type = NULL;
        int r;

        f->temperature_mdegc = MDEGC_UNKNOWN;
        if ((r = get_field(o, "name", &f->kname)) < 0 ||
            (r = get_field(o, "identifier", &d->identifier)) < 0 ||
            (r = get_field(o, "serial", &f->identity.serial)) < 0 ||
            (r = get_field(o, "model", &f->identity.model)) < 0 ||
            (r = json_get_u64(o, "size", &f->identity.size_bytes)) < 0 ||
            (r = get_field(o, "pool", &pool)) < 0 || (r = get_field(o, "bus", &bus)) < 0 ||
            (r = json_get_string(o, "type", &type)) < 0)
                return r;
        if (!f->kname || !kname_is_valid(f->kname) || !d->identifier)
                return -EBADMSG;

        /* Null for SSDs, and some versions give it as a word. */
        (void) json_get_u64(o, "rotationrate", &rotation);
        f->rotational = type ? streq(type, "HDD") : rotation > 0;
        r = read_wwn(o, startswith(f->kname, "nvme"), &f->identity.wwn);
        if (r < 0)
                return r;
        if (bus) {
                f->transport = streq(bus, "ATA")    ? strdup("sata")
                               : streq(bus, "SCSI") ? strdup("sas")
                               : streq(bus, "NVME") ? strdup("nvme")
                               : streq(bus, "USB")  ? strdup("usb")
                                                    : NULL;
        }

        return pool ? lock_member(f, pool, boot_pools)
                    : set_lock(f, LOCK_UNCLASSIFIED, NULL,
                               strdup("the TrueNAS API does not tell what uses it"));
}

int truenas_parse_disks(const char *text, size_t size, char *const *boot_pools, TruenasDisks *ret)
{
        _cleanup_(truenas_disks_done) TruenasDisks d = { 0 };
        _cleanup_json_ struct json_object *a = NULL;
        size_t n;
        int r;

        r = json_parse_as(text, size, json_type_array, &a);
        if (r < 0)
                return r;
        n = json_object_array_length(a);
        if (n > TRUENAS_DISKS_MAX)
                return -EBADMSG;

        d.disks = new0(TruenasDisk, n + 1);
        if (!d.disks)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(truenas_disks_done) TruenasDisks one = { .disks = new0(TruenasDisk, 1), .n = 1 };

                if (!one.disks) {
                        one.n = 0;
                        return -ENOMEM;
                }
                one.disks->facts = new0(DriveFacts, 1);
                if (!one.disks->facts)
                        return -ENOMEM;
                r = read_disk(json_object_array_get_idx(a, i), boot_pools, one.disks);
                if (r < 0)
                        return r;
                if (truenas_find_disk(&d, one.disks->facts->kname))
                        return -EBADMSG;
                d.disks[d.n++] = *one.disks;
                *one.disks = (TruenasDisk){ 0 };
        }

        *ret = d;
        d = (TruenasDisks){ 0 };
        return 0;
}

typedef struct Pool {
        const char *name, *guid;
        char *const *boot_pools;
        TruenasDisks *disks;
} Pool;

static int take_vdev(const Pool *p, struct json_object *o, unsigned depth)
{
        struct json_object *children = NULL;
        const char *name = NULL;
        int r;

        if (depth > TOPOLOGY_DEPTH)
                return -EBADMSG;
        if ((r = json_get_string(o, "disk", &name)) < 0 ||
            (r = json_get(o, "children", json_type_array, &children)) < 0)
                return r;

        if (name) {
                TruenasDisk *d = truenas_find_disk(p->disks, name);

                if (d && (lock_member(d->facts, p->name, p->boot_pools) < 0 ||
                          free_and_strdup(&d->facts->lock.guid, p->guid) < 0))
                        return -ENOMEM;
        }
        for (size_t i = 0; children && i < json_object_array_length(children); i++) {
                r = take_vdev(p, json_object_array_get_idx(children, i), depth + 1);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int take_pool(struct json_object *o, char *const *boot_pools, TruenasDisks *disks)
{
        _cleanup_free_ char *name = NULL, *guid = NULL;
        struct json_object *topology = NULL;
        int r;

        if ((r = get_field(o, "name", &name)) < 0 || (r = get_field(o, "guid", &guid)) < 0 ||
            (r = json_get(o, "topology", json_type_object, &topology)) < 0)
                return r;
        if (!name)
                return -EBADMSG;
        if (!topology)
                return 0; /* the pool could not be imported */

        json_object_object_foreach(topology, kind, vdevs)
        {
                (void) kind;
                if (!json_object_is_type(vdevs, json_type_array))
                        return -EBADMSG;
                for (size_t i = 0; i < json_object_array_length(vdevs); i++) {
                        r = take_vdev(&(Pool){ name, guid, boot_pools, disks },
                                      json_object_array_get_idx(vdevs, i), 0);
                        if (r < 0)
                                return r;
                }
        }

        return 0;
}

int truenas_parse_pools(const char *text, size_t size, char *const *boot_pools, TruenasDisks *disks)
{
        _cleanup_json_ struct json_object *a = NULL;
        int r;

        r = json_parse_as(text, size, json_type_array, &a);
        if (r < 0)
                return r;
        if (json_object_array_length(a) > POOLS_MAX)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(a); i++) {
                r = take_pool(json_object_array_get_idx(a, i), boot_pools, disks);
                if (r < 0)
                        return r;
        }

        return 0;
}

int truenas_parse_temperatures(const char *text, size_t size, TruenasDisks *disks)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_parse_as(text, size, json_type_object, &o);
        if (r < 0)
                return r;

        for (size_t i = 0; i < disks->n; i++) {
                double c;

                /* null: it sleeps, or has none. */
                if (json_get_double(o, disks->disks[i].facts->kname, &c) > 0 && c > -100 && c < 1000)
                        disks->disks[i].facts->temperature_mdegc = (int32_t) (c * 1000);
        }

        return 0;
}

static SelfTestKind kind_of(const char *type)
{
        return !type                       ? SELF_TEST_KIND_UNKNOWN
               : streq(type, "SHORT")      ? SELF_TEST_KIND_SHORT
               : streq(type, "LONG")       ? SELF_TEST_KIND_LONG
               : streq(type, "CONVEYANCE") ? SELF_TEST_KIND_CONVEYANCE
                                           : SELF_TEST_KIND_UNKNOWN;
}

/* One drive of a job, in either dialect: [{"disk": NAME, "type": ..}, WHEN], or [{"disks": [NAME ..], "type": ..}]. */
static int add_test(struct json_object *argument, const char *kname, uint64_t job, int percent,
                    TruenasTests *t)
{
        const char *type = NULL;

        if (!kname || !kname_is_valid(kname) || t->n >= TRUENAS_TESTS_MAX || truenas_find_test(t, kname))
                return 0;
        if (json_get_string(argument, "type", &type) < 0)
                return -EBADMSG;

        t->tests[t->n] = (TruenasTest){
                .kname = strdup(kname),
                .kind = kind_of(type),
                .job = job,
                .percent = percent,
        };
        if (!t->tests[t->n].kname)
                return -ENOMEM;
        t->n++;
        return 0;
}

static int read_job(struct json_object *o, TruenasTests *t)
{
        struct json_object *arguments = NULL, *names = NULL, *argument, *progress = NULL;
        const char *method = NULL, *state = NULL, *name = NULL;
        double percent = -1;
        uint64_t id = 0;
        int r;

        if ((r = json_get_string(o, "method", &method)) < 0 ||
            (r = json_get_string(o, "state", &state)) < 0 || (r = json_get_u64(o, "id", &id)) < 0 ||
            (r = json_get(o, "progress", json_type_object, &progress)) < 0)
                return r;
        if (!method || !(streq(method, "smart.test") || streq(method, "smart.test.wait")) || !state ||
            !streq(state, "RUNNING"))
                return 0;
        if (json_get(o, "arguments", json_type_array, &arguments) <= 0)
                return -EBADMSG;

        if (progress && json_get_double(progress, "percent", &percent) < 0)
                return -EBADMSG;
        if (!(percent >= 0 && percent <= 100))
                percent = -1;
        argument = json_object_array_length(arguments) > 0 ? json_object_array_get_idx(arguments, 0) : NULL;
        if ((r = json_get_string(argument, "disk", &name)) < 0 ||
            (r = json_get(argument, "disks", json_type_array, &names)) < 0)
                return r;
        if (name)
                return add_test(argument, name, id, (int) percent, t);
        for (size_t i = 0; names && i < json_object_array_length(names); i++) {
                struct json_object *v = json_object_array_get_idx(names, i);

                if (!json_object_is_type(v, json_type_string))
                        return -EBADMSG;
                r = add_test(argument, json_object_get_string(v), id, (int) percent, t);
                if (r < 0)
                        return r;
        }

        return 0;
}

int truenas_parse_tests(const char *text, size_t size, TruenasTests *ret)
{
        _cleanup_(truenas_tests_done) TruenasTests t = { 0 };
        _cleanup_json_ struct json_object *a = NULL;
        int r;

        r = json_parse_as(text, size, json_type_array, &a);
        if (r < 0)
                return r;
        if (json_object_array_length(a) > JOBS_MAX)
                return -EBADMSG;

        t.tests = new0(TruenasTest, TRUENAS_TESTS_MAX);
        if (!t.tests)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(a); i++) {
                r = read_job(json_object_array_get_idx(a, i), &t);
                if (r < 0)
                        return r;
        }

        *ret = t;
        t = (TruenasTests){ 0 };
        return 0;
}

/* The answers are a list with an object for each drive, which names it as "disk". */
static int find_entry(struct json_object *a, const char *kname, struct json_object **ret)
{
        if (!json_object_is_type(a, json_type_array) || json_object_array_length(a) > TRUENAS_DISKS_MAX)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(a); i++) {
                struct json_object *o = json_object_array_get_idx(a, i);
                const char *name = NULL;

                if (json_get_string(o, "disk", &name) > 0 && streq(name, kname)) {
                        *ret = o;
                        return 0;
                }
        }

        return -EBADMSG;
}

int truenas_parse_started(const char *text, size_t size, const char *kname, uint64_t *ret_job,
                          char **ret_reason)
{
        _cleanup_json_ struct json_object *a = NULL;
        struct json_object *o;
        const char *error = NULL;
        uint64_t job;
        int r;

        r = json_parse(text, size, &a);
        if (r < 0)
                return r;
        r = find_entry(a, kname, &o);
        if (r < 0)
                return r;
        r = json_get_string(o, "error", &error);
        if (r < 0)
                return r;
        if (error) {
                *ret_reason = str_clean(error, strlen(error), TRUENAS_WORDS_MAX, false);
                return *ret_reason ? 0 : -ENOMEM;
        }
        /* Without a job nothing says that it runs. */
        if (json_get_u64(o, "job", &job) <= 0)
                return -EBADMSG;

        *ret_job = job;
        return 1;
}

static const struct {
        const char *status;
        SelfTestResult result;
        uint8_t code; /* the drives' own for such a result */
} results[] = {
        { "SUCCESS", SELF_TEST_RESULT_PASSED, 0 },
        { "ABORTED", SELF_TEST_RESULT_ABORTED, 1 },
        { "FAILED", SELF_TEST_RESULT_FAILED, 7 },
        { "RUNNING", SELF_TEST_RESULT_RUNNING, 15 },
};

static SelfTestKind kind_of_words(const char *words)
{
        static const struct {
                const char *word;
                SelfTestKind kind;
        } kinds[] = {
                { "short", SELF_TEST_KIND_SHORT },         { "extended", SELF_TEST_KIND_LONG },
                { "long", SELF_TEST_KIND_LONG },           { "conveyance", SELF_TEST_KIND_CONVEYANCE },
                { "selective", SELF_TEST_KIND_SELECTIVE }, { "vendor", SELF_TEST_KIND_VENDOR },
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strcasestr(strempty(words), kinds[i].word))
                        return kinds[i].kind;

        return SELF_TEST_KIND_UNKNOWN;
}

static int read_result(struct json_object *o, SelfTestReading *r)
{
        const char *description = NULL, *status = NULL, *words = NULL;
        struct json_object *remaining = NULL;
        SelfTestEntry e = { .result = SELF_TEST_RESULT_UNKNOWN, .code = 3 };
        uint64_t hours = UINT64_MAX;

        if (json_get_string(o, "description", &description) < 0 ||
            json_get_string(o, "status", &status) <= 0 || json_get_string(o, "status_verbose", &words) < 0)
                return -EBADMSG;

        e.kind = kind_of_words(description);
        for (size_t i = 0; i < ELEMENTSOF(results); i++)
                if (streq(results[i].status, status)) {
                        e.result = results[i].result;
                        e.code = results[i].code;
                }
        /* Which protocol it is shows in the fields alone. */
        if (json_get_u64(o, "power_on_hours", &hours) > 0)
                self_test_set_hours(&e, hours, SELF_TEST_HOURS_EXACT);
        else if (json_get_u64(o, "lifetime", &hours) > 0)
                self_test_set_hours(&e, hours,
                                    json_object_object_get_ex(o, "remaining", &remaining)
                                                    ? SELF_TEST_HOURS_WRAP
                                                    : SELF_TEST_HOURS_AT_LEAST);
        e.has_lba = json_get_u64(o, "lba_of_first_error", &e.lba) > 0 ||
                    json_get_u64(o, "failing_lba", &e.lba) > 0;

        if (e.result == SELF_TEST_RESULT_RUNNING) {
                double left = -1;

                (void) json_get_double(o, "remaining", &left);
                if (left > 0 && left <= 1)
                        left *= 100; /* a share, in some versions */
                self_test_set_running(r, e.kind,
                                      left >= 0 && left <= 100 ? (uint64_t) (100 - left) : UINT64_MAX);
        }
        return self_test_log_add(r, &e, words ?: status);
}

/* A test that ended leaves its percentage there, so it counts only while nothing newer tells of an end; then it is an NVMe drive's,
 * which does not log a test that runs. */
static void read_current(struct json_object *o, SelfTestReading *r)
{
        struct json_object *current = NULL;
        double percent;

        if (r->activity != SELF_TEST_ACTIVITY_UNKNOWN ||
            (r->n_log > 0 && r->log[0].hours_are != SELF_TEST_HOURS_EXACT))
                return;
        if (json_get(o, "current_test", json_type_object, &current) > 0 &&
            json_get_double(current, "progress", &percent) > 0 && percent >= 0 && percent <= 100)
                self_test_set_running(r, SELF_TEST_KIND_UNKNOWN, (uint64_t) percent);
}

int truenas_parse_results(const char *text, size_t size, const char *kname, SelfTestReading *ret)
{
        _cleanup_(self_test_reading_done) SelfTestReading reading = { .percent = -1 };
        _cleanup_json_ struct json_object *a = NULL;
        struct json_object *o, *tests = NULL;
        int r;

        r = json_parse(text, size, &a);
        if (r < 0)
                return r;
        r = find_entry(a, kname, &o);
        if (r < 0)
                return r;
        r = json_get(o, "tests", json_type_array, &tests);
        if (r < 0)
                return r;

        reading.supported = reading.log_supported =
                        tests ? SELF_TEST_SUPPORT_YES : SELF_TEST_SUPPORT_UNKNOWN;
        for (size_t i = 0; tests && i < json_object_array_length(tests); i++) {
                r = read_result(json_object_array_get_idx(tests, i), &reading);
                if (r < 0)
                        return r;
        }
        read_current(o, &reading);

        *ret = reading;
        reading = (SelfTestReading){ 0 };
        return 0;
}

static int to_text(struct json_object *o, char **ret)
{
        *ret = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        return *ret ? 0 : -ENOMEM;
}

int truenas_pack_reading(const DriveFacts *f, const SelfTestReading *r, char **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put(o, "drive", drive_facts_to_json(f)) < 0 ||
            json_put(o, "reading", self_test_reading_to_json(r)) < 0)
                return -ENOMEM;

        return to_text(o, ret);
}

int truenas_unpack_reading(const char *text, size_t size, DriveFacts **ret_drive, SelfTestReading *ret)
{
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *drive, *reading;
        int r;

        r = json_parse(text, size, &o);
        if (r < 0)
                return r;
        if (json_get(o, "drive", json_type_object, &drive) <= 0 ||
            json_get(o, "reading", json_type_object, &reading) <= 0)
                return -EBADMSG;
        r = drive_facts_from_json(drive, &f);
        if (r < 0)
                return r;
        r = self_test_reading_from_json(reading, ret);
        if (r < 0)
                return r;

        *ret_drive = TAKE_PTR(f);
        return 0;
}

int truenas_pack_start(const char *refused, char **ret)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_bool(o, "started", !refused) < 0 || json_put_string(o, "words", refused) < 0)
                return -ENOMEM;

        return to_text(o, ret);
}

int truenas_unpack_start(const char *text, size_t size, SelfTestStart *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *words = "";
        bool started = false;
        int r;

        r = json_parse(text, size, &o);
        if (r < 0)
                return r;
        if (json_get_bool(o, "started", &started) <= 0 || json_get_string(o, "words", &words) < 0)
                return -EBADMSG;
        if (started) {
                *ret = (SelfTestStart){ .answer = SELF_TEST_ANSWER_STARTED, .percent = -1 };
                return 0;
        }

        /* Mostly smartctl's words, which TrueNAS passes on. That it began is said by TrueNAS itself, or not at all. */
        r = self_test_start_parse(words, strlen(words), ret);
        if (r >= 0 && ret->answer == SELF_TEST_ANSWER_STARTED)
                ret->answer = SELF_TEST_ANSWER_FAILED;
        if (r >= 0 && isempty(ret->words))
                r = free_and_strdup(&ret->words, "TrueNAS refused, without a word why");
        return MIN(r, 0);
}

int truenas_parse_version(const char *text, size_t size, char **ret, unsigned *ret_major,
                          unsigned *ret_minor)
{
        _cleanup_json_ struct json_object *o = NULL;
        unsigned major = 0, minor = 0;
        const char *s, *digits;
        char *clean;
        int r;

        r = json_parse_as(text, size, json_type_string, &o);
        if (r < 0)
                return r;
        s = json_object_get_string(o);
        digits = s + strcspn(s, "0123456789");
        if (sscanf(digits, "%4u.%4u", &major, &minor) < 1)
                return -EBADMSG;
        clean = startswith(s, "TrueNAS") ? str_clean(s, strlen(s), FIELD_MAX, false)
                                         : strf("TrueNAS %.*s", (int) strcspn(s, "\r\n\t "), s);
        if (!clean)
                return -ENOMEM;
        if (!str_is_clean(clean, FIELD_MAX, false)) {
                free(clean);
                return -EBADMSG;
        }

        *ret = clean;
        *ret_major = major;
        *ret_minor = minor;
        return 0;
}

/* {"message": ".."}, {"FIELD": [{"message": ".."}]}, or plain text. */
static const char *find_message(struct json_object *o)
{
        const char *s = NULL;

        if (!json_object_is_type(o, json_type_object))
                return NULL;
        if (json_get_string(o, "message", &s) > 0)
                return s;
        json_object_object_foreach(o, key, value)
        {
                (void) key;
                if (json_object_is_type(value, json_type_array) && json_object_array_length(value) > 0 &&
                    json_get_string(json_object_array_get_idx(value, 0), "message", &s) > 0)
                        return s;
        }

        return NULL;
}

char *truenas_error_words(const char *text, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *s;

        if (json_parse(text, size, &o) >= 0) {
                s = find_message(o);
                return str_clean(strempty(s), strlen(strempty(s)), TRUENAS_WORDS_MAX, false);
        }
        /* A page for a browser says nothing. */
        if (memchr(text, '<', size))
                return strdup("");

        return str_clean(text, strnlen(text, size), TRUENAS_WORDS_MAX, false);
}
