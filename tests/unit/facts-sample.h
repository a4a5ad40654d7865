/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "parse/facts.h"
#include "test-util.h"

#define NONCE "5f0c1b7de2a94c61"

/* A host's answer, section by section; "absent" for one that says so, NULL to leave it out. */
typedef struct Sample {
        const char *host, *lsblk, *ident, *by_id, *bay, *zpool, *zpool_guid, *zpool_activity, *activity,
                        *mountinfo, *swaps, *holders, *openers, *stat, *temperature, *runs;
        const char *extra; /* whole frames */
} Sample;

#define SAMPLE_HOST                                                                                         \
        "boot_id=6f1f5b0e-2b5e-4b9e-a7f0-3a1d1f2f9c11\nuptime=12345.67 23456.78\nos=Linux 6.1.0-18-amd64\nzfs=1"
#define SAMPLE_ROOT  "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"
#define SAMPLE_SWAPS "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"

static inline void section_append(char **text, const char *name, const char *output)
{
        char *t;

        if (!output)
                return;
        if (streq(output, "absent"))
                t = strf("%s=" NONCE " begin %s\n\n=" NONCE " end %s absent\n", strempty(*text), name, name);
        else
                t = strf("%s=" NONCE " begin %s\n%s\n=" NONCE " end %s 0\n", strempty(*text), name, output,
                         name);
        assert(t);
        free(*text);
        *text = t;
}

static inline char *sample_answer(const Sample *s)
{
        char *text = NULL, *t;

        section_append(&text, "host", s->host);
        section_append(&text, "lsblk", s->lsblk);
        section_append(&text, "ident", s->ident);
        section_append(&text, "by-id", s->by_id);
        section_append(&text, "bay", s->bay);
        section_append(&text, "zpool", s->zpool);
        section_append(&text, "zpool-guid", s->zpool_guid);
        section_append(&text, "zpool-activity", s->zpool_activity);
        section_append(&text, "activity", s->activity);
        section_append(&text, "mountinfo", s->mountinfo);
        section_append(&text, "swaps", s->swaps);
        section_append(&text, "holders", s->holders);
        section_append(&text, "openers", s->openers);
        section_append(&text, "stat", s->stat);
        section_append(&text, "temperature", s->temperature);
        section_append(&text, "runs", s->runs);
        t = strf("%s%s=" NONCE " done\n", strempty(text), strempty(s->extra));
        assert(t);
        free(text);

        return t;
}

static inline HostFacts *sample_parse(const Sample *s, bool loop_drives)
{
        static char *const boot_pools[] = { (char *) "boot-pool", (char *) "rpool", NULL };
        const FactsOptions options = { .boot_pools = boot_pools,
                                       .loop_drives = loop_drives,
                                       .now_usec = 42 };
        _cleanup_free_ char *text = sample_answer(s), *reason = NULL;
        HostFacts *facts;
        int r;

        r = facts_parse(text, strlen(text), NONCE, &options, &facts, &reason);
        if (r < 0)
                fprintf(stderr, "refused: %s\n", strempty(reason));
        assert(r == 0 && !reason);
        return facts;
}

static inline DriveFacts *facts_find(const HostFacts *h, const char *kname)
{
        for (size_t i = 0; i < h->n_drives; i++)
                if (streq(h->drives[i]->kname, kname))
                        return h->drives[i];

        fprintf(stderr, "no drive %s\n", kname);
        abort();
}
