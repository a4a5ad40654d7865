/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/log.h"

/* The log of a stage: a file of lines `TIMESTAMP ORIGIN TEXT`, and the same lines in the journal.
 *
 * ORIGIN is "burnin" for our own words, or "TOOL@OFFSET" ("badblocks@4711", "badblocks.2@12" after a reboot of the host) for a piece of what the command printed on its host; OFFSET is the
 * byte position in the remote log behind that piece. A piece ends at a newline, or behind a phase header whose "done" is still
 * hours away. Every line is one write(), and a line that a crash tore is cut off when the file is opened again: so the largest
 * OFFSET in the file is where a worker that takes over goes on, and no piece is lost or there twice.
 *
 * A full disk ends no test. The file falls behind then, and from its first missing piece on nothing more of the remote log goes into
 * it, while the journal still gets all of it; once there is room, stage_log_next() sends the reader back to that piece. */

typedef struct StageLog StageLog;

/* fields: what every journal entry of this stage carries; borrowed, must outlive the log. */
/* tool: whose words the remote log has; borrowed. */
int stage_log_open(const char *path, const LogField *fields, const char *tool, StageLog **ret);
StageLog *stage_log_free(StageLog *l);
DEFINE_TRIVIAL_CLEANUP_FUNC(StageLog *, stage_log_free);

/* A line of our own. Never fails towards the caller: what the file has no room for is in the journal alone. */
void stage_log_line(StageLog *l, int level, const char *format, ...) _printf_(3, 4);

/* Up to where the remote log is in this file. */
uint64_t stage_log_cursor(const StageLog *l);

/* Where the next data to be fed must begin, at the latest: behind what was fed last, or, when the file had fallen behind and can be
 * written again, which this finds out, at the cursor. */
uint64_t stage_log_next(StageLog *l);
/* data: the remote log from position offset on, without a gap to stage_log_next(). What the file holds already is skipped; an
 * unfinished piece is kept until its rest comes. 0, or -EINVAL for a gap. */
int stage_log_feed(StageLog *l, uint64_t offset, const char *data, size_t size);
/* The command has ended: what is left of an unfinished line is a piece too. */
void stage_log_flush(StageLog *l);
/* 0: all that was fed and said is in the file, or said there to be in the journal alone. -ENODATA: the file can be written again, and
 * waits for what stage_log_next() asks for. Else why it cannot be written. */
int stage_log_check(const StageLog *l);
