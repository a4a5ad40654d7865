/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "basic/string-util.h"
#include "cli/table.h"
#include "shared/json-util.h"

/* What every verb of burninctl uses: its options, the bus, and how failures end.
 *
 * A function that fails has told the user why, set the exit status, and returns a negative value that its callers only hand
 * on. A verb that returns zero or more gave the exit status itself. */

/* The exit status: documented in burninctl(1). */
typedef enum CliStatus {
        STATUS_OK = 0,
        STATUS_ERROR = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_FOUND = 3,
        STATUS_REFUSED = 4,
        STATUS_DENIED = 5,
        STATUS_VERDICT_FAILED = 6,
        STATUS_VERDICT_OPEN = 7, /* inconclusive or cancelled */
} CliStatus;

typedef enum JsonMode { JSON_OFF, JSON_SHORT, JSON_PRETTY } JsonMode;

typedef struct Cli {
        /* Every verb's options. */
        const char *remote; /* USER@HOST of the machine whose burnind is meant; NULL: this one */
        JsonMode json;
        bool no_pager, no_legend, no_ask_password, quiet, full;

        /* Options of some verbs; NULL and false where not given. */
        const char *address, *user, *notes, *kind, *api_url, *api_pin, *api_key_file, *host, *drive, *lock,
                        *profile, *stages, *type, *note, *request, *verdict, *reason, *token, *at, *calendar,
                        *role, *state, *present, *since, *until, *key, *to, *events, *severity, *enabled,
                        *send;
        uint32_t port, lines, seconds;
        int32_t priority;
        char **serials;
        bool have_verify_tls, verify_tls;
        bool yes, wait, active, latest, all, follow, unlock, unlock_existing, release, off, url, secret,
                        no_secret;

        /* What standard output is. */
        bool terminal, colour, utf8;
        size_t columns, rows; /* 0: no limit */

        sd_bus *bus;
        pid_t pager, agent;
        CliStatus status;

        /* A live view: failures are kept in failure for it to show, and not printed. */
        bool keep_failure;
        char *failure;
} Cli;

/* cli.c */
int cli_bus_open(Cli *c);
int cli_fail(Cli *c, CliStatus status, const char *format, ...) _printf_(3, 4);
int cli_oom(Cli *c);
int cli_parse_priority(Cli *c, const char *s, int64_t *ret);
/* what: "start the burn-in", as in "You may not start the burn-in". */
int cli_fail_bus(Cli *c, const char *what, const sd_bus_error *error, int r);
CliStatus status_from_error(const char *name);

/* One method call. The reply may be NULL. cli_change() is the same for what changes something: polkit may ask the user. */
int cli_call(Cli *c, const char *what, const char *path, const char *interface, const char *member,
             sd_bus_message **ret, const char *types, ...);
int cli_change(Cli *c, const char *what, const char *path, const char *interface, const char *member,
               sd_bus_message **ret, const char *types, ...);
/* The same with a message made by the caller. */
int cli_send(Cli *c, const char *what, sd_bus_message *m, sd_bus_message **ret);

/* One entry of an a{sv}; left out unless set (a string: unless NULL). */
typedef struct Option {
        const char *key;
        char type;     /* 's', 'b', 'i', 'u', 'q', 't', 'h'; 'a': "as" */
        const char *s; /* of a list: its words, with ',' between them */
        int64_t n;
        bool set;
} Option;
int message_append_options(sd_bus_message *m, const Option *options, size_t n);

/* An option that is a time that is over: 1; 0 where it is NULL, so was not given. */
int cli_parse_past(Cli *c, const char *option, const char *text, uint64_t *ret);
/* GetHost, GetDrive, GetJob: the path of an object. */
int cli_find_host(Cli *c, const char *name, char **ret);
int cli_find_drive(Cli *c, const char *drive, char **ret);
int cli_find_job(Cli *c, const char *id, char **ret);
/* The id of the drive that --drive= names, of ret or as it was given; by its id also one that was forgotten. Returns whether it is
 * known here; what it said otherwise is in failure. */
bool cli_find_drive_id(Cli *c, struct json_object **ret, const char **ret_id);

/* All properties, and "Object" with the path. cli_try_get_all() leaves a failure to the caller: nothing is told. */
int cli_get_all(Cli *c, const char *path, const char *interface, struct json_object **ret);
int cli_try_get_all(Cli *c, const char *path, const char *interface, sd_bus_error *error,
                    struct json_object **ret);

/* Calls back for every signal of the service, and when it comes and goes. Returns 0 or -errno; the slots end it. */
#define CLI_MATCHES 2
int cli_match_signals(Cli *c, sd_bus_message_handler_t callback, void *userdata,
                      sd_bus_slot *ret_slots[static CLI_MATCHES]);

/* Rows of one of the Manager's List methods: all pages, or the first max rows (0: all). total may be NULL. */
int cli_list(Cli *c, const char *member, const Option *options, size_t n, uint64_t max,
             struct json_object **ret, uint64_t *ret_total);
/* The same of a drive's readings, by the path of the drive. */
int cli_list_readings(Cli *c, const char *drive, const Option *options, size_t n, uint64_t max,
                      struct json_object **ret, uint64_t *ret_total);

/* The same of what notifiers are sent. */
int cli_list_deliveries(Cli *c, const Option *options, size_t n, uint64_t max, struct json_object **ret);

/* Fields of a row; "" and 0 where there is none of that type. */
const char *row_string(struct json_object *row, const char *key);
uint64_t row_u64(struct json_object *row, const char *key);
int64_t row_i64(struct json_object *row, const char *key);
double row_double(struct json_object *row, const char *key);
bool row_bool(struct json_object *row, const char *key);

/* output.c */
int cli_print_json(Cli *c, struct json_object *o);
void cli_print_table(Cli *c, FILE *f, const Table *t, const char *indent);
/* Under a table: "1 job.", or "200 of 5321 jobs." where it does not have them all. */
void cli_print_count(Cli *c, size_t count, uint64_t total, const char *one, const char *many);
/* "   Label: text" with the text cleaned; nothing for an empty text. */
void cli_field(Cli *c, FILE *f, const char *label, Style style, const char *format, ...) _printf_(5, 6);
/* The text, cleaned for a terminal, to standard error. */
void cli_say(const char *format, ...) _printf_(1, 2);
Style style_for_state(const char *state);
/* With -q: this field of every row, a line each. */
int cli_print_names(Cli *c, struct json_object *rows, const char *key);

/* terminal.c */
void terminal_inspect(Cli *c);
void pager_open(Cli *c);
void pager_close(Cli *c);
void agent_open(Cli *c);
void agent_close(Cli *c);
/* Whether somebody sits there who can answer. */
bool terminal_can_ask(const Cli *c);
/* Draws lines over those that it drew before (*lines; 0 at first) and keeps the cursor below them. What a terminal of so many
 * rows (0: any) has no room for is left out: it would scroll. */
void terminal_redraw(const char *text, size_t rows, size_t *lines);
/* A line that is not shown while it is typed, or the next line of standard input where that is no terminal. Erase it after use. */
int terminal_ask_secret(Cli *c, const char *question, char **ret);
/* A line typed by the user, without white space around it. */
int terminal_ask(Cli *c, const char *question, char **ret);
