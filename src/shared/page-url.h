/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Where people open the web page, as the setting page_url says, with or without a slash at its end. burnind does not serve it, and cannot
 * know. Nothing is ever fetched from there: it is what mails and reports lead back to. */

#define PAGE_URL_MAX 512U

/* "https://", a host, perhaps a path; no user, query or fragment; printable ASCII that means nothing in HTML. Also of what these make. */
bool page_url_is_valid(const char *s);

/* ret NULL: nobody said where the page is (page_url ""), or it would be too long. */
int page_url_of_job(const char *page_url, uint64_t job, char **ret);
int page_url_of_drive(const char *page_url, const char *drive, char **ret);
