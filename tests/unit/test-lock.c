/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "facts-sample.h"

#define DISK(name, minor, more)                                                                             \
        "{\"name\":\"" name "\",\"kname\":\"" name "\",\"path\":\"/dev/" name "\",\"maj:min\":\"8:" minor   \
        "\",\"type\":\"disk\",\"size\":1000204886016" more "}"
#define PART(name, minor, more)                                                                             \
        "{\"name\":\"" name "\",\"kname\":\"" name "\",\"path\":\"/dev/" name "\",\"maj:min\":\"8:" minor   \
        "\",\"type\":\"part\",\"size\":1000000000000" more "}"
#define VOLUME(name, kname, minor, type, more)                                                              \
        "{\"name\":\"" name "\",\"kname\":\"" kname "\",\"path\":\"/dev/mapper/" name                       \
        "\",\"maj:min\":\"253:" minor "\",\"type\":\"" type "\",\"size\":1000" more "}"
#define FSTYPE(t)       ",\"fstype\":\"" t "\""
#define ZFS(name, guid) FSTYPE("zfs_member") ",\"label\":\"" name "\",\"uuid\":\"" guid "\""
#define CHILDREN(list)  ",\"children\":[" list "]"
#define TREE(list)      "{\"blockdevices\":[" list "]}"

#define POOL(name)        name "\t240M\t154K\t240M\t-\t-\t5%\t0%\t1.00x\tONLINE\t-\n"
#define VDEV(path, state) "\t" path "\t246M\t-\t-\t-\t-\t-\t-\t-\t" state "\n"
#define SECTION(name)     name "               -      -      -        -         -      -      -      -  -\n"

static const Sample nothing = {
        .host = SAMPLE_HOST,
        .zpool = "",
        .zpool_guid = "",
        .mountinfo = "22 1 0:21 / / rw - tmpfs tmpfs rw",
        .swaps = SAMPLE_SWAPS,
        .holders = "",
        .openers = "",
};

static void check(const HostFacts *h, const char *kname, LockRole role, const char *pool, const char *detail)
{
        const DriveLock *l = &facts_find(h, kname)->lock;

        if (l->role != role || !streq_ptr(l->pool, pool) ||
            (detail && !strstr(strempty(l->detail), detail))) {
                fprintf(stderr, "%s: %s pool=%s detail=%s error=%s\n", kname, lock_role_to_string(l->role),
                        strempty(l->pool), strempty(l->detail), strempty(h->detection_error));
                assert(false);
        }
        assert((l->role == LOCK_NONE) == !l->detail);
        assert(l->used || l->role < LOCK_MOUNTED);
        assert(!l->used || l->role >= LOCK_STORAGE_MEMBER);
}

/* The captured machine: a mirror by partitions, an exported pool, a mounted disk, a physical volume, free ones. */
static void test_captured(void)
{
        _cleanup_free_ char *lsblk = sample_read("lsblk-O.json", NULL),
                            *zpool = sample_read("zpool-list-vHP.txt", NULL),
                            *swaps = sample_read("proc-swaps.txt", NULL);
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        Sample s = nothing;

        s.lsblk = lsblk;
        s.zpool = zpool;
        s.zpool_guid = "tank\t2134269116214660873\n";
        s.mountinfo = SAMPLE_ROOT "\n40 22 8:48 / /srv/data rw shared:2 - ext4 /dev/sdd rw\n"
                                  "41 22 0:40 / /tank rw - zfs tank rw";
        h = sample_parse(&s, false);

        assert(!h->detection_error && h->n_drives == 10);
        check(h, "sda", LOCK_ACTIVE_POOL, "tank", "active ZFS pool tank");
        check(h, "sdb", LOCK_ACTIVE_POOL, "tank", NULL);
        assert(streq(facts_find(h, "sdb")->lock.guid, "2134269116214660873"));
        check(h, "sdc", LOCK_EXPORTED_POOL, "vault", "exported");
        check(h, "sdd", LOCK_MOUNTED, NULL, "mounted at /srv/data");
        check(h, "sde", LOCK_STORAGE_MEMBER, NULL, "LVM2_member");
        check(h, "sdf", LOCK_NONE, NULL, NULL);
        check(h, "sdg", LOCK_NONE, NULL, NULL);
        check(h, "vda", LOCK_MOUNTED, NULL, "mounted at /");
        check(h, "nvme0n1", LOCK_NONE, NULL, NULL);
        (void) swaps;
}

#define TWO_ZFS                                                                                             \
        TREE(DISK("sda", "0", CHILDREN(PART("sda1", "1", ZFS("tank", "11")))) "," DISK(                     \
                        "sdb", "16",                                                                        \
                        CHILDREN(PART("sdb1", "17",                                                         \
                                      ZFS("vault", "22")))) "," DISK("sdc", "32",                           \
                                                                     "") "," DISK("sdd", "48",              \
                                                                                  ",\"pttype\":\"gpt\""))

static void test_pools(void)
{
        _cleanup_(host_facts_freep) HostFacts *boot = NULL, *imported = NULL, *labels = NULL;
        Sample s = nothing;

        /* Boot pools by name; sections and interior devices; spares count too. */
        s.lsblk = TWO_ZFS;
        s.zpool = POOL("rpool") VDEV("mirror-0", "ONLINE") VDEV("/dev/sda1", "ONLINE") SECTION("logs")
                        VDEV("/dev/sdc", "ONLINE") SECTION("spare") VDEV("/dev/sdd", "AVAIL");
        s.zpool_guid = "rpool\t33\n";
        boot = sample_parse(&s, false);
        assert(!boot->detection_error);
        check(boot, "sda", LOCK_BOOT_POOL, "rpool", NULL);
        check(boot, "sdb", LOCK_EXPORTED_POOL, "vault", NULL);
        check(boot, "sdc", LOCK_BOOT_POOL, "rpool", NULL);
        check(boot, "sdd", LOCK_BOOT_POOL, "rpool", NULL);

        /* No module, no command: nothing is active, a label is an exported pool. */
        s = nothing;
        s.host = "boot_id=x\nzfs=0";
        s.lsblk = TWO_ZFS;
        s.zpool = "absent";
        s.zpool_guid = "absent";
        imported = sample_parse(&s, false);
        assert(!imported->detection_error);
        check(imported, "sda", LOCK_EXPORTED_POOL, "tank", NULL);
        check(imported, "sdc", LOCK_NONE, NULL, NULL);
        check(imported, "sdd", LOCK_EXISTING_DATA, NULL, "gpt partition table");

        /* A pool whose member was found by its label alone. */
        s = nothing;
        s.lsblk = TWO_ZFS;
        s.zpool = POOL("tank") VDEV("/dev/disk/by-path/pci-0000", "UNAVAIL");
        s.zpool_guid = "tank\t11\n";
        labels = sample_parse(&s, false);
        assert(!labels->detection_error);
        check(labels, "sda", LOCK_ACTIVE_POOL, "tank", NULL);
        check(labels, "sdb", LOCK_EXPORTED_POOL, "vault", NULL);
        check(labels, "sdc", LOCK_NONE, NULL, NULL);
}

/* Nothing is started over a scrub or a resilver; what is not understood is no failure of the locks. */
static void test_pool_activity(void)
{
        _cleanup_(host_facts_freep) HostFacts *resilver = NULL, *strange = NULL;
        Sample s = nothing;

        s.lsblk = TWO_ZFS;
        s.zpool = POOL("tank") VDEV("/dev/sda", "ONLINE");
        s.zpool_guid = "tank\t11\n";
        s.zpool_activity = "resilver\ttank\n";
        resilver = sample_parse(&s, false);
        check(resilver, "sda", LOCK_ACTIVE_POOL, "tank",
              "member of the active ZFS pool tank, which resilvers");
        assert(facts_find(resilver, "sda")->lock.activity == STORAGE_RESILVER);
        assert(facts_find(resilver, "sdc")->lock.activity == STORAGE_IDLE);

        s.zpool_activity = "something new";
        strange = sample_parse(&s, false);
        assert(!strange->detection_error && facts_find(strange, "sda")->lock.activity == STORAGE_IDLE);
        check(strange, "sda", LOCK_ACTIVE_POOL, "tank", NULL);
}

#define MD9 CHILDREN(VOLUME("md9", "md9", "9", "raid1", ""))

static void check_activity(const HostFacts *h, const char *kname, StorageActivity activity, const char *of)
{
        const DriveLock *l = &facts_find(h, kname)->lock;

        assert(l->activity == activity && streq_ptr(l->activity_of, of));
}

/* Of arrays and file systems, as of pools: of the drives below alone, and no lock depends on it. */
static void test_activities(void)
{
        _cleanup_(host_facts_freep) HostFacts *busy = NULL, *strange = NULL;
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_(drive_facts_freep) DriveFacts *told = NULL;
        Sample s = nothing;

        s.lsblk = TREE(DISK("sda", "0", FSTYPE("linux_raid_member") MD9) "," DISK(
                        "sdb", "16",
                        CHILDREN(PART("sdb1", "17",
                                      FSTYPE("linux_raid_member")
                                                      MD9))) "," DISK("sdc", "32",
                                                                      FSTYPE("btrfs")) "," DISK("sdd", "48",
                                                                                                "") "," DISK("sde",
                                                                                                             "64",
                                                                                                             ZFS("tank",
                                                                                                                 "11")));
        s.mountinfo = "22 1 0:21 / / rw - tmpfs tmpfs rw\n40 22 0:32 / /mnt/b rw shared:2 - btrfs /dev/sdc rw\n41 22 253:9 / /raid rw - xfs /dev/md9 rw";
        s.zpool = POOL("tank") VDEV("/dev/sde", "ONLINE") VDEV("/dev/sdb", "ONLINE");
        s.zpool_guid = "tank\t11\n";
        s.zpool_activity = "scrub\ttank\n";
        s.activity = "check sda md array md9\ncheck sdb1 md array md9\nscrub sdc btrfs file system 429e5405-f471\nresync md7 md array md7\n";
        busy = sample_parse(&s, false);
        check(busy, "sda", LOCK_MOUNTED, NULL,
              "mounted at /raid (by way of md9); a check of md array md9 goes on");
        check_activity(busy, "sda", STORAGE_CHECK, "md array md9");
        check_activity(busy, "sdb", STORAGE_SCRUB, "pool tank");
        check(busy, "sdb", LOCK_ACTIVE_POOL, "tank", "a check of md array md9 goes on");
        check(busy, "sdc", LOCK_MOUNTED, NULL, "a scrub of btrfs file system 429e5405-f471 goes on");
        check_activity(busy, "sdc", STORAGE_SCRUB, "btrfs file system 429e5405-f471");
        check_activity(busy, "sdd", STORAGE_IDLE, NULL);
        check_activity(busy, "sde", STORAGE_SCRUB, "pool tank");

        o = drive_facts_to_json(facts_find(busy, "sda"));
        assert(o && drive_facts_from_json(o, &told) == 0);
        assert(told->lock.activity == STORAGE_CHECK && streq(told->lock.activity_of, "md array md9"));
        assert(drive_facts_equal(told, facts_find(busy, "sda")));
        told->lock.activity = STORAGE_IDLE;
        assert(!drive_facts_equal(told, facts_find(busy, "sda")));

        s.activity = "idle sda md array md9\nwho knows\n";
        strange = sample_parse(&s, false);
        assert(!strange->detection_error);
        check_activity(strange, "sda", STORAGE_IDLE, NULL);
}

/* What a stronger use of a drive says does not make another's activity forgotten. */
static void test_activity_of_another_pool(void)
{
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        Sample s = nothing;

        s.lsblk = TREE(DISK("sda", "0", CHILDREN(PART("sda1", "1", "") "," PART("sda2", "2", ""))));
        s.zpool = POOL("tank") VDEV("/dev/sda2", "ONLINE") POOL("rpool") VDEV("/dev/sda1", "ONLINE");
        s.zpool_guid = "rpool\t33\ntank\t11\n";
        s.zpool_activity = "scrub\ttank\n";
        h = sample_parse(&s, false);
        check(h, "sda", LOCK_BOOT_POOL, "rpool", NULL);
        check_activity(h, "sda", STORAGE_SCRUB, "pool tank");
}

static void test_pool_in_doubt(void)
{
        _cleanup_(host_facts_freep) HostFacts *lost = NULL, *no_guid = NULL, *absent = NULL, *failed = NULL;
        Sample s = nothing;

        /* A member that is online and nowhere to be found: nobody knows which drive it is. */
        s.lsblk = TWO_ZFS;
        s.zpool = POOL("tank") VDEV("/dev/disk/by-path/pci-0000", "ONLINE");
        s.zpool_guid = "tank\t99\n";
        lost = sample_parse(&s, false);
        assert(strstr(lost->detection_error, "/dev/disk/by-path/pci-0000"));
        check(lost, "sda", LOCK_EXPORTED_POOL, "tank", NULL);
        check(lost, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);
        check(lost, "sdd", LOCK_EXISTING_DATA, NULL, NULL);

        /* The same without the guid: each ZFS drive may be it. */
        s.zpool_guid = "";
        s.zpool = POOL("tank") VDEV("12345678901234567", "UNAVAIL");
        no_guid = sample_parse(&s, false);
        assert(!no_guid->detection_error);
        check(no_guid, "sda", LOCK_ACTIVE_POOL, "tank", "perhaps of the active pool");
        check(no_guid, "sdb", LOCK_ACTIVE_POOL, "tank", "perhaps of the active pool");
        check(no_guid, "sdc", LOCK_NONE, NULL, NULL);

        /* The module is there and the command is not. */
        s.zpool = "absent";
        absent = sample_parse(&s, false);
        assert(strstr(absent->detection_error, "zpool: not available"));
        check(absent, "sda", LOCK_EXPORTED_POOL, "tank", NULL);
        check(absent, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);

        s.zpool = "zpool: something new and strange";
        failed = sample_parse(&s, false);
        assert(strstr(failed->detection_error, "not understood"));
        check(failed, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);
}

/* All the names that a member may go by. */
static void test_pool_paths(void)
{
        static const char *const paths[] = {
                "/dev/sda1",
                "sda1",
                "/dev/disk/by-partuuid/E87F9D5C-ab21-1948-b160-5f6fb4035b5f",
                "/dev/disk/by-id/ata-WDC_WD80EFAX_1-part1",
                "/dev/disk/by-id/ata-WDC_WD80EFAX_1",
                "ata-WDC_WD80EFAX_1-part1",
                "/dev/mapper/crypt-a",
                "/dev/dm-0",
                "/dev/vg-0/data",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *zpool =
                                strf("%s\t%s\t1\t-\t-\t-\t-\t-\t-\t-\tONLINE\n", POOL("tank"), paths[i]);
                _cleanup_(host_facts_freep) HostFacts *h = NULL;
                Sample s = nothing;

                s.lsblk = TREE(DISK(
                                "sda", "0",
                                CHILDREN(PART("sda1", "1",
                                              ",\"partuuid\":\"e87f9d5c-ab21-1948-b160-5f6fb4035b5f\"" CHILDREN(
                                                              VOLUME("crypt-a", "dm-0", "0", "crypt",
                                                                     "") "," VOLUME("vg--0-data", "dm-1",
                                                                                    "1", "lvm",
                                                                                    ""))))) "," DISK("sdb",
                                                                                                     "16",
                                                                                                     ""));
                s.by_id = "sda ata-WDC_WD80EFAX_1\nsdb ata-WDC_WD80EFAX_12\n";
                s.zpool = zpool;
                s.zpool_guid = "tank\t11\n";
                h = sample_parse(&s, false);
                assert(!h->detection_error);
                check(h, "sda", LOCK_ACTIVE_POOL, "tank", NULL);
                check(h, "sdb", LOCK_NONE, NULL, NULL);
        }
}

static void test_mounts(void)
{
        _cleanup_(host_facts_freep) HostFacts *h = NULL, *lost = NULL, *garbage = NULL;
        Sample s = nothing;

        s.lsblk =
                        TREE(
                                        DISK(
                                                        "sda", "0",
                                                        FSTYPE(
                                                                        "btrfs") ",\"uuid\":\"b1\"") "," DISK("sdb", "16", FSTYPE("btrfs") ",\"uuid\":\"b1\"") "," DISK("sdc", "32", FSTYPE("btrfs") ",\"uuid\":\"b2\"") "," DISK("sdd", "48", CHILDREN(PART("sdd1", "49", FSTYPE("LVM2_member") CHILDREN(VOLUME("vg0-root", "dm-0", "0", "lvm", FSTYPE("ext4")))))) "," DISK("sde",
                                                                                                                                                                                                                                                                                                                                                                              "64",
                                                                                                                                                                                                                                                                                                                                                                              CHILDREN(PART("sde1", "65",
                                                                                                                                                                                                                                                                                                                                                                                            FSTYPE("linux_raid_member")
                                                                                                                                                                                                                                                                                                                                                                                                            CHILDREN(
                                                                                                                                                                                                                                                                                                                                                                                                                            VOLUME("md0", "md0", "9",
                                                                                                                                                                                                                                                                                                                                                                                                                                   "raid1",
                                                                                                                                                                                                                                                                                                                                                                                                                                   FSTYPE(
                                                                                                                                                                                                                                                                                                                                                                                                                                                   "xfs")))))) "," DISK("sdf",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "80",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                        CHILDREN(PART("sdf1",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "81",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      FSTYPE("linux_raid_member") CHILDREN(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      VOLUME("md0",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "md0",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "9",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "raid1", FSTYPE("xfs")))))) "," DISK("sdg", "96",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  CHILDREN(PART(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "sdg1",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "97", FSTYPE("swap")) "," PART("sdg2",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 "98",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 ""))) "," DISK("sdh",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                "112",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                CHILDREN(PART("sdh1", "113", FSTYPE("ntfs")))) "," DISK("sdi",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "128",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        CHILDREN(PART("sdi1", "129", FSTYPE("linux_raid_member")))));
        s.mountinfo = "20 1 0:33 /sub /mnt/my\\040data rw - btrfs /dev/sda rw\n"
                      "21 1 253:0 / / rw shared:1 - ext4 /dev/mapper/vg0-root rw\n"
                      "22 1 253:9 / /raid rw - xfs /dev/md0 rw\n"
                      "23 1 8:113 / /usb rw - fuseblk /dev/sdh1 rw\n"
                      "24 1 0:50 / /fuse rw - fuse.thing /dev/fuse rw\n"
                      "25 1 1:0 / /ram rw - ext4 /dev/ram0 rw\n"
                      "26 1 0:51 / /empty rw - tmpfs  rw";
        s.swaps = SAMPLE_SWAPS "\n/dev/sdg1                               partition\t1\t0\t-2\n"
                               "/swapfile                               file\t1\t0\t-3";
        h = sample_parse(&s, false);
        assert(!h->detection_error);
        check(h, "sda", LOCK_MOUNTED, NULL, "mounted at /mnt/my data");
        check(h, "sdb", LOCK_MOUNTED, NULL, "part of the btrfs file system mounted at /mnt/my data");
        check(h, "sdc", LOCK_EXISTING_DATA, NULL, "btrfs");
        check(h, "sdd", LOCK_MOUNTED, NULL, "mounted at / (by way of vg0-root)");
        check(h, "sde", LOCK_MOUNTED, NULL, "/raid");
        check(h, "sdf", LOCK_MOUNTED, NULL, "/raid");
        check(h, "sdg", LOCK_MOUNTED, NULL, "swap on sdg1");
        check(h, "sdh", LOCK_MOUNTED, NULL, "/usb");
        check(h, "sdi", LOCK_STORAGE_MEMBER, NULL, "linux_raid_member");

        /* A file system on a device that is nobody's: it may be anybody's. */
        s = nothing;
        s.lsblk = TREE(DISK("sda", "0", ""));
        s.mountinfo = "21 1 259:7 / / rw - ext4 /dev/nvme9n1p7 rw";
        lost = sample_parse(&s, false);
        assert(strstr(lost->detection_error, "259:7"));
        check(lost, "sda", LOCK_UNCLASSIFIED, NULL, NULL);

        s.mountinfo = "not a mountinfo";
        garbage = sample_parse(&s, false);
        assert(strstr(garbage->detection_error, "mountinfo"));
        check(garbage, "sda", LOCK_UNCLASSIFIED, NULL, NULL);
}

static void test_signatures(void)
{
        static const struct {
                const char *type;
                LockRole role;
        } table[] = {
                { "LVM2_member", LOCK_STORAGE_MEMBER },
                { "linux_raid_member", LOCK_STORAGE_MEMBER },
                { "crypto_LUKS", LOCK_STORAGE_MEMBER },
                { "mpath_member", LOCK_STORAGE_MEMBER },
                { "bcache", LOCK_STORAGE_MEMBER },
                { "ceph_bluestore", LOCK_STORAGE_MEMBER },
                { "drbd", LOCK_STORAGE_MEMBER },
                { "isw_raid_member", LOCK_STORAGE_MEMBER },
                { "ddf_raid_member", LOCK_STORAGE_MEMBER },
                { "VMFS_volume_member", LOCK_STORAGE_MEMBER },
                { "ext4", LOCK_EXISTING_DATA },
                { "ntfs", LOCK_EXISTING_DATA },
                { "iso9660", LOCK_EXISTING_DATA },
                { "something_new", LOCK_EXISTING_DATA },
                { "zfs_member", LOCK_EXPORTED_POOL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                for (int on_partition = 0; on_partition < 2; on_partition++) {
                        _cleanup_free_ char *lsblk = NULL;
                        _cleanup_(host_facts_freep) HostFacts *h = NULL;
                        Sample s = nothing;

                        lsblk = strf(on_partition ? TREE(DISK("sda", "0",
                                                              CHILDREN(PART("sda1", "1", FSTYPE("%s")))))
                                                  : TREE(DISK("sda", "0", FSTYPE("%s"))),
                                     table[i].type);
                        s.lsblk = lsblk;
                        h = sample_parse(&s, false);
                        check(h, "sda", table[i].role, NULL, NULL);
                }

        /* An empty partition is data as well. */
        _cleanup_(host_facts_freep) HostFacts *h = NULL;
        Sample s = nothing;

        s.lsblk = TREE(DISK("sda", "0", CHILDREN(PART("sda1", "1", ""))));
        h = sample_parse(&s, false);
        check(h, "sda", LOCK_EXISTING_DATA, NULL, "partition sda1");
}

static void test_holders_and_openers(void)
{
        _cleanup_(host_facts_freep) HostFacts *h = NULL, *unknown = NULL, *garbage = NULL;
        Sample s = nothing;

        s.lsblk = TREE(DISK("sda", "0", CHILDREN(PART("sda1", "1", ""))) "," DISK("sdb", "16", "") "," DISK(
                        "sdc", "32", "") "," DISK("sdd", "48", ZFS("tank", "11")) "," DISK("sde", "64",
                                                                                           FSTYPE("ext4")));
        s.zpool = POOL("tank") VDEV("/dev/sdd", "ONLINE");
        s.zpool_guid = "tank\t11\n";
        s.holders = "sda1 dm-0 dm-1\n";
        s.openers = "8:16 812 qemu-system-x86\n8:17 1 x\n8:1 5 dmeventd\n8:48 77 zed thing\n8:64 9 dd\n";
        h = sample_parse(&s, false);
        check(h, "sda", LOCK_STORAGE_MEMBER, NULL, "held by dm-0 dm-1");
        check(h, "sda", LOCK_STORAGE_MEMBER, NULL, "open in dmeventd (pid 5)");
        check(h, "sdb", LOCK_IN_USE, NULL, "open in qemu-system-x86 (pid 812)");
        check(h, "sdd", LOCK_ACTIVE_POOL, "tank", "open in zed thing (pid 77)");
        check(h, "sde", LOCK_IN_USE, NULL, "open in dd (pid 9)");
        /* 8:17 is a device that lsblk does not know. */
        assert(strstr(h->detection_error, "8:17"));
        check(h, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);

        s.openers = "";
        s.holders = "sdz1 dm-0";
        unknown = sample_parse(&s, false);
        assert(strstr(unknown->detection_error, "sdz1"));
        check(unknown, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);

        s.holders = "";
        s.openers = "8:16 notapid x";
        garbage = sample_parse(&s, false);
        assert(strstr(garbage->detection_error, "openers"));
        check(garbage, "sdc", LOCK_UNCLASSIFIED, NULL, NULL);
}

/* Each detector alone, left out or failing, and nothing comes out free. */
static void test_closed(void)
{
        static const size_t detectors[] = { offsetof(Sample, zpool),   offsetof(Sample, mountinfo),
                                            offsetof(Sample, swaps),   offsetof(Sample, holders),
                                            offsetof(Sample, openers), offsetof(Sample, zpool_guid) };
        static const char *const names[] = { "zpool",   "mountinfo", "swaps",
                                             "holders", "openers",   "zpool-guid" };

        for (size_t i = 0; i < ELEMENTSOF(detectors); i++) {
                _cleanup_free_ char *failed =
                                strf("=" NONCE " begin %s\n\n=" NONCE " end %s 1\n", names[i], names[i]);
                _cleanup_(host_facts_freep) HostFacts *missing = NULL, *error = NULL, *whole = NULL;
                Sample s = nothing;

                s.lsblk = TREE(DISK("sda", "0", ""));
                whole = sample_parse(&s, false);
                assert(!whole->detection_error);
                check(whole, "sda", LOCK_NONE, NULL, NULL);

                *(const char **) ((char *) &s + detectors[i]) = NULL;
                missing = sample_parse(&s, false);
                assert(strstr(missing->detection_error, names[i]));
                check(missing, "sda", LOCK_UNCLASSIFIED, NULL, NULL);

                s.extra = failed;
                error = sample_parse(&s, false);
                assert(strstr(error->detection_error, "status 1"));
                check(error, "sda", LOCK_UNCLASSIFIED, NULL, NULL);
        }
}

static void test_probe(void)
{
        static const struct {
                const char *frame;
                LockRole role;
                bool error;
        } table[] = {
                { "=" NONCE " begin probe sda\n\n=" NONCE " end probe sda 2\n", LOCK_NONE, false },
                { "=" NONCE " begin probe sda\nDEVNAME=/dev/sda\nPTTYPE=dos\n=" NONCE " end probe sda 0\n",
                  LOCK_EXISTING_DATA, false },
                { "=" NONCE " begin probe sda\nDEVNAME=/dev/sda\nTYPE=ext4\n=" NONCE " end probe sda 0\n",
                  LOCK_EXISTING_DATA, false },
                { "=" NONCE
                  " begin probe sda\nDEVNAME=/dev/sda\nPTTYPE=gpt\n\nDEVNAME=/dev/sda1\nTYPE=zfs_member\nUUID=11\n"
                  "LABEL=tank\n=" NONCE " end probe sda 0\n",
                  LOCK_ACTIVE_POOL, false },
                { "=" NONCE
                  " begin probe sda\nDEVNAME=/dev/sda\nTYPE=crypto_LUKS\nDEVNAME=/dev/sda1\nTYPE=ext4\n=" NONCE
                  " end probe sda 0\n",
                  LOCK_STORAGE_MEMBER, false },
                { "=" NONCE " begin probe sda\n\n=" NONCE " end probe sda 8\n", LOCK_EXISTING_DATA, false },
                { "=" NONCE " begin probe sda\n\n=" NONCE " end probe sda 4\n", LOCK_UNCLASSIFIED, true },
                { "=" NONCE " begin probe sda\n\n=" NONCE " end probe sda absent\n", LOCK_UNCLASSIFIED,
                  true },
                { "=" NONCE " begin probe sda\nwhat is this\n=" NONCE " end probe sda 0\n",
                  LOCK_UNCLASSIFIED, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(host_facts_freep) HostFacts *h = NULL;
                Sample s = nothing;

                s.lsblk = TREE(DISK("sda", "0", "") "," DISK("sdb", "16", ZFS("tank", "11")));
                s.zpool = POOL("tank") VDEV("/dev/sdb", "ONLINE");
                s.zpool_guid = "tank\t11\n";
                s.extra = table[i].frame;
                h = sample_parse(&s, false);
                check(h, "sda", table[i].role, table[i].role == LOCK_ACTIVE_POOL ? "tank" : NULL, NULL);
                assert(!!h->detection_error == table[i].error);
        }
}

static void test_tokens(void)
{
        static const char *const tokens[_LOCK_ROLE_MAX] = {
                [LOCK_EXISTING_DATA] = "DESTROY EXISTING DATA",
                [LOCK_EXPORTED_POOL] = "DESTROY EXPORTED POOL",
                [LOCK_STORAGE_MEMBER] = "DESTROY STORAGE MEMBER",
                [LOCK_MOUNTED] = "DESTROY MOUNTED FILESYSTEM",
                [LOCK_ACTIVE_POOL] = "tank",
                [LOCK_BOOT_POOL] = "DESTROY BOOT POOL",
        };

        for (int role = 0; role < _LOCK_ROLE_MAX; role++) {
                DriveLock l = { .role = (LockRole) role, .pool = (char *) "tank" };

                assert(streq_ptr(drive_lock_token(&l), tokens[role]));
        }
        assert(!drive_lock_token(&(DriveLock){ .role = LOCK_ACTIVE_POOL }));
        assert(!drive_lock_token(&(DriveLock){ .role = _LOCK_ROLE_INVALID }));
}

/* What only carries a signature and is open in somebody has a user that nobody can take it from, such as a virtual machine; what is
 * held says who that is. */
static void test_signature_that_is_open(void)
{
        _cleanup_(host_facts_freep) HostFacts *closed = NULL, *open = NULL, *held = NULL;
        Sample s = nothing;

        s.lsblk = TREE(DISK("sda", "0", FSTYPE("crypto_LUKS")));
        closed = sample_parse(&s, false);
        check(closed, "sda", LOCK_STORAGE_MEMBER, NULL, "crypto_LUKS");
        assert(!facts_find(closed, "sda")->lock.used);

        s.openers = "8:0 812 qemu\n";
        open = sample_parse(&s, false);
        check(open, "sda", LOCK_IN_USE, NULL, "open in qemu");

        s.holders = "sda dm-0\n";
        held = sample_parse(&s, false);
        check(held, "sda", LOCK_STORAGE_MEMBER, NULL, "held by dm-0");
        assert(facts_find(held, "sda")->lock.used);
}

int main(void)
{
        test_captured();
        test_signature_that_is_open();
        test_pools();
        test_pool_activity();
        test_activities();
        test_activity_of_another_pool();
        test_pool_in_doubt();
        test_pool_paths();
        test_mounts();
        test_signatures();
        test_holders_and_openers();
        test_closed();
        test_probe();
        test_tokens();
        return 0;
}
