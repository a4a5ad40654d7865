/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "shared/enums.h"

static const char *const host_state_table[_HOST_STATE_MAX] = {
        [HOST_NEW] = "new",     [HOST_UNCONFIRMED] = "unconfirmed", [HOST_ONLINE] = "online",
        [HOST_STALE] = "stale", [HOST_KEY_CHANGED] = "key-changed", [HOST_AUTH] = "auth",
};
DEFINE_STRING_TABLE(host_state, HostState);

static const char *const lock_role_table[_LOCK_ROLE_MAX] = {
        [LOCK_NONE] = "none",
        [LOCK_UNCLASSIFIED] = "unclassified",
        [LOCK_EXISTING_DATA] = "existing-data",
        [LOCK_EXPORTED_POOL] = "exported-pool",
        [LOCK_STORAGE_MEMBER] = "storage-member",
        [LOCK_MOUNTED] = "mounted",
        [LOCK_ACTIVE_POOL] = "active-pool",
        [LOCK_BOOT_POOL] = "boot-pool",
        [LOCK_IN_USE] = "in-use",
        [LOCK_REMNANT] = "remnant",
};
DEFINE_STRING_TABLE(lock_role, LockRole);

static const char *const storage_activity_table[_STORAGE_ACTIVITY_MAX] = {
        [STORAGE_IDLE] = "idle",         [STORAGE_SCRUB] = "scrub",     [STORAGE_RESILVER] = "resilver",
        [STORAGE_CHECK] = "check",       [STORAGE_REPAIR] = "repair",   [STORAGE_RESYNC] = "resync",
        [STORAGE_RECOVERY] = "recovery", [STORAGE_RESHAPE] = "reshape", [STORAGE_REPLACE] = "replace",
};
DEFINE_STRING_TABLE(storage_activity, StorageActivity);

static const char *const smart_health_table[_SMART_HEALTH_MAX] = {
        [SMART_HEALTH_UNKNOWN] = "unknown",
        [SMART_HEALTH_PASSED] = "passed",
        [SMART_HEALTH_FAILED] = "failed",
};
DEFINE_STRING_TABLE(smart_health, SmartHealth);

static const char *const role_table[_ROLE_MAX] = {
        [ROLE_VIEWER] = "viewer",
        [ROLE_OPERATOR] = "operator",
        [ROLE_ADMIN] = "admin",
};
DEFINE_STRING_TABLE(role, Role);

static const char *const job_state_table[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",     [JOB_RUNNING] = "running", [JOB_PAUSED] = "paused",
        [JOB_STOPPING] = "stopping", [JOB_DONE] = "done",
};
DEFINE_STRING_TABLE(job_state, JobState);

static const char *const stage_state_table[_STAGE_STATE_MAX] = {
        [STAGE_PENDING] = "pending",   [STAGE_STARTING] = "starting", [STAGE_RUNNING] = "running",
        [STAGE_STOPPING] = "stopping", [STAGE_DONE] = "done",
};
DEFINE_STRING_TABLE(stage_state, StageState);

static const char *const stage_kind_table[_STAGE_KIND_MAX] = {
        [STAGE_PRECHECK] = "precheck",       [STAGE_SHORT_SMART] = "short_smart",
        [STAGE_LONG_SMART] = "long_smart",   [STAGE_SURFACE_VALIDATE] = "surface_validate",
        [STAGE_NVME_FORMAT] = "nvme_format", [STAGE_NVME_SANITIZE] = "nvme_sanitize",
        [STAGE_FINAL_CHECK] = "final_check",
};
DEFINE_STRING_TABLE(stage_kind, StageKind);

bool stage_kind_is_destructive(StageKind kind)
{
        return kind == STAGE_SURFACE_VALIDATE || kind == STAGE_NVME_FORMAT || kind == STAGE_NVME_SANITIZE;
}

static const char *const verdict_table[_VERDICT_MAX] = {
        [VERDICT_NONE] = "",         [VERDICT_SKIPPED] = "skipped",
        [VERDICT_PASSED] = "passed", [VERDICT_INCONCLUSIVE] = "inconclusive",
        [VERDICT_FAILED] = "failed", [VERDICT_CANCELLED] = "cancelled",
};
DEFINE_STRING_TABLE(verdict, Verdict);

static const char *const severity_table[_SEVERITY_MAX] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_ERROR] = "error",
};
DEFINE_STRING_TABLE(severity, Severity);

static const char *const notifier_kind_table[_NOTIFIER_KIND_MAX] = {
        [NOTIFIER_MAIL] = "mail",   [NOTIFIER_WEBHOOK] = "webhook", [NOTIFIER_NTFY] = "ntfy",
        [NOTIFIER_SLACK] = "slack", [NOTIFIER_DISCORD] = "discord", [NOTIFIER_GOTIFY] = "gotify",
        [NOTIFIER_N8N] = "n8n",
};
DEFINE_STRING_TABLE(notifier_kind, NotifierKind);

static const char *const delivery_state_table[_DELIVERY_STATE_MAX] = {
        [DELIVERY_PENDING] = "pending",
        [DELIVERY_DELIVERED] = "delivered",
        [DELIVERY_DEAD] = "dead",
};
DEFINE_STRING_TABLE(delivery_state, DeliveryState);

static const char *const delivery_result_table[_DELIVERY_RESULT_MAX] = {
        [DELIVERY_TAKEN] = "taken",
        [DELIVERY_REFUSED] = "refused",
        [DELIVERY_FAILED] = "failed",
};
DEFINE_STRING_TABLE(delivery_result, DeliveryResult);

static const char *const smtp_mode_table[_SMTP_MODE_MAX] = {
        [SMTP_STARTTLS] = "starttls",
        [SMTP_SSL] = "ssl",
        [SMTP_PLAIN] = "plain",
};
DEFINE_STRING_TABLE(smtp_mode, SmtpMode);
