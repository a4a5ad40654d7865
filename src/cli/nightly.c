/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/time-util.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

int verb_nightly_show(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *error;
        char span[TIMESPAN_MAX], when[FORMAT_MAX], size[FORMAT_MAX];
        int r;

        r = cli_get_all(c, BUS_PATH, BUS_INTERFACE_NIGHTLY, &o);
        if (r < 0)
                return r;
        if (c->json != JSON_OFF)
                return cli_print_json(c, o);

        error = row_string(o, "LastRunError");
        if (row_bool(o, "Running"))
                cli_field(c, stdout, "Running", STYLE_GREEN, "yes");
        if (row_u64(o, "LastRunUSec") == 0)
                cli_field(c, stdout, "Last run", STYLE_NONE, "none yet");
        else
                cli_field(c, stdout, "Last run", STYLE_NONE, "%s, %s",
                          format_local(when, row_u64(o, "LastRunUSec")),
                          format_timespan(span, row_u64(o, "LastRunDurationUSec")));
        if (row_u64(o, "LastRunUSec") > 0)
                cli_field(c, stdout, "Dropped", STYLE_NONE,
                          "%" PRIu64 " readings, files of %" PRIu64 " jobs", row_u64(o, "LastRunReadings"),
                          row_u64(o, "LastRunJobs"));
        if (row_u64(o, "LastRunJobsForSize") > 0)
                cli_field(c, stdout, "For size", STYLE_NONE, "files of %" PRIu64 " of these jobs",
                          row_u64(o, "LastRunJobsForSize"));
        if (row_u64(o, "LastRunLogBytes") > 0)
                cli_field(c, stdout, "Logs", STYLE_NONE, "%s",
                          format_size(size, row_u64(o, "LastRunLogBytes")));
        cli_field(c, stdout, "Failed", STYLE_RED, "%s", error);
        cli_field(c, stdout, "Last backup", row_u64(o, "LastBackupUSec") > 0 ? STYLE_NONE : STYLE_YELLOW,
                  "%s", row_u64(o, "LastBackupUSec") > 0 ? row_string(o, "LastBackup") : "none yet");
        cli_field(c, stdout, "Database", STYLE_NONE, "%s",
                  format_size(size, row_u64(o, "DatabaseSizeBytes")));
        cli_field(c, stdout, "Backup", STYLE_RED, "%s", row_string(o, "BackupError"));
        return STATUS_OK;
}

int verb_nightly_run(Cli *c, char **args, size_t n)
{
        int r;

        r = cli_change(c, "begin the nightly run", BUS_PATH, BUS_INTERFACE_NIGHTLY, "Run", NULL, "t",
                       UINT64_C(0));
        return r < 0 ? r : STATUS_OK;
}
