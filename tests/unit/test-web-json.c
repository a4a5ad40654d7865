/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG
#include <assert.h>

#include "basic/string-util.h"
#include "cgi/http-error.h"
#include "cgi/response.h"
#include "common/web-json.h"

static void test_key(void)
{
        static const struct {
                const char *name, *key;
        } cases[] = {
                { "Id", "id" },
                { "SizeBytes", "size_bytes" },
                { "ETAUSec", "eta_usec" },
                { "TimeUSec", "time_usec" },
                { "TemperatureMDegC", "temperature_mdegc" },
                { "TemperatureMinMDegC", "temperature_min_mdegc" },
                { "WWN", "wwn" },
                { "LBA", "lba" },
                { "ActorUID", "actor_uid" },
                { "ByIdPath", "by_id_path" },
                { "DevName", "dev_name" },
                { "ApiUrl", "api_url" },
                { "short", "short" },
                { "surface_validate", "surface_validate" },
                { "", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *key = web_json_key(cases[i].name);

                assert(streq_ptr(key, cases[i].key));
        }
}

static void test_values(void)
{
        static const struct {
                const char *bus, *web;
        } cases[] = {
                { "{\"ActiveJob\":\"/org/burnin1/job/42\",\"Object\":\"/org/burnin1/drive/x\"}",
                  "{\"active_job\":42}" },
                { "{\"ActiveJob\":\"/\",\"Host\":\"/\"}", "{\"active_job\":null,\"host\":\"/\"}" },
                { "{\"Stages\":[\"/org/burnin1/job/1/precheck\"],\"CurrentStage\":\"/org/burnin1/job/1/precheck\"}",
                  "{\"current_stage\":\"precheck\"}" },
                /* The audit's is no path. */
                { "{\"Object\":\"job 42\",\"Id\":1}", "{\"object\":\"job 42\",\"id\":1}" },
                { "{\"Smart\":\"{\\\"A\\\":{\\\"5\\\":0}}\"}", "{\"smart\":{\"A\":{\"5\":0}}}" },
                { "{\"Smart\":\"\"}", "{\"smart\":null}" },
                { "{\"Smart\":\"{\"}", "{\"smart\":null}" },
                { "{\"TemperatureMDegC\":-2147483648}", "{\"temperature_mdegc\":null}" },
                { "{\"TemperatureMDegC\":38000}", "{\"temperature_mdegc\":38000}" },
                { "{\"SelfTests\":{\"short\":{\"ETAUSec\":0,\"LBA\":-1}}}",
                  "{\"self_tests\":{\"short\":{\"eta_usec\":0,\"lba\":-1}}}" },
                { "{\"PhaseHistory\":[[1,\"Write 0xaa\",5]]}",
                  "{\"phase_history\":[{\"number\":1,\"name\":\"Write 0xaa\",\"started_usec\":5}]}" },
                { "{\"Evidence\":[[\"a\",\"b\",\"c\",\"d\",\"passed\"]]}",
                  "{\"evidence\":[{\"rule\":\"a\",\"expected\":\"b\",\"observed\":\"c\",\"source\":\"d\",\"verdict\":\"passed\"}]}" },
                { "[{\"DevName\":\"sda\"},[1,null]]", "[{\"dev_name\":\"sda\"},[1,null]]" },
        };
        _cleanup_json_ struct json_object *bad = NULL, *none = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_json_ struct json_object *bus = NULL, *converted = NULL;

                assert(json_parse(cases[i].bus, strlen(cases[i].bus), &bus) == 0);
                assert(web_json_from_bus(bus, &converted) == 0);
                if (!streq(json_object_to_json_string_ext(converted, JSON_C_TO_STRING_NOSLASHESCAPE),
                           cases[i].web))
                        fprintf(stderr, "%s\n",
                                json_object_to_json_string_ext(converted, JSON_C_TO_STRING_NOSLASHESCAPE));
                assert(streq(json_object_to_json_string_ext(converted, JSON_C_TO_STRING_NOSLASHESCAPE),
                             cases[i].web));
        }
        assert(json_parse("{\"Evidence\":[1]}", 16, &bad) == 0);
        assert(web_json_from_bus(bad, &none) == -EBADMSG && !none);
}

static void test_csv(void)
{
        static const struct {
                const char *text, *field;
        } cases[] = {
                { "", "" },
                { "plain text", "plain text" },
                { "a,b", "\"a,b\"" },
                { "a \"b\"", "\"a \"\"b\"\"\"" },
                { "a\nb", "\"a\nb\"" },
                { "=1+1", "'=1+1" },
                { "+1", "'+1" },
                { "-1", "'-1" },
                { "@SUM(A1)", "'@SUM(A1)" },
                { "\tx", "'\tx" },
                { "\rx", "\"'\rx\"" },
                { "=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"" },
                { "a=b", "a=b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *field = response_csv_field(cases[i].text);

                assert(streq_ptr(field, cases[i].field));
        }
}

static void test_errors(void)
{
        static const struct {
                const char *name, *code;
                unsigned status;
        } cases[] = {
                { "org.burnin1.Error.DriveLocked", "DriveLocked", 409 },
                { "org.burnin1.Error.NoSuchJob", "NoSuchJob", 404 },
                { "org.burnin1.Error.SessionEnded", "SessionEnded", 401 },
                { "org.burnin1.Error.OfANewerOne", "OfANewerOne", 409 },
                { SD_BUS_ERROR_ACCESS_DENIED, "AccessDenied", 403 },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "AccessDenied", 403 },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "DaemonDown", 503 },
                { SD_BUS_ERROR_NAME_HAS_NO_OWNER, "DaemonDown", 503 },
                { SD_BUS_ERROR_NO_REPLY, "NoAnswer", 504 },
                { "com.example.Whatever", "Internal", 500 },
        };
        _cleanup_(http_error_done) HttpError e = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(http_error_done) HttpError error = {};
                const sd_bus_error bus = SD_BUS_ERROR_MAKE_CONST(cases[i].name, "Words.");

                assert(http_error_set_bus(&error, &bus, -EIO) < 0);
                assert(streq(error.code, cases[i].code) && error.status == cases[i].status);
                assert(!isempty(error.message));
        }

        /* The first one counts. */
        assert(http_error_set_bus(&e, NULL, -ENOENT) < 0 && streq(e.code, "BusDown") && e.status == 503);
        assert(http_error_set(&e, "NotFound", NULL, "later") < 0 && streq(e.code, "BusDown"));
}

int main(void)
{
        test_key();
        test_values();
        test_csv();
        test_errors();
        return 0;
}
