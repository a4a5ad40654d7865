/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "parse/facts.h"

#define NONCE "5f0c1b7de2a94c61"

/* What was understood is clean: burnind must accept each drive, and a drive that seems free is one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char *const boot_pools[] = { (char *) "boot-pool", NULL };
        const FactsOptions options = { .boot_pools = boot_pools, .loop_drives = true, .now_usec = 1 };
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        _cleanup_free_ char *reason = NULL;
        int r;

        r = facts_parse((const char *) data, size, NONCE, &options, &h, &reason);
        check(r == 0 ||
              ((r == -EBADMSG || r == -EOPNOTSUPP) && reason && str_is_clean(reason, 1024, false)));
        check((r == 0) == !!h);
        if (!h)
                return 0;

        check(!h->detection_error || str_is_clean(h->detection_error, 4096, false));
        for (size_t i = 0; i < h->n_drives; i++) {
                _cleanup_json_ struct json_object *o = drive_facts_to_json(h->drives[i]), *p = NULL;
                _cleanup_(drive_facts_freep) DriveFacts *f = NULL;

                check(o && drive_facts_from_json(o, &f) == 0);
                p = drive_facts_to_json(f);
                check(p && json_object_equal(o, p) && drive_facts_equal(f, h->drives[i]));
                check(!h->detection_error || f->lock.role != LOCK_NONE);
        }

        return 0;
}
