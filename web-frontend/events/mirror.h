/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "shared/json-util.h"

/* What the browsers are shown: each object of burnind's as its newest JSON, in the order in which they last changed. A reader is no
 * more than the number of the last change that it was sent. So one that reads slowly skips what has changed again meanwhile, and
 * costs no memory; and one that comes back after a break says where it was. */

typedef enum MirrorKind {
        MIRROR_DRIVE,
        MIRROR_JOB,
        MIRROR_HOST,
        MIRROR_GRANT,
        MIRROR_MANAGER,
        MIRROR_ALERT, /* a job that has ended, said once */
        _MIRROR_KIND_MAX,
} MirrorKind;

typedef struct Mirror Mirror;

int mirror_new(Mirror **ret);
Mirror *mirror_free(Mirror *m);
DEFINE_TRIVIAL_CLEANUP_FUNC(Mirror *, mirror_free);

/* Takes values, an object, over. whole: these are all; otherwise what is not among them stays. Returns 1 when that
 * changed anything, and only then is it sent. -ENOBUFS: there are too many objects. */
int mirror_set(Mirror *m, MirrorKind kind, const char *path, struct json_object *values, bool whole);
bool mirror_has(const Mirror *m, const char *path);
/* The values; NULL: it is not there, or no memory. To be put. */
struct json_object *mirror_get(const Mirror *m, const char *path);
int mirror_remove(Mirror *m, const char *path);
/* What is listed anew: begin, mirror_set() each, and what was not set by then is removed by end. */
void mirror_sweep_begin(Mirror *m, MirrorKind kind);
int mirror_sweep_end(Mirror *m, MirrorKind kind);

/* One who reads. position: the last change that it was sent; start: what was removed or said up to there need not be told. */
typedef struct MirrorReader {
        uint64_t position, start;
} MirrorReader;

/* One that has nothing yet. */
MirrorReader mirror_reader_new(const Mirror *m);
/* One that was here before and says where it was ("EPOCH-POSITION"). false: that means nothing here. */
bool mirror_reader_resume(const Mirror *m, const char *id, MirrorReader *ret);
/* false: too much was forgotten since it read last; it has to start anew. */
bool mirror_reader_is_valid(const Mirror *m, const MirrorReader *reader);
/* Its next events: about max bytes of text/event-stream, to be freed. 0: there are none. */
int mirror_read(const Mirror *m, MirrorReader *reader, size_t max, char **ret, size_t *ret_size);
