/* SPDX-License-Identifier: LGPL-2.1-or-later */
static const Verb verbs[] = {
        { "status", NULL, 0, 0, 0, verb_status },
        { "host", "show", 1, 1, 0, verb_host_show },
};
