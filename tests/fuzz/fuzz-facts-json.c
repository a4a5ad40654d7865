/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "shared/facts.h"

/* What burnind takes from the poller, the less trusted of the two. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_json_ struct json_object *o = NULL, *p = NULL;
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL, *g = NULL;
        _cleanup_free_ char *key = NULL;

        if (json_parse((const char *) data, size, &o) < 0 || drive_facts_from_json(o, &f) < 0)
                return 0;

        check(kname_is_valid(f->kname));
        check((int) f->lock.role >= 0 && f->lock.role < _LOCK_ROLE_MAX);
        check(!f->identity.serial || str_is_clean(f->identity.serial, 256, false));
        if (drive_identity_key(&f->identity, &key) > 0)
                check(strlen(key) <= 128 && str_in_charset(key, "_.:-", 128));

        p = drive_facts_to_json(f);
        check(p && drive_facts_from_json(p, &g) == 0 && drive_facts_equal(f, g));
        return 0;
}
