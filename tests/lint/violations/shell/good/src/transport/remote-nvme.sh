# SPDX-License-Identifier: LGPL-2.1-or-later
say_thrice()
{
        say_twice "$1"
        say "$1"
}
