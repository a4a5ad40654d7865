/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <getopt.h>
#include <locale.h>

#include "basic/parse-util.h"
#include "basic/strv.h"
#include "cli/format.h"
#include "cli/verbs.h"
#include "shared/names.h"

#ifndef BURNIN_VERSION
#define BURNIN_VERSION "unknown"
#endif

/* Options of single verbs; the bit of each says in the table of verbs which take it. One given to a verb that does not is an
 * error: "cancel --all --host=nas1" must not cancel everything everywhere. */
enum {
        OPTION_FIRST = 0x100,
        OPTION_ADDRESS = OPTION_FIRST,
        OPTION_PORT,
        OPTION_USER,
        OPTION_NOTES,
        OPTION_KIND,
        OPTION_API_URL,
        OPTION_API_PIN,
        OPTION_API_KEY_FILE,
        OPTION_VERIFY_TLS,
        OPTION_HOST,
        OPTION_DRIVE,
        OPTION_LOCK,
        OPTION_YES,
        OPTION_SERIAL,
        OPTION_PROFILE,
        OPTION_STAGES,
        OPTION_TYPE,
        OPTION_PRIORITY,
        OPTION_NOTE,
        OPTION_REQUEST,
        OPTION_WAIT,
        OPTION_ACTIVE,
        OPTION_LATEST,
        OPTION_VERDICT,
        OPTION_REASON,
        OPTION_ALL,
        OPTION_FOLLOW,
        OPTION_LINES,
        OPTION_AT,
        OPTION_CALENDAR,
        OPTION_TOKEN,
        OPTION_UNLOCK,
        OPTION_UNLOCK_EXISTING,
        OPTION_RELEASE,
        OPTION_SECONDS,
        OPTION_OFF,
        OPTION_ROLE,
        OPTION_STATE,
        OPTION_PRESENT,
        OPTION_SINCE,
        OPTION_UNTIL,
        OPTION_KEY,
        OPTION_TO,
        OPTION_EVENTS,
        OPTION_SEVERITY,
        OPTION_ENABLED,
        OPTION_URL,
        OPTION_SECRET,
        OPTION_NO_SECRET,
        OPTION_SEND,
        _OPTION_END,
        OPTION_JSON = 0x200,
        OPTION_NO_PAGER,
        OPTION_NO_LEGEND,
        OPTION_NO_ASK_PASSWORD,
        OPTION_VERSION,
};

#define BIT(option) (UINT64_C(1) << ((option) -OPTION_FIRST))
#define HOST_OPTIONS                                                                                        \
        (BIT(OPTION_ADDRESS) | BIT(OPTION_PORT) | BIT(OPTION_USER) | BIT(OPTION_NOTES) |                    \
         BIT(OPTION_API_URL) | BIT(OPTION_API_PIN) | BIT(OPTION_API_KEY_FILE) | BIT(OPTION_VERIFY_TLS))
#define START_OPTIONS                                                                                       \
        (BIT(OPTION_YES) | BIT(OPTION_SERIAL) | BIT(OPTION_PROFILE) | BIT(OPTION_STAGES) |                  \
         BIT(OPTION_PRIORITY) | BIT(OPTION_NOTE) | BIT(OPTION_REQUEST) | BIT(OPTION_WAIT) |                 \
         BIT(OPTION_AT) | BIT(OPTION_CALENDAR) | BIT(OPTION_UNLOCK) | BIT(OPTION_UNLOCK_EXISTING) |         \
         BIT(OPTION_RELEASE))

#define NOTIFIER_OPTIONS                                                                                    \
        (BIT(OPTION_TO) | BIT(OPTION_EVENTS) | BIT(OPTION_HOST) | BIT(OPTION_SEVERITY) |                    \
         BIT(OPTION_ENABLED) | BIT(OPTION_SECRET))

static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "json", required_argument, NULL, OPTION_JSON },
        { "no-pager", no_argument, NULL, OPTION_NO_PAGER },
        { "no-legend", no_argument, NULL, OPTION_NO_LEGEND },
        { "no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD },
        { "quiet", no_argument, NULL, 'q' },
        { "full", no_argument, NULL, 'l' },
        { "remote", required_argument, NULL, 'H' },
        { "address", required_argument, NULL, OPTION_ADDRESS },
        { "port", required_argument, NULL, OPTION_PORT },
        { "user", required_argument, NULL, OPTION_USER },
        { "notes", required_argument, NULL, OPTION_NOTES },
        { "kind", required_argument, NULL, OPTION_KIND },
        { "api-url", required_argument, NULL, OPTION_API_URL },
        { "api-pin", required_argument, NULL, OPTION_API_PIN },
        { "api-key-file", required_argument, NULL, OPTION_API_KEY_FILE },
        { "verify-tls", required_argument, NULL, OPTION_VERIFY_TLS },
        { "no-verify-tls", no_argument, NULL, OPTION_VERIFY_TLS },
        { "host", required_argument, NULL, OPTION_HOST },
        { "drive", required_argument, NULL, OPTION_DRIVE },
        { "lock", required_argument, NULL, OPTION_LOCK },
        { "yes", no_argument, NULL, OPTION_YES },
        { "serial", required_argument, NULL, OPTION_SERIAL },
        { "profile", required_argument, NULL, OPTION_PROFILE },
        { "stages", required_argument, NULL, OPTION_STAGES },
        { "type", required_argument, NULL, OPTION_TYPE },
        { "priority", required_argument, NULL, OPTION_PRIORITY },
        { "note", required_argument, NULL, OPTION_NOTE },
        { "request", required_argument, NULL, OPTION_REQUEST },
        { "wait", no_argument, NULL, OPTION_WAIT },
        { "at", required_argument, NULL, OPTION_AT },
        { "calendar", required_argument, NULL, OPTION_CALENDAR },
        { "active", no_argument, NULL, OPTION_ACTIVE },
        { "latest", no_argument, NULL, OPTION_LATEST },
        { "verdict", required_argument, NULL, OPTION_VERDICT },
        { "reason", required_argument, NULL, OPTION_REASON },
        { "all", no_argument, NULL, OPTION_ALL },
        { "follow", no_argument, NULL, OPTION_FOLLOW },
        { "lines", required_argument, NULL, OPTION_LINES },
        { "token", required_argument, NULL, OPTION_TOKEN },
        { "unlock", no_argument, NULL, OPTION_UNLOCK },
        { "unlock-existing", no_argument, NULL, OPTION_UNLOCK_EXISTING },
        { "release", no_argument, NULL, OPTION_RELEASE },
        { "seconds", required_argument, NULL, OPTION_SECONDS },
        { "off", no_argument, NULL, OPTION_OFF },
        { "role", required_argument, NULL, OPTION_ROLE },
        { "state", required_argument, NULL, OPTION_STATE },
        { "present", required_argument, NULL, OPTION_PRESENT },
        { "since", required_argument, NULL, OPTION_SINCE },
        { "until", required_argument, NULL, OPTION_UNTIL },
        { "key", required_argument, NULL, OPTION_KEY },
        { "to", required_argument, NULL, OPTION_TO },
        { "events", required_argument, NULL, OPTION_EVENTS },
        { "severity", required_argument, NULL, OPTION_SEVERITY },
        { "enabled", required_argument, NULL, OPTION_ENABLED },
        { "url", no_argument, NULL, OPTION_URL },
        { "secret", no_argument, NULL, OPTION_SECRET },
        { "no-secret", no_argument, NULL, OPTION_NO_SECRET },
        { "send", optional_argument, NULL, OPTION_SEND },
        {},
};

typedef struct Verb {
        const char *noun, *verb; /* verb: NULL where the noun is the verb */
        size_t min, max;
        uint64_t options;
        int (*run)(Cli *c, char **args, size_t n);
} Verb;

static int verb_help(Cli *c, char **args, size_t n);
static int verb_version(Cli *c, char **args, size_t n);

static const Verb verbs[] = {
        { "status", NULL, 0, 0, 0, verb_status },
        { "hosts", NULL, 0, 0, 0, verb_hosts },
        { "host", "add", 1, 1, HOST_OPTIONS | BIT(OPTION_KIND), verb_host_add },
        { "host", "show", 1, 1, 0, verb_host_show },
        { "host", "public-key", 0, 0, 0, verb_host_public_key },
        { "host", "accept-key", 1, 2, 0, verb_host_accept_key },
        { "host", "configure", 1, 1, HOST_OPTIONS, verb_host_configure },
        { "host", "refresh", 1, 1, 0, verb_host_refresh },
        { "host", "remove", 1, 1, 0, verb_host_remove },
        { "drives", NULL, 0, 0, BIT(OPTION_HOST) | BIT(OPTION_LOCK) | BIT(OPTION_PRESENT), verb_drives },
        { "drive", "show", 1, 1, 0, verb_drive_show },
        { "drive", "readings", 1, 1,
          BIT(OPTION_LINES) | BIT(OPTION_ALL) | BIT(OPTION_SINCE) | BIT(OPTION_UNTIL), verb_drive_readings },
        { "drive", "location", 2, 2, 0, verb_drive_location },
        { "drive", "notes", 2, 2, 0, verb_drive_notes },
        { "drive", "identify", 1, 1, BIT(OPTION_SECONDS) | BIT(OPTION_OFF), verb_drive_identify },
        { "drive", "forget", 1, 1, 0, verb_drive_forget },
        { "drive", "unlock", 1, 1, BIT(OPTION_REASON) | BIT(OPTION_TOKEN), verb_drive_unlock },
        { "grants", NULL, 0, 0, BIT(OPTION_DRIVE), verb_grants },
        { "grant", "revoke", 1, 1, 0, verb_grant_revoke },
        { "selftest", "start", 1, BATCH_MAX, BIT(OPTION_TYPE) | BIT(OPTION_WAIT), verb_self_test_start },
        { "selftest", "cancel", 1, BATCH_MAX, 0, verb_self_test_cancel },
        { "selftest", "show", 0, BATCH_MAX, BIT(OPTION_HOST), verb_self_test_show },
        { "estimate", NULL, 1, BATCH_MAX, BIT(OPTION_PROFILE) | BIT(OPTION_STAGES), verb_estimate },
        { "start", NULL, 1, BATCH_MAX, START_OPTIONS, verb_start },
        { "jobs", NULL, 0, 0,
          BIT(OPTION_ACTIVE) | BIT(OPTION_LATEST) | BIT(OPTION_STATE) | BIT(OPTION_VERDICT) |
                          BIT(OPTION_HOST) | BIT(OPTION_DRIVE) | BIT(OPTION_LINES),
          verb_jobs },
        { "job", "show", 1, 1, 0, verb_job_show },
        { "job", "log", 1, 2, BIT(OPTION_FOLLOW), verb_job_log },
        { "job", "wait", 1, SIZE_MAX, 0, verb_job_wait },
        { "job", "cancel", 1, SIZE_MAX, BIT(OPTION_REASON), verb_job_cancel },
        { "job", "pause", 1, SIZE_MAX, BIT(OPTION_REASON), verb_job_pause },
        { "job", "resume", 1, SIZE_MAX, 0, verb_job_resume },
        { "job", "retry", 1, 1, BIT(OPTION_YES) | BIT(OPTION_SERIAL) | BIT(OPTION_WAIT), verb_job_retry },
        { "job", "priority", 2, 2, 0, verb_job_priority },
        { "report", "show", 1, 1, 0, verb_report_show },
        { "report", "save", 1, 2, 0, verb_report_save },
        { "report", "daily", 0, 1, BIT(OPTION_SINCE) | BIT(OPTION_SEND), verb_report_daily },
        { "report", "verify", 1, 1, BIT(OPTION_KEY), verb_report_verify },
        { "cancel", NULL, 0, SIZE_MAX, BIT(OPTION_REASON) | BIT(OPTION_ALL), verb_cancel },
        { "watch", NULL, 0, 0, 0, verb_watch },
        { "audit", NULL, 0, 1, BIT(OPTION_LINES) | BIT(OPTION_ALL), verb_audit },
        { "statistics", NULL, 0, 1, 0, verb_statistics },
        { "account", "list", 0, 0, 0, verb_account_list },
        { "account", "add", 1, 1, BIT(OPTION_ROLE), verb_account_add },
        { "account", "passwd", 1, 1, 0, verb_account_passwd },
        { "account", "role", 2, 2, 0, verb_account_role },
        { "account", "remove", 1, 1, 0, verb_account_remove },
        { "account", "sessions", 0, 1, 0, verb_account_sessions },
        { "account", "revoke", 1, 1, 0, verb_account_revoke },
        { "account", "setup-code", 0, 0, 0, verb_account_setup_code },
        { "notifier", "list", 0, 0, 0, verb_notifier_list },
        { "notifier", "add", 1, 1, NOTIFIER_OPTIONS | BIT(OPTION_KIND), verb_notifier_add },
        { "notifier", "configure", 1, 1, NOTIFIER_OPTIONS | BIT(OPTION_URL) | BIT(OPTION_NO_SECRET),
          verb_notifier_configure },
        { "notifier", "test", 1, 1, 0, verb_notifier_test },
        { "notifier", "remove", 1, 1, 0, verb_notifier_remove },
        { "outbox", "list", 0, 1, BIT(OPTION_STATE) | BIT(OPTION_LINES) | BIT(OPTION_ALL),
          verb_outbox_list },
        { "outbox", "retry", 0, 1, 0, verb_outbox_retry },
        { "settings", "list", 0, 0, 0, verb_settings_list },
        { "settings", "get", 1, 1, 0, verb_settings_get },
        { "settings", "set", 2, 2, 0, verb_settings_set },
        { "settings", "reset", 1, 1, 0, verb_settings_reset },
        { "backup", "list", 0, 0, 0, verb_backup_list },
        { "backup", "now", 0, 0, 0, verb_backup_now },
        { "backup", "restore", 1, 1, BIT(OPTION_YES), verb_backup_restore },
        { "nightly", "show", 0, 0, 0, verb_nightly_show },
        { "nightly", "run", 0, 0, 0, verb_nightly_run },
        { "version", NULL, 0, 0, 0, verb_version },
        { "help", NULL, 0, SIZE_MAX, 0, verb_help },
};

static const char help_text[] =
                "burninctl [OPTIONS...] COMMAND ...\n\n"
                "Burn in the drives of hosts: see, start, watch and cancel tests.\n\n"
                "Overview:\n"
                "  status                          Health, hosts, running and last jobs (the default)\n"
                "  watch                           The same, live; a line per change into a pipe\n"
                "  audit [TEXT] [-n N|--all]       Who did what\n"
                "  statistics [DAYS]               What became of the burn-ins of the last days (90)\n\n"
                "Hosts:\n"
                "  hosts                           List the hosts\n"
                "  host add NAME                   Add one (--address= --port= --user= --notes=)\n"
                "  host add NAME --kind=local      Add this machine (burnin-local.socket must be enabled)\n"
                "  host add NAME --kind=truenas    Add a TrueNAS by its API (--api-key-file= [--api-url=]\n"
                "                                  [--api-pin=|--no-verify-tls])\n"
                "  host show NAME                  Everything known about it\n"
                "  host public-key                 Print the line that lets burnin in, for authorized_keys\n"
                "  host accept-key NAME [SHA256:…] Confirm the key that the host has shown\n"
                "  host configure NAME             Change it (the same options but for --kind=)\n"
                "  host refresh NAME               Look at it now\n"
                "  host remove NAME                Forget it\n\n"
                "Drives:  (DRIVE: id, serial, or HOST:DEVICE)\n"
                "  drives [--host=] [--lock=] [--present=yes|no]\n"
                "                                  List the drives\n"
                "  drive show DRIVE                Everything known about it\n"
                "  drive readings DRIVE [-n N|--all] [--since=TIME] [--until=TIME]\n"
                "                                  Temperature and SMART over time, newest first\n"
                "  drive location DRIVE TEXT       Where it is: bay, shelf\n"
                "  drive notes DRIVE TEXT          Notes for people\n"
                "  drive identify DRIVE            Light its locate LED (--seconds=60, or --off)\n"
                "  drive forget DRIVE              Drop one that is missing; its jobs stay\n"
                "  drive unlock DRIVE              Allow the next burn-in of a locked drive (--reason= --token=)\n"
                "  grants [--drive=]               What is unlocked, and waits for its burn-in\n"
                "  grant revoke GRANT              Lock it again\n\n"
                "Self-tests:  (of the drives themselves; they write nothing)\n"
                "  selftest start DRIVE... [--type=short|long] [--wait]\n"
                "                                  Start one\n"
                "  selftest cancel DRIVE...        Cancel it\n"
                "  selftest show [DRIVE...]        What runs, and how the last ones ended\n\n"
                "Jobs:\n"
                "  estimate DRIVE...               How long a burn-in takes (--profile=, --stages=)\n"
                "  start DRIVE...                  Burn in; DESTROYS everything on the drives\n"
                "  jobs [--active|--latest|--state=] [--verdict=] [--host=] [--drive=] [-n N]\n"
                "                                  List jobs, newest first\n"
                "  job show N                      Stages, phases and evidence\n"
                "  job log N [STAGE] [-f]          What a stage has printed; -f follows it\n"
                "  job wait N...                   Wait for the ends; the verdict is the exit status\n"
                "  job cancel N... [--reason=]     Cancel jobs\n"
                "  cancel --all [--reason=]        Cancel every active job\n"
                "  job pause N... [--reason=]      Let jobs stand still; they keep their places\n"
                "  job resume N...                 Let them go on\n"
                "  job retry N                     The same again; DESTROYS everything on the drive\n"
                "  job priority N PRIORITY         Change the turn of a job that waits\n\n"
                "Reports:  (N: a job that has ended)\n"
                "  report show N                   What it says, and which key has signed it\n"
                "  report save N [FILE]            As a page; *.json: the document, and its signature in *.json.sig\n"
                "  report verify FILE [--key=KEY]  Is it what was signed, by this key? Needs no burnind\n"
                "  report daily [FILE] [--since=TIME] [--send[=NOTIFIER]]\n"
                "                                  The day of all hosts: failing health, unlocks, jobs; FILE: as a page;\n"
                "                                  --send: now, as it is sent every day\n\n"
                "Accounts of the web page:\n"
                "  account list                    Who has one, and what role\n"
                "  account add NAME --role=ROLE    Add one: viewer, operator or admin; asks for the password\n"
                "  account passwd NAME             Set another password; asks for it\n"
                "  account role NAME ROLE          Change what it may do\n"
                "  account remove NAME             Remove it\n"
                "  account sessions [NAME]         Who is logged in, since when and from where\n"
                "  account revoke SESSION          Log that one out\n"
                "  account setup-code              What the page asks for to make the first account\n\n"
                "Notifiers:  (who is told of events; an URL and a secret are asked for)\n"
                "  notifier list                   Who is told of what, and what waits for them\n"
                "  notifier add NAME --kind=KIND   Add one: mail (--to=), webhook, ntfy, slack, discord,\n"
                "                                  gotify or n8n (--events= --host= --severity= --secret)\n"
                "  notifier configure NAME         Change it (the same, --url, --no-secret, --enabled=)\n"
                "  notifier test NAME              Try whether it works\n"
                "  notifier remove NAME            Forget it\n"
                "  outbox list [NOTIFIER] [--state=] [-n N|--all]\n"
                "                                  What was sent, waits, or was given up\n"
                "  outbox retry [NOTIFIER]         Send again what was given up\n\n"
                "Settings:\n"
                "  settings list                   All, with their values and where these come from\n"
                "  settings get NAME               One, with what it means\n"
                "  settings set NAME VALUE         Change it; kept over restarts, wins over files\n"
                "  settings reset NAME             Back to the value of the files, or the default\n\n"
                "Backups of the database, made every night:\n"
                "  backup list                     What there is, the newest first\n"
                "  backup now                      Make one now\n"
                "  backup restore NAME|PATH        Put one back; burnind must be stopped\n"
                "  nightly show                    What the last nightly run did\n"
                "  nightly run                     Do it now: a backup, then old logs and readings go\n\n"
                "Options of start:\n"
                "     --profile=PROFILE            full, surface, short, long, short_long, surface_short,\n"
                "                                  surface_long, fast (surface)\n"
                "     --stages=STAGE,...           Or these, in this order: short_smart, long_smart,\n"
                "                                  surface_validate, nvme_format, nvme_sanitize\n"
                "     --priority=N                 -100 to 100, higher first\n"
                "     --note=TEXT --request=ID     Kept with the job; the same ID starts nothing twice\n"
                "     --at=TIME --calendar=EXPR    Not before then: +2h, 23:00, 'tomorrow 02:00'; 'Sat 02:00'\n"
                "     --unlock [--release]         Use the drives' grants; let the test end their use on the host\n"
                "     --unlock-existing            Take drives with nothing but old data too; list every serial\n"
                "     --wait                       Wait for the ends; the verdict is the exit status\n"
                "     --yes --serial=SERIAL        For scripts: a serial for each drive, in their order\n\n"
                "Options:\n"
                "  -h --help  --version\n"
                "  -H --remote=[USER@]HOST         Ask the burnind of another machine, over SSH\n"
                "  -j --json=short|pretty|off      For programs: -j is pretty on a terminal, else short\n"
                "  -q --quiet                      Names alone\n"
                "  -l --full                       Do not cut columns\n"
                "     --no-pager --no-legend --no-ask-password\n\n"
                "See burninctl(1).\n";

static int verb_help(Cli *c, char **args, size_t n)
{
        pager_open(c);
        (void) fputs(help_text, stdout);
        return STATUS_OK;
}

static int verb_version(Cli *c, char **args, size_t n)
{
        _cleanup_json_ struct json_object *manager = NULL, *o = NULL;
        int r;

        r = cli_get_all(c, BUS_PATH, BUS_INTERFACE_MANAGER, &manager);
        if (r < 0)
                return r;

        if (c->json == JSON_OFF) {
                _cleanup_free_ char *version = text_clean(row_string(manager, "Version"), false);

                (void) printf("burninctl " BURNIN_VERSION "\nburnind %s\n", strempty(version));
                return STATUS_OK;
        }

        o = json_object_new_object();
        if (!o || json_put_string(o, "burninctl", BURNIN_VERSION) < 0 ||
            json_put_string(o, "burnind", row_string(manager, "Version")) < 0)
                return cli_oom(c);
        return cli_print_json(c, o);
}

static int parse_json_mode(Cli *c, const char *s)
{
        if (!s)
                c->json = c->terminal ? JSON_PRETTY : JSON_SHORT;
        else if (streq(s, "off"))
                c->json = JSON_OFF;
        else if (streq(s, "short"))
                c->json = JSON_SHORT;
        else if (streq(s, "pretty"))
                c->json = JSON_PRETTY;
        else
                return cli_fail(c, STATUS_USAGE, "--json= is one of short, pretty, off.");
        return 0;
}

static int parse_number(Cli *c, const char *what, const char *s, uint32_t max, uint32_t *ret)
{
        uint32_t n;

        if (parse_u32(s, &n) < 0 || n == 0 || n > max)
                return cli_fail(c, STATUS_USAGE, "%s must be a number from 1 to %" PRIu32 ", not '%s'.",
                                what, max, s);
        *ret = n;
        return 0;
}

/* NULL: --no-verify-tls */
static int parse_verify_tls(Cli *c, const char *value)
{
        int r = value ? parse_boolean(value) : 0;

        if (r < 0)
                return cli_fail(c, STATUS_USAGE, "--verify-tls= is yes or no, not '%s'.", value);
        c->have_verify_tls = true;
        c->verify_tls = r;
        return 0;
}

/* Options of single verbs. */
static int parse_verb_option(Cli *c, int option, const char *value)
{
        const char **text[_OPTION_END - OPTION_FIRST] = {
                [OPTION_ADDRESS - OPTION_FIRST] = &c->address,
                [OPTION_USER - OPTION_FIRST] = &c->user,
                [OPTION_NOTES - OPTION_FIRST] = &c->notes,
                [OPTION_KIND - OPTION_FIRST] = &c->kind,
                [OPTION_HOST - OPTION_FIRST] = &c->host,
                [OPTION_DRIVE - OPTION_FIRST] = &c->drive,
                [OPTION_LOCK - OPTION_FIRST] = &c->lock,
                [OPTION_PROFILE - OPTION_FIRST] = &c->profile,
                [OPTION_STAGES - OPTION_FIRST] = &c->stages,
                [OPTION_TYPE - OPTION_FIRST] = &c->type,
                [OPTION_API_URL - OPTION_FIRST] = &c->api_url,
                [OPTION_API_PIN - OPTION_FIRST] = &c->api_pin,
                [OPTION_API_KEY_FILE - OPTION_FIRST] = &c->api_key_file,
                [OPTION_NOTE - OPTION_FIRST] = &c->note,
                [OPTION_REQUEST - OPTION_FIRST] = &c->request,
                [OPTION_VERDICT - OPTION_FIRST] = &c->verdict,
                [OPTION_REASON - OPTION_FIRST] = &c->reason,
                [OPTION_AT - OPTION_FIRST] = &c->at,
                [OPTION_CALENDAR - OPTION_FIRST] = &c->calendar,
                [OPTION_TOKEN - OPTION_FIRST] = &c->token,
                [OPTION_ROLE - OPTION_FIRST] = &c->role,
                [OPTION_STATE - OPTION_FIRST] = &c->state,
                [OPTION_PRESENT - OPTION_FIRST] = &c->present,
                [OPTION_SINCE - OPTION_FIRST] = &c->since,
                [OPTION_UNTIL - OPTION_FIRST] = &c->until,
                [OPTION_KEY - OPTION_FIRST] = &c->key,
                [OPTION_TO - OPTION_FIRST] = &c->to,
                [OPTION_EVENTS - OPTION_FIRST] = &c->events,
                [OPTION_SEVERITY - OPTION_FIRST] = &c->severity,
                [OPTION_ENABLED - OPTION_FIRST] = &c->enabled,
        };
        bool *flag[_OPTION_END - OPTION_FIRST] = {
                [OPTION_YES - OPTION_FIRST] = &c->yes,
                [OPTION_WAIT - OPTION_FIRST] = &c->wait,
                [OPTION_ACTIVE - OPTION_FIRST] = &c->active,
                [OPTION_LATEST - OPTION_FIRST] = &c->latest,
                [OPTION_ALL - OPTION_FIRST] = &c->all,
                [OPTION_FOLLOW - OPTION_FIRST] = &c->follow,
                [OPTION_UNLOCK - OPTION_FIRST] = &c->unlock,
                [OPTION_UNLOCK_EXISTING - OPTION_FIRST] = &c->unlock_existing,
                [OPTION_RELEASE - OPTION_FIRST] = &c->release,
                [OPTION_OFF - OPTION_FIRST] = &c->off,
                [OPTION_URL - OPTION_FIRST] = &c->url,
                [OPTION_SECRET - OPTION_FIRST] = &c->secret,
                [OPTION_NO_SECRET - OPTION_FIRST] = &c->no_secret,
        };
        int64_t n;
        int r;

        if (text[option - OPTION_FIRST])
                *text[option - OPTION_FIRST] = value;
        else if (flag[option - OPTION_FIRST])
                *flag[option - OPTION_FIRST] = true;
        else if (option == OPTION_SEND)
                c->send = value ?: "mail";
        else if (option == OPTION_SERIAL)
                return strv_extend(&c->serials, value) < 0 ? cli_oom(c) : 0;
        else if (option == OPTION_PORT)
                return parse_number(c, "--port=", value, UINT16_MAX, &c->port);
        else if (option == OPTION_SECONDS)
                return parse_number(c, "--seconds=", value, IDENTIFY_SEC_MAX, &c->seconds);
        else if (option == OPTION_VERIFY_TLS)
                return parse_verify_tls(c, value);
        else if (option == OPTION_LINES)
                return parse_number(c, "--lines=", value, UINT32_MAX, &c->lines);
        else {
                r = cli_parse_priority(c, value, &n);
                if (r < 0)
                        return r;
                c->priority = (int32_t) n;
        }

        return 0;
}

typedef struct CommandLine {
        uint64_t options;
        bool help, version;
} CommandLine;

static int parse_command_line(Cli *c, int argc, char **argv, CommandLine *ret)
{
        static const struct {
                char letter;
                int option;
        } letters[] = {
                { 'n', OPTION_LINES },
                { 'f', OPTION_FOLLOW },
        };
        int option, r = 0;

        while (r >= 0 && (option = getopt_long(argc, argv, "hH:jqln:f", long_options, NULL)) >= 0) {
                for (size_t i = 0; i < ELEMENTSOF(letters); i++)
                        if (option == letters[i].letter)
                                option = letters[i].option;

                switch (option) {
                case 'h':
                        ret->help = true;
                        break;
                case OPTION_VERSION:
                        ret->version = true;
                        break;
                case 'H':
                        c->remote = optarg;
                        break;
                case 'j':
                        r = parse_json_mode(c, NULL);
                        break;
                case OPTION_JSON:
                        r = parse_json_mode(c, optarg);
                        break;
                case 'q':
                        c->quiet = true;
                        break;
                case 'l':
                        c->full = true;
                        break;
                case OPTION_NO_PAGER:
                        c->no_pager = true;
                        break;
                case OPTION_NO_LEGEND:
                        c->no_legend = true;
                        break;
                case OPTION_NO_ASK_PASSWORD:
                        c->no_ask_password = true;
                        break;
                case '?':
                        c->status = STATUS_USAGE;
                        return -EINVAL;
                default:
                        ret->options |= BIT(option);
                        r = parse_verb_option(c, option, optarg);
                }
        }

        return r;
}

static int find_verb(Cli *c, char **words, size_t n, const Verb **ret, size_t *ret_used)
{
        bool noun_known = false;

        if (n == 0) {
                *ret = verbs;
                *ret_used = 0;
                return 0;
        }

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (!streq(verbs[i].noun, words[0]))
                        continue;
                noun_known = true;
                if (verbs[i].verb && (n < 2 || !streq(verbs[i].verb, words[1])))
                        continue;
                *ret = verbs + i;
                *ret_used = verbs[i].verb ? 2 : 1;
                return 0;
        }

        if (noun_known && n < 2)
                return cli_fail(c, STATUS_USAGE, "'%s' needs a command behind it. See: burninctl help",
                                words[0]);
        return cli_fail(c, STATUS_USAGE, "There is no command '%s%s%s'. See: burninctl help", words[0],
                        noun_known ? " " : "", noun_known ? words[1] : "");
}

static int check_usage(Cli *c, const Verb *v, size_t n, uint64_t options)
{
        const char *verb = strempty(v->verb), *space = v->verb ? " " : "";

        for (const struct option *o = long_options; o->name; o++)
                if (o->val >= OPTION_FIRST && o->val < _OPTION_END && (options & ~v->options & BIT(o->val)))
                        return cli_fail(c, STATUS_USAGE, "'%s%s%s' does not take --%s.%s", v->noun, space,
                                        verb, o->name,
                                        o->val == OPTION_HOST
                                                        ? " (To reach burnind on another machine, use -H or --remote=.)"
                                                        : "");

        if (n < v->min)
                return cli_fail(c, STATUS_USAGE, "'%s%s%s' needs more: see burninctl help", v->noun, space,
                                verb);
        if (n > v->max)
                return cli_fail(c, STATUS_USAGE,
                                "'%s%s%s' takes no more than %zu word%s: see burninctl help", v->noun, space,
                                verb, v->max, v->max == 1 ? "" : "s");
        return 0;
}

static int run(Cli *c, int argc, char **argv)
{
        CommandLine line = {};
        const Verb *v;
        size_t used, n;
        int r;

        r = parse_command_line(c, argc, argv, &line);
        if (r < 0)
                return r;
        if (line.help)
                return verb_help(c, NULL, 0);
        if (line.version) {
                (void) puts("burninctl " BURNIN_VERSION);
                return STATUS_OK;
        }

        n = (size_t) (argc - optind);
        r = find_verb(c, argv + optind, n, &v, &used);
        if (r >= 0)
                r = check_usage(c, v, n - used, line.options);
        if (r < 0)
                return r;

        if (v->run != verb_help && v->run != verb_report_verify) {
                r = cli_bus_open(c);
                if (r < 0)
                        return r;
        }
        return v->run(c, argv + optind + used, n - used);
}

int main(int argc, char *argv[])
{
        Cli c = {
                .status = STATUS_ERROR,
        };
        int r;

        /* Characters and times as the user's, numbers as everybody's: programs read them too. */
        (void) setlocale(LC_CTYPE, "");
        (void) setlocale(LC_TIME, "");
        terminal_inspect(&c);

        r = run(&c, argc, argv);

        pager_close(&c);
        agent_close(&c);
        c.bus = sd_bus_flush_close_unref(c.bus);
        c.serials = strv_free(c.serials);
        free(c.failure);
        return r < 0 ? (int) c.status : r;
}
