/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgi/web.h"

/* One for each row of route.c, in the file of its noun, with the fields of its query or body. */

/* Appends to an open a{sv} the options of calls that look at who is asking. */
int session_append_peer(Web *w, sd_bus_message *m);
int session_resume(Web *w); /* w->session from the token, and the bus's connection bound to it */
/* r: what a call returned that judges a password of this account, or of none (NULL). Who is locked out is told for how long. */
int session_tried(Web *w, int r, const char *name);
int session_show(Web *w);
int session_login(Web *w);
int session_logout(Web *w);
int session_change_password(Web *w);
extern const Field session_login_fields[], session_password_fields[];

int accounts_create_first(Web *w);
int accounts_list(Web *w);
int accounts_add(Web *w);
int accounts_change(Web *w);
int accounts_remove(Web *w);
int accounts_list_sessions(Web *w);
int accounts_revoke_session(Web *w);
extern const Field accounts_first_fields[], accounts_add_fields[], accounts_change_fields[],
                accounts_session_fields[];

int drives_list(Web *w);
int drives_show(Web *w);
int drives_change(Web *w);
int drives_forget(Web *w);
int drives_drawer(Web *w);
int drives_readings(Web *w);
int drives_start_self_test(Web *w);
int drives_cancel_self_test(Web *w);
int drives_unlock(Web *w);
int drives_identify(Web *w);
extern const Field drives_list_fields[], drives_change_fields[], drives_reading_fields[],
                drives_self_test_fields[], drives_unlock_fields[], drives_identify_fields[];

int grants_list(Web *w);
int grants_revoke(Web *w);
extern const Field grants_list_fields[];

int burnin_start(Web *w);
int burnin_estimate(Web *w);
int burnin_list(Web *w);
int burnin_show(Web *w);
int burnin_cancel(Web *w);
int burnin_cancel_all(Web *w);
int burnin_pause(Web *w);
int burnin_resume(Web *w);
int burnin_set_priority(Web *w);
int burnin_retry(Web *w);
int burnin_log(Web *w);
int burnin_export(Web *w);
extern const Field burnin_start_fields[], burnin_estimate_fields[], burnin_list_fields[],
                burnin_reason_fields[], burnin_priority_fields[], burnin_retry_fields[], burnin_log_fields[],
                burnin_export_fields[];
/* A job with its stages. */
int burnin_read(Web *w, const char *path, struct json_object **ret);
/* 201 with the number of the new job, whose path the reply is. */
int burnin_answer_id(Web *w, sd_bus_message *reply);

int report_page(Web *w);
int report_document(Web *w);
int report_signature(Web *w);

int hosts_list(Web *w);
int hosts_public_key(Web *w);
int hosts_show(Web *w);
int hosts_add(Web *w);
int hosts_change(Web *w);
int hosts_remove(Web *w);
int hosts_accept_key(Web *w);
int hosts_refresh(Web *w);
extern const Field hosts_add_fields[], hosts_change_fields[], hosts_key_fields[];

int settings_list(Web *w);
int settings_change(Web *w);

int notifiers_list(Web *w);
int notifiers_add(Web *w);
int notifiers_change(Web *w);
int notifiers_remove(Web *w);
int notifiers_test(Web *w);
int settings_test_smtp(Web *w);
int deliveries_list(Web *w);
int deliveries_retry(Web *w);
extern const Field notifiers_add_fields[], notifiers_change_fields[], deliveries_fields[],
                deliveries_retry_fields[];

int audit_list(Web *w);
int audit_export(Web *w);
extern const Field audit_fields[], audit_export_fields[];

int statistics_show(Web *w);
extern const Field statistics_fields[];

int health_show(Web *w);
int metrics_show(Web *w);
