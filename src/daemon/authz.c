/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "daemon/audit.h"
#include "daemon/authz.h"
#include "daemon/session.h"
#include "shared/names.h"

#define BURN_IN "the burn-in of drive $(serial) on $(host)"

#define DETAILS_MAX 16 /* with two of ours, and the end */

const AuthzRow authz_table[] = {
        { BUS_INTERFACE_MANAGER, "AddHost", ACTION_MANAGE_HOSTS, "add host $(host)" },
        { BUS_INTERFACE_MANAGER, "GetHost", NULL },
        { BUS_INTERFACE_MANAGER, "GetDrive", NULL },
        { BUS_INTERFACE_MANAGER, "GetJob", NULL },
        { BUS_INTERFACE_MANAGER, "ListHosts", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "ListDrives", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "ListJobs", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "ListAudit", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "ListStatistics", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "GetDailyReport", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "EstimateBurnIn", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "ListGrants", ACTION_VIEW },
        { BUS_INTERFACE_MANAGER, "StartBurnIn", ACTION_START_DESTRUCTIVE },
        { BUS_INTERFACE_MANAGER, "CancelAll", ACTION_CANCEL, "cancel every burn-in that runs or waits" },
        { BUS_INTERFACE_HOST, "Refresh", ACTION_VIEW },
        { BUS_INTERFACE_HOST, "AcceptHostKey", ACTION_MANAGE_HOSTS,
          "trust the key that host $(host) has shown" },
        { BUS_INTERFACE_HOST, "Configure", ACTION_MANAGE_HOSTS },
        { BUS_INTERFACE_HOST, "Remove", ACTION_MANAGE_HOSTS, "remove host $(host)" },
        { BUS_INTERFACE_DRIVE, "ListReadings", ACTION_VIEW },
        { BUS_INTERFACE_DRIVE, "SetLocation", ACTION_MANAGE_DRIVES },
        { BUS_INTERFACE_DRIVE, "SetNotes", ACTION_MANAGE_DRIVES },
        { BUS_INTERFACE_DRIVE, "Identify", ACTION_MANAGE_DRIVES,
          "light the locate LED of drive $(serial) on $(host)" },
        { BUS_INTERFACE_DRIVE, "Forget", ACTION_MANAGE_DRIVES, "forget drive $(serial), which is missing" },
        { BUS_INTERFACE_DRIVE, "Unlock", ACTION_UNLOCK },
        { BUS_INTERFACE_GRANT, "Revoke", ACTION_CANCEL, "lock drive $(serial) on $(host) again" },
        { BUS_INTERFACE_DRIVE, "StartSelfTest", ACTION_SELF_TEST },
        { BUS_INTERFACE_DRIVE, "CancelSelfTest", ACTION_SELF_TEST },
        { BUS_INTERFACE_JOB, "Cancel", ACTION_CANCEL },
        { BUS_INTERFACE_JOB, "Pause", ACTION_MANAGE_JOBS, "pause " BURN_IN },
        { BUS_INTERFACE_JOB, "Resume", ACTION_MANAGE_JOBS, "resume " BURN_IN },
        { BUS_INTERFACE_JOB, "SetPriority", ACTION_MANAGE_JOBS },
        { BUS_INTERFACE_JOB, "Retry", ACTION_START_DESTRUCTIVE },
        { BUS_INTERFACE_JOB, "OpenReport", ACTION_VIEW },
        { BUS_INTERFACE_JOB, "ReadReport", ACTION_VIEW },
        { BUS_INTERFACE_STAGE, "OpenLog", ACTION_VIEW },
        { BUS_INTERFACE_STAGE, "ReadLog", ACTION_VIEW },
        { BUS_INTERFACE_ACCOUNTS, "Login", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "Resume", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "Check", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "Logout", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "CreateFirst", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "ChangePassword", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "GetLockout", ACTION_WEB_SESSION },
        { BUS_INTERFACE_ACCOUNTS, "GetSetupCode", ACTION_MANAGE_ACCOUNTS,
          "see the set-up code of the web page" },
        { BUS_INTERFACE_ACCOUNTS, "Add", ACTION_MANAGE_ACCOUNTS,
          "add the account $(account) of the web page" },
        { BUS_INTERFACE_ACCOUNTS, "SetPassword", ACTION_MANAGE_ACCOUNTS },
        { BUS_INTERFACE_ACCOUNTS, "SetRole", ACTION_MANAGE_ACCOUNTS },
        { BUS_INTERFACE_ACCOUNTS, "Remove", ACTION_MANAGE_ACCOUNTS,
          "remove the account $(account) of the web page" },
        { BUS_INTERFACE_ACCOUNTS, "List", ACTION_MANAGE_ACCOUNTS, "see the accounts of the web page" },
        { BUS_INTERFACE_ACCOUNTS, "ListSessions", ACTION_MANAGE_ACCOUNTS,
          "see who is logged in to the web page" },
        { BUS_INTERFACE_ACCOUNTS, "RevokeSession", ACTION_MANAGE_ACCOUNTS, "end a session of the web page" },
        { BUS_INTERFACE_SETTINGS, "List", ACTION_VIEW },
        { BUS_INTERFACE_SETTINGS, "Get", ACTION_VIEW },
        { BUS_INTERFACE_SETTINGS, "Set", ACTION_MANAGE_SETTINGS },
        { BUS_INTERFACE_SETTINGS, "Reset", ACTION_MANAGE_SETTINGS },
        { BUS_INTERFACE_NIGHTLY, "Run", ACTION_MANAGE_SETTINGS,
          "make a backup of the burn-in service, and drop old logs, now" },
        { BUS_INTERFACE_NIGHTLY, "MakeBackup", ACTION_MANAGE_SETTINGS,
          "make a backup of the database of the burn-in service" },
        { BUS_INTERFACE_NIGHTLY, "ListBackups", ACTION_VIEW },
        { BUS_INTERFACE_NOTIFIERS, "List", ACTION_VIEW },
        { BUS_INTERFACE_NOTIFIERS, "Add", ACTION_MANAGE_SETTINGS, "add the notifier $(notifier)" },
        { BUS_INTERFACE_NOTIFIERS, "Configure", ACTION_MANAGE_SETTINGS, "change the notifier $(notifier)" },
        { BUS_INTERFACE_NOTIFIERS, "Remove", ACTION_MANAGE_SETTINGS, "remove the notifier $(notifier)" },
        { BUS_INTERFACE_NOTIFIERS, "Test", ACTION_MANAGE_SETTINGS, "test the notifier $(notifier)" },
        { BUS_INTERFACE_NOTIFIERS, "SendDailyReport", ACTION_MANAGE_SETTINGS,
          "send the daily report by the notifier $(notifier)" },
        { BUS_INTERFACE_NOTIFIERS, "ListDeliveries", ACTION_VIEW },
        { BUS_INTERFACE_NOTIFIERS, "Retry", ACTION_MANAGE_SETTINGS, "send again what was given up" },
};
const size_t authz_table_size = ELEMENTSOF(authz_table);

static const AuthzRow *authz_find(const char *interface, const char *member)
{
        for (size_t i = 0; i < authz_table_size; i++)
                if (streq_ptr(authz_table[i].interface, interface) &&
                    streq_ptr(authz_table[i].member, member))
                        return authz_table + i;

        return NULL;
}

/* For whom the sender acts is asked of polkit along with everything else. Whoever's session has ended may still begin another one. */
static int authz_ask(Manager *m, sd_bus_message *message, const char *action, const char *intent,
                     const char *also, const PolkitDetail *details, sd_bus_error *error)
{
        _cleanup_(session_done) Session session = {};
        PolkitDetail all[DETAILS_MAX] = {};
        size_t n = 0;
        int r;

        r = session_of_sender(m, message, &session);
        if (r < 0 && r != -ESTALE)
                return r;
        if (r == -ESTALE && !streq(action, ACTION_WEB_SESSION))
                return sd_bus_error_set(error, BUS_ERROR_SESSION_ENDED,
                                        "The session has ended. Log in again.");

        for (; details && details[n].key; n++) {
                assert(n + 3 < ELEMENTSOF(all));
                all[n] = details[n];
        }
        if (r > 0) {
                all[n++] = (PolkitDetail){ "web.account", session.record.account };
                all[n++] = (PolkitDetail){ "web.role", role_to_string(session.role) };
        }

        return polkit_check(m->polkit, message, action, intent, also, all, error);
}

int authz_check_action(Manager *m, sd_bus_message *message, const char *action, const char *also,
                       const char *object, const PolkitDetail *details, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(message);
        const AuthzRow *row;
        Actor actor;
        int r;

        row = authz_find(sd_bus_message_get_interface(message), member);
        if (!row)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "Nobody may call %s.",
                                         strempty(member));
        action = action ?: row->action;
        if (!action)
                return 1;

        r = authz_ask(m, message, action, row->intent, also, details, error);
        if (r >= 0)
                return r;

        if (sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED,
                                   SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) &&
            !streq(action, ACTION_VIEW) && actor_from_message(m, message, &actor) >= 0)
                audit_denied(m, &actor, action, object, member);

        return r;
}

int authz_check(Manager *m, sd_bus_message *message, const char *object, const PolkitDetail *details,
                sd_bus_error *error)
{
        return authz_check_action(m, message, NULL, NULL, object, details, error);
}
