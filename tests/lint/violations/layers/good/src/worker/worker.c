/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include "basic/basic.h"
#include "transport/transport.h"
