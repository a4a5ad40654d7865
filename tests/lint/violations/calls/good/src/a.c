/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* system() is a word here */
const char *x = "strcpy(a, b)";
int my_system(void);
