/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"
#include "basic/string-table.h"

/* What nvme-cli, from 1.5 on, says of a controller, and what a run of nvme_erase (remote-nvme.sh) says of itself. Pure. */

/* How a drive erases itself. */
typedef enum EraseMethod {
        ERASE_FORMAT,    /* format: Format NVM with a user data erase (SES 1) */
        ERASE_BLOCK,     /* block: Sanitize, block erase */
        ERASE_CRYPTO,    /* crypto: Sanitize, cryptographic erase */
        ERASE_OVERWRITE, /* overwrite: Sanitize, one pass */
        _ERASE_METHOD_MAX,
        _ERASE_METHOD_INVALID = -EINVAL,
} EraseMethod;
DECLARE_STRING_TABLE(erase_method, EraseMethod);

typedef struct NvmeController {
        uint32_t oacs, fna, sanicap, cmic; /* as the standard has them */
} NvmeController;

/* id-ctrl -o json. -EBADMSG: it is not that. A field that an older tool or drive does not have is 0: nothing is supported. */
int nvme_parse_controller(const char *text, size_t size, NvmeController *ret);
bool nvme_has_format(const NvmeController *c);
/* A secure erase by Format NVM reaches each namespace of the subsystem, whatever namespace it is sent to. */
bool nvme_format_reaches_all(const NvmeController *c);
/* The best that there is: block erase, then cryptographic erase, then overwriting, which wears out flash. False: no Sanitize. */
bool nvme_sanitize_method(const NvmeController *c, EraseMethod *ret);
/* Its subsystem may have other controllers, and those namespaces of their own. */
bool nvme_is_shared(const NvmeController *c);

#define NVME_NAMESPACES_MAX 1024U

typedef struct NvmeNamespaces {
        uint32_t nsid[NVME_NAMESPACES_MAX];
        size_t n; /* each once */
} NvmeNamespaces;

/* list-ns, in its text form, which no release has changed: "[   0]:0x1". Adds to what is there. How many lines
 * there were; -EBADMSG, -ENOMEM. */
int nvme_add_namespaces(NvmeNamespaces *n, const char *text, size_t size);

typedef enum NvmeSanitizeState {
        NVME_SANITIZE_NEVER,
        NVME_SANITIZE_DONE,
        NVME_SANITIZE_RUNNING,
        NVME_SANITIZE_FAILED,
        NVME_SANITIZE_DONE_KEPT, /* done; the blocks were not deallocated */
        _NVME_SANITIZE_STATE_MAX,
} NvmeSanitizeState;

typedef struct NvmeSanitize {
        NvmeSanitizeState state;
        uint32_t percent;
} NvmeSanitize;

/* sanitize-log -o json: {"nvme0n1": {"sprog": 65535, "sstat": {"status": "(1) ..."}, ...}}. -EBADMSG. */
int nvme_parse_sanitize(const char *text, size_t size, NvmeSanitize *ret);

#define ERASE_STAMPS 32U

/* How far a run of nvme_erase came, in the order of its lines. */
typedef struct EraseOutput {
        uint32_t stamped; /* blocks that were written and read back before */
        bool begun;       /* the command was, or is about to be, given */
        bool ended;       /* it came back */
        uint32_t status;  /* ... with this exit status */
        uint32_t percent; /* of a sanitize */
        bool sanitized;   /* the log was read until it said something else than running, or nothing */
        bool understood;  /* ... and it was understood */
        NvmeSanitize sanitize;
        bool done; /* the blocks were read again: so many are as written, zeros, ones, something else, unreadable */
        uint32_t kept, zero, one, other, unreadable;
} EraseOutput;

/* All that it has printed so far; an unfinished line at the end is left out. Lines that are none of its own mean nothing.
 * -EBADMSG: it is no text. */
int erase_output_parse(const char *text, size_t size, EraseOutput *ret);
