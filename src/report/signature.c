/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "report/signature.h"
#include "shared/report-proto.h"

#define KEY_SIZE     32U
#define RAW_SIZE     64U /* of a signature, and of a private key with its public half */
#define KEY_TYPE     "ssh-ed25519"
#define KEY_MAGIC    "openssh-key-v1"
#define MAGIC        "SSHSIG"
#define HASH         "sha512"
#define VERSION      1U
#define BLOB_MAX     1024U
#define ARMOR_COLUMN 70U

#define KEY_BEGIN   "-----BEGIN OPENSSH PRIVATE KEY-----"
#define KEY_END     "-----END OPENSSH PRIVATE KEY-----"
#define ARMOR_BEGIN "-----BEGIN SSH SIGNATURE-----"
#define ARMOR_END   "-----END SSH SIGNATURE-----"

/* Strings with their lengths in front of them (RFC 4251), in a place of a fixed size. */
typedef struct Blob {
        uint8_t data[BLOB_MAX];
        size_t size, at;
        bool broken; /* written over its end, or read behind it */
} Blob;

typedef struct Slice {
        const uint8_t *data;
        size_t size;
} Slice;

static void blob_erase(Blob *b)
{
        OPENSSL_cleanse(b, sizeof(*b));
}

static void blob_put(Blob *b, const void *data, size_t size)
{
        if (b->broken || size > sizeof(b->data) - b->size) {
                b->broken = true;
                return;
        }
        /* Nothing may be at NULL. */
        if (size > 0)
                memcpy(b->data + b->size, data, size);
        b->size += size;
}

static void blob_put_u32(Blob *b, uint32_t n)
{
        blob_put(b,
                 (uint8_t[4]){ (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8), (uint8_t) n },
                 4);
}

static void blob_put_bytes(Blob *b, const void *data, size_t size)
{
        blob_put_u32(b, (uint32_t) size);
        blob_put(b, data, size);
}

static void blob_put_string(Blob *b, const char *s)
{
        blob_put_bytes(b, s, strlen(s));
}

static Slice blob_get(Blob *b, size_t size)
{
        Slice s = { b->data + b->at, size };

        if (b->broken || size > b->size - b->at) {
                b->broken = true;
                return (Slice){ 0 };
        }
        b->at += size;
        return s;
}

static uint32_t blob_get_u32(Blob *b)
{
        Slice s = blob_get(b, 4);

        return b->broken ? 0
                         : (uint32_t) s.data[0] << 24 | (uint32_t) s.data[1] << 16 |
                                               (uint32_t) s.data[2] << 8 | s.data[3];
}

static Slice blob_get_bytes(Blob *b)
{
        return blob_get(b, blob_get_u32(b));
}

static bool slice_is(Slice s, const char *text)
{
        return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* What stands inside, and may be read by itself. */
static void blob_from_slice(Blob *b, Slice s)
{
        *b = (Blob){ 0 };
        blob_put(b, s.data, s.size);
}

/* Base64, broken into lines where its maker liked to. */
static int blob_from_base64(Blob *b, const char *text, size_t size)
{
        _cleanup_free_ char *packed = new (char, size + 1);
        size_t n = 0, padding = 0;
        int decoded = -1;

        if (!packed)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                if (!strchr(" \t\r\n", text[i]))
                        packed[n++] = text[i];
        while (padding < n && packed[n - padding - 1] == '=')
                padding++;

        *b = (Blob){ 0 };
        if (n > 0 && n / 4 * 3 <= sizeof(b->data) && padding <= 2)
                decoded = EVP_DecodeBlock(b->data, (const uint8_t *) packed, (int) n);
        if (decoded >= (int) padding)
                b->size = (size_t) decoded - padding;

        OPENSSL_cleanse(packed, n);
        return decoded >= (int) padding ? 0 : -EBADMSG;
}

/* The same between two lines. */
static int blob_from_armor(Blob *b, const char *text, size_t size, const char *begin, const char *end)
{
        const char *from = memmem(text, size, begin, strlen(begin)), *to;

        if (!from)
                return -EBADMSG;
        from += strlen(begin);
        to = memmem(from, size - (size_t) (from - text), end, strlen(end));

        return to ? blob_from_base64(b, from, (size_t) (to - from)) : -EBADMSG;
}

static int blob_to_armor(const Blob *b, char **ret)
{
        uint8_t base64[BLOB_MAX * 2];
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int n;

        n = EVP_EncodeBlock(base64, b->data, (int) b->size);
        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        (void) fputs(ARMOR_BEGIN "\n", f);
        for (int i = 0; i < n; i += (int) ARMOR_COLUMN)
                (void) fprintf(f, "%.*s\n", (int) ARMOR_COLUMN, (const char *) base64 + i);
        (void) fputs(ARMOR_END "\n", f);
        if (fclose(f) != 0)
                return -ENOMEM;

        *ret = TAKE_PTR(text);
        return 0;
}

static void put_public_key(Blob *b, const uint8_t key[static KEY_SIZE])
{
        blob_put_string(b, KEY_TYPE);
        blob_put_bytes(b, key, KEY_SIZE);
}

/* What is signed in the place of the data: its hash, and what the signature is for. */
static int signed_of(const void *data, size_t size, Blob *ret)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n;

        if (EVP_Digest(data, size, digest, &n, EVP_sha512(), NULL) != 1)
                return -ENOMEM;
        *ret = (Blob){ 0 };
        blob_put(ret, MAGIC, STRLEN(MAGIC));
        blob_put_string(ret, REPORT_NAMESPACE);
        blob_put_string(ret, "");
        blob_put_string(ret, HASH);
        blob_put_bytes(ret, digest, n);
        return 0;
}

static int fingerprint_of(const void *public_key, size_t size, char ret[static SIGNATURE_FINGERPRINT_SIZE])
{
        uint8_t digest[EVP_MAX_MD_SIZE], base64[64];
        unsigned n;

        if (EVP_Digest(public_key, size, digest, &n, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        (void) EVP_EncodeBlock(base64, digest, (int) n);
        (void) snprintf(ret, SIGNATURE_FINGERPRINT_SIZE, "SHA256:%.43s", (const char *) base64);
        return 0;
}

/* PROTOCOL.key of OpenSSH. ret: seed and public half. */
static int read_private_key(const char *key, size_t size, uint8_t ret[static RAW_SIZE])
{
        Blob b, inner = { 0 };
        Slice magic, pair;
        int r;

        r = blob_from_armor(&b, key, size, KEY_BEGIN, KEY_END);
        if (r < 0)
                return r;
        magic = blob_get(&b, sizeof(KEY_MAGIC));
        if (!magic.data || memcmp(magic.data, KEY_MAGIC, sizeof(KEY_MAGIC)) != 0)
                r = -EBADMSG;
        if (r >= 0 && (!slice_is(blob_get_bytes(&b), "none") || !slice_is(blob_get_bytes(&b), "none")))
                r = b.broken ? -EBADMSG : -EOPNOTSUPP;
        (void) blob_get_bytes(&b);
        if (r >= 0 && blob_get_u32(&b) != 1)
                r = -EBADMSG;
        (void) blob_get_bytes(&b);
        if (r >= 0)
                blob_from_slice(&inner, blob_get_bytes(&b));
        if (r >= 0 && (b.broken || blob_get_u32(&inner) != blob_get_u32(&inner)))
                r = -EBADMSG;
        if (r >= 0 && !slice_is(blob_get_bytes(&inner), KEY_TYPE))
                r = inner.broken ? -EBADMSG : -EOPNOTSUPP;
        (void) blob_get_bytes(&inner);
        pair = blob_get_bytes(&inner);
        if (r >= 0 && (inner.broken || pair.size != RAW_SIZE))
                r = -EBADMSG;
        if (r >= 0)
                memcpy(ret, pair.data, RAW_SIZE);

        blob_erase(&inner);
        blob_erase(&b);
        return r;
}

static int sign_raw(const uint8_t seed[static KEY_SIZE], const Blob *what, uint8_t ret[static RAW_SIZE])
{
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY_SIZE);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        size_t n = RAW_SIZE;
        int r = 0;

        if (!key || !context || EVP_DigestSignInit(context, NULL, NULL, NULL, key) != 1 ||
            EVP_DigestSign(context, ret, &n, what->data, what->size) != 1 || n != RAW_SIZE)
                r = -EIO;

        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        return r;
}

int signature_make(const char *key, size_t key_size, const void *data, size_t size, char **ret)
{
        Blob what, public_key = { 0 }, raw = { 0 }, out = { 0 };
        uint8_t pair[RAW_SIZE], signature[RAW_SIZE];
        int r;

        r = signed_of(data, size, &what);
        if (r < 0)
                return r;
        r = read_private_key(key, key_size, pair);
        if (r >= 0)
                r = sign_raw(pair, &what, signature);
        if (r >= 0) {
                put_public_key(&public_key, pair + KEY_SIZE);
                blob_put_string(&raw, KEY_TYPE);
                blob_put_bytes(&raw, signature, RAW_SIZE);

                blob_put(&out, MAGIC, STRLEN(MAGIC));
                blob_put_u32(&out, VERSION);
                blob_put_bytes(&out, public_key.data, public_key.size);
                blob_put_string(&out, REPORT_NAMESPACE);
                blob_put_string(&out, "");
                blob_put_string(&out, HASH);
                blob_put_bytes(&out, raw.data, raw.size);
                r = blob_to_armor(&out, ret);
        }

        OPENSSL_cleanse(pair, sizeof(pair));
        return r;
}

/* The bytes of "type, bytes": of a public key, or of a signature. */
static Slice typed_bytes(Blob *b, Slice from, size_t size)
{
        Slice s;

        blob_from_slice(b, from);
        if (!slice_is(blob_get_bytes(b), KEY_TYPE))
                return (Slice){ 0 };
        s = blob_get_bytes(b);
        return b->broken || s.size != size || b->at != b->size ? (Slice){ 0 } : s;
}

static int verify_raw(Slice public_key, Slice signature, const Blob *what)
{
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key.data,
                                                    public_key.size);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        int r = 0;

        if (!key || !context || EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) != 1)
                r = -EBADMSG;
        else if (EVP_DigestVerify(context, signature.data, signature.size, what->data, what->size) != 1)
                r = -EKEYREJECTED;

        EVP_MD_CTX_free(context);
        EVP_PKEY_free(key);
        return r;
}

int signature_verify(const char *signature, size_t signature_size, const void *data, size_t size,
                     char ret_fingerprint[static SIGNATURE_FINGERPRINT_SIZE])
{
        Blob b, what, key_blob, raw_blob;
        Slice key, raw, key_bytes;
        int r;

        r = blob_from_armor(&b, signature, signature_size, ARMOR_BEGIN, ARMOR_END);
        if (r < 0)
                return r;
        if (!slice_is(blob_get(&b, STRLEN(MAGIC)), MAGIC) || blob_get_u32(&b) != VERSION)
                return -EBADMSG;
        key_bytes = blob_get_bytes(&b);
        if (!slice_is(blob_get_bytes(&b), REPORT_NAMESPACE))
                return -EBADMSG;
        (void) blob_get_bytes(&b);
        if (!slice_is(blob_get_bytes(&b), HASH))
                return -EBADMSG;
        raw = blob_get_bytes(&b);
        if (b.broken || b.at != b.size)
                return -EBADMSG;
        key = typed_bytes(&key_blob, key_bytes, KEY_SIZE);
        raw = typed_bytes(&raw_blob, raw, RAW_SIZE);
        if (!key.data || !raw.data)
                return -EBADMSG;

        r = signed_of(data, size, &what);
        if (r >= 0)
                r = verify_raw(key, raw, &what);
        return r < 0 ? r : fingerprint_of(key_bytes.data, key_bytes.size, ret_fingerprint);
}

int signature_fingerprint(const char *line, char ret[static SIGNATURE_FINGERPRINT_SIZE])
{
        const char *base64 = startswith(line, KEY_TYPE " ");
        Blob b, key;
        int r;

        if (!base64)
                return -EBADMSG;
        r = blob_from_base64(&b, base64, strcspn(base64, " \t\r\n"));
        if (r < 0)
                return r;
        if (!typed_bytes(&key, (Slice){ b.data, b.size }, KEY_SIZE).data)
                return -EBADMSG;

        return fingerprint_of(b.data, b.size, ret);
}
