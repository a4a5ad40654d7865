/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* How burnind asks burnin-password, which alone looks at passwords: one connection to PATH_PASSWORD_SOCKET for each question, one
 * packet each way. The process knows neither accounts nor names, and ends with its answer. */

#define PASSWORD_MIN      8U    /* characters */
#define PASSWORD_MAX      1024U /* bytes */
#define PASSWORD_HASH_MAX 384U  /* with its NUL: CRYPT_OUTPUT_SIZE */

typedef enum PasswordVerb {
        PASSWORD_HASH, /* make a hash */
        PASSWORD_VERIFY, /* is it the password of this hash? An empty hash takes as long, and the answer is no */
} PasswordVerb;

typedef struct PasswordRequest {
        uint32_t verb;
        char hash[PASSWORD_HASH_MAX];
        char password[PASSWORD_MAX + 1];
} PasswordRequest;

typedef struct PasswordAnswer {
        uint32_t matches;
        /* Of PASSWORD_HASH; of PASSWORD_VERIFY where it matches and a hash would be made otherwise today; else "". */
        char hash[PASSWORD_HASH_MAX];
} PasswordAnswer;
