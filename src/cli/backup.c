/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/wait.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/message-json.h"
#include "shared/names.h"

/* burnind gives it up after an hour. */
#define BACKUP_TIMEOUT (UINT64_C(3700) * USEC_PER_SEC)

static const TableColumn backup_columns[] = {
        { "NAME", false, 26 },
        { "TIME", false, 0 },
        { "SIZE", true, 0 },
};

int verb_backup_list(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *rows = NULL;
        _cleanup_(table_freep) Table *t = NULL;
        int r;

        r = cli_call(c, "list the backups", BUS_PATH, BUS_INTERFACE_NIGHTLY, "ListBackups", &reply, NULL);
        if (r < 0)
                return r;
        r = message_read_json(reply, &rows);
        if (r <= 0)
                return cli_fail(c, STATUS_ERROR, "The answer of burnind cannot be read.");
        if (c->json != JSON_OFF)
                return cli_print_json(c, rows);
        if (c->quiet)
                return cli_print_names(c, rows, "Name");

        r = table_new(backup_columns, ELEMENTSOF(backup_columns), &t);
        if (r < 0)
                return cli_oom(c);
        for (size_t i = 0; i < json_object_array_length(rows); i++) {
                struct json_object *row = json_object_array_get_idx(rows, i);
                char when[FORMAT_MAX], size[FORMAT_MAX];

                table_add(t, STYLE_BOLD, "%s", row_string(row, "Name"));
                table_add(t, STYLE_NONE, "%s", format_local(when, row_u64(row, "TimeUSec")));
                table_add(t, STYLE_NONE, "%s", format_size(size, row_u64(row, "SizeBytes")));
        }

        pager_open(c);
        cli_print_table(c, stdout, t, NULL);
        if (json_object_array_length(rows) == 0 && !c->no_legend)
                (void) puts("There is no backup. Make one with: burninctl backup now");
        return STATUS_OK;
}

int verb_backup_now(Cli *c, char **args, size_t n)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        const char *name;
        int r;

        (void) sd_bus_set_method_call_timeout(c->bus, BACKUP_TIMEOUT);
        r = cli_change(c, "make a backup", BUS_PATH, BUS_INTERFACE_NIGHTLY, "MakeBackup", &reply, "t",
                       UINT64_C(0));
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &name);
        if (r < 0)
                return cli_fail(c, STATUS_ERROR, "The answer of burnind cannot be read.");

        if (c->json == JSON_OFF) {
                (void) puts(name);
                return STATUS_OK;
        }
        o = json_object_new_object();
        if (!o || json_put_string(o, "Name", name) < 0)
                return cli_oom(c);
        return cli_print_json(c, o);
}

static int confirm(Cli *c, const char *name)
{
        _cleanup_free_ char *answer = NULL;
        int r;

        if (c->yes)
                return 0;
        if (!terminal_can_ask(c))
                return cli_fail(c, STATUS_USAGE, "Nobody can be asked here: say --yes.");

        cli_say("The database becomes what it was when %s was made. Jobs that had not ended then are cancelled,\n"
                "and what was done since is only in the file that the present one is kept as.",
                name);
        r = terminal_ask(c, "Type 'restore' to go on: ", &answer);
        if (r < 0)
                return r;
        if (!streq(answer, "restore"))
                return cli_fail(c, STATUS_USAGE, "Nothing was done.");
        return 0;
}

/* The one command that is not for burnind, which must not be there: its own program does it. */
int verb_backup_restore(Cli *c, char **args, size_t n)
{
        pid_t pid;
        int r, status;

        if (c->remote)
                return cli_fail(c, STATUS_USAGE, "A backup is restored on the machine of burnind itself.");
        r = confirm(c, args[0]);
        if (r < 0)
                return r;

        (void) fflush(stdout);
        pid = fork();
        if (pid < 0)
                return cli_fail(c, STATUS_ERROR, "burnin-backup cannot be started: %s", strerror(errno));
        if (pid == 0) {
                (void) execl(BURNIN_BACKUP_PATH, "burnin-backup", "restore", args[0], (char *) NULL);
                (void) fprintf(stderr, BURNIN_BACKUP_PATH ": %s\n", strerror(errno));
                _exit(EXIT_FAILURE);
        }
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return cli_fail(c, STATUS_ERROR, "burnin-backup is gone.");

        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? STATUS_OK : STATUS_ERROR;
}
