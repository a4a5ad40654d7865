/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "worker/surface-run.h"

/* A test that does not work is told of once, and ended in the end; one that works is never ended by a clock. */
void surface_check_stall(Surface *s);
