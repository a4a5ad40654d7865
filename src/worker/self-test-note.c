/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/fd-util.h"
#include "basic/string-util.h"
#include "shared/json-util.h"
#include "worker/self-test-note.h"

#define NOTE_MAX (64U * 1024U)

void self_test_note_done(SelfTestNote *n)
{
        free(n->run);
        free(n->signature);
        free(n->boot_id);
        free(n->type);
        free(n->aborted);
        *n = (SelfTestNote){ 0 };
}

static int note_from_json(struct json_object *o, SelfTestNote *n)
{
        int r;

        if ((r = json_dup_string(o, "run", &n->run)) < 0 || (r = json_get_u32(o, "tries", &n->tries)) < 0 ||
            (r = json_get_bool(o, "started", &n->started)) < 0 ||
            (r = json_get_bool(o, "seen", &n->seen)) < 0 ||
            (r = json_get_u64(o, "started_usec", &n->started_usec)) < 0 ||
            (r = json_dup_string(o, "signature", &n->signature)) < 0 ||
            (r = json_get_bool(o, "finishing", &n->finishing)) < 0 ||
            (r = json_get_u32(o, "estimate_minutes", &n->estimate_minutes)) < 0 ||
            (r = json_dup_string(o, "boot_id", &n->boot_id)) < 0 ||
            (r = json_dup_string(o, "type", &n->type)) < 0 ||
            (r = json_dup_string(o, "aborted", &n->aborted)) < 0)
                return r;

        return 0;
}

static int note_read(const char *path, SelfTestNote *ret)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_full(path, NOTE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse(text, size, &o);
        return r < 0 ? r : note_from_json(o, ret);
}

int self_test_note_load(const char *path, const char *run, SelfTestNote *ret)
{
        _cleanup_(self_test_note_done) SelfTestNote n = { 0 };
        int r;

        r = note_read(path, &n);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT || !streq_ptr(n.run, run) || !n.type) {
                self_test_note_done(&n);
                n.run = strdup(run);
                n.type = strdup("-");
                if (!n.run || !n.type)
                        return -ENOMEM;
                r = -ENOENT;
        }

        *ret = n;
        n = (SelfTestNote){ 0 };
        return r;
}

int self_test_note_save(const char *path, const SelfTestNote *n)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();
        const char *text;
        size_t size;

        if (!o || json_put_string(o, "run", n->run) < 0 || json_put_u64(o, "tries", n->tries) < 0 ||
            json_put_bool(o, "started", n->started) < 0 || json_put_bool(o, "seen", n->seen) < 0 ||
            json_put_u64(o, "started_usec", n->started_usec) < 0 ||
            json_put_string(o, "signature", n->signature) < 0 ||
            json_put_bool(o, "finishing", n->finishing) < 0 ||
            json_put_u64(o, "estimate_minutes", n->estimate_minutes) < 0 ||
            json_put_string(o, "boot_id", n->boot_id) < 0 || json_put_string(o, "type", n->type) < 0 ||
            json_put_string(o, "aborted", n->aborted) < 0)
                return -ENOMEM;

        text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &size);
        return write_file_atomic(path, text, size, 0640);
}
