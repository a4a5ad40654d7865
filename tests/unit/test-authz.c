/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include "basic/string-util.h"
#include "daemon/account.h"
#include "daemon/authz.h"
#include "daemon/configuration.h"
#include "daemon/drive.h"
#include "daemon/grant.h"
#include "daemon/host.h"
#include "daemon/nightly.h"
#include "daemon/notifier.h"
#include "daemon/stage.h"
#include "shared/names.h"
#include "test-util.h"

/* Every method on the bus has exactly one row, every row has its method, every action is in the policy file and destroys nothing
 * by an answer that polkit keeps. */

static const struct {
        const char *interface;
        const sd_bus_vtable *vtable;
} interfaces[] = {
        { BUS_INTERFACE_MANAGER, manager_vtable }, { BUS_INTERFACE_HOST, host_vtable },
        { BUS_INTERFACE_DRIVE, drive_vtable },     { BUS_INTERFACE_JOB, job_vtable },
        { BUS_INTERFACE_STAGE, stage_vtable },     { BUS_INTERFACE_SETTINGS, setting_vtable },
        { BUS_INTERFACE_GRANT, grant_vtable },     { BUS_INTERFACE_ACCOUNTS, account_vtable },
        { BUS_INTERFACE_NIGHTLY, nightly_vtable }, { BUS_INTERFACE_NOTIFIERS, notifier_vtable },
};

static size_t count_rows(const char *interface, const char *member)
{
        size_t n = 0;

        for (size_t i = 0; i < authz_table_size; i++)
                n += streq(authz_table[i].interface, interface) && streq(authz_table[i].member, member);

        return n;
}

static void test_every_method_has_a_row(void)
{
        size_t methods = 0;

        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                for (const sd_bus_vtable *v = interfaces[i].vtable; v->type != _SD_BUS_VTABLE_END; v++) {
                        if (v->type != _SD_BUS_VTABLE_METHOD)
                                continue;
                        methods++;
                        if (count_rows(interfaces[i].interface, v->x.method.member) != 1)
                                fprintf(stderr, "%s.%s\n", interfaces[i].interface, v->x.method.member);
                        assert(count_rows(interfaces[i].interface, v->x.method.member) == 1);
                        /* sd-bus would refuse everybody but root before the table is asked. */
                        assert(v->flags & SD_BUS_VTABLE_UNPRIVILEGED);
                }

        assert(methods == authz_table_size);
}

static void test_policy_file(void)
{
        static const char *const never_kept[] = { ACTION_START_DESTRUCTIVE, ACTION_UNLOCK };
        _cleanup_free_ char *policy = sample_read("../../polkit/org.burnin1.policy", NULL);

        for (size_t i = 0; i < authz_table_size; i++) {
                _cleanup_free_ char *id = NULL;

                if (!authz_table[i].action)
                        continue;
                id = strf("<action id=\"%s\">", authz_table[i].action);
                assert(id && strstr(policy, id));
        }

        for (size_t i = 0; i < ELEMENTSOF(never_kept); i++) {
                _cleanup_free_ char *id = strf("<action id=\"%s\">", never_kept[i]);
                const char *action = strstr(policy, id);

                assert(action);
                assert(!memmem(action, (size_t) (strstr(action, "</action>") - action), "_keep", 5));
                assert(!memmem(action, (size_t) (strstr(action, "</action>") - action), "yes", 3));
        }
}

int main(void)
{
        test_every_method_has_a_row();
        test_policy_file();
        return 0;
}
