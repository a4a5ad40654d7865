/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "cgi/bus-call.h"
#include "cgi/handlers.h"
#include "cgi/list.h"
#include "cgi/response.h"
#include "shared/names.h"

const Field grants_list_fields[] = { { "drive", 's', false, "drive" }, {} };

int grants_list(Web *w)
{
        return list_answer(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListGrants", grants_list_fields, "grants",
                           false);
}

int grants_revoke(Web *w)
{
        _cleanup_free_ char *path = NULL;
        const char *id = w->arguments[0];
        int r;

        /* Also keeps everything out that a path of the bus could not have. */
        if (strlen(id) != strspn(id, "0123456789abcdef"))
                return web_fail(w, "NotFound", NULL, "There is no such grant.");
        path = strf(BUS_PATH_GRANT "/%s", id);
        if (!path)
                return -ENOMEM;
        r = web_call(w, path, BUS_INTERFACE_GRANT, "Revoke", NULL, "t", UINT64_C(0));

        return r < 0 ? r : response_empty(w);
}
