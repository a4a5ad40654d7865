/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "shared/conf.h"

#define CONF_SIZE_MAX    (1024U * 1024U)
#define CONF_FILES_MAX   1024U
#define CONF_SECTION_MAX 64U

typedef struct ConfFile {
        const char *path;
        unsigned line;
        char section[CONF_SECTION_MAX]; /* "": none yet, or one with a broken header */
        conf_callback_t callback;
        void *userdata;
} ConfFile;

static void conf_read_section(ConfFile *f, char *l)
{
        size_t n = strlen(l);

        /* Under a header that was not understood, nothing may count as if it stood in the section before. */
        f->section[0] = 0;

        if (n < 3 || l[n - 1] != ']' || n - 2 >= sizeof(f->section) || memchr(l + 1, ']', n - 2)) {
                log_warning("%s:%u: This is no section header, ignoring all to the next one.", f->path,
                            f->line);
                return;
        }

        memcpy(f->section, l + 1, n - 2);
        f->section[n - 2] = 0;
}

static int conf_read_assignment(ConfFile *f, char *l)
{
        char *eq = strchr(l, '='), *key, *value;
        int r;

        if (!eq || eq == l) {
                log_warning("%s:%u: Neither a section, a comment, nor Key=Value, ignoring.", f->path,
                            f->line);
                return 0;
        }

        *eq = 0;
        key = strstrip(l);
        value = strstrip(eq + 1);

        if (isempty(f->section)) {
                log_warning("%s:%u: '%s' stands in no section, ignoring.", f->path, f->line, key);
                return 0;
        }

        r = f->callback(f->path, f->section, key, value, f->userdata);
        switch (r) {
        case -EINVAL:
                log_warning("%s:%u: '%s' is no value for %s, ignoring.", f->path, f->line, value, key);
                return 0;
        case -ERANGE:
                log_warning("%s:%u: '%s' is out of range for %s, ignoring.", f->path, f->line, value, key);
                return 0;
        case -ENOENT:
                log_warning("%s:%u: There is no setting %s in section [%s], ignoring.", f->path, f->line,
                            key, f->section);
                return 0;
        default:
                return r;
        }
}

static int conf_read_line(ConfFile *f, char *start, size_t size)
{
        char *l;

        if (memchr(start, 0, size) || !utf8_is_valid(start)) {
                log_warning("%s:%u: Not valid text, ignoring.", f->path, f->line);
                return 0;
        }

        l = strstrip(start);
        if (*l == 0 || *l == '#' || *l == ';')
                return 0;
        if (*l == '[') {
                conf_read_section(f, l);
                return 0;
        }

        return conf_read_assignment(f, l);
}

static int conf_parse_file(const char *path, conf_callback_t callback, void *userdata)
{
        ConfFile f = { .path = path, .callback = callback, .userdata = userdata };
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_full(path, CONF_SIZE_MAX, &text, &size);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;

        for (char *p = text, *end = text + size; p < end;) {
                char *nl = memchr(p, '\n', (size_t) (end - p)) ?: end;

                *nl = 0;
                f.line++;
                r = conf_read_line(&f, p, (size_t) (nl - p));
                if (r < 0)
                        return r;
                p = nl + 1;
        }

        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int conf_list_dropins(const char *dir, char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        size_t n = 0;
        DIR *d;
        int r = 0;

        d = opendir(dir);
        if (!d)
                return errno == ENOENT ? 0 : -errno;

        for (;;) {
                struct dirent *e;

                errno = 0;
                e = readdir(d);
                if (!e) {
                        r = -errno;
                        break;
                }
                if (e->d_name[0] == '.' || !endswith(e->d_name, ".conf"))
                        continue;

                r = ++n > CONF_FILES_MAX ? -E2BIG : strv_consume(&l, strf("%s/%s", dir, e->d_name));
                if (r < 0)
                        break;
        }
        (void) closedir(d);
        if (r < 0)
                return r;

        if (l)
                qsort(l, strv_length(l), sizeof(char *), compare_names);
        *ret = TAKE_PTR(l);
        return 0;
}

int conf_parse(const char *main_file, const char *dropin_dir, conf_callback_t callback, void *userdata)
{
        _cleanup_strv_free_ char **dropins = NULL;
        int r;

        if (main_file) {
                r = conf_parse_file(main_file, callback, userdata);
                if (r < 0)
                        return log_debug_errno(r, "Failed to read %s: %m", main_file);
        }

        if (dropin_dir) {
                r = conf_list_dropins(dropin_dir, &dropins);
                if (r < 0)
                        return log_debug_errno(r, "Failed to list %s: %m", dropin_dir);
        }

        STRV_FOREACH(path, dropins) {
                r = conf_parse_file(*path, callback, userdata);
                if (r < 0)
                        return log_debug_errno(r, "Failed to read %s: %m", *path);
        }

        return 0;
}
