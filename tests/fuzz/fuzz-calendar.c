/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/calendar.h"
#include "basic/string-util.h"
#include "fuzz.h"

#define AFTER (UINT64_C(1795253415) * USEC_PER_SEC)
#define UNTIL (AFTER + 366 * 24 * USEC_PER_HOUR)

/* What comes over the bus: any text. What it names is after the one time and not after the other, and is named again; in a zone
 * without gaps, since a time that is left out is named by another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size);
        uint64_t next = 0, again = 0;

        check(text && setenv("TZ", "UTC", 1) == 0);
        if (calendar_next(text, AFTER, UNTIL, &next) < 0)
                return 0;

        check(next > AFTER && next <= UNTIL);
        check(calendar_next(text, next - 1, UNTIL, &again) == 0 && again == next);
        return 0;
}
