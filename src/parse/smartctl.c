/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdio.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "parse/self-test.h"
#include "parse/smartctl-json.h"
#include "parse/smartctl.h"

/* Everything here is optional in smartctl's JSON, differs between protocols and versions, and may be wrong in a bridge: a
 * field that is missing or of another type is not reported, never zero. Only a text that is not smartctl's is an error. */

#define TEXT_MAX 128U

#define HOURS_MAX   1000000
#define CELSIUS_MIN (-60)
#define CELSIUS_MAX 200

void smart_reading_done(SmartReading *r)
{
        drive_identity_done(&r->identity);
        free(r->protocol);
        free(r->version);
        for (size_t i = 0; i < r->n_attributes; i++) {
                free(r->attributes[i].name);
                free(r->attributes[i].raw_string);
        }
        free(r->attributes);
        *r = (SmartReading){ 0 };
}

static void smart_reading_init(SmartReading *r)
{
        *r = (SmartReading){
                .temperature_mdegc = MDEGC_UNKNOWN,
                .power_on_hours = SMART_NOT_REPORTED,
                .reallocated = SMART_NOT_REPORTED,
                .pending = SMART_NOT_REPORTED,
                .offline_uncorrectable = SMART_NOT_REPORTED,
                .reported_uncorrectable = SMART_NOT_REPORTED,
                .crc_errors = SMART_NOT_REPORTED,
                .media_errors = SMART_NOT_REPORTED,
                .percentage_used = SMART_NOT_REPORTED,
                .critical_warning = SMART_NOT_REPORTED,
                .warning_temperature_mdegc = MDEGC_UNKNOWN,
                .critical_temperature_mdegc = MDEGC_UNKNOWN,
        };
}

/* A counter: present and not negative, else left alone. One over the range of int64 is still a count. */
static void get_count(struct json_object *o, const char *key, int64_t *ret)
{
        uint64_t v;

        if (json_get_u64(o, key, &v) > 0)
                *ret = (int64_t) MIN(v, (uint64_t) INT64_MAX);
}

static void get_celsius(struct json_object *o, const char *key, int32_t *ret_mdegc)
{
        int64_t v;

        if (json_get_i64(o, key, &v) > 0 && v >= CELSIUS_MIN && v <= CELSIUS_MAX)
                *ret_mdegc = (int32_t) v * 1000;
}

/* Trimmed and clean; nothing where nothing is left. */
static int get_name(struct json_object *o, const char *key, char **ret)
{
        _cleanup_free_ char *t = NULL;
        const char *s;

        if (json_get_string(o, key, &s) <= 0)
                return 0;

        t = str_clean(s, strlen(s), TEXT_MAX, false);
        if (!t)
                return -ENOMEM;
        s = strstrip(t);

        return isempty(s) ? 0 : free_and_strdup(ret, s);
}

static int read_wwn(struct json_object *o, SmartReading *r)
{
        struct json_object *wwn = json_sub(o, "wwn");
        uint64_t naa, oui, id;
        const char *s;

        if (json_get_u64(wwn, "naa", &naa) > 0 && json_get_u64(wwn, "oui", &oui) > 0 &&
            json_get_u64(wwn, "id", &id) > 0) {
                if (naa > 0xf || oui > 0xffffff || id > UINT64_C(0xfffffffff) || (oui == 0 && id == 0))
                        return 0;
                r->identity.wwn = strf("0x%" PRIx64 "%06" PRIx64 "%09" PRIx64, naa, oui, id);
                return r->identity.wwn ? 0 : -ENOMEM;
        }

        /* NVMe's EUI-64 is left out on purpose: the kernel prefers the NGUID, and two names of one thing never match. */
        if (json_get_string(o, "logical_unit_id", &s) > 0) {
                size_t n = strlen(s);

                if ((n != 18 && n != 34) || !startswith(s, "0x") ||
                    s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] || !s[2 + strspn(s + 2, "0")])
                        return 0;
                r->identity.wwn = strdup(s);
                if (!r->identity.wwn)
                        return -ENOMEM;
                for (char *p = r->identity.wwn; *p; p++)
                        *p = (char) tolower((unsigned char) *p);
        }

        return 0;
}

static int read_identity(struct json_object *o, SmartReading *r)
{
        if (get_name(o, "model_name", &r->identity.model) < 0 ||
            (!r->identity.model && get_name(o, "scsi_model_name", &r->identity.model) < 0) ||
            get_name(o, "serial_number", &r->identity.serial) < 0 || read_wwn(o, r) < 0)
                return -ENOMEM;
        (void) json_get_u64(json_sub(o, "user_capacity"), "bytes", &r->identity.size_bytes);

        return get_name(json_sub(o, "device"), "protocol", &r->protocol) < 0 ? -ENOMEM : 0;
}

static int read_version(struct json_object *smartctl, SmartReading *r)
{
        struct json_object *a = json_sub_array(smartctl, "version");
        int64_t major, minor;

        if (json_length(a) < 2)
                return 0;
        major = json_object_get_int64(json_object_array_get_idx(a, 0));
        minor = json_object_get_int64(json_object_array_get_idx(a, 1));

        r->version = strf("%" PRIi64 ".%" PRIi64, major, minor);
        return r->version ? 0 : -ENOMEM;
}

static const SmartAttribute *attribute_find(const SmartReading *r, uint8_t id)
{
        for (size_t i = 0; i < r->n_attributes; i++)
                if (r->attributes[i].id == id)
                        return r->attributes + i;

        return NULL;
}

/* The same number is another thing elsewhere: some SSDs count what was written to them where others count CRC errors. The name
 * that smartctl's database has for this drive tells; one that is in no database counts nobody knows what. */
static const char *const reallocated_names[] = { "realloc", "retired", "bad_bl", NULL },
                         *const pending_names[] = { "pending", NULL },
                         *const uncorrectable_names[] = { "unc", "_UE_", NULL },
                         *const crc_names[] = { "CRC", NULL };

static bool name_has(const char *name, const char *const *words)
{
        for (; *words; words++)
                if (strcasestr(name, *words))
                        return true;

        return false;
}

/* An attribute's count, as its vendor packs it. smartctl's drive database knows the packing and prints the count first
 * ("16 (3 0)"); where it printed the plain number and that is no possible count, the low word is the count (Seagate packs
 * three words into 187 and 188, some firmware into others). */
static int64_t attribute_count(const SmartReading *r, uint8_t id, const char *const *names)
{
        const SmartAttribute *a = attribute_find(r, id);
        uint64_t v;

        if (!a || !name_has(a->name, names))
                return SMART_NOT_REPORTED;

        v = a->raw;
        if (a->raw_string) {
                size_t n = strspn(a->raw_string, "0123456789");
                char digits[20];

                if (n > 0 && n < sizeof(digits) && strchr(" (", a->raw_string[n])) {
                        memcpy(digits, a->raw_string, n);
                        digits[n] = 0;
                        (void) parse_u64(digits, &v);
                }
        }

        return v > UINT32_MAX ? (int64_t) (v & 0xffff) : (int64_t) v;
}

/* -ENOENT: not an attribute. */
static int attribute_parse(struct json_object *o, SmartAttribute *ret)
{
        uint64_t id = 0, value = 0, worst = 0, threshold = 0, raw = 0;
        _cleanup_free_ char *name = NULL, *raw_string = NULL;
        const char *failed = "";

        if (json_get_u64(o, "id", &id) <= 0 || id < 1 || id > 255)
                return -ENOENT;
        if (json_get_u64(o, "value", &value) < 0 || json_get_u64(o, "worst", &worst) < 0 ||
            json_get_u64(o, "thresh", &threshold) < 0 || value > 255 || worst > 255 || threshold > 255 ||
            json_get_u64(json_sub(o, "raw"), "value", &raw) <= 0)
                return -ENOENT;

        if (get_name(o, "name", &name) < 0 || get_name(json_sub(o, "raw"), "string", &raw_string) < 0)
                return -ENOMEM;
        if (!name)
                name = strdup("Unknown_Attribute");
        if (!name)
                return -ENOMEM;
        (void) json_get_string(o, "when_failed", &failed);

        *ret = (SmartAttribute){
                .id = (uint8_t) id,
                .name = TAKE_PTR(name),
                .value = (uint8_t) value,
                .worst = (uint8_t) worst,
                .threshold = (uint8_t) threshold,
                .failing_now = streq(failed, "now"),
                .raw = raw,
                .raw_string = TAKE_PTR(raw_string),
        };
        return 0;
}

static int read_attributes(struct json_object *o, SmartReading *r)
{
        struct json_object *table = json_sub_array(json_sub(o, "ata_smart_attributes"), "table");

        if (json_length(table) == 0)
                return 0;

        r->attributes = new0(SmartAttribute, MIN(json_length(table), (size_t) SMART_ATTRIBUTES_MAX));
        if (!r->attributes)
                return -ENOMEM;

        for (size_t i = 0; i < json_length(table) && r->n_attributes < SMART_ATTRIBUTES_MAX; i++) {
                int k = attribute_parse(json_object_array_get_idx(table, i),
                                        r->attributes + r->n_attributes);

                if (k == -ENOMEM)
                        return k;
                if (k >= 0)
                        r->n_attributes++;
        }

        return 0;
}

/* SSDs: the endurance that is used up, in percent, wherever this version and protocol has it. */
static void read_percentage_used(struct json_object *o, SmartReading *r)
{
        struct json_object *pages = json_sub_array(json_sub(o, "ata_device_statistics"), "pages"), *nvme;

        for (size_t i = 0; i < json_length(pages); i++) {
                struct json_object *table = json_sub_array(json_object_array_get_idx(pages, i), "table");

                for (size_t j = 0; j < json_length(table); j++) {
                        struct json_object *row = json_object_array_get_idx(table, j);
                        const char *name = "";
                        bool valid = true;

                        (void) json_get_string(row, "name", &name);
                        (void) json_get_bool(json_sub(row, "flags"), "valid", &valid);
                        if (streq(name, "Percentage Used Endurance Indicator") && valid)
                                get_count(row, "value", &r->percentage_used);
                }
        }

        nvme = json_sub(o, "nvme_smart_health_information_log");
        get_count(json_sub(o, "endurance_used"), "current_percent", &r->percentage_used);
        get_count(o, "scsi_percentage_used_endurance_indicator", &r->percentage_used);
        get_count(nvme, "percentage_used", &r->percentage_used);
}

static void read_scsi_errors(struct json_object *o, SmartReading *r)
{
        struct json_object *log = json_sub(o, "scsi_error_counter_log");
        int64_t sum = 0, n;
        bool any = false;

        for (size_t i = 0; i < 3; i++) {
                n = -1;
                get_count(json_sub(log, (const char *[]){ "read", "write", "verify" }[i]),
                          "total_uncorrected_errors", &n);
                if (n < 0)
                        continue;
                any = true;
                if (__builtin_add_overflow(sum, n, &sum))
                        sum = INT64_MAX;
        }

        if (any)
                r->reported_uncorrectable = sum;
}

static void read_counters(struct json_object *o, SmartReading *r)
{
        struct json_object *nvme = json_sub(o, "nvme_smart_health_information_log");

        get_count(json_sub(o, "power_on_time"), "hours", &r->power_on_hours);
        if (r->power_on_hours > HOURS_MAX)
                r->power_on_hours = SMART_NOT_REPORTED;

        r->reallocated = attribute_count(r, 5, reallocated_names);
        r->pending = attribute_count(r, 197, pending_names);
        r->offline_uncorrectable = attribute_count(r, 198, uncorrectable_names);
        r->reported_uncorrectable = attribute_count(r, 187, uncorrectable_names);
        r->crc_errors = attribute_count(r, 199, crc_names);

        get_count(o, "scsi_grown_defect_list", &r->reallocated);
        read_scsi_errors(o, r);

        get_count(nvme, "media_errors", &r->media_errors);
        get_count(nvme, "critical_warning", &r->critical_warning);
        read_percentage_used(o, r);
}

static void read_health(struct json_object *o, SmartReading *r)
{
        int64_t exit_status = 0;
        bool passed;

        (void) json_get_i64(json_sub(o, "smartctl"), "exit_status", &exit_status);

        if (json_get_bool(json_sub(o, "smart_status"), "passed", &passed) > 0)
                r->health = passed ? SMART_HEALTH_PASSED : SMART_HEALTH_FAILED;
        if (exit_status & SMARTCTL_EXIT_FAILING)
                r->health = SMART_HEALTH_FAILED;
}

/* "Warning  Comp. Temp. Threshold:      82 Celsius" */
static void read_threshold_line(const char *line, const char *label, int32_t *ret_mdegc)
{
        const char *p = startswith(line, label);
        int n = 0, celsius = 0;

        if (p && *ret_mdegc == MDEGC_UNKNOWN && sscanf(p, " %3d Celsius%n", &celsius, &n) == 1 && n > 0 &&
            celsius > 0 && celsius <= CELSIUS_MAX)
                *ret_mdegc = celsius * 1000;
}

static void read_temperatures(struct json_object *o, SmartReading *r)
{
        struct json_object *t = json_sub(o, "nvme_composite_temperature_threshold");
        struct json_object *output = json_sub_array(json_sub(o, "smartctl"), "output");

        get_celsius(json_sub(o, "temperature"), "current", &r->temperature_mdegc);
        if (r->temperature_mdegc == MDEGC_UNKNOWN)
                get_celsius(json_sub(json_sub(o, "scsi_environmental_reports"), "temperature_1"), "current",
                            &r->temperature_mdegc);

        if (!streq_ptr(r->protocol, "NVMe"))
                return;

        get_celsius(t, "warning", &r->warning_temperature_mdegc);
        get_celsius(t, "critical", &r->critical_temperature_mdegc);
        /* Zero is NVMe's word for 'no threshold'. */
        if (r->warning_temperature_mdegc <= 0)
                r->warning_temperature_mdegc = MDEGC_UNKNOWN;
        if (r->critical_temperature_mdegc <= 0)
                r->critical_temperature_mdegc = MDEGC_UNKNOWN;

        /* Before they were in the JSON they were in the text. */
        for (size_t i = 0; i < json_length(output); i++) {
                read_threshold_line(json_string_at(output, i),
                                    "Warning  Comp. Temp. Threshold:", &r->warning_temperature_mdegc);
                read_threshold_line(json_string_at(output, i),
                                    "Critical Comp. Temp. Threshold:", &r->critical_temperature_mdegc);
        }
}

static int read_self_test(struct json_object *o, SmartReading *r)
{
        _cleanup_(self_test_reading_done) SelfTestReading test = { 0 };

        if (self_test_from_smartctl(o, &test) < 0)
                return -ENOMEM;

        r->self_test_running = test.activity == SELF_TEST_ACTIVITY_RUNNING;
        return 0;
}

static int reading_fill(struct json_object *o, SmartReading *r)
{
        if (read_identity(o, r) < 0 || read_attributes(o, r) < 0 || read_self_test(o, r) < 0)
                return -ENOMEM;

        read_health(o, r);
        read_counters(o, r);
        read_temperatures(o, r);
        return 0;
}

int smartctl_parse(const char *text, size_t size, SmartReading *ret, char **reterr_reason)
{
        _cleanup_(smart_reading_done) SmartReading reading = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        SmartctlRead read;
        int r;

        r = smartctl_json_parse(text, size, &o, &read, reterr_reason);
        if (r < 0)
                return r;
        if (read == SMARTCTL_NOT_OPENED)
                return -ENODEV;
        if (read == SMARTCTL_NO_TYPE || read == SMARTCTL_NOT_CAPABLE)
                return -EOPNOTSUPP;

        smart_reading_init(&reading);
        if (read_version(json_sub(o, "smartctl"), &reading) < 0)
                return -ENOMEM;

        if (read == SMARTCTL_STANDBY)
                reading.standby = true;
        else {
                r = reading_fill(o, &reading);
                if (r < 0)
                        return r;
        }

        *ret = reading;
        reading = (SmartReading){ 0 };
        return 0;
}

/* The counters that travel under their field's name, and are left out where the drive does not report them. */
#define COUNTER(field)                                                                                      \
        {                                                                                                   \
#field, offsetof(SmartReading, field)                                                       \
        }
static const struct {
        const char *key;
        size_t offset;
} counters[] = {
        COUNTER(power_on_hours),
        COUNTER(reallocated),
        COUNTER(pending),
        COUNTER(offline_uncorrectable),
        COUNTER(reported_uncorrectable),
        COUNTER(crc_errors),
        COUNTER(media_errors),
        COUNTER(percentage_used),
        COUNTER(critical_warning),
};

static const struct {
        const char *key;
        size_t offset;
} temperatures[] = {
        COUNTER(temperature_mdegc),
        COUNTER(warning_temperature_mdegc),
        COUNTER(critical_temperature_mdegc),
};
#undef COUNTER

static struct json_object *attribute_to_json(const SmartAttribute *a)
{
        _cleanup_json_ struct json_object *o = json_object_new_object();

        if (!o || json_put_u64(o, "id", a->id) < 0 || json_put_string(o, "name", a->name) < 0 ||
            json_put_u64(o, "value", a->value) < 0 || json_put_u64(o, "worst", a->worst) < 0 ||
            json_put_u64(o, "threshold", a->threshold) < 0 ||
            json_put_bool(o, "failing_now", a->failing_now) < 0 || json_put_u64(o, "raw", a->raw) < 0 ||
            json_put_string(o, "raw_string", a->raw_string) < 0)
                return NULL;

        return TAKE_PTR(o);
}

struct json_object *smart_reading_to_json(const SmartReading *r)
{
        _cleanup_json_ struct json_object *o = json_object_new_object(), *list = json_object_new_array();
        const char *health = smart_health_to_string(r->health);

        if (!o || !list || !health || json_put(o, "identity", drive_identity_to_json(&r->identity)) < 0 ||
            json_put_string(o, "protocol", r->protocol) < 0 ||
            json_put_string(o, "version", r->version) < 0 || json_put_bool(o, "standby", r->standby) < 0 ||
            json_put_bool(o, "self_test_running", r->self_test_running) < 0 ||
            json_put_string(o, "health", health) < 0)
                return NULL;

        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                int64_t v = *(const int64_t *) ((const char *) r + counters[i].offset);

                if (v != SMART_NOT_REPORTED && json_put_i64(o, counters[i].key, v) < 0)
                        return NULL;
        }
        for (size_t i = 0; i < ELEMENTSOF(temperatures); i++) {
                int32_t v = *(const int32_t *) ((const char *) r + temperatures[i].offset);

                if (v != MDEGC_UNKNOWN && json_put_i64(o, temperatures[i].key, v) < 0)
                        return NULL;
        }
        for (size_t i = 0; i < r->n_attributes; i++) {
                struct json_object *a = attribute_to_json(r->attributes + i);

                if (!a || json_object_array_add(list, a) < 0) {
                        json_object_put(a);
                        return NULL;
                }
        }
        if (json_put(o, "attributes", TAKE_PTR(list)) < 0)
                return NULL;

        return TAKE_PTR(o);
}

static int get_u8(struct json_object *o, const char *key, uint8_t *ret)
{
        uint32_t v;
        int r;

        r = json_get_u32(o, key, &v);
        if (r < 0)
                return r;
        if (r == 0 || v > UINT8_MAX)
                return -EBADMSG;

        *ret = (uint8_t) v;
        return 0;
}

/* Fills a zeroed attribute in place; the reading owns what is there also on failure. */
static int attribute_from_json(struct json_object *o, SmartAttribute *a)
{
        int r;

        if ((r = get_u8(o, "id", &a->id)) < 0 || (r = json_dup_text(o, "name", TEXT_MAX, &a->name)) < 0 ||
            (r = get_u8(o, "value", &a->value)) < 0 || (r = get_u8(o, "worst", &a->worst)) < 0 ||
            (r = get_u8(o, "threshold", &a->threshold)) < 0 ||
            (r = json_get_bool(o, "failing_now", &a->failing_now)) < 0 ||
            (r = json_get_u64(o, "raw", &a->raw)) < 0 ||
            (r = json_dup_text(o, "raw_string", TEXT_MAX, &a->raw_string)) < 0)
                return r;

        return a->id == 0 || !a->name ? -EBADMSG : 0;
}

static int attributes_from_json(struct json_object *o, SmartReading *reading)
{
        struct json_object *list;
        size_t n;
        int r;

        r = json_get(o, "attributes", json_type_array, &list);
        if (r <= 0)
                return r;
        n = json_object_array_length(list);
        if (n > SMART_ATTRIBUTES_MAX)
                return -EBADMSG;
        if (n == 0)
                return 0;

        reading->attributes = new0(SmartAttribute, n);
        if (!reading->attributes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                struct json_object *a = json_object_array_get_idx(list, i);

                reading->n_attributes++;
                r = json_object_is_type(a, json_type_object)
                                    ? attribute_from_json(a, reading->attributes + i)
                                    : -EBADMSG;
                if (r < 0)
                        return r;
        }

        return 0;
}

static int counters_from_json(struct json_object *o, SmartReading *reading)
{
        int r;

        for (size_t i = 0; i < ELEMENTSOF(counters); i++) {
                int64_t *v = (int64_t *) ((char *) reading + counters[i].offset);

                r = json_get_i64(o, counters[i].key, v);
                if (r < 0)
                        return r;
                if (r > 0 && *v < 0)
                        return -EBADMSG;
        }
        for (size_t i = 0; i < ELEMENTSOF(temperatures); i++) {
                int32_t *v = (int32_t *) ((char *) reading + temperatures[i].offset);

                r = json_get_i32(o, temperatures[i].key, v);
                if (r < 0)
                        return r;
                if (r > 0 && (*v < CELSIUS_MIN * 1000 || *v > CELSIUS_MAX * 1000))
                        return -EBADMSG;
        }

        return 0;
}

int smart_reading_from_json(struct json_object *o, SmartReading *ret)
{
        _cleanup_(smart_reading_done) SmartReading reading = { 0 };
        struct json_object *identity;
        const char *health;
        int r;

        if (!json_object_is_type(o, json_type_object) || json_get_string(o, "health", &health) <= 0)
                return -EBADMSG;

        smart_reading_init(&reading);
        reading.health = smart_health_from_string(health);
        if ((int) reading.health < 0)
                return -EBADMSG;

        r = json_get(o, "identity", json_type_object, &identity);
        if (r < 0)
                return r;
        if (r > 0) {
                r = drive_identity_from_json(identity, &reading.identity);
                if (r < 0)
                        return r;
        }

        if ((r = json_dup_text(o, "protocol", TEXT_MAX, &reading.protocol)) < 0 ||
            (r = json_dup_text(o, "version", TEXT_MAX, &reading.version)) < 0 ||
            (r = json_get_bool(o, "standby", &reading.standby)) < 0 ||
            (r = json_get_bool(o, "self_test_running", &reading.self_test_running)) < 0 ||
            (r = counters_from_json(o, &reading)) < 0 || (r = attributes_from_json(o, &reading)) < 0)
                return r;

        *ret = reading;
        reading = (SmartReading){ 0 };
        return 0;
}
