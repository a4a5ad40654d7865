/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/api-key.h"
#include "shared/names.h"

static bool key_is_valid(const char *key)
{
        size_t n = strlen(key);

        for (const char *p = key; *p; p++)
                if (*p <= ' ' || *p > '~')
                        return false;
        return n > 0 && n <= API_KEY_MAX;
}

int api_key_read(int fd, char **ret)
{
        _cleanup_(erase_and_freep) char *key = NULL;
        int seals = fcntl(fd, F_GET_SEALS);
        struct stat st;
        ssize_t n;

        if (seals < 0 || !(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0)
                return -EBADF;
        if (st.st_size <= 0 || st.st_size > (off_t) API_KEY_MAX + 2)
                return -EBADMSG;
        key = new0(char, (size_t) st.st_size + 1);
        if (!key)
                return -ENOMEM;
        n = pread(fd, key, (size_t) st.st_size, 0);
        if (n != st.st_size || strlen(key) != (size_t) n)
                return -EBADMSG;
        while (n > 0 && strchr("\r\n", key[n - 1]))
                key[--n] = '\0';
        if (!key_is_valid(key))
                return -EBADMSG;

        *ret = TAKE_PTR(key);
        return 0;
}

int api_key_put(const char *host, const char *key)
{
        _cleanup_free_ char *path = strf(PATH_API_KEYS "/%s", host);

        if (!path)
                return -ENOMEM;
        if (mkdir(PATH_API_KEYS, 0700) < 0 && errno != EEXIST)
                return -errno;

        return write_file_atomic(path, key, strlen(key), 0600);
}

void api_key_remove(const char *host)
{
        _cleanup_free_ char *path = strf(PATH_API_KEYS "/%s", host);

        if (path && unlink(path) < 0 && errno != ENOENT)
                log_warning_errno(errno, "Failed to remove %s: %m. Remove it by hand.", path);
}

int api_key_open(const char *host)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(erase_and_freep) char *key = NULL;
        _cleanup_free_ char *path = NULL;
        size_t size;
        int r = -ENOENT;

        if (credentials) {
                path = strf("%s/api-key.%s", credentials, host);
                if (!path)
                        return -ENOMEM;
                r = read_file_full(path, API_KEY_MAX + 2, &key, &size);
        }
        if (r == -ENOENT) {
                free(path);
                path = strf(PATH_API_KEYS "/%s", host);
                if (!path)
                        return -ENOMEM;
                r = read_file_full(path, API_KEY_MAX + 2, &key, &size);
        }
        if (r == -ENOENT)
                return r;
        if (r < 0)
                return log_warning_errno(r, "Failed to read the API key %s: %m", path);
        strstrip(key);
        if (!key_is_valid(key)) {
                log_warning("%s holds no API key.", path);
                return -ENOENT;
        }

        return memfd_new_sealed("burnin-api-key", key, strlen(key));
}
