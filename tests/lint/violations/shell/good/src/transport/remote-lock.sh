# SPDX-License-Identifier: LGPL-2.1-or-later
say_twice()
{
        say "$1$1"
}
