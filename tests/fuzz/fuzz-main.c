/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "fuzz.h"

#define INPUT_MAX (16U * 1024U * 1024U)

/* Runs the files named on the command line, and those in the directories named, through the fuzz target. */

static int run_file(const char *path)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = read_file_full(path, INPUT_MAX, &text, &size);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", path, strerror(-r));
                return r;
        }

        /* Without the byte behind the end that the reader puts there: a target must not need it. */
        data = new (uint8_t, MAX(size, (size_t) 1));
        if (!data)
                return -ENOMEM;
        memcpy(data, text, size);
        (void) LLVMFuzzerTestOneInput(data, size);
        return 0;
}

static int run_directory(const char *path)
{
        struct dirent *e;
        int r = 0;
        DIR *d;

        d = opendir(path);
        if (!d)
                return -errno;
        while (r >= 0 && (e = readdir(d))) {
                _cleanup_free_ char *file = NULL;

                if (e->d_name[0] == '.')
                        continue;
                file = strf("%s/%s", path, e->d_name);
                r = file ? run_file(file) : -ENOMEM;
        }
        (void) closedir(d);

        return r;
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                struct stat st;
                int r;

                r = stat(argv[i], &st) >= 0 && S_ISDIR(st.st_mode) ? run_directory(argv[i])
                                                                   : run_file(argv[i]);
                if (r < 0)
                        return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
