# SPDX-License-Identifier: LGPL-2.1-or-later
main()
{
        say "$nothing"
        rm -r $1
}
{ main "$@" < /dev/null; exit; }
