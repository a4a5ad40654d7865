/* SPDX-License-Identifier: LGPL-2.1-or-later */
const AuthzRow authz_table[] = {
        { BUS_INTERFACE_MANAGER, "Start", ACTION_START },
};
