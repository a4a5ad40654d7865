/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/stage.h"

/* How fast the other drives of a model are, which a surface stage is held against. That is known once they have ended: in a batch
 * that begins together, after its own start. So a worker is told again whenever one of them has ended. */

/* Tells the worker of this stage, if it has one. */
void siblings_tell(Stage *s);
/* Tells those that run on drives of the same model. */
void siblings_on_stage_done(const Stage *s);
