/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "basic/strv.h"
#include "facts-sample.h"

#define LSBLK_TWO                                                                                                     \
        "{\"blockdevices\":["                                                                                         \
        "{\"name\":\"sda\",\"kname\":\"sda\",\"maj:min\":\"8:0\",\"type\":\"disk\",\"size\":1000,\"tran\":\"sata\","  \
        "\"model\":\"WDC WD80 \",\"serial\":\" WD-1 \",\"wwn\":\"0x5000C500A0000001\",\"rota\":true,\"log-sec\":512," \
        "\"phy-sec\":4096},"                                                                                          \
        "{\"name\":\"sdb\",\"kname\":\"sdb\",\"maj:min\":\"8:16\",\"type\":\"disk\",\"size\":2000,\"tran\":\"usb\","  \
        "\"model\":\"Bridge\",\"serial\":\"000000000001\",\"wwn\":\"0x5000000000000001\",\"rota\":true}]}"

static const Sample quiet = {
        .host = SAMPLE_HOST,
        .lsblk = LSBLK_TWO,
        .zpool = "",
        .zpool_guid = "",
        .mountinfo = "22 1 0:21 / / rw - tmpfs tmpfs rw",
        .swaps = SAMPLE_SWAPS,
        .holders = "",
        .openers = "",
};

static int parse_text(const char *text, size_t size, const char *nonce, char **reterr_reason)
{
        const FactsOptions options = { 0 };
        _cleanup_(host_facts_freep) HostFacts *h = NULL;

        return facts_parse(text, size, nonce, &options, &h, reterr_reason);
}

static void test_frames(void)
{
        static const char *const bad[] = {
                "",
                "=" NONCE " done\n", /* no host */
                "=" NONCE " begin host\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " begin lsblk\n",
                "=" NONCE " end host 0\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " end lsblk 0\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " end host\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " end host x\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " end host 256\n=" NONCE " done\n",
                "=" NONCE " begin host\n=" NONCE " end host -1\n=" NONCE " done\n",
                "=" NONCE " begin smart ../x\n=" NONCE " end smart ../x 0\n=" NONCE " done\n",
                "=" NONCE " begin a\n=" NONCE " end a 0\n=" NONCE " begin a\n=" NONCE " end a 0\n=" NONCE
                " done\n",
                "=" NONCE " what\n=" NONCE " done\n",
                "=" NONCE " done extra\n",
                "sudo: a password is required\n",
        };
        _cleanup_free_ char *text = sample_answer(&quiet), *reason = NULL, *noisy = NULL, *failed = NULL;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert(parse_text(bad[i], strlen(bad[i]), NONCE, &reason) == -EBADMSG);
                assert(!isempty(reason));
        }

        assert(parse_text(text, strlen(text), NONCE, &reason) == 0);
        /* Cut anywhere before the end, and it is no answer. */
        for (size_t n = 0; n < strlen(text) - strlen("\n"); n++)
                assert(parse_text(text, n, NONCE, &reason) == -EBADMSG);

        /* Another call's nonce. */
        assert(parse_text(text, strlen(text), "5f0c1b7de2a94c62", &reason) == -EBADMSG);
        assert(parse_text(text, strlen(text), "", &reason) == -EBADMSG);

        noisy = strf("Welcome to TrueNAS\n\n%s", text);
        assert(parse_text(noisy, strlen(noisy), NONCE, &reason) == 0);

        /* A section that comes twice: which of them would count? */
        free(TAKE_PTR(failed));
        Sample twice = quiet;
        twice.extra = "=" NONCE " begin swaps\nFilename\n=" NONCE " end swaps 0\n";
        failed = sample_answer(&twice);
        assert(parse_text(failed, strlen(failed), NONCE, &reason) == -EBADMSG);

        free(failed);
        failed = strf("=" NONCE " begin host\nboot_id=x\n=" NONCE " end host 0\n=" NONCE
                      " begin lsblk\n\n=" NONCE " end lsblk absent\n=" NONCE " done\n");
        assert(parse_text(failed, strlen(failed), NONCE, &reason) == -EBADMSG);
        assert(strstr(reason, "util-linux"));
}

static void test_host(void)
{
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        Sample s = quiet;

        s.host = SAMPLE_HOST "\nmissing=badblocks\nmissing=smartctl\nmissing=smartctl\nmissing=sudo";
        s.runs = "0123456789abcdef0123456789abcdef running sda\nffffffffffffffffffffffffffffffff exited sdb\n"
                 "00000000000000000000000000000001 starting sdb\n../../x running sda\n";
        s.stat = "sda 100 1 2000 5 200 2 4000 6 0 7 8 0 0 0 0\nsdb garbage\n";
        s.temperature = "sda 31000\nsdb 999999999\n";
        s.ident = "sda 8:0 1000|naa.5000c500a0000001|WD-1\nsdb 8:32 other\n";
        s.by_id = "sda wwn-0x5000c500a0000001\nsda ata-WDC_WD80_WD-1\nsda scsi-SATA_WDC\nsdb ../evil\n";
        s.bay = "sda 0x500304801234567f Slot\a 03\nsdb\nsdz elsewhere\n";
        h = sample_parse(&s, false);

        assert(streq(h->boot_id, "6f1f5b0e-2b5e-4b9e-a7f0-3a1d1f2f9c11") &&
               streq(h->os, "Linux 6.1.0-18-amd64"));
        assert(h->uptime_usec == UINT64_C(12345670000) && !h->detection_error);
        assert(streq(h->missing_tools, "badblocks (e2fsprogs), smartctl (smartmontools)"));
        assert(strv_length(h->live_runs) == 2 &&
               strv_contains(h->live_runs, "00000000000000000000000000000001"));

        assert(h->n_drives == 2);
        DriveFacts *a = facts_find(h, "sda"), *b = facts_find(h, "sdb");
        assert(a->read_bytes == 2000 * 512 && a->written_bytes == 4000 * 512 && b->read_bytes == 0);
        assert(a->temperature_mdegc == 31000 && b->temperature_mdegc == MDEGC_UNKNOWN);
        assert(streq(a->by_id, "/dev/disk/by-id/ata-WDC_WD80_WD-1") && !b->by_id);
        assert(startswith(a->bay, "0x500304801234567f Slot") && !strchr(a->bay, '\a') && !b->bay);
        /* Another device had the name meanwhile. */
        assert(streq(a->identity.fingerprint, "1000|naa.5000c500a0000001|WD-1") && !b->identity.fingerprint);
        assert(streq(a->identity.model, "WDC WD80") && streq(a->identity.serial, "WD-1"));
        assert(streq(a->identity.wwn, "0x5000c500a0000001") && a->identity.size_bytes == 1000);
        assert(a->rotational && a->logical_block_size == 512 && a->physical_block_size == 4096);
        assert(a->health == SMART_HEALTH_UNKNOWN && a->smart_usec == 0 && !a->smart);
        /* What stands in front of a USB drive is not the drive. */
        assert(!b->identity.serial && !b->identity.wwn && !b->identity.model && streq(b->transport, "usb"));
}

static char *smart_frame(const char *kname, const char *sample)
{
        _cleanup_free_ char *text = sample_read(sample, NULL);

        return strf("=" NONCE " begin smart %s\n%s\n=" NONCE " end smart %s 4\n", kname, text, kname);
}

static void test_smart(void)
{
        _cleanup_free_ char *a = smart_frame("sda", "smartctl-ata-failing.json"),
                            *b = smart_frame("sdb", "smartctl-usb-sticky-240.json"),
                            *asleep = smart_frame("sda", "smartctl-standby.json"),
                            *open_failed = smart_frame("sda", "smartctl-open-failed.json"), *both = NULL;
        _cleanup_(host_facts_freep) HostFacts *h = NULL, *other = NULL, *failed = NULL;
        Sample s = quiet;
        DriveFacts *f;

        both = strf("%s%s", a, b);
        s.ident = "sda 8:0 one\nsdb 8:16 two\n";
        s.temperature = "sda 40000\n";
        s.extra = both;
        h = sample_parse(&s, false);

        f = facts_find(h, "sda");
        assert(f->health == SMART_HEALTH_FAILED && f->smart_usec == 42 && f->smart);
        assert(streq(f->identity.serial, "Z302XXXX") && streq(f->identity.model, "ST4000DM000-1F2168"));
        assert(streq(f->identity.wwn, "0x5000c500a0000001")); /* smartctl gave none */
        assert(f->identity.size_bytes == 1000);               /* what can be written to */
        assert(f->temperature_mdegc == 40000);                /* hwmon is fresher */

        f = facts_find(h, "sdb");
        assert(streq(f->identity.serial, "WD-WCC7XXXX") && !f->identity.wwn && f->temperature_mdegc == 0);

        s.extra = asleep;
        other = sample_parse(&s, false);
        f = facts_find(other, "sda");
        assert(!f->smart && f->health == SMART_HEALTH_UNKNOWN && f->smart_usec == 0);
        assert(streq(f->identity.serial, "WD-1"));

        s.extra = open_failed;
        failed = sample_parse(&s, false);
        assert(!facts_find(failed, "sda")->smart);
}

static void test_drives(void)
{
        static const char lsblk[] =
                        "{\"blockdevices\":["
                        "{\"name\":\"loop0\",\"kname\":\"loop0\",\"maj:min\":\"7:0\",\"type\":\"loop\",\"size\":4096,\"serial\":\"x\"},"
                        "{\"name\":\"sr0\",\"kname\":\"sr0\",\"maj:min\":\"11:0\",\"type\":\"rom\",\"size\":4096},"
                        "{\"name\":\"fd0\",\"kname\":\"fd0\",\"maj:min\":\"2:0\",\"type\":\"disk\",\"size\":4096},"
                        "{\"name\":\"zram0\",\"kname\":\"zram0\",\"maj:min\":\"252:0\",\"type\":\"disk\",\"size\":4096},"
                        "{\"name\":\"zd16\",\"kname\":\"zd16\",\"maj:min\":\"230:16\",\"type\":\"disk\",\"size\":4096},"
                        "{\"name\":\"sda\",\"kname\":\"sda\",\"maj:min\":\"8:0\",\"type\":\"disk\",\"size\":\"0\"},"
                        "{\"name\":\"cciss!c0d0\",\"kname\":\"cciss!c0d0\",\"maj:min\":\"104:0\",\"type\":\"disk\",\"size\":\"5\"},"
                        "{\"name\":\"sdb\",\"kname\":\"sdb\",\"maj:min\":\" 8:16 \",\"type\":\"disk\",\"size\":\"5000\",\"rota\":\"1\","
                        "\"children\":[{\"name\":\"sdq\",\"kname\":\"sdq\",\"type\":\"disk\",\"size\":5}]},"
                        "{\"name\":\"mmcblk0boot0\",\"kname\":\"mmcblk0boot0\",\"type\":\"disk\",\"size\":1},"
                        "{\"name\":\"mmcblk0\",\"kname\":\"mmcblk0\",\"type\":\"disk\",\"size\":1,\"wwn\":\"0x0000000000000000\"}]}";
        _cleanup_(host_facts_freep) HostFacts *h = NULL, *loops = NULL;
        Sample s = quiet;

        s.lsblk = lsblk;
        h = sample_parse(&s, false);
        assert(h->n_drives == 2);
        assert(facts_find(h, "sdb")->identity.size_bytes == 5000 && facts_find(h, "sdb")->rotational);
        assert(!facts_find(h, "mmcblk0")->identity.wwn && streq(facts_find(h, "mmcblk0")->transport, "mmc"));

        loops = sample_parse(&s, true);
        assert(loops->n_drives == 3);
        assert(!facts_find(loops, "loop0")->identity.serial &&
               streq(facts_find(loops, "loop0")->transport, "loop"));
}

static void test_identity(void)
{
        const DriveIdentity full = { (char *) "0x5000c500a0000001", (char *) "WD-1", (char *) "WDC WD80",
                                     1000, NULL },
                            no_wwn = { NULL, (char *) "WD-1", (char *) "WDC WD80", 1000, (char *) "one" },
                            wwn_only = { (char *) "0x5000c500a0000001", NULL, NULL, 0, NULL },
                            other_serial = { (char *) "0x5000c500a0000001", (char *) "WD-2", NULL, 1000,
                                             NULL },
                            smaller = { (char *) "0x5000c500a0000001", (char *) "WD-1", NULL, 999, NULL },
                            other_print = { NULL, (char *) "WD-1", NULL, 1000, (char *) "two" },
                            nothing = { NULL, NULL, (char *) "WDC WD80", 1000, (char *) "one" };
        char *key = NULL;

        assert(drive_identity_equal(&full, &full) && drive_identity_equal(&full, &no_wwn));
        assert(drive_identity_equal(&full, &wwn_only) && !drive_identity_equal(&no_wwn, &wwn_only));
        assert(!drive_identity_equal(&full, &other_serial) && !drive_identity_equal(&full, &smaller));
        assert(!drive_identity_equal(&no_wwn, &other_print) && !drive_identity_equal(&nothing, &nothing));

        assert(drive_identity_key(&full, &key) == 1 && streq(key, "wwn-0x5000c500a0000001"));
        free(key);
        assert(drive_identity_key(&no_wwn, &key) == 1 && streq(key, "WDC_WD80_WD-1"));
        free(key);
        assert(drive_identity_key(&nothing, &key) == 0 && !key);

        /* Two drives whose names differ only behind the cut stay two. */
        char long_a[300], long_b[300], *key_b;
        DriveIdentity a = { .wwn = long_a }, b = { .wwn = long_b };

        memset(long_a, 'a', sizeof(long_a));
        long_a[299] = 0;
        memcpy(long_b, long_a, sizeof(long_b));
        long_b[298] = 'b';
        assert(drive_identity_key(&a, &key) == 1 && drive_identity_key(&b, &key_b) == 1);
        assert(strlen(key) == 128 && strlen(key_b) == 128 && !streq(key, key_b));
        free(key);
        free(key_b);
}

static struct json_object *facts_example(void)
{
        _cleanup_free_ char *smart = smart_frame("sda", "smartctl-ata-failing.json");
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        Sample s = quiet;

        s.ident = "sda 8:0 one\n";
        s.by_id = "sda ata-X\n";
        s.bay = "sda pci-0000:00:1f.2-ata-1\n";
        s.extra = smart;
        s.holders = "sda dm-0\n";
        h = sample_parse(&s, false);
        return drive_facts_to_json(facts_find(h, "sda"));
}

static void test_json_round_trip(void)
{
        _cleanup_json_ struct json_object *o = facts_example(), *parsed = NULL, *again = NULL,
                                          *second = NULL;
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL, *g = NULL;
        const char *text = json_object_to_json_string(o);

        assert(json_parse(text, strlen(text), &parsed) == 0);
        assert(drive_facts_from_json(parsed, &f) == 0);
        again = drive_facts_to_json(f);
        assert(json_object_equal(o, again));
        assert(f->lock.role == LOCK_STORAGE_MEMBER && f->lock.used && f->temperature_mdegc == 41000);

        assert(json_parse(text, strlen(text), &second) == 0 && drive_facts_from_json(second, &g) == 0);
        assert(drive_facts_equal(f, g));
        g->temperature_mdegc = 1000;
        g->smart_usec = 43;
        assert(drive_facts_equal(f, g));
        json_object_object_add(g->smart, "temperature_mdegc", json_object_new_int(1));
        assert(drive_facts_equal(f, g));
        json_object_object_del(f->smart, "temperature_mdegc");
        assert(drive_facts_equal(f, g) && drive_facts_equal(g, f));
        json_object_object_add(g->smart, "new", json_object_new_int(1));
        assert(!drive_facts_equal(f, g));
        json_object_object_del(g->smart, "new");
        g->lock.used = !g->lock.used;
        assert(!drive_facts_equal(f, g));
        g->lock.used = !g->lock.used;
        assert(drive_facts_equal(f, g));
        g->lock.role = LOCK_NONE;
        assert(!drive_facts_equal(f, g));
}

static void check_refused(const char *object, const char *key, const char *value)
{
        _cleanup_json_ struct json_object *o = facts_example(), *v = NULL;
        _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
        struct json_object *target = o;

        if (object)
                assert(json_get(o, object, json_type_object, &target) > 0);
        if (value) {
                _cleanup_free_ char *text = strf("{\"v\":%s}", value);

                assert(json_parse(text, strlen(text), &v) == 0);
                json_object_object_add(target, key, json_object_get(json_object_object_get(v, "v")));
        } else
                json_object_object_del(target, key);

        if (drive_facts_from_json(o, &f) != -EBADMSG) {
                fprintf(stderr, "accepted: %s.%s = %s\n", strempty(object), key, strempty(value));
                assert(false);
        }
        assert(!f);
}

static void test_kname_freebsd(void)
{
        static const char *const yes[] = { "ada0", "ada12", "da0", "nvd1", "nda0", "vtbd3" }, *const no[] = {
                "sda", "sdada", "ada", "da", "dasda", "ada0p1", "nvme0n1", "dm-0", ""
        };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                assert(kname_is_freebsd(yes[i]) && kname_is_valid(yes[i]));
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                assert(!kname_is_freebsd(no[i]));
}

static void test_json_strict(void)
{
        check_refused(NULL, "kname", NULL);
        check_refused(NULL, "kname", "\"../../etc\"");
        check_refused(NULL, "kname", "\"sda; rm\"");
        check_refused(NULL, "kname", "7");
        check_refused(NULL, "by_id", "\"/dev/sda\"");
        check_refused(NULL, "bay", "7");
        check_refused(NULL, "bay", "\"a\\nb\"");
        check_refused(NULL, "by_id", "\"/dev/disk/by-id/../sda\"");
        check_refused(NULL, "transport", "\"sa\\nta\"");
        check_refused(NULL, "identity", NULL);
        check_refused(NULL, "identity", "[]");
        check_refused("identity", "serial", "\"a\\u0000b\"");
        check_refused("identity", "serial", "\"\"");
        check_refused("identity", "model", "{}");
        check_refused("identity", "size_bytes", "-1");
        check_refused("identity", "size_bytes", "\"1000\"");
        check_refused(NULL, "lock", NULL);
        check_refused("lock", "role", NULL);
        check_refused("lock", "role", "\"free\"");
        check_refused("lock", "role", "0");
        check_refused("lock", "used", NULL);
        check_refused("lock", "used", "0");
        check_refused("lock", "used", "\"no\"");
        check_refused("lock", "pool", "\"ta\\u001bnk\"");
        check_refused(NULL, "health", NULL);
        check_refused(NULL, "health", "\"good\"");
        check_refused(NULL, "logical_block_size", "4294967296");
        check_refused(NULL, "temperature_mdegc", "99999999999");
        check_refused(NULL, "rotational", "1");
        check_refused(NULL, "smart", "[]");
        check_refused("smart", "x", "\"a\\u0007\"");
        check_refused("smart", "x", "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}");

        _cleanup_free_ char *big = new (char, 3000);
        memset(big, 'x', 2999);
        big[2999] = 0;
        _cleanup_free_ char *quoted = strf("\"%s\"", big);
        check_refused("identity", "serial", quoted);
        check_refused("lock", "detail", quoted);
        check_refused("smart", "x", quoted);

        _cleanup_(drive_facts_freep) DriveFacts *f = NULL;
        assert(drive_facts_from_json(NULL, &f) == -EBADMSG);
}

static void test_kname(void)
{
        static const char *const good[] = { "sda", "nvme0n1", "md_d0", "dm-0", "a", "vda" }, *const bad[] = {
                "",
                "0sd",
                "SDA",
                "sd a",
                "sda-",
                "sda_",
                "-sda",
                "sd/a",
                "sd.a",
                "sda\n",
                "abcdefghijklmnopqrstuvwxyzabcdefg"
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert(kname_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(!kname_is_valid(bad[i]));
}

static void test_copies(void)
{
        const DriveIdentity i = { (char *) "0x1", (char *) "s", NULL, 5, (char *) "f" };
        const DriveLock l = {
                .role = LOCK_ACTIVE_POOL,
                .pool = (char *) "tank",
                .guid = (char *) "11",
                .used = true,
                .detail = (char *) "words",
        };
        _cleanup_(drive_identity_done) DriveIdentity j = { 0 };
        _cleanup_(drive_lock_done) DriveLock m = { 0 };

        assert(drive_identity_copy(&i, &j) == 0 && streq(j.wwn, "0x1") && !j.model && j.size_bytes == 5 &&
               j.wwn != i.wwn);
        assert(drive_lock_copy(&l, &m) == 0 && drive_lock_equal(&l, &m) && streq(m.detail, "words"));
        free_and_strdup(&m.detail, "other words");
        assert(drive_lock_equal(&l, &m));
        m.used = false;
        assert(!drive_lock_equal(&l, &m));
        m.used = true;
        free_and_strdup(&m.guid, "12");
        assert(!drive_lock_equal(&l, &m));
        free_and_strdup(&m.guid, NULL);
        assert(!drive_lock_equal(&l, &m));
}

int main(void)
{
        test_frames();
        test_host();
        test_smart();
        test_drives();
        test_identity();
        test_json_round_trip();
        test_json_strict();
        test_kname_freebsd();
        test_kname();
        test_copies();
        return 0;
}
