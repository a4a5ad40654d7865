/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "basic/macro.h"

/* Signatures as ssh-keygen -Y makes and checks them (PROTOCOL.sshsig of OpenSSH), with Ed25519 keys, in the namespace of reports. */

/* "SHA256:..." with its NUL, as ssh-keygen -l shows it. */
#define SIGNATURE_FINGERPRINT_SIZE 51

/* key: an OpenSSH private key without a passphrase. -EBADMSG: it is none; -EOPNOTSUPP: one of another kind, or with a passphrase.
 * ret: armored, with its NUL. */
int signature_make(const char *key, size_t key_size, const void *data, size_t size, char **ret);

/* -EBADMSG: no such signature; -EKEYREJECTED: it is not one of these bytes. Who owns the key is another question: ret_fingerprint is
 * that of the one that signed. */
int signature_verify(const char *signature, size_t signature_size, const void *data, size_t size,
                     char ret_fingerprint[static SIGNATURE_FINGERPRINT_SIZE]);

/* Of a public key as in KEY.pub, "ssh-ed25519 AAAA... comment". -EBADMSG. */
int signature_fingerprint(const char *line, char ret[static SIGNATURE_FINGERPRINT_SIZE]);
