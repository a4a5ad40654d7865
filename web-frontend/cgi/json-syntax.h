/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Whether text is JSON as RFC 8259 has it, and nothing more: json-c, also where it is told to be strict, takes single quotes, NaN, 01,
 * "1." and control characters in texts. depth: how deep objects and arrays may stand in each other.
 * ret_members: how many members all its objects have as they are written; a parser that keeps one of two with one name has fewer. */
bool json_syntax_is_valid(const char *text, size_t size, unsigned depth, size_t *ret_members);
