/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "transport/remote-run.h"

/* What remote-run.sh prints, to structs. Pure: no I/O, any input is safe. Every answer is
 *
 *   burnin-answer VERB       what a login script prints in front of this line is skipped
 *   KEY=VALUE
 *   ...
 *                            an empty line
 *   body
 *   burnin-end STATUS        (a newline is put in front of this line; without the line the answer was cut)
 *
 * or one line, "burnin-error WORDS". The body holds for status the log and the blocks, "log=" and "blocks=" bytes of them, for
 * kmsg the lines, for smart smartctl's output, for selftest what smartctl and the two commands of nvme-cli printed, "smartctl=",
 * "nvme=" and "controller=" bytes of them, or of a host with an API what parse/truenas.h packs, "truenas=" bytes of it; for nvme what
 * four commands of nvme-cli printed, "controller=", "attached=", "allocated=" and "sanitize=" bytes of them.
 *
 * 0 or: -EBADMSG (no answer of ours), -EREMOTEIO (the script's own words; -ESTALE, -EBUSY and -ENOTCONN for those that it marks so). Then
 * reterr_reason, where it is not NULL, is set to words for people. Outputs are untouched on failure. */

int answer_parse_status(const char *output, size_t size, RunStatus *ret, bool *ret_gone,
                        char **reterr_reason);
int answer_parse_kernel_log(const char *output, size_t size, KernelLog *ret, char **reterr_reason);
int answer_parse_probe(const char *output, size_t size, HostProbe *ret, char **reterr_reason);
/* Borrowed from output. */
int answer_parse_smart(const char *output, size_t size, const char **ret, size_t *ret_size,
                       char **reterr_reason);
/* machine: as uname -m prints it; directory: for agents; agents: the digests of those that run there. */
int answer_parse_agent(const char *output, size_t size, char **ret_machine, char **ret_directory,
                       char ***ret_agents, char **reterr_reason);
int answer_parse_fingerprint(const char *output, size_t size, char **ret_content, char **reterr_reason);
int answer_parse_self_test(const char *output, size_t size, RemoteSelfTest *ret, char **reterr_reason);
int answer_parse_nvme(const char *output, size_t size, RemoteNvme *ret, char **reterr_reason);
int answer_parse_empty(const char *output, size_t size, const char *verb, char **reterr_reason);
