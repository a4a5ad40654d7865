/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* style.css, built in. */
extern const char report_style[];
