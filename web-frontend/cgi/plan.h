/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/http-error.h"
#include "shared/json-util.h"

/* The stages of a burn-in in the words of scripts (run_surface, run_short, run_long, stage_order) as those of the bus: "stages" is
 * set in their place. What says nothing of them stays as it is. BadField: said twice, or no stage is left. */
int plan_read(struct json_object *body, HttpError *error);
