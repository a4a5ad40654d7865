/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdarg.h>
#include <stdio.h>

#include "basic/string-util.h"
#include "cgi/http-error.h"
#include "shared/names.h"

/* Every code there is, and its status: first our own, then those of the bus. */
static const struct {
        const char *code;
        unsigned status;
} table[] = {
        { "BadRequest", 400 },       { "BadJson", 400 },
        { "BadField", 400 },         { "BadParameter", 400 },
        { "NotLoggedIn", 401 },      { "CrossSite", 403 },
        { "BadCsrfToken", 403 },     { "NotFound", 404 },
        { "MethodNotAllowed", 405 }, { "TooSlow", 408 },
        { "TooLarge", 413 },         { "PathTooLong", 414 },
        { "NotJson", 415 },          { "Internal", 500 },
        { "NotSupported", 501 },     { "BusDown", 503 },
        { "DaemonDown", 503 },       { "NoAnswer", 504 },

        { "InvalidOption", 400 },    { "InvalidArgument", 400 },
        { "NotConfirmed", 400 },     { "SessionEnded", 401 },
        { "AccessDenied", 403 },     { "WrongPassword", 403 },
        { "WrongCode", 403 },        { "AddressNotAllowed", 403 },
        { "NoSuchDrive", 404 },      { "NoSuchHost", 404 },
        { "NoSuchJob", 404 },        { "NoSuchSetting", 404 },
        { "NoSuchAccount", 404 },    { "NoSuchNotifier", 404 },
        { "WrongState", 409 },       { "WrongSerial", 409 },
        { "WrongToken", 409 },       { "WrongFingerprint", 409 },
        { "DriveLocked", 409 },      { "DriveBusy", 409 },
        { "DriveMissing", 409 },     { "DriveIdentity", 409 },
        { "HostExists", 409 },       { "HostUnfit", 409 },
        { "HostUnreachable", 409 },  { "HostKeyUnconfirmed", 409 },
        { "HostKeyChanged", 409 },   { "AccountExists", 409 },
        { "LastAdmin", 409 },        { "NotifierExists", 409 },
        { "NotDelivered", 409 },     { "LockedOut", 429 },
        { "LimitReached", 429 },     { "Store", 503 },
        { "PasswordService", 503 },  { "ReportService", 503 },
};

#define NOT_RUNNING "burnind is not running. See: systemctl status burnind.service"
#define NO_ANSWER                                                                                           \
        "burnind did not answer, so it may have done it or not. See: systemctl status burnind.service"
#define TOO_OLD "burnind is too old for this. Was it restarted after its upgrade?"

/* Errors that are not burnind's own. text: said instead of the bus's words, where those are for programmers. */
static const struct {
        const char *name, *code, *text;
} foreign[] = {
        { SD_BUS_ERROR_ACCESS_DENIED, "AccessDenied", NULL },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "AccessDenied",
          "Your account may not do this. An administrator can give it another role." },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, "DaemonDown", NOT_RUNNING },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, "DaemonDown", NOT_RUNNING },
        { SD_BUS_ERROR_NO_REPLY, "NoAnswer", NO_ANSWER },
        { SD_BUS_ERROR_TIMEOUT, "NoAnswer", NO_ANSWER },
        { SD_BUS_ERROR_LIMITS_EXCEEDED, "BusDown", "Too many requests at once. Try again." },
        { SD_BUS_ERROR_DISCONNECTED, "BusDown", "The system bus is gone. Try again." },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, "NotFound", "It is not there, or not any more." },
        { SD_BUS_ERROR_UNKNOWN_METHOD, "NotSupported", TOO_OLD },
        { SD_BUS_ERROR_UNKNOWN_INTERFACE, "NotSupported", TOO_OLD },
};

void http_error_done(HttpError *e)
{
        free(e->code);
        free(e->message);
        free(e->field);
        *e = (HttpError){};
}

unsigned http_status_of(const char *code)
{
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq(table[i].code, code))
                        return table[i].status;

        return 409;
}

const char *http_code_from_bus(const char *name)
{
        const char *ours = startswith(name, BUS_NAME ".Error.");

        if (ours)
                return ours;
        for (size_t i = 0; i < ELEMENTSOF(foreign); i++)
                if (streq(foreign[i].name, name))
                        return foreign[i].code;

        return "Internal";
}

static int _printf_(4, 0)
                error_setv(HttpError *e, const char *code, const char *field, const char *format, va_list ap)
{
        _cleanup_free_ char *text = NULL;

        if (e->status != 0)
                return -EBADMSG;

        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        e->status = http_status_of(code);
        e->code = strdup(code);
        e->message = text ? str_clean(text, strlen(text), 4 * TEXT_MAX_BYTES, true) : NULL;
        e->field = field ? str_clean(field, strlen(field), NAME_MAX_CHARS, false) : NULL;
        return -EBADMSG;
}

int http_error_set(HttpError *e, const char *code, const char *field, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = error_setv(e, code, field, format, ap);
        va_end(ap);
        return r;
}

int http_error_set_bus(HttpError *e, const sd_bus_error *error, int r)
{
        const char *name = sd_bus_error_is_set(error) ? error->name : NULL;
        const char *text = name && !isempty(error->message) ? error->message : strerror(r < 0 ? -r : EIO);
        const char *code = name ? http_code_from_bus(name) : "BusDown";

        for (size_t i = 0; name && i < ELEMENTSOF(foreign); i++)
                if (streq(foreign[i].name, name) && foreign[i].text)
                        text = foreign[i].text;
        if (!name)
                return http_error_set(e, code, NULL, "The system bus is not there: %s", text);

        return http_error_set(e, code, NULL, "%s", text);
}
