/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin-password: makes and compares password hashes for burnind, which must not wait for that long, nor need that much memory.
 * One process for each question; systemd starts them as users that exist for that long (burnin-password.socket). */

#include <crypt.h>
#include <stdio.h>
#include <sys/socket.h>

#include "basic/serve.h"
#include "basic/sha256.h"
#include "basic/string-util.h"
#include "shared/password-proto.h"

/* yescrypt; each step doubles time and memory: 7 is about 50 ms and 64 MiB. Hashes with another one are made anew when their
 * password is next seen. */
#define METHOD          "$y$"
#define COST            7
#define TIMEOUT_SEC     5
#define METHOD_COST_LEN 6 /* "$y$jBT": method, and the cost in its letters */

_Static_assert(PASSWORD_HASH_MAX == CRYPT_OUTPUT_SIZE, "a hash of libcrypt has a place");

static struct crypt_data data; /* 32 KiB */

/* NULL: this hash is none. The result is in data, until the next call. */
static const char *password_crypt(const char *password, const char *setting)
{
        char digest[SHA256_HEX_SIZE];
        const char *hash;

        /* libcrypt takes no longer ones; nothing of them must be cut off. */
        if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
                sha256_hex(password, strlen(password), digest);
        hash = crypt_r(strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE ? digest : password, setting, &data);
        explicit_bzero(digest, sizeof(digest));
        return hash && hash[0] != '*' ? hash : NULL;
}

static int password_hash(const char *password, char ret[static PASSWORD_HASH_MAX])
{
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];
        const char *hash;

        if (!crypt_gensalt_rn(METHOD, COST, NULL, 0, setting, sizeof(setting)))
                return -errno;
        hash = password_crypt(password, setting);
        if (!hash)
                return -EIO;

        (void) snprintf(ret, PASSWORD_HASH_MAX, "%s", hash);
        return 0;
}

/* Takes as long wherever the two differ. */
static bool hash_equals(const char *a, const char *b)
{
        size_t n = strlen(a);
        volatile unsigned char differs = 0;

        if (n != strlen(b))
                return false;
        for (size_t i = 0; i < n; i++)
                differs |= (unsigned char) (a[i] ^ b[i]);
        return differs == 0;
}

/* Whether a hash would be made otherwise today. */
static bool hash_is_old(const char *hash)
{
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];

        return crypt_checksalt(hash) != CRYPT_SALT_OK ||
               !crypt_gensalt_rn(METHOD, COST, NULL, 0, setting, sizeof(setting)) ||
               strncmp(hash, setting, METHOD_COST_LEN) != 0;
}

static int password_verify(const PasswordRequest *request, PasswordAnswer *answer)
{
        const char *hash;
        int r;

        if (!request->hash[0]) {
                r = password_hash(request->password, answer->hash);
                answer->hash[0] = '\0';
                return r;
        }

        hash = password_crypt(request->password, request->hash);
        if (!hash)
                return -EINVAL;
        answer->matches = hash_equals(hash, request->hash);
        if (!answer->matches || !hash_is_old(request->hash))
                return 0;

        return password_hash(request->password, answer->hash);
}

static int serve(int fd)
{
        static PasswordRequest request;
        PasswordAnswer answer = {};
        ssize_t n;
        int r;

        n = recv(fd, &request, sizeof(request), 0);
        if (n < 0)
                return -errno;
        if (n == 0)
                return 0;
        if (n != sizeof(request) || !memchr(request.hash, 0, sizeof(request.hash)) ||
            !memchr(request.password, 0, sizeof(request.password)))
                return -EBADMSG;

        r = request.verb == PASSWORD_HASH     ? password_hash(request.password, answer.hash)
            : request.verb == PASSWORD_VERIFY ? password_verify(&request, &answer)
                                              : -EBADMSG;
        explicit_bzero(&request, sizeof(request));
        explicit_bzero(&data, sizeof(data));
        if (r >= 0 && send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
                r = -errno;

        explicit_bzero(&answer, sizeof(answer));
        return r;
}

int main(void)
{
        return serve_connection("burnin-password", TIMEOUT_SEC, serve, "Failed to look at a password");
}
