/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "basic/strv.h"
#include "parse/lsblk.h"
#include "parse/lines.h"
#include "parse/mountinfo.h"

#define FIELD_MAX 4096U
#define SWAPS_MAX 256U

void mount_table_done(MountTable *t)
{
        for (size_t i = 0; i < t->n_mounts; i++) {
                free(t->mounts[i].target);
                free(t->mounts[i].fstype);
                free(t->mounts[i].source);
        }
        free(t->mounts);
        *t = (MountTable){ 0 };
}

static bool is_octal(char c)
{
        return c >= '0' && c <= '7';
}

/* The kernel writes blank, tab, newline and backslash as \040, \011, \012, \134. */
static char *field_unescape(const char *s)
{
        _cleanup_free_ char *t = strdup(s);
        char *p = t;

        if (!t)
                return NULL;
        while (*s)
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) && is_octal(s[3])) {
                        *p++ = (char) ((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
                        s += 4;
                } else
                        *p++ = *s++;
        *p = 0;

        return str_clean(t, strlen(t), FIELD_MAX, false);
}

/* ID PARENT MAJ:MIN ROOT TARGET OPTIONS [TAG...] - FSTYPE SOURCE OPTIONS */
static int line_parse(char *line, Mount *ret)
{
        char *fields[5], *word, *fstype, *source, *p = line;
        Mount m = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strsep(&p, " ");
                if (isempty(fields[i]))
                        return -EBADMSG;
        }
        if (!device_number_parse(fields[2], &m.major, &m.minor))
                return -EBADMSG;

        do
                word = strsep(&p, " ");
        while (word && !streq(word, "-"));
        fstype = strsep(&p, " ");
        source = strsep(&p, " ");
        /* The source may be empty, as for mount -t tmpfs "" /x. */
        if (!word || isempty(fstype) || !source)
                return -EBADMSG;

        m.target = field_unescape(fields[4]);
        m.fstype = field_unescape(fstype);
        m.source = field_unescape(source);
        *ret = m;
        return m.target && m.fstype && m.source ? 0 : -ENOMEM;
}

int mountinfo_parse(const char *text, size_t size, MountTable *ret)
{
        _cleanup_(mount_table_done) MountTable t = { 0 };
        _cleanup_(lines_done) Lines lines = { 0 };
        size_t allocated = 0;
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next_nonempty(&lines))) {
                if (t.n_mounts >= MOUNTS_MAX)
                        return -EBADMSG;
                if (t.n_mounts == allocated) {
                        Mount *m;

                        allocated = allocated == 0 ? 64 : 2 * allocated;
                        m = reallocarray(t.mounts, allocated, sizeof(Mount));
                        if (!m)
                                return -ENOMEM;
                        t.mounts = m;
                }

                t.mounts[t.n_mounts] = (Mount){ 0 };
                r = line_parse(line, t.mounts + t.n_mounts);
                if (r == -EBADMSG)
                        return r;
                t.n_mounts++; /* half of one too, so that it is freed */
                if (r < 0)
                        return r;
        }
        if (t.n_mounts == 0)
                return -EBADMSG;

        *ret = t;
        t = (MountTable){ 0 };
        return 0;
}

int swaps_parse(const char *text, size_t size, char ***ret)
{
        _cleanup_strv_free_ char **l = NULL;
        _cleanup_(lines_done) Lines lines = { 0 };
        char *line;
        int r;

        r = lines_begin(&lines, text, size);
        if (r < 0)
                return r;

        line = lines_next(&lines);
        if (!startswith(line, "Filename"))
                return -EBADMSG;
        while ((line = lines_next_nonempty(&lines))) {
                line[strcspn(line, " \t")] = 0;
                if (*line != '/' || strv_length(l) >= SWAPS_MAX)
                        return -EBADMSG;
                r = strv_consume(&l, field_unescape(line));
                if (r < 0)
                        return r;
        }

        *ret = TAKE_PTR(l);
        return 0;
}
