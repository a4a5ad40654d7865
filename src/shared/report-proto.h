/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* How burnind asks burnin-report, which alone signs and draws: one connection to PATH_REPORT_SOCKET for each report, one packet each
 * way. The request carries a sealed memfd with the document as JSON (docs/report.schema.json), the answer one with what was asked for. */

/* What a document says of itself. A number more for what who knows the one before would misread. */
#define REPORT_FORMAT  "burnin-report"
#define REPORT_VERSION 1U

/* The same of the report of a day, which burnind makes as JSON and nobody signs. */
#define DAILY_FORMAT  "burnin-daily"
#define DAILY_VERSION 1U

/* Of each kind a daily report names so many; how many there are is said besides. */
#define DAILY_ENTRIES_MAX 100U

#define REPORT_DOCUMENT_MAX  (4U * 1024U * 1024U)
#define REPORT_MAX           (16U * 1024U * 1024U)
#define REPORT_SIGNATURE_MAX 1024U /* with its NUL */

/* The namespace of its signatures (PROTOCOL.sshsig of OpenSSH): none is good for anything else. */
#define REPORT_NAMESPACE "burnin-report"

typedef enum ReportKind {
        REPORT_JSON, /* the document, in the bytes that are signed */
        REPORT_HTML, /* a page, which has the document and its signature inside */
} ReportKind;

typedef struct ReportRequest {
        uint32_t kind;
} ReportRequest;

typedef struct ReportAnswer {
        int32_t error;                        /* negative: an errno, and no descriptor comes along */
        char signature[REPORT_SIGNATURE_MAX]; /* of the document */
} ReportAnswer;
