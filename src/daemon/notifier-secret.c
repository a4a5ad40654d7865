/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/stat.h>
#include <unistd.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "daemon/notifier-secret.h"
#include "shared/names.h"
#include "shared/notify-proto.h"

void notifier_secret_done(NotifierSecret *s)
{
        erase_and_freep(&s->url);
        erase_and_freep(&s->secret);
        *s = (NotifierSecret){};
}

/* A line for the URL, and one for the secret; what is not there is an empty one. */
static int parse(const char *text, NotifierSecret *ret)
{
        _cleanup_(notifier_secret_done) NotifierSecret s = {};
        const char *second = strchr(text, '\n');
        size_t n;

        if (!second)
                return -EBADMSG;
        n = (size_t) (second++ - text);
        if (n > 0 && !(s.url = strndup(text, n)))
                return -ENOMEM;
        n = strcspn(second, "\n");
        if (n > 0 && !(s.secret = strndup(second, n)))
                return -ENOMEM;
        if ((s.url && !notify_url_is_valid(s.url)) || (s.secret && !notify_secret_is_valid(s.secret)))
                return -EBADMSG;

        *ret = s;
        s = (NotifierSecret){};
        return 0;
}

int notifier_secret_read(const char *notifier, NotifierSecret *ret)
{
        _cleanup_(erase_and_freep) char *text = NULL;
        _cleanup_free_ char *path = strf(PATH_NOTIFIERS "/%s", notifier);
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = read_file_full(path, NOTIFY_URL_MAX + NOTIFY_SECRET_MAX + 2, &text, &size);
        if (r == -ENOENT) {
                *ret = (NotifierSecret){};
                return 0;
        }
        if (r >= 0)
                r = strlen(text) == size ? parse(text, ret) : -EBADMSG;

        return r < 0 ? log_warning_errno(r, "Failed to read %s: %m", path) : 0;
}

int notifier_secret_put(const char *notifier, const NotifierSecret *s)
{
        _cleanup_free_ char *path = strf(PATH_NOTIFIERS "/%s", notifier);
        _cleanup_(erase_and_freep) char *text = NULL;

        if (!path)
                return -ENOMEM;
        if (!s->url && !s->secret)
                return unlink(path) < 0 && errno != ENOENT
                                       ? log_warning_errno(errno,
                                                           "Failed to remove %s: %m. Remove it by hand.",
                                                           path)
                                       : 0;

        text = strf("%s\n%s\n", strempty(s->url), strempty(s->secret));
        if (!text)
                return -ENOMEM;
        if (mkdir(PATH_NOTIFIERS, 0700) < 0 && errno != EEXIST)
                return -errno;

        return write_file_atomic(path, text, strlen(text), 0600);
}
