#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
set -u
say()
{
        printf '%s' "$1"
}
