/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cgi/handlers.h"
#include "cgi/list.h"
#include "shared/names.h"

const Field audit_fields[] = { { "text", 's', false, "text" },
                               { "offset", 'u', false, "offset" },
                               { "limit", 'u', false, "limit" },
                               {} };

int audit_list(Web *w)
{
        return list_answer(w, BUS_PATH, BUS_INTERFACE_MANAGER, "ListAudit", audit_fields, "entries", true);
}
