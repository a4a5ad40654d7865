/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "store-sample.h"

/* The audit, searched. */

static const AuditRecord records[] = {
        { .actor = (char *) "eve",
          .action = (char *) "frob",
          .object = (char *) "drive ZX9",
          .outcome = (char *) "ok",
          .detail = (char *) "So It Is" },
        { .action = (char *) "frob", .outcome = (char *) "denied" },
        { .actor = (char *) "Eve",
          .action = (char *) "frob",
          .outcome = (char *) "ok",
          .detail = (char *) "100%_\\" },
};

/* How many there are, and which is the newest. */
static const struct {
        const char *text;
        uint64_t total, newest;
} searches[] = {
        { NULL, 3, 3 },      { "", 3, 3 },       { "frob", 3, 3 },        { "EVE", 2, 3 },
        { "zx9", 1, 1 },     { "DENIED", 1, 2 }, { "so it is", 1, 1 },    { "' OR 1 --", 0, 0 },
        { "100%_\\", 1, 3 }, { "%", 1, 3 },      { "_", 1, 3 },           { "\\", 1, 3 },
        { "e%e", 0, 0 },     { "e_e", 0, 0 },    { "frob denied", 0, 0 },
};

typedef struct Found {
        uint64_t n, id;
} Found;

static int take_audit(AuditRecord *r, void *userdata)
{
        Found *f = userdata;

        f->n++;
        f->id = r->id;
        return 0;
}

static uint64_t total_of(Store *s, const char *text)
{
        uint64_t total;
        Found f = {};

        assert_ok(store_audit_list(s, text, 0, 1, take_audit, &f, &total));
        return total;
}

int main(void)
{
        _cleanup_scratch_ char *dir = scratch_new();
        _cleanup_free_ char *path = strf("%s/burnin.db", dir);
        Store *s;

        assert(path);
        assert_ok(store_open(path, &s, NULL));
        for (size_t i = 0; i < ELEMENTSOF(records); i++)
                assert_ok(store_audit_add(s, records + i));

        for (size_t i = 0; i < ELEMENTSOF(searches); i++) {
                uint64_t total, last;
                Found f = {};

                assert_ok(store_audit_list(s, searches[i].text, 0, 1, take_audit, &f, &total));
                if (total != searches[i].total || f.id != searches[i].newest)
                        (void) fprintf(stderr, "%s: %" PRIu64 ", %" PRIu64 "\n", strempty(searches[i].text),
                                       total, f.id);
                assert(total == searches[i].total && f.id == searches[i].newest && f.n == (total > 0));

                /* Page by page it is the same. */
                f = (Found){};
                for (last = 0; last < total; last++)
                        assert_ok(store_audit_list(s, searches[i].text, (uint32_t) last, 1, take_audit, &f,
                                                   NULL));
                assert(f.n == total);
        }

        /* However many there are, what is searched has an end. */
        assert(sqlite3_exec(s->db,
                            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 49999) "
                            "INSERT INTO audit (time_usec, actor_uid, action, outcome) SELECT 1, 0, 'frob', 'more' FROM n",
                            NULL, NULL, NULL) == SQLITE_OK);
        assert(total_of(s, "frob") == 50000 && total_of(s, "EVE") == 1 && total_of(s, NULL) == 50002);

        store_close(s);
        return 0;
}
