/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/kernel-log.h"

#define DIGITS     "0123456789"
#define REQ_RAHEAD 0x80000U /* linux/blk_types.h, Linux 4.10 to 6.18 */

static bool is_word(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* s begins with the disk's name or that of one of its partitions: the rest behind it, or NULL. */
static const char *behind_device(const char *s, const char *kname)
{
        const char *rest = startswith(s, kname);
        size_t n = strlen(kname), digits;

        if (!rest || n == 0)
                return NULL;

        /* "sdb1", but "nvme0n1p1": where the disk ends in a digit there is a p between. */
        if (kname[n - 1] < '0' || kname[n - 1] > '9')
                rest += strspn(rest, DIGITS);
        else if (*rest == 'p') {
                digits = strspn(rest + 1, DIGITS);
                if (digits > 0)
                        rest += 1 + digits;
        }

        return is_word(*rest) ? NULL : rest;
}

/* What follows before + the device's name, anywhere in the line; NULL if it is not there. */
static const char *find_device(const char *line, const char *before, const char *kname)
{
        size_t n = strlen(before);

        for (const char *p = line; (p = strstr(p, before)); p++) {
                const char *rest = behind_device(p + n, kname);

                if (rest)
                        return rest;
        }

        return NULL;
}

/* ", sector 4660" at s. */
static void read_sector(const char *s, KernelError *e)
{
        const char *p = startswith(s, ", sector ");
        char digits[21];
        size_t n;

        if (!p)
                return;
        n = strspn(p, DIGITS);
        if (n == 0 || n >= sizeof(digits))
                return;
        memcpy(digits, p, n);
        digits[n] = 0;
        e->have_sector = parse_u64(digits, &e->sector) >= 0;
}

/* Nobody waits for what is read ahead, so the kernel does not try that again when something else on the link was reset. A medium
 * that cannot be read is told as "critical medium error" here too. */
static bool is_read_ahead(const char *line)
{
        const char *p = strstr(line, "I/O error, dev "), *flags = p ? strstr(p, "(READ) flags 0x") : NULL;

        return flags && (strtoul(flags + STRLEN("(READ) flags "), NULL, 16) & REQ_RAHEAD);
}

static bool contains_any(const char *line, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strstr(line, words[i]))
                        return true;

        return false;
}

/* "[sdb] tag#12 Sense Key : Medium Error [current]". Other keys are told to the layer above, which tries again or, if that is
 * of no use, says "I/O error, dev". */
static bool is_scsi_error(const char *line)
{
        static const char *const errors[] = { "Sense Key : Medium Error", "Sense Key : Hardware Error",
                                              "Sense Key : Miscompare",   "timing out command",
                                              "device offlined",          "Device offlined" };

        return contains_any(line, errors, ELEMENTSOF(errors)) ||
               (strstr(line, "Synchronize Cache") && strstr(line, "failed"));
}

/* Lines that name only the controller, "nvme nvme0: ..." for nvme0n1. */
static bool is_nvme_controller_error(const char *line, const char *kname)
{
        static const char *const errors[] = { "timeout", "controller is down",
                                              "Removing after probe failure", "Device not ready",
                                              "reset failed" };
        const char *number = startswith(kname, "nvme"), *p;
        size_t n;

        if (!number)
                return false;
        n = strspn(number, DIGITS);
        p = strstr(line, "nvme nvme");
        if (n == 0 || !p || strncmp(p + STRLEN("nvme nvme"), number, n) != 0 ||
            p[STRLEN("nvme nvme") + n] != ':')
                return false;

        return contains_any(p, errors, ELEMENTSOF(errors));
}

/* "ata3.00: error: { UNC }" names no disk: whoever asks has picked the port's lines. Only what the drive says of its medium
 * counts; a bad link is tried again, and what that cannot mend ends as "I/O error, dev". */
static bool is_ata_medium_error(const char *line)
{
        static const char *const errors[] = { "error: { UNC", "error: { IDNF", "error: { AMNF",
                                              "(media error)" };
        const char *p = NULL;

        for (const char *q = line; !p && (q = strstr(q, "ata")); q++)
                if ((q == line || !is_word(q[-1])) && q[3] >= '0' && q[3] <= '9')
                        p = q;

        /* The "res 41/40:..." line of a failed command stands without its port. */
        return (p && contains_any(p, errors, ELEMENTSOF(errors))) ||
               (strstr(line, "res ") && strstr(line, "(media error)"));
}

KernelError kernel_log_judge(const char *line, const char *kname)
{
        /* Space that cannot be given back is no fault of a drive. */
        static const char *const requests[] = { "(DISCARD)", "(WRITE_ZEROES)", "(WRITE_SAME)",
                                                "(SECURE_ERASE)" };
        char bracket[40] = "[", name[40];
        KernelError e = { 0 };
        const char *rest;
        size_t n = strlen(kname);

        if (n == 0 || n > 32)
                return e;
        memcpy(mempcpy(bracket + 1, kname, n), "]", 2);
        memcpy(mempcpy(name, kname, n), ": ", 3);

        rest = find_device(line, "error, dev ", kname);
        if (rest) {
                e.error = !contains_any(rest, requests, ELEMENTSOF(requests)) && !is_read_ahead(line);
                if (e.error)
                        read_sector(rest, &e);
                return e;
        }

        if (find_device(line, "Buffer I/O error on dev ", kname) ||
            find_device(line, "Buffer I/O error on device ", kname))
                e.error = true;
        else if (strstr(line, bracket))
                e.error = is_scsi_error(line);
        else if ((rest = strstr(line, name)) && (rest == line || !is_word(rest[-1])) &&
                 strstr(rest, " @ LBA "))
                /* The LBA is in blocks of the drive's own size; the line of the block layer that follows has sectors. */
                e.error = !strstr(rest, "Dataset Management") && !strstr(rest, "Write Zeroes");
        else
                e.error = is_nvme_controller_error(line, kname) || is_ata_medium_error(line);

        return e;
}
