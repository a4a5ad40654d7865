# SPDX-License-Identifier: LGPL-2.1-or-later
main()
{
        say "$@"
}
{ main "$@" < /dev/null; exit; }
