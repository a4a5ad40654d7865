/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "parse/smartctl.h"
#include "test-util.h"

static int parse_sample(const char *name, SmartReading *ret, char **reterr_reason)
{
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = sample_read(name, &size);
        return smartctl_parse(text, size, ret, reterr_reason);
}

static void load(const char *name, SmartReading *ret)
{
        _cleanup_free_ char *reason = NULL;

        assert(parse_sample(name, ret, &reason) == 0);
        assert(!reason);
}

/* What goes over the socket comes back the same. */
static void check_round_trip(const SmartReading *r)
{
        _cleanup_(smart_reading_done) SmartReading again = { 0 };
        _cleanup_json_ struct json_object *o = NULL, *p = NULL, *parsed = NULL;
        const char *text;

        o = smart_reading_to_json(r);
        assert(o);
        text = json_object_to_json_string(o);
        assert(json_parse(text, strlen(text), &parsed) == 0);
        assert(smart_reading_from_json(parsed, &again) == 0);
        p = smart_reading_to_json(&again);
        assert(p && json_object_equal(o, p));
}

static void test_captured(void)
{
        _cleanup_(smart_reading_done) SmartReading ata = { 0 }, nvme = { 0 }, scsi = { 0 };

        load("smartctl-x-ata-after-tests-qemu.json", &ata);
        assert(streq(ata.identity.serial, "WD-FREE01") && streq(ata.identity.model, "WDC WD80EFAX"));
        assert(!ata.identity.wwn && ata.identity.size_bytes == 268435456 && !ata.identity.fingerprint);
        assert(streq(ata.protocol, "ATA") && streq(ata.version, "7.3"));
        assert(ata.health == SMART_HEALTH_PASSED && !ata.standby && !ata.self_test_running);
        assert(ata.temperature_mdegc == 31000 && ata.power_on_hours == 1);
        assert(ata.reallocated == 0 && ata.pending == SMART_NOT_REPORTED &&
               ata.crc_errors == SMART_NOT_REPORTED);
        assert(ata.n_attributes == 7 && ata.attributes[0].id == 1 && ata.attributes[0].threshold == 6);
        assert(streq(ata.attributes[6].raw_string, "31 (Min/Max 31/31)"));
        assert(ata.warning_temperature_mdegc == MDEGC_UNKNOWN);
        check_round_trip(&ata);

        load("smartctl-x-nvme-qemu.json", &nvme);
        assert(streq(nvme.identity.serial, "NVME0001") && streq(nvme.protocol, "NVMe"));
        assert(nvme.temperature_mdegc == 50000 && nvme.media_errors == 0 && nvme.percentage_used == 0);
        assert(nvme.critical_warning == 0 && nvme.reallocated == SMART_NOT_REPORTED);
        /* 7.3 has them in the text alone. */
        assert(nvme.warning_temperature_mdegc == 70000 && nvme.critical_temperature_mdegc == 100000);
        check_round_trip(&nvme);

        load("smartctl-x-scsi_debug.json", &scsi);
        assert(streq(scsi.identity.serial, "30000") && streq(scsi.identity.model, "Linux scsi_debug"));
        assert(streq(scsi.identity.wwn, "0x3333333000007530") && streq(scsi.protocol, "SCSI"));
        assert(scsi.health == SMART_HEALTH_PASSED && scsi.temperature_mdegc == 40000);
        assert(scsi.power_on_hours == SMART_NOT_REPORTED &&
               scsi.reported_uncorrectable == SMART_NOT_REPORTED);
        check_round_trip(&scsi);
}

static void test_ata(void)
{
        _cleanup_(smart_reading_done) SmartReading running = { 0 }, failing = { 0 }, packed = { 0 },
                                                   ssd = { 0 }, usb = { 0 };

        load("smartctl-ata-in-progress.json", &running);
        assert(running.self_test_running && running.health == SMART_HEALTH_PASSED);
        assert(streq(running.identity.wwn, "0x5000cca29e6e9ecb"));
        assert(running.pending == 0 && running.crc_errors == 0);

        load("smartctl-ata-failing.json", &failing);
        assert(failing.health == SMART_HEALTH_FAILED && !failing.self_test_running);
        assert(streq(failing.identity.serial, "Z302XXXX"));
        assert(failing.reallocated == 65528 && failing.reported_uncorrectable == 417 &&
               failing.pending == 24);
        assert(failing.attributes[0].failing_now && !failing.attributes[1].failing_now);

        /* A healthy drive does not fail on a number that is packed, or that nobody knows the meaning of. */
        load("smartctl-ata-seagate-packed.json", &packed);
        assert(packed.health == SMART_HEALTH_PASSED && !packed.self_test_running);
        assert(packed.reallocated == 0 && packed.reported_uncorrectable == 0 && packed.crc_errors == 2);
        assert(packed.offline_uncorrectable == SMART_NOT_REPORTED);
        assert(packed.power_on_hours == 15637);
        assert(packed.attributes[2].raw == UINT64_C(8591123456));

        load("smartctl-ssd.json", &ssd);
        assert(ssd.n_attributes == 2 && ssd.reallocated == 4 && ssd.percentage_used == 8);
        assert(ssd.temperature_mdegc == MDEGC_UNKNOWN && ssd.power_on_hours == SMART_NOT_REPORTED);

        load("smartctl-usb-sticky-240.json", &usb);
        assert(usb.health == SMART_HEALTH_PASSED && !usb.self_test_running && !usb.identity.wwn);
        assert(streq(usb.identity.serial, "WD-WCC7XXXX"));

        check_round_trip(&running);
        check_round_trip(&failing);
        check_round_trip(&packed);
        check_round_trip(&ssd);
        check_round_trip(&usb);
}

/* What other vendors count under the same number, by the names of smartctl's database. */
static void test_ata_names(void)
{
        static const struct {
                int id;
                const char *name;
                bool counted;
        } names[] = {
                { 5, "Reallocated_Sector_Ct", true },
                { 5, "Reallocate_NAND_Blk_Cnt", true },
                { 5, "Retired_Block_Count", true },
                { 5, "Later_Bad_Block", true },
                { 5, "New_Bad_Blk_Cnt", true },
                { 5, "Retried_Blk_Ct", false },
                { 187, "Reported_Uncorrect", true },
                { 187, "Reported_UE_Counts", true },
                { 187, "Uncorrectable_ECC_Ct", true },
                { 187, "Unknown_JMF_Attribute", false },
                { 187, "Unknown_Attribute", false },
                { 197, "Current_Pending_Sector", true },
                { 197, "Current_Pending_ECC_Cnt", true },
                { 197, "ECC_Error_Count", false },
                { 197, "Not_In_Use", false },
                { 198, "Offline_Uncorrectable", true },
                { 198, "Offline_Scan_UNC_SectCt", true },
                { 198, "Uncor_Read_Error_Ct", true },
                { 198, "Host_Reads_GiB", false },
                { 198, "Read_Sectors_Tot_Ct", false },
                { 199, "UDMA_CRC_Error_Count", true },
                { 199, "SATA_CRC_Error", true },
                { 199, "Host_Writes_GiB", false },
                { 199, "Write_Sectors_Tot_Ct", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(smart_reading_done) SmartReading r = { 0 };
                _cleanup_free_ char *text = NULL, *reason = NULL;
                int64_t count;

                text = strf("{\"smartctl\":{\"exit_status\":0},\"ata_smart_attributes\":{\"table\":[{\"id\":%d,"
                            "\"name\":\"%s\",\"raw\":{\"value\":7}}]}}",
                            names[i].id, names[i].name);
                assert(text && smartctl_parse(text, strlen(text), &r, &reason) == 0);
                count = names[i].id == 5     ? r.reallocated
                        : names[i].id == 187 ? r.reported_uncorrectable
                        : names[i].id == 197 ? r.pending
                        : names[i].id == 198 ? r.offline_uncorrectable
                                             : r.crc_errors;
                assert(count == (names[i].counted ? 7 : SMART_NOT_REPORTED));
        }
}

static void test_sas(void)
{
        static const char *const running[] = { "smartctl-sas-in-progress.json",
                                               "smartctl-sas-in-progress-7.1.json",
                                               "smartctl-sas-in-progress-8.0.json" };
        _cleanup_(smart_reading_done) SmartReading idle = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(running); i++) {
                _cleanup_(smart_reading_done) SmartReading r = { 0 };

                load(running[i], &r);
                assert(r.self_test_running);
                assert(streq(r.identity.wwn, "0x5000c5005f2a7de3"));
                assert(r.reallocated == 3 && r.reported_uncorrectable == 3 && r.power_on_hours == 34617);
                check_round_trip(&r);
        }

        load("smartctl-sas-idle.json", &idle);
        assert(!idle.self_test_running && idle.health == SMART_HEALTH_PASSED);
}

static void test_nvme(void)
{
        _cleanup_(smart_reading_done) SmartReading running = { 0 }, failing = { 0 };

        load("smartctl-nvme-self-test.json", &running);
        assert(running.self_test_running && running.percentage_used == 3 && running.media_errors == 1);
        assert(running.warning_temperature_mdegc == 82000 && running.critical_temperature_mdegc == 85000);
        assert(!running.identity.wwn && running.identity.size_bytes == UINT64_C(1000204886016));

        load("smartctl-nvme-failing.json", &failing);
        assert(failing.health == SMART_HEALTH_FAILED && !failing.self_test_running);
        assert(failing.critical_warning == 4 && failing.percentage_used == 104 &&
               failing.media_errors == 12);
        assert(failing.warning_temperature_mdegc == MDEGC_UNKNOWN);
        check_round_trip(&failing);
}

static void test_nothing_to_read(void)
{
        static const char *const asleep[] = { "smartctl-standby.json", "smartctl-standby-os-8.0.json",
                                              "smartctl-standby-7.5.json" };
        _cleanup_free_ char *reason = NULL;
        SmartReading r = { .power_on_hours = 4711 };

        for (size_t i = 0; i < ELEMENTSOF(asleep); i++) {
                _cleanup_(smart_reading_done) SmartReading s = { 0 };

                load(asleep[i], &s);
                assert(s.standby && s.health == SMART_HEALTH_UNKNOWN && !s.identity.serial);
                assert(s.temperature_mdegc == MDEGC_UNKNOWN && s.pending == SMART_NOT_REPORTED);
                check_round_trip(&s);
        }

        assert(parse_sample("smartctl-open-failed.json", &r, &reason) == -ENODEV);
        assert(streq(reason, "Smartctl open device: /dev/sda failed: No such device"));
        assert(parse_sample("smartctl-usb-unknown-bridge.json", &r, &reason) == -EOPNOTSUPP);
        assert(strstr(reason, "Unknown USB bridge") && strstr(reason, "-d option"));
        assert(parse_sample("smartctl-no-smart.json", &r, &reason) == -EOPNOTSUPP);
        assert(r.power_on_hours == 4711); /* untouched on failure */
}

static void test_garbage(void)
{
        static const char *const texts[] = {
                "",
                "smartctl: command not found",
                "{}",
                "[]",
                "{\"smartctl\":{}}",
                "{\"smartctl\":{\"exit_status\":\"0\"}}",
                "{\"smartctl\":{\"exit_status\":0}} trailing",
                "{\"smartctl\":{\"exit_status\":0}",
        };
        _cleanup_free_ char *reason = NULL, *cut = NULL;
        SmartReading r;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert(smartctl_parse(texts[i], strlen(texts[i]), &r, &reason) == -EBADMSG);

        cut = sample_read("smartctl-x-ata-qemu.json", &size);
        assert(smartctl_parse(cut, size - 1, &r, &reason) == -EBADMSG);
        assert(smartctl_parse(cut, size / 2, &r, &reason) == -EBADMSG);
}

/* Wrong types everywhere: nothing is reported, nothing is zero. */
static void test_wrong_types(void)
{
        static const char text[] =
                        "{\"smartctl\":{\"version\":\"7.3\",\"exit_status\":0,\"output\":[1,null,{}],\"messages\":[null,3]},"
                        "\"device\":[],\"model_name\":17,\"serial_number\":{},\"wwn\":\"0x5000\",\"user_capacity\":{\"bytes\":-1},"
                        "\"smart_status\":{\"passed\":\"yes\"},\"temperature\":{\"current\":\"31\"},\"power_on_time\":{\"hours\":-5},"
                        "\"ata_smart_attributes\":{\"table\":{\"id\":5}},\"scsi_grown_defect_list\":\"0\","
                        "\"nvme_self_test_log\":{\"table\":[null]},\"ata_device_statistics\":{\"pages\":[null,{\"table\":[null]}]}}";
        _cleanup_(smart_reading_done) SmartReading r = { 0 };
        _cleanup_free_ char *reason = NULL;

        assert(smartctl_parse(text, strlen(text), &r, &reason) == 0);
        assert(r.health == SMART_HEALTH_UNKNOWN && r.reallocated == SMART_NOT_REPORTED);
        assert(r.power_on_hours == SMART_NOT_REPORTED && r.temperature_mdegc == MDEGC_UNKNOWN);
        assert(!r.identity.model && !r.identity.serial && !r.identity.wwn && r.identity.size_bytes == 0);
        assert(r.n_attributes == 0 && !r.self_test_running && !r.protocol);
        check_round_trip(&r);
}

/* smartctl's exit status is a word as well. */
static void test_exit_status(void)
{
        static const struct {
                const char *text;
                SmartHealth health;
        } table[] = {
                { "{\"smartctl\":{\"exit_status\":8}}", SMART_HEALTH_FAILED },
                { "{\"smartctl\":{\"exit_status\":8},\"smart_status\":{\"passed\":true}}",
                  SMART_HEALTH_FAILED },
                { "{\"smartctl\":{\"exit_status\":228},\"smart_status\":{\"passed\":true}}",
                  SMART_HEALTH_PASSED },
                { "{\"smartctl\":{\"exit_status\":4}}", SMART_HEALTH_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(smart_reading_done) SmartReading r = { 0 };
                _cleanup_free_ char *reason = NULL;

                assert(smartctl_parse(table[i].text, strlen(table[i].text), &r, &reason) == 0);
                assert(r.health == table[i].health);
        }
}

static void test_from_json_strict(void)
{
        static const char *const bad[] = {
                "[]",
                "{}",
                "{\"health\":\"fine\"}",
                "{\"health\":\"passed\",\"pending\":-1}",
                "{\"health\":\"passed\",\"pending\":\"0\"}",
                "{\"health\":\"passed\",\"pending\":1.5}",
                "{\"health\":\"passed\",\"temperature_mdegc\":2000000000}",
                "{\"health\":\"passed\",\"temperature_mdegc\":99999999999}",
                "{\"health\":\"passed\",\"standby\":1}",
                "{\"health\":\"passed\",\"identity\":[]}",
                "{\"health\":\"passed\",\"identity\":{\"serial\":\"a\\u0007b\"}}",
                "{\"health\":\"passed\",\"identity\":{\"serial\":\"\"}}",
                "{\"health\":\"passed\",\"protocol\":\"A\\nB\"}",
                "{\"health\":\"passed\",\"attributes\":{}}",
                "{\"health\":\"passed\",\"attributes\":[null]}",
                "{\"health\":\"passed\",\"attributes\":[{}]}",
                "{\"health\":\"passed\",\"attributes\":[{\"id\":256,\"name\":\"x\",\"value\":1,\"worst\":1,\"threshold\":1}]}",
                "{\"health\":\"passed\",\"attributes\":[{\"id\":5,\"value\":1,\"worst\":1,\"threshold\":1}]}",
                "{\"health\":\"passed\",\"attributes\":[{\"id\":5,\"name\":\"x\",\"value\":1,\"worst\":1}]}",
        };
        _cleanup_json_ struct json_object *many = NULL, *list = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ struct json_object *o = NULL;
                SmartReading r;

                assert(json_parse(bad[i], strlen(bad[i]), &o) == 0);
                assert(smart_reading_from_json(o, &r) == -EBADMSG);
        }

        many = json_object_new_object();
        list = json_object_new_array();
        for (int i = 0; i <= SMART_ATTRIBUTES_MAX; i++) {
                struct json_object *a = json_object_new_object();

                json_put_u64(a, "id", 5);
                json_put_string(a, "name", "x");
                json_put_u64(a, "value", 1);
                json_put_u64(a, "worst", 1);
                json_put_u64(a, "threshold", 1);
                json_object_array_add(list, a);
        }
        json_put_string(many, "health", "passed");
        json_put(many, "attributes", TAKE_PTR(list));
        assert(smart_reading_from_json(many, &(SmartReading){ 0 }) == -EBADMSG);
}

int main(void)
{
        test_captured();
        test_ata();
        test_ata_names();
        test_sas();
        test_nvme();
        test_nothing_to_read();
        test_garbage();
        test_wrong_types();
        test_exit_status();
        test_from_json_strict();
        return 0;
}
