/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fuzz.h"
#include "parse/smartctl.h"

/* What was understood can be sent and is accepted on the other side. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(smart_reading_done) SmartReading reading = { 0 }, again = { 0 }, foreign = { 0 };
        _cleanup_json_ struct json_object *o = NULL, *p = NULL, *direct = NULL;
        _cleanup_free_ char *reason = NULL;
        int r;

        r = smartctl_parse((const char *) data, size, &reading, &reason);
        check((r == -ENODEV || r == -EOPNOTSUPP) == !!reason);
        if (r >= 0) {
                o = smart_reading_to_json(&reading);
                check(o && smart_reading_from_json(o, &again) == 0);
                p = smart_reading_to_json(&again);
                check(p && json_object_equal(o, p));
        }

        /* The same bytes as what a worker might send. */
        if (json_parse((const char *) data, size, &direct) >= 0)
                (void) smart_reading_from_json(direct, &foreign);
        return 0;
}
