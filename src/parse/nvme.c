/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdlib.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/lines.h"
#include "parse/nvme.h"
#include "shared/json-util.h"

#define TEXT_SIZE_MAX (1024U * 1024U)

#define OACS_FORMAT       0x2U
#define FNA_FORMAT_ALL    0x1U
#define FNA_ERASE_ALL     0x2U
#define CMIC_CONTROLLERS  0x2U
#define SANICAP_CRYPTO    0x1U
#define SANICAP_BLOCK     0x2U
#define SANICAP_OVERWRITE 0x4U
#define SPROG_WHOLE       65536U

static const char *const erase_method_table[_ERASE_METHOD_MAX] = {
        [ERASE_FORMAT] = "format",
        [ERASE_BLOCK] = "block",
        [ERASE_CRYPTO] = "crypto",
        [ERASE_OVERWRITE] = "overwrite",
};
DEFINE_STRING_TABLE(erase_method, EraseMethod);

int nvme_parse_controller(const char *text, size_t size, NvmeController *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        NvmeController c = { 0 };
        int r;

        if (size > TEXT_SIZE_MAX)
                return -EBADMSG;
        r = json_parse_as(text, size, json_type_object, &o);
        if (r < 0)
                return r;
        /* The one that each NVMe drive has. */
        if (json_get_u32(o, "oacs", &c.oacs) <= 0 || json_get_u32(o, "fna", &c.fna) < 0 ||
            json_get_u32(o, "sanicap", &c.sanicap) < 0 || json_get_u32(o, "cmic", &c.cmic) < 0)
                return -EBADMSG;

        *ret = c;
        return 0;
}

bool nvme_has_format(const NvmeController *c)
{
        return c->oacs & OACS_FORMAT;
}

bool nvme_format_reaches_all(const NvmeController *c)
{
        return c->fna & (FNA_FORMAT_ALL | FNA_ERASE_ALL);
}

bool nvme_sanitize_method(const NvmeController *c, EraseMethod *ret)
{
        if (c->sanicap & SANICAP_BLOCK)
                *ret = ERASE_BLOCK;
        else if (c->sanicap & SANICAP_CRYPTO)
                *ret = ERASE_CRYPTO;
        else if (c->sanicap & SANICAP_OVERWRITE)
                *ret = ERASE_OVERWRITE;
        else
                return false;

        return true;
}

bool nvme_is_shared(const NvmeController *c)
{
        return c->cmic & CMIC_CONTROLLERS;
}

static void add_namespace(NvmeNamespaces *n, uint32_t nsid)
{
        for (size_t i = 0; i < n->n; i++)
                if (n->nsid[i] == nsid)
                        return;
        if (n->n < ELEMENTSOF(n->nsid))
                n->nsid[n->n++] = nsid;
}

int nvme_add_namespaces(NvmeNamespaces *n, const char *text, size_t size)
{
        _cleanup_(lines_done) Lines l = { 0 };
        char *line, *number, *rest;
        int r, lines = 0;

        r = size > TEXT_SIZE_MAX ? -EBADMSG : lines_begin(&l, text, size);
        if (r < 0)
                return r;

        while ((line = lines_next(&l))) {
                unsigned long long nsid;

                number = line[0] == '[' ? strstr(line, "]:") : NULL;
                if (!number || number[2] < '0' || number[2] > '9')
                        continue;
                errno = 0;
                nsid = strtoull(number + 2, &rest, 0);
                if (errno != 0 || *rest || nsid == 0 || nsid >= UINT32_MAX)
                        continue;
                lines++;
                add_namespace(n, (uint32_t) nsid);
        }

        return lines;
}

/* A number, or one in front of its words: "(1) Most Recent Sanitize Command Completed Successfully.". */
static bool get_status(struct json_object *sstat, uint64_t *ret)
{
        const char *s;

        if (json_object_is_type(sstat, json_type_int) && json_object_get_int64(sstat) >= 0) {
                *ret = json_object_get_uint64(sstat) & 7;
                return true;
        }
        if (json_get_u64(sstat, "status", ret) > 0)
                return true;
        if (json_get_string(sstat, "status", &s) <= 0 || s[0] != '(' || s[1] < '0' || s[1] > '9' ||
            s[2] != ')')
                return false;

        *ret = (uint64_t) (s[1] - '0');
        return true;
}

static int read_sanitize(struct json_object *o, NvmeSanitize *ret)
{
        struct json_object *sstat = NULL;
        uint64_t progress = 0, status;

        if (json_get_u64(o, "sprog", &progress) <= 0 || progress >= SPROG_WHOLE ||
            !json_object_object_get_ex(o, "sstat", &sstat) || !get_status(sstat, &status) ||
            status >= _NVME_SANITIZE_STATE_MAX)
                return -EBADMSG;

        *ret = (NvmeSanitize){ .state = (NvmeSanitizeState) status,
                               .percent = (uint32_t) (progress * 100 / SPROG_WHOLE) };
        return 0;
}

int nvme_parse_sanitize(const char *text, size_t size, NvmeSanitize *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (size > TEXT_SIZE_MAX)
                return -EBADMSG;
        r = json_parse_as(text, size, json_type_object, &o);
        if (r < 0)
                return r;
        if (read_sanitize(o, ret) >= 0)
                return 0;

        /* Under the device's name. */
        json_object_object_foreach(o, key, value)
        {
                (void) key;
                if (json_object_is_type(value, json_type_object))
                        return read_sanitize(value, ret);
        }

        return -EBADMSG;
}

static bool take_number(const char *line, const char *key, uint32_t *ret)
{
        const char *value = startswith(line, key);

        return value && parse_u32(value, ret) >= 0;
}

static void take_line(const char *line, EraseOutput *o)
{
        const char *text;

        if (streq(line, "begun=1"))
                o->begun = true;
        else if (streq(line, "done=1"))
                o->done = true;
        else if ((text = startswith(line, "sanitize="))) {
                o->sanitized = true;
                o->understood = nvme_parse_sanitize(text, strlen(text), &o->sanitize) >= 0;
        } else if (take_number(line, "command=", &o->status))
                o->ended = true;
        else if (!take_number(line, "stamped=", &o->stamped) &&
                 !take_number(line, "progress=", &o->percent) && !take_number(line, "kept=", &o->kept) &&
                 !take_number(line, "zero=", &o->zero) && !take_number(line, "one=", &o->one) &&
                 !take_number(line, "other=", &o->other))
                (void) take_number(line, "unreadable=", &o->unreadable);
        o->percent = MIN(o->percent, 100U);
}

int erase_output_parse(const char *text, size_t size, EraseOutput *ret)
{
        const char *end = size > 0 ? memrchr(text, '\n', size) : NULL;
        _cleanup_(lines_done) Lines l = { 0 };
        EraseOutput o = { 0 };
        char *line;
        int r;

        r = size > TEXT_SIZE_MAX ? -EBADMSG : lines_begin(&l, text, end ? (size_t) (end - text) : 0);
        if (r < 0)
                return r;
        while ((line = lines_next(&l)))
                take_line(line, &o);

        *ret = o;
        return 0;
}
