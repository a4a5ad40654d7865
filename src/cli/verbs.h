/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/cli.h"
#include "cli/format.h"

/* The verbs, each in the file of its noun. args are the words behind the verb, as many as burninctl.c's table allows. */

int verb_status(Cli *c, char **args, size_t n);
int verb_hosts(Cli *c, char **args, size_t n);
int verb_host_add(Cli *c, char **args, size_t n);
int verb_host_show(Cli *c, char **args, size_t n);
int verb_host_public_key(Cli *c, char **args, size_t n);
int verb_host_accept_key(Cli *c, char **args, size_t n);
int verb_host_configure(Cli *c, char **args, size_t n);
int verb_host_refresh(Cli *c, char **args, size_t n);
int verb_host_remove(Cli *c, char **args, size_t n);
int verb_drives(Cli *c, char **args, size_t n);
int verb_drive_show(Cli *c, char **args, size_t n);
int verb_drive_location(Cli *c, char **args, size_t n);
int verb_drive_notes(Cli *c, char **args, size_t n);
int verb_drive_identify(Cli *c, char **args, size_t n);
int verb_drive_forget(Cli *c, char **args, size_t n);
int verb_drive_readings(Cli *c, char **args, size_t n);
int verb_self_test_start(Cli *c, char **args, size_t n);
int verb_self_test_cancel(Cli *c, char **args, size_t n);
int verb_self_test_show(Cli *c, char **args, size_t n);
int verb_estimate(Cli *c, char **args, size_t n);
int verb_drive_unlock(Cli *c, char **args, size_t n);
int verb_grants(Cli *c, char **args, size_t n);
int verb_grant_revoke(Cli *c, char **args, size_t n);
int verb_start(Cli *c, char **args, size_t n);
int verb_jobs(Cli *c, char **args, size_t n);
int verb_job_show(Cli *c, char **args, size_t n);
int verb_job_log(Cli *c, char **args, size_t n);
int verb_job_wait(Cli *c, char **args, size_t n);
int verb_job_cancel(Cli *c, char **args, size_t n);
int verb_job_pause(Cli *c, char **args, size_t n);
int verb_job_resume(Cli *c, char **args, size_t n);
int verb_job_priority(Cli *c, char **args, size_t n);
int verb_job_retry(Cli *c, char **args, size_t n);
int verb_report_show(Cli *c, char **args, size_t n);
int verb_report_save(Cli *c, char **args, size_t n);
int verb_report_daily(Cli *c, char **args, size_t n);
int verb_report_verify(Cli *c, char **args, size_t n);
int verb_cancel(Cli *c, char **args, size_t n);
int verb_watch(Cli *c, char **args, size_t n);
int verb_audit(Cli *c, char **args, size_t n);
int verb_statistics(Cli *c, char **args, size_t n);
int verb_account_list(Cli *c, char **args, size_t n);
int verb_account_add(Cli *c, char **args, size_t n);
int verb_account_passwd(Cli *c, char **args, size_t n);
int verb_account_role(Cli *c, char **args, size_t n);
int verb_account_remove(Cli *c, char **args, size_t n);
int verb_account_sessions(Cli *c, char **args, size_t n);
int verb_account_revoke(Cli *c, char **args, size_t n);
int verb_account_setup_code(Cli *c, char **args, size_t n);
int verb_nightly_show(Cli *c, char **args, size_t n);
int verb_nightly_run(Cli *c, char **args, size_t n);
int verb_backup_list(Cli *c, char **args, size_t n);
int verb_backup_now(Cli *c, char **args, size_t n);
int verb_backup_restore(Cli *c, char **args, size_t n);
int verb_notifier_list(Cli *c, char **args, size_t n);
int verb_notifier_add(Cli *c, char **args, size_t n);
int verb_notifier_configure(Cli *c, char **args, size_t n);
int verb_notifier_test(Cli *c, char **args, size_t n);
int verb_notifier_remove(Cli *c, char **args, size_t n);
int verb_outbox_list(Cli *c, char **args, size_t n);
int verb_outbox_retry(Cli *c, char **args, size_t n);
int verb_settings_list(Cli *c, char **args, size_t n);
int verb_settings_get(Cli *c, char **args, size_t n);
int verb_settings_set(Cli *c, char **args, size_t n);
int verb_settings_reset(Cli *c, char **args, size_t n);

/* What other files need of a noun. */

/* EstimateBurnIn of drives, by what GetDrive takes: {"Drives": [{"Drive", "LowUSec", "HighUSec", "Basis", "Jobs"}], "LowUSec",
 * "HighUSec"}. */
int estimate_get(Cli *c, char *const *drives, size_t n, struct json_object **ret);
/* "11 h 6 min to 1 d 3 h" */
const char *format_range(char buf[static FORMAT_MAX], struct json_object *range);

/* Jobs that are running, stopping, paused or queued, in this order. */
int jobs_list_active(Cli *c, struct json_object **ret);
/* The job with this path among them, or NULL. */
struct json_object *jobs_find(struct json_object *jobs, const char *path);
/* A table of jobs with their progress, at most max rows (0: all); the stage that runs now is asked for each. */
int jobs_print_progress(Cli *c, FILE *f, struct json_object *jobs, size_t max);
int jobs_print(Cli *c, FILE *f, struct json_object *jobs);
CliStatus status_from_verdict(const char *verdict);

/* The whole overview: what status prints once and watch again and again. rows: how many lines there are; 0: no limit. */
int status_print(Cli *c, FILE *f, size_t rows);

/* Follows jobs to their ends. The exit status is that of the worst verdict. */
int jobs_wait(Cli *c, char **paths, size_t n);
