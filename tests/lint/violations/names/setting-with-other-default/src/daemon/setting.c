/* SPDX-License-Identifier: LGPL-2.1-or-later */
static const Setting table[] = {
        U32(most, 1, 10000, 5, "So many."),
        OTHER(pools, LIST, "rpool bpool", "Pools."),
};
