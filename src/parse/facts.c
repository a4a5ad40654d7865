/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/facts.h"
#include "parse/lines.h"
#include "parse/lock.h"
#include "parse/lsblk.h"
#include "parse/mountinfo.h"
#include "parse/self-test.h"
#include "parse/smartctl.h"
#include "parse/zpool.h"

#define SECTIONS_MAX  4096U
#define LIVE_RUNS_MAX 1024U
#define IDENT_MAX     1024U
#define BAY_MAX       200U
#define SECTOR_BYTES  512U
#define BY_ID         "/dev/disk/by-id/"

typedef struct Section {
        char *name, *argument; /* argument: NULL or a kname */
        bool absent;
        int status;
        const char *text; /* in the input */
        size_t size;
} Section;

typedef struct Answer {
        Section *sections;
        size_t n_sections;
} Answer;

/* What one answer is made into. */
typedef struct Context {
        const Answer *answer;
        const FactsOptions *options;
        HostFacts *host;
        bool zfs_loaded;
        BlockTree tree;
        PoolList pools;
        bool have_pools;
        LockMap locks;
} Context;

static void answer_done(Answer *a)
{
        for (size_t i = 0; i < a->n_sections; i++) {
                free(a->sections[i].name);
                free(a->sections[i].argument);
        }
        free(a->sections);
        *a = (Answer){ 0 };
}

static void context_done(Context *c)
{
        lock_map_done(&c->locks); /* before the tree it speaks of */
        block_tree_done(&c->tree);
        pool_list_done(&c->pools);
        host_facts_free(c->host);
}

static int refuse(char **reterr_reason, const char *format, ...) _printf_(2, 3);

static int refuse(char **reterr_reason, const char *format, ...)
{
        va_list ap;
        char *t, *clean;
        int r;

        va_start(ap, format);
        r = vasprintf(&t, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        clean = str_clean(t, strlen(t), 512, false);
        free(t);
        if (!clean)
                return -ENOMEM;

        free(*reterr_reason);
        *reterr_reason = clean;
        return -EBADMSG;
}

static const Section *section_find(const Answer *a, const char *name, const char *argument)
{
        for (size_t i = 0; i < a->n_sections; i++)
                if (streq(a->sections[i].name, name) && streq_ptr(a->sections[i].argument, argument))
                        return a->sections + i;

        return NULL;
}

/* A frame's words: begin NAME [ARG], end NAME [ARG] STATUS, done. -EBADMSG if there are others. */
static int frame_split(const char *line, size_t size, char ***ret)
{
        _cleanup_free_ char *t = NULL;

        if (size > 256 || memchr(line, 0, size))
                return -EBADMSG;
        t = strndup(line, size);

        return t ? strv_split(t, " \r", ret) : -ENOMEM;
}

static int answer_begin(Answer *a, char *const *words, const char *text)
{
        size_t n = strv_length(words);
        Section *s;

        if ((n != 2 && n != 3) || a->n_sections >= SECTIONS_MAX)
                return -EBADMSG;
        /* What comes twice is not ours, and which one would count? */
        if (section_find(a, words[1], n == 3 ? words[2] : NULL) || (n == 3 && !kname_is_valid(words[2])))
                return -EBADMSG;

        s = reallocarray(a->sections, a->n_sections + 1, sizeof(Section));
        if (!s)
                return -ENOMEM;
        a->sections = s;
        s += a->n_sections;
        *s = (Section){ .name = strdup(words[1]),
                        .argument = n == 3 ? strdup(words[2]) : NULL,
                        .text = text };
        a->n_sections++;

        return s->name && (n != 3 || s->argument) ? 0 : -ENOMEM;
}

static int answer_end(Section *s, char *const *words, const char *end)
{
        size_t n = strv_length(words);
        const char *status = n > 0 ? words[n - 1] : "";
        uint32_t v = 0;

        if (n != (s->argument ? 4U : 3U) || !streq(words[1], s->name) ||
            (s->argument && !streq(words[2], s->argument)))
                return -EBADMSG;

        s->absent = streq(status, "absent");
        if (!s->absent && (parse_u32(status, &v) < 0 || v > 255))
                return -EBADMSG;
        s->status = (int) v;
        s->size = (size_t) (end - s->text);
        if (s->size > 0 && s->text[s->size - 1] == '\n')
                s->size--; /* that of the frame */
        return 0;
}

/* Frames are lines that begin with "=NONCE "; no tool can print one. Before the first there may be a login's greeting. */
static int answer_parse(const char *text, size_t size, const char *nonce, Answer *ret)
{
        _cleanup_(answer_done) Answer a = { 0 };
        _cleanup_free_ char *mark = strf("=%s ", nonce);
        const char *end = text + size;
        bool open = false;
        int r;

        if (!mark)
                return -ENOMEM;
        if (isempty(nonce))
                return -EBADMSG;

        for (const char *p = text, *next; p < end; p = next) {
                const char *eol = memchr(p, '\n', (size_t) (end - p));
                _cleanup_strv_free_ char **words = NULL;
                size_t n = strlen(mark);

                next = eol ? eol + 1 : end;
                if ((size_t) (end - p) < n || memcmp(p, mark, n) != 0)
                        continue;

                r = frame_split(p + n, (size_t) ((eol ?: end) - (p + n)), &words);
                if (r < 0)
                        return r;
                if (words && streq(words[0], "done") && strv_length(words) == 1 && !open) {
                        *ret = a;
                        a = (Answer){ 0 };
                        return 0;
                }

                if (words && streq(words[0], "begin") && !open) {
                        r = answer_begin(&a, words, next);
                        open = true;
                } else if (words && streq(words[0], "end") && open) {
                        r = answer_end(a.sections + a.n_sections - 1, words, p);
                        open = false;
                } else
                        r = -EBADMSG;
                if (r < 0)
                        return r;
        }

        return -EBADMSG;
}

/* Calls fn with each line of a section, cut at blanks into at most n words; the last one keeps its blanks. A line with fewer is
 * passed over: these sections tell of extras, not of locks. */
static int section_foreach(const Section *s, size_t n_words, int (*fn)(Context *c, char *const *words),
                           Context *c)
{
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        if (!s || s->absent)
                return 0;
        r = lines_begin(&lines, s->text, s->size);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;

        while ((line = lines_next(&lines))) {
                char *words[4] = { 0 };

                if (line_cut(line, words, n_words) < n_words || isempty(words[n_words - 1]))
                        continue;
                r = fn(c, words);
                if (r < 0)
                        return r;
        }

        return 0;
}

static DriveFacts *drive_find(const Context *c, const char *kname)
{
        for (size_t i = 0; i < c->host->n_drives; i++)
                if (streq(c->host->drives[i]->kname, kname))
                        return c->host->drives[i];

        return NULL;
}

static int text_set(char **p, const char *s, size_t max)
{
        _cleanup_free_ char *clean = str_clean(s, strlen(s), max, false);

        if (!clean)
                return -ENOMEM;
        return isempty(clean) ? 0 : free_and_strdup(p, clean);
}

static int missing_tool_add(HostFacts *h, const char *tool)
{
        static const struct {
                const char *tool, *package;
        } packages[] = { { "badblocks", "e2fsprogs" },
                         { "smartctl", "smartmontools" },
                         { "lsblk", "util-linux" } };

        for (size_t i = 0; i < ELEMENTSOF(packages); i++) {
                char *t;

                if (!streq(tool, packages[i].tool) || (h->missing_tools && strstr(h->missing_tools, tool)))
                        continue;
                t = strf("%s%s%s (%s)", strempty(h->missing_tools), h->missing_tools ? ", " : "", tool,
                         packages[i].package);
                if (!t)
                        return -ENOMEM;
                free(h->missing_tools);
                h->missing_tools = t;
        }

        return 0;
}

/* "12345.67 23456.78" */
static void uptime_parse(const char *s, uint64_t *ret_usec)
{
        unsigned long long seconds = 0;
        unsigned hundredths = 0;

        if (*s >= '0' && *s <= '9' && sscanf(s, "%12llu.%2u", &seconds, &hundredths) >= 1)
                *ret_usec = seconds * USEC_PER_SEC + hundredths * (USEC_PER_SEC / 100);
}

static int host_line(Context *c, char *const *words)
{
        const char *key = words[0], *value;

        value = startswith(key, "boot_id=");
        if (value)
                return text_set(&c->host->boot_id, value, 64);
        value = startswith(key, "os=");
        if (value)
                return text_set(&c->host->os, value, 128);
        value = startswith(key, "missing=");
        if (value)
                return missing_tool_add(c->host, value);
        value = startswith(key, "uptime=");
        if (value)
                uptime_parse(value, &c->host->uptime_usec);
        /* Nothing but a clear no means that there are no pools. */
        if (streq(key, "zfs=0"))
                c->zfs_loaded = false;

        return 0;
}

static const char *transport_name(const BlockDevice *d)
{
        if (streq_ptr(d->type, "loop"))
                return "loop";
        if (d->transport)
                return d->transport;

        return startswith(d->kname, "nvme")     ? "nvme"
               : startswith(d->kname, "vd")     ? "virtio"
               : startswith(d->kname, "xvd")    ? "xen"
               : startswith(d->kname, "mmcblk") ? "mmc"
                                                : NULL;
}

static int drive_new(const BlockDevice *d, DriveFacts **ret)
{
        _cleanup_(drive_facts_freep) DriveFacts *f = new0(DriveFacts, 1);
        const char *transport = transport_name(d);

        if (!f)
                return -ENOMEM;
        f->temperature_mdegc = MDEGC_UNKNOWN;
        f->rotational = d->rotational;
        f->logical_block_size = d->logical_block_size;
        f->physical_block_size = d->physical_block_size;
        f->identity.size_bytes = d->size_bytes;

        if (free_and_strdup(&f->kname, d->kname) < 0)
                return -ENOMEM;
        if (transport && text_set(&f->transport, transport, 32) < 0)
                return -ENOMEM;

        /* In front of these stands a bridge or a file, whose name the system sees in the drive's place. */
        if (!transport || (!streq(transport, "usb") && !streq(transport, "loop")))
                if (free_and_strdup(&f->identity.wwn, d->wwn) < 0 ||
                    free_and_strdup(&f->identity.serial, d->serial) < 0 ||
                    free_and_strdup(&f->identity.model, d->model) < 0)
                        return -ENOMEM;

        *ret = TAKE_PTR(f);
        return 0;
}

static int drives_add(Context *c)
{
        HostFacts *h = c->host;
        int r;

        h->drives = new0(DriveFacts *, MAX(c->tree.n_devices, (size_t) 1));
        if (!h->drives)
                return -ENOMEM;

        for (size_t i = 0; i < c->tree.n_devices; i++) {
                if (!block_device_is_drive(c->tree.devices + i, c->options->loop_drives))
                        continue;
                r = drive_new(c->tree.devices + i, h->drives + h->n_drives);
                if (r < 0)
                        return r;
                h->n_drives++;
        }

        return 0;
}

static int ident_line(Context *c, char *const *words)
{
        const BlockDevice *d = block_tree_find(&c->tree, words[0]);
        DriveFacts *f = drive_find(c, words[0]);
        uint32_t major, minor;

        /* Another number under the same name: the drive changed between the two commands. */
        if (!f || !d || !device_number_parse(words[1], &major, &minor) ||
            (d->have_number && (major != d->major || minor != d->minor)))
                return 0;
        /* Compared as it stands, so it is taken as it stands or not at all. */
        if (!str_is_clean(words[2], IDENT_MAX, false))
                return 0;

        return free_and_strdup(&f->identity.fingerprint, words[2]) < 0 ? -ENOMEM : 0;
}

/* Which of a drive's links says most to people. */
static int by_id_rank(const char *name)
{
        static const char *const prefixes[] = { "ata-", "nvme-", "scsi-S", "usb-", "virtio-", "scsi-" };

        if (startswith(name, "nvme-eui.") || startswith(name, "nvme-nvme.") ||
            startswith(name, "nvme-uuid."))
                return ELEMENTSOF(prefixes) + 1;
        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (startswith(name, prefixes[i]))
                        return (int) i;

        return ELEMENTSOF(prefixes);
}

static int by_id_line(Context *c, char *const *words)
{
        DriveFacts *f = drive_find(c, words[0]);
        const char *name = words[1], *old;
        char *t;
        int r;

        if (strlen(name) > 200 || strchr(name, '/') || name[0] == '.' || !str_is_clean(name, 200, false))
                return 0;
        r = block_tree_add_link(&c->tree, words[0], name);
        if (r < 0 || !f)
                return r;

        old = f->by_id ? f->by_id + STRLEN(BY_ID) : NULL;
        if (old && (by_id_rank(old) < by_id_rank(name) ||
                    (by_id_rank(old) == by_id_rank(name) && strcmp(old, name) <= 0)))
                return 0;

        t = strf(BY_ID "%s", name);
        if (!t)
                return -ENOMEM;
        free(f->by_id);
        f->by_id = t;
        return 0;
}

static int bay_line(Context *c, char *const *words)
{
        DriveFacts *f = drive_find(c, words[0]);

        return f ? text_set(&f->bay, words[1], BAY_MAX) : 0;
}

/* /sys/block/KNAME/stat: the third number counts sectors read, the seventh those written, in units of 512 bytes. */
static int stat_line(Context *c, char *const *words)
{
        DriveFacts *f = drive_find(c, words[0]);
        unsigned long long v[7];

        if (f && sscanf(words[1], "%18llu %18llu %18llu %18llu %18llu %18llu %18llu", &v[0], &v[1], &v[2],
                        &v[3], &v[4], &v[5], &v[6]) == 7) {
                f->read_bytes = v[2] * SECTOR_BYTES;
                f->written_bytes = v[6] * SECTOR_BYTES;
        }

        return 0;
}

static int temperature_line(Context *c, char *const *words)
{
        DriveFacts *f = drive_find(c, words[0]);
        int64_t v;

        if (f && parse_i64(words[1], &v) >= 0 && v >= -60000 && v <= 200000)
                f->temperature_mdegc = (int32_t) v;

        return 0;
}

static int run_line(Context *c, char *const *words)
{
        /* run_state_to_string()'s names of those with a living process. */
        if (!streq(words[1], "starting") && !streq(words[1], "running"))
                return 0;
        if (strlen(words[0]) != 32 || strspn(words[0], "0123456789abcdef") != 32 ||
            strv_length(c->host->live_runs) >= LIVE_RUNS_MAX)
                return 0;

        return strv_extend(&c->host->live_runs, words[0]);
}

/* A detector's section if it can be used; else the failure is noted. */
static int detector_find(Context *c, const char *name, bool may_be_absent, const Section **ret)
{
        const Section *s = section_find(c->answer, name, NULL);

        *ret = NULL;
        if (!s)
                return lock_map_fail(&c->locks, "%s: no answer", name);
        if (s->absent)
                return may_be_absent ? 0 : lock_map_fail(&c->locks, "%s: not available", name);
        if (s->status != 0)
                return lock_map_fail(&c->locks, "%s: failed with status %d", name, s->status);

        *ret = s;
        return 0;
}

/* What a detector's parser said; garbage is a failure of the detector, not of the answer. */
static int detector_result(Context *c, const char *name, int r)
{
        return r == -EBADMSG ? lock_map_fail(&c->locks, "%s: its output is not understood", name) : r;
}

static int detect_pools(Context *c)
{
        const Section *list = section_find(c->answer, "zpool", NULL), *guid,
                      *activity = section_find(c->answer, "zpool-activity", NULL);
        int r;

        /* Without the kernel's part there is no active pool, whatever the command says of that. */
        if (!c->zfs_loaded && (!list || list->absent || list->status != 0)) {
                c->have_pools = true;
                return 0;
        }

        r = detector_find(c, "zpool", false, &list);
        if (r < 0 || !list)
                return r;
        r = zpool_list_parse(list->text, list->size, &c->pools);
        if (r < 0)
                return detector_result(c, "zpool", r);
        c->have_pools = true;

        r = detector_find(c, "zpool-guid", false, &guid);
        if (r >= 0 && guid)
                r = detector_result(c, "zpool-guid", zpool_guid_parse(guid->text, guid->size, &c->pools));
        /* Whose pool it is does not depend on this: what is not understood is not known. */
        if (r >= 0 && activity && activity->status == 0 &&
            zpool_activity_parse(activity->text, activity->size, &c->pools) == -ENOMEM)
                return -ENOMEM;
        return r < 0 ? r : lock_map_add_pools(&c->locks, &c->pools);
}

static int detect_mounts(Context *c)
{
        _cleanup_(mount_table_done) MountTable mounts = { 0 };
        _cleanup_strv_free_ char **swap_list = NULL;
        const Section *s;
        int r;

        r = detector_find(c, "mountinfo", false, &s);
        if (r >= 0 && s)
                r = detector_result(c, "mountinfo", mountinfo_parse(s->text, s->size, &mounts));
        if (r >= 0)
                r = lock_map_add_mounts(&c->locks, &mounts);
        if (r < 0)
                return r;

        /* A kernel without swap has no such file. */
        r = detector_find(c, "swaps", true, &s);
        if (r >= 0 && s)
                r = detector_result(c, "swaps", swaps_parse(s->text, s->size, &swap_list));
        return r < 0 ? r : lock_map_add_swaps(&c->locks, swap_list);
}

static int detect_probe(Context *c, BlockDevice *d, const Section *s)
{
        const PoolList *pools = c->have_pools ? &c->pools : NULL;
        int r;

        /* blkid: 2 is 'nothing found', 8 'several, and no telling which'. */
        if (s->absent || (s->status != 0 && s->status != 2 && s->status != 8)) {
                r = lock_map_fail(&c->locks, "%s could not be probed for signatures", d->kname);
                return r < 0 ? r
                             : lock_map_raise(&c->locks, d, LOCK_UNCLASSIFIED,
                                              "could not be probed for signatures");
        }

        if (s->status == 8) {
                r = lock_map_raise(&c->locks, d, LOCK_EXISTING_DATA,
                                   "several signatures that contradict each other");
                if (r < 0)
                        return r;
        }

        r = lock_map_add_probe(&c->locks, pools, d, s->text, s->size);
        if (r == -EBADMSG) {
                r = lock_map_fail(&c->locks, "%s: what blkid says is not understood", d->kname);
                return r < 0 ? r
                             : lock_map_raise(&c->locks, d, LOCK_UNCLASSIFIED,
                                              "could not be probed for signatures");
        }
        return r;
}

static int detect_locks(Context *c)
{
        const Section *s;
        int r;

        r = detect_pools(c);
        if (r < 0)
                return r;
        r = lock_map_add_signatures(&c->locks, c->have_pools ? &c->pools : NULL);
        if (r < 0)
                return r;
        r = detect_mounts(c);
        if (r < 0)
                return r;

        r = detector_find(c, "holders", false, &s);
        if (r >= 0 && s)
                r = detector_result(c, "holders", lock_map_add_holders(&c->locks, s->text, s->size));
        if (r < 0)
                return r;

        for (size_t i = 0; i < c->answer->n_sections; i++) {
                BlockDevice *d;

                s = c->answer->sections + i;
                if (!streq(s->name, "probe") || !s->argument)
                        continue;
                d = block_tree_find(&c->tree, s->argument);
                r = d ? detect_probe(c, d, s) : 0;
                if (r < 0)
                        return r;
        }

        /* No lock depends on this: what is not understood is not known. */
        s = section_find(c->answer, "activity", NULL);
        if (s && s->status == 0 && lock_map_add_activities(&c->locks, s->text, s->size) == -ENOMEM)
                return -ENOMEM;

        r = detector_find(c, "openers", false, &s);
        if (r >= 0 && s)
                r = detector_result(c, "openers", lock_map_add_openers(&c->locks, s->text, s->size));
        return r < 0 ? r : lock_map_close(&c->locks);
}

/* hwmon's temperature is fresher than a reading's. A reading of a sleeping drive changes nothing. */
static int drive_facts_apply_smart(DriveFacts *f, const SmartReading *reading, const Section *s,
                                   uint64_t now_usec)
{
        _cleanup_(self_test_reading_done) SelfTestReading self_test = { 0 };
        struct json_object *o, *summary = NULL;
        const DriveIdentity *i = &reading->identity;

        if (reading->standby)
                return 0;

        if ((i->wwn && free_and_strdup(&f->identity.wwn, i->wwn) < 0) ||
            (i->serial && free_and_strdup(&f->identity.serial, i->serial) < 0) ||
            (i->model && free_and_strdup(&f->identity.model, i->model) < 0))
                return -ENOMEM;

        if (self_test_parse(s->text, s->size, &self_test) < 0 || self_test_summary(&self_test, &summary) < 0)
                return -ENOMEM;
        o = smart_reading_to_json(reading);
        if (!o) {
                json_object_put(summary);
                return -ENOMEM;
        }
        if (summary && json_put(o, "self_test", summary) < 0) {
                json_object_put(o);
                return -ENOMEM;
        }
        json_object_put(f->smart);
        f->smart = o;
        f->health = reading->health;
        f->smart_usec = now_usec;
        if (f->temperature_mdegc == MDEGC_UNKNOWN)
                f->temperature_mdegc = reading->temperature_mdegc;

        return 1;
}

static int smart_apply(Context *c)
{
        for (size_t i = 0; i < c->answer->n_sections; i++) {
                const Section *s = c->answer->sections + i;
                _cleanup_(smart_reading_done) SmartReading reading = { 0 };
                _cleanup_free_ char *reason = NULL;
                DriveFacts *f;
                int r;

                f = streq(s->name, "smart") && s->argument && !s->absent ? drive_find(c, s->argument) : NULL;
                if (!f)
                        continue;
                /* A drive without SMART, or asleep, is a drive all the same. */
                r = smartctl_parse(s->text, s->size, &reading, &reason);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        continue;
                r = drive_facts_apply_smart(f, &reading, s, c->options->now_usec);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int context_fill(Context *c, const Section *host)
{
        const Answer *a = c->answer;
        int r;

        r = section_foreach(host, 1, host_line, c);
        if (r < 0)
                return r;
        r = drives_add(c);
        if (r < 0)
                return r;
        if ((r = section_foreach(section_find(a, "ident", NULL), 3, ident_line, c)) < 0 ||
            (r = section_foreach(section_find(a, "by-id", NULL), 2, by_id_line, c)) < 0 ||
            (r = section_foreach(section_find(a, "bay", NULL), 2, bay_line, c)) < 0 ||
            (r = section_foreach(section_find(a, "stat", NULL), 2, stat_line, c)) < 0 ||
            (r = section_foreach(section_find(a, "temperature", NULL), 2, temperature_line, c)) < 0 ||
            (r = section_foreach(section_find(a, "runs", NULL), 3, run_line, c)) < 0 ||
            (r = smart_apply(c)) < 0)
                return r;

        r = lock_map_init(&c->locks, &c->tree, c->options->boot_pools);
        if (r < 0)
                return r;
        r = detect_locks(c);
        if (r < 0)
                return r;

        for (size_t i = 0; i < c->host->n_drives; i++) {
                DriveFacts *f = c->host->drives[i];
                DriveLock *l = lock_map_get(&c->locks, block_tree_find(&c->tree, f->kname));

                f->lock = *l;
                *l = (DriveLock){ 0 };
        }
        c->host->detection_error = TAKE_PTR(c->locks.error);
        return 0;
}

static bool is_freebsd(const Section *host)
{
        static const char mark[] = "\nos=FreeBSD ";

        return memmem(host->text, host->size, mark, strlen(mark));
}

int facts_parse(const char *text, size_t size, const char *nonce, const FactsOptions *options,
                HostFacts **ret, char **reterr_reason)
{
        _cleanup_(answer_done) Answer answer = { 0 };
        _cleanup_(context_done) Context c = { .answer = &answer, .options = options, .zfs_loaded = true };
        const Section *host, *lsblk;
        int r;

        r = answer_parse(text, size, nonce, &answer);
        if (r == -EBADMSG)
                return refuse(reterr_reason,
                              "The host's answer is not complete, or not one of burnin's script.");
        if (r < 0)
                return r;

        host = section_find(&answer, "host", NULL);
        lsblk = section_find(&answer, "lsblk", NULL);
        if (!host || host->absent || host->status != 0)
                return refuse(reterr_reason, "The host's answer lacks what it says of the host itself.");
        if (is_freebsd(host)) {
                (void) refuse(reterr_reason,
                              "The host runs FreeBSD, where nothing can prove over SSH that a drive is unused, so no burn-in runs there. "
                              "TrueNAS CORE can have self-tests by its API: with a host of kind truenas that has an API key and no user.");
                return -EOPNOTSUPP;
        }
        if (!lsblk || lsblk->absent)
                return refuse(reterr_reason,
                              "lsblk (util-linux) is not installed on the host: its drives cannot be listed.");
        if (lsblk->status != 0)
                return refuse(reterr_reason, "lsblk failed on the host with status %d.", lsblk->status);

        r = lsblk_parse(lsblk->text, lsblk->size, &c.tree);
        if (r == -EBADMSG)
                return refuse(reterr_reason, "The host's lsblk printed something that is not understood.");
        if (r < 0)
                return r;

        c.host = new0(HostFacts, 1);
        if (!c.host)
                return -ENOMEM;
        r = context_fill(&c, host);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c.host);
        return 0;
}
