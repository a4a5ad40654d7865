/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every name the programs share: bus names, paths, errors, polkit actions, log fields, message ids, files. */

#define BUS_NAME                "org.burnin1"
#define BUS_PATH                "/org/burnin1"
#define BUS_PATH_HOST           BUS_PATH "/host"
#define BUS_PATH_DRIVE          BUS_PATH "/drive"
#define BUS_PATH_JOB            BUS_PATH "/job"
#define BUS_PATH_GRANT          BUS_PATH "/grant"
#define BUS_PATH_ACCOUNTS       BUS_PATH "/accounts"
#define BUS_PATH_NOTIFIERS      BUS_PATH "/notifiers"
#define BUS_INTERFACE_MANAGER   BUS_NAME ".Manager"
#define BUS_INTERFACE_HOST      BUS_NAME ".Host"
#define BUS_INTERFACE_DRIVE     BUS_NAME ".Drive"
#define BUS_INTERFACE_JOB       BUS_NAME ".Job"
#define BUS_INTERFACE_STAGE     BUS_NAME ".Stage"
#define BUS_INTERFACE_SETTINGS  BUS_NAME ".Settings"
#define BUS_INTERFACE_GRANT     BUS_NAME ".UnlockGrant"
#define BUS_INTERFACE_ACCOUNTS  BUS_NAME ".Accounts"
#define BUS_INTERFACE_NOTIFIERS BUS_NAME ".Notifiers"
#define BUS_INTERFACE_NIGHTLY   BUS_NAME ".Nightly"

/* Errors: bus-error.c maps each to an errno, in every program. */
#define BUS_ERROR_NO_SUCH_HOST         BUS_NAME ".Error.NoSuchHost"
#define BUS_ERROR_NO_SUCH_DRIVE        BUS_NAME ".Error.NoSuchDrive"
#define BUS_ERROR_NO_SUCH_JOB          BUS_NAME ".Error.NoSuchJob"
#define BUS_ERROR_NO_SUCH_SETTING      BUS_NAME ".Error.NoSuchSetting"
#define BUS_ERROR_HOST_EXISTS          BUS_NAME ".Error.HostExists"
#define BUS_ERROR_HOST_UNREACHABLE     BUS_NAME ".Error.HostUnreachable"
#define BUS_ERROR_HOST_UNFIT           BUS_NAME ".Error.HostUnfit"
#define BUS_ERROR_HOST_KEY_UNCONFIRMED BUS_NAME ".Error.HostKeyUnconfirmed"
#define BUS_ERROR_HOST_KEY_CHANGED     BUS_NAME ".Error.HostKeyChanged"
#define BUS_ERROR_WRONG_FINGERPRINT    BUS_NAME ".Error.WrongFingerprint"
#define BUS_ERROR_DRIVE_LOCKED         BUS_NAME ".Error.DriveLocked"
#define BUS_ERROR_DRIVE_BUSY           BUS_NAME ".Error.DriveBusy"
#define BUS_ERROR_DRIVE_MISSING        BUS_NAME ".Error.DriveMissing"
#define BUS_ERROR_DRIVE_IDENTITY       BUS_NAME ".Error.DriveIdentity"
#define BUS_ERROR_WRONG_SERIAL         BUS_NAME ".Error.WrongSerial"
#define BUS_ERROR_WRONG_TOKEN          BUS_NAME ".Error.WrongToken"
#define BUS_ERROR_WRONG_STATE          BUS_NAME ".Error.WrongState"
#define BUS_ERROR_INVALID_OPTION       BUS_NAME ".Error.InvalidOption"
#define BUS_ERROR_INVALID_ARGUMENT     BUS_NAME ".Error.InvalidArgument"
#define BUS_ERROR_NOT_CONFIRMED        BUS_NAME ".Error.NotConfirmed"
#define BUS_ERROR_LIMIT_REACHED        BUS_NAME ".Error.LimitReached"
#define BUS_ERROR_NO_SUCH_ACCOUNT      BUS_NAME ".Error.NoSuchAccount"
#define BUS_ERROR_ACCOUNT_EXISTS       BUS_NAME ".Error.AccountExists"
#define BUS_ERROR_LAST_ADMIN           BUS_NAME ".Error.LastAdmin"
#define BUS_ERROR_WRONG_PASSWORD       BUS_NAME ".Error.WrongPassword"
#define BUS_ERROR_WRONG_CODE           BUS_NAME ".Error.WrongCode"
#define BUS_ERROR_LOCKED_OUT           BUS_NAME ".Error.LockedOut"
#define BUS_ERROR_ADDRESS_NOT_ALLOWED  BUS_NAME ".Error.AddressNotAllowed"
#define BUS_ERROR_SESSION_ENDED        BUS_NAME ".Error.SessionEnded"
#define BUS_ERROR_PASSWORD_SERVICE     BUS_NAME ".Error.PasswordService"
#define BUS_ERROR_REPORT_SERVICE       BUS_NAME ".Error.ReportService"
#define BUS_ERROR_NO_SUCH_NOTIFIER     BUS_NAME ".Error.NoSuchNotifier"
#define BUS_ERROR_NOTIFIER_EXISTS      BUS_NAME ".Error.NotifierExists"
#define BUS_ERROR_NOT_DELIVERED        BUS_NAME ".Error.NotDelivered"
#define BUS_ERROR_STORE                BUS_NAME ".Error.Store"

/* polkit actions (polkit/org.burnin1.policy). */
#define ACTION_VIEW              BUS_NAME ".view"
#define ACTION_START             BUS_NAME ".start"
#define ACTION_START_DESTRUCTIVE BUS_NAME ".start-destructive"
#define ACTION_UNLOCK            BUS_NAME ".unlock"
#define ACTION_SELF_TEST         BUS_NAME ".self-test"
#define ACTION_CANCEL            BUS_NAME ".cancel"
#define ACTION_MANAGE_JOBS       BUS_NAME ".manage-jobs"
#define ACTION_MANAGE_HOSTS      BUS_NAME ".manage-hosts"
#define ACTION_MANAGE_DRIVES     BUS_NAME ".manage-drives"
#define ACTION_MANAGE_SETTINGS   BUS_NAME ".manage-settings"
#define ACTION_MANAGE_ACCOUNTS   BUS_NAME ".manage-accounts"
#define ACTION_WEB_SESSION       BUS_NAME ".web-session"

/* Journal fields: a public interface, listed in README.md. */
#define LOG_FIELD_JOB          "BURNIN_JOB"
#define LOG_FIELD_STAGE        "BURNIN_STAGE"
#define LOG_FIELD_RUN          "BURNIN_RUN"
#define LOG_FIELD_DRIVE        "BURNIN_DRIVE"
#define LOG_FIELD_DRIVE_MODEL  "BURNIN_DRIVE_MODEL"
#define LOG_FIELD_DRIVE_SERIAL "BURNIN_DRIVE_SERIAL"
#define LOG_FIELD_HOST         "BURNIN_HOST"
#define LOG_FIELD_GRANT        "BURNIN_GRANT"
#define LOG_FIELD_VERDICT      "BURNIN_VERDICT"
#define LOG_FIELD_REASON       "BURNIN_REASON"
#define LOG_FIELD_ACTOR        "BURNIN_ACTOR"
#define LOG_FIELD_ACTOR_UID    "BURNIN_ACTOR_UID"
#define LOG_FIELD_ACTION       "BURNIN_ACTION"
#define LOG_FIELD_MESSAGE_ID   "MESSAGE_ID"

/* Message ids: random, never counted up; each has an entry in burnin.catalog with what to do. */
#define MESSAGE_JOB_QUEUED            "40539b96c3484a11bb48fefd4268ad4d"
#define MESSAGE_JOB_STARTED           "84e4a39bd4554c4c94935524382e4b11"
#define MESSAGE_JOB_PAUSED            "e86bd16241104434a6bc5eb5d0c3e1a5"
#define MESSAGE_JOB_RESUMED           "7b51778fa8d14cc1bef13af84b2b40d0"
#define MESSAGE_STARTED_IN_HEAT       "0477f49dc21e40eb95230b009be8612e"
#define MESSAGE_JOB_FINISHED          "3360ab8acf9647b186e20868f1a7f1c7"
#define MESSAGE_STAGE_STARTED         "be5672ca2d0849fbb4d4509649388ede"
#define MESSAGE_STAGE_TAKEN_UP        "21d992bd695047a0b766553482dcde0e"
#define MESSAGE_STAGE_FINISHED        "7daf2493cd664b539516d0d32556bb98"
#define MESSAGE_START_REFUSED         "a6a4cbb53ec4499aa79e253674fdac91"
#define MESSAGE_AUTHORIZATION_DENIED  "24e02f9d8ce04c09af9de215abf4dfe5"
#define MESSAGE_HOST_LOST             "1b6947f13bd04c0b934952208af3c731"
#define MESSAGE_HOST_BACK             "e594a6c42d8740699ba8ccaab604f204"
#define MESSAGE_HOST_KEY_CHANGED      "ac582136267f4511b4cc24b0eda004bd"
#define MESSAGE_HOST_ADDED            "b8d7727fbb4b465db77be2c0934c27f3"
#define MESSAGE_HOST_REMOVED          "8d27116b4fb146ebbc93dafd04a77f82"
#define MESSAGE_HOST_KEY_ACCEPTED     "f0a2beaa7d2c4563b1e89b6ccbcd5aae"
#define MESSAGE_API_GONE              "038689a6ac0346b7a2f54f9ef1e26ad2"
#define MESSAGE_DRIVE_MISSING         "86d2bf518bb049ef901ebc9c48fdd5fd"
#define MESSAGE_DRIVE_FORGOTTEN       "795702af36274c219dc7228aec191294"
#define MESSAGE_DRIVE_FAILED_HEALTH   "489e83e04b7349c29dc2aa07b3e31e14"
#define MESSAGE_DRIVE_LOCKED          "8b89e8872f764d8c83af0b6b6c3aa81b"
#define MESSAGE_DRIVE_SHARED_IDENTITY "eef9c8657ee745408236bfeeeeebe9bb"
#define MESSAGE_WORKER_DIED           "14b73e0bc1884efeb5e35a1c55f1a3ec"
#define MESSAGE_CONTACT_LOST          "5f67a166e51c45aaa4c32bcf7f5c44d8"
#define MESSAGE_CONTACT_BACK          "74e322ebc95b466cb6c40020373d3c92"
#define MESSAGE_STORE_UPGRADED        "d49704c704ae4e7c976dba61cc52a132"
#define MESSAGE_JOB_UNREADABLE        "76d8196cf76245ad871ddc2552d9d48e"
#define MESSAGE_STORE_FAILED          "bb731f857d1b4668915d2f4f8f114f91"
#define MESSAGE_CANCELLED             "6aa3a4d92eee447b84d5986bf06249eb"
#define MESSAGE_REPORT_REFUSED        "761cd9f9aa2142fbb48fd2c44c034a1e"
#define MESSAGE_PAUSED                "bc17f1be1f9e4a909e063070612506d4"
#define MESSAGE_RESUMED               "956ed8ffec1f468487445f3b7008c1c4"
#define MESSAGE_GRANT_GIVEN           "e4017b4612324432aac351f422bcc8f7"
#define MESSAGE_GRANT_USED            "d26aa27495ca461e865787f5cd949ea9"
#define MESSAGE_GRANT_ENDED           "5744ecb6a08a440796b3f67629186ba3"
#define MESSAGE_GRANT_INVALIDATED     "f520531a746643518c816a66c42c7348"
#define MESSAGE_UNLOCK_REFUSED        "19f86bd30f9d43018c231d72bb73dd72"
#define MESSAGE_SELF_TEST_ABORTED     "1b47ea086658425fabcbad61ab1644f7"
#define MESSAGE_SELF_TEST_FOREIGN     "9a738c59e578444bb265f102e9724a38"
#define MESSAGE_STALLED               "5d158d51adc845c68920c01068b4303a"
#define MESSAGE_LOCKED_OUT            "e1083aebbaec4e07a99fe9ece4895e2e"
#define MESSAGE_NIGHTLY_DONE          "f2fe0a8a9bd548d79593748b1fc15933"
#define MESSAGE_DAILY_REPORT          "c398109789ff42a7bcf79918d35ec007"
#define MESSAGE_BACKUP_FAILED         "2e191bb7f5f34c15ab5b9b793da7a5c1"
#define MESSAGE_LOCAL_REFUSED         "3690c332682840f6a1ffb3ee8c1c227f"

/* Files on the machine of burnind. */
#define PATH_CONFIG         "/etc/burnin/burnind.conf"
#define PATH_CONFIG_DROPINS "/etc/burnin/burnind.conf.d"
#define PATH_SSH_KEY        "/etc/burnin/id_ed25519"
#define PATH_STATE          "/var/lib/burnin"
#define PATH_DATABASE       PATH_STATE "/burnin.db"
#define PATH_JOBS           PATH_STATE "/jobs"
#define PATH_BACKUPS        PATH_STATE "/backups"
#define PATH_RUNTIME        "/run/burnin"
#define PATH_POLL_SOCKET    PATH_RUNTIME "/poll.sock"
#define PATH_TRUENAS_SOCKET PATH_RUNTIME "/truenas.sock"
#define PATH_TRUENAS_CALLS                                                                                  \
        "/run/burnin-truenas/calls.sock"         /* its own directory: only root and WORKER_USER get there */
#define PATH_API_KEYS     PATH_STATE "/api-keys" /* HOST, of root alone; the credential api-key.HOST wins */
#define PATH_NOTIFIERS    PATH_STATE "/notifiers"    /* NAME, of root alone: its URL and its secret */
#define PATH_LOCAL_SOCKET "/run/burnin-local/socket" /* burnin-local.socket makes it */
#define PATH_PASSWORD_SOCKET                                                                                \
        "/run/burnin-password/socket"                  /* burnin-password.socket makes it, for root alone */
#define PATH_REPORT_SOCKET "/run/burnin-report/socket" /* burnin-report.socket makes it, for root alone */
#define PATH_NOTIFY_SOCKET "/run/burnin-notify/socket" /* burnin-notify.socket makes it, for root alone */

#define PATH_BACKUP_SOCKET "/run/burnin-backup/socket" /* burnin-backup.socket makes it, for root alone */

/* The user of everything that parses what hosts print. */
#define WORKER_USER "burnin"

/* Limits. A user-driven resource without one is a bug. */
#define HOSTS_MAX                1024U
#define DRIVES_MAX               65536U
#define JOBS_ACTIVE_MAX          16384U
#define BATCH_MAX                4096U
#define NAME_MAX_CHARS           64U   /* host names, locations, operators */
#define TEXT_MAX_BYTES           4096U /* notes, reasons */
#define GRANTS_MAX               1024U /* that wait for their job */
#define UNLOCK_REASON_MAX        200U  /* bytes */
#define UNLOCK_TOKEN_MAX         255U
#define IDENTIFIES_MAX           64U /* that wait for their hosts */
#define IDENTIFY_SEC_MAX         3600U
#define API_KEY_MAX              512U /* bytes */
#define ACCOUNTS_MAX             256U
#define NOTIFIERS_MAX            32U
#define NOTIFIER_NAME_MAX        32U
#define ACCOUNT_NAME_MAX         32U
#define SESSIONS_PER_ACCOUNT_MAX 32U
#define BINDINGS_MAX             1024U /* connections that act for accounts */
#define LOCKOUTS_MAX             4096U
#define REPORTS_WAITING_MAX      64U   /* that are being made, or wait to be */
#define LIST_PAGE_MAX            1000U /* rows in one answer of a List method */
#define LIST_OBJECTS_MAX         500U  /* where they are drives or jobs with all of their properties */
