/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "basic/strv.h"
#include "parse/lsblk.h"
#include "parse/mountinfo.h"
#include "parse/zpool.h"
#include "test-util.h"

static int collect(BlockDevice *drive, void *userdata)
{
        return strv_extend(userdata, drive->kname);
}

static void check_drives(BlockTree *t, const char *kname, const char *expected)
{
        _cleanup_strv_free_ char **l = NULL;
        _cleanup_free_ char *joined = NULL;

        assert(block_tree_visit_drives(t, block_tree_find(t, kname), collect, &l) == 0);
        joined = strv_join(l, " ");
        if (!streq(joined, expected)) {
                fprintf(stderr, "%s: %s, not %s\n", kname, joined, expected);
                assert(false);
        }
}

static void test_captured(void)
{
        static const char *const samples[] = { "lsblk.json", "lsblk-O.json" };

        for (size_t i = 0; i < ELEMENTSOF(samples); i++) {
                _cleanup_(block_tree_done) BlockTree t = { 0 };
                _cleanup_free_ char *text = NULL;
                size_t size;

                text = sample_read(samples[i], &size);
                assert(lsblk_parse(text, size, &t) == 0);
                assert(t.n_devices == 17);
                assert(streq(block_tree_find(&t, "sda1")->fstype, "zfs_member"));
                assert(block_tree_find(&t, "sdh")->size_bytes == 67108864);
                assert(streq(block_tree_find_path(&t, "/dev/nvme0n1")->serial, "NVME0001"));
                check_drives(&t, "sdb9", "sdb");
                check_drives(&t, "sdb", "sdb");
                assert(!block_tree_find(&t, "sdz"));
        }
}

static void test_graph(void)
{
        /* The same array below two partitions; a flat list of an old version, too. */
        static const char nested[] =
                        "{\"blockdevices\":[{\"name\":\"sda\",\"kname\":\"sda\",\"children\":[{\"name\":\"sda1\",\"kname\":\"sda1\","
                        "\"children\":[{\"name\":\"md0\",\"kname\":\"md0\",\"children\":[{\"name\":\"vg-lv\",\"kname\":\"dm-0\"}]}]}]},"
                        "{\"name\":\"sdb\",\"kname\":\"sdb\",\"children\":[{\"name\":\"md0\",\"kname\":\"md0\"}]}]}";
        static const char flat[] =
                        "{\"blockdevices\":[{\"name\":\"sda\",\"kname\":\"sda\",\"pkname\":null},{\"name\":\"sda1\",\"kname\":\"sda1\","
                        "\"pkname\":\"sda\"},{\"name\":\"md0\",\"kname\":\"md0\",\"pkname\":\"sda1\"},{\"name\":\"md0\",\"kname\":\"md0\","
                        "\"pkname\":\"sdb\"},{\"name\":\"sdb\",\"kname\":\"sdb\"},{\"name\":\"vg-lv\",\"kname\":\"dm-0\",\"pkname\":\"md0\"}]}";
        /* Two that claim to lie on each other end nowhere, and end. */
        static const char cycle[] =
                        "{\"blockdevices\":[{\"name\":\"a\",\"kname\":\"a\",\"pkname\":\"b\"},{\"name\":\"b\",\"kname\":\"b\","
                        "\"pkname\":\"a\"},{\"name\":\"c\",\"kname\":\"c\",\"pkname\":\"c\"}]}";
        _cleanup_(block_tree_done) BlockTree n = { 0 }, f = { 0 }, c = { 0 };

        assert(lsblk_parse(nested, strlen(nested), &n) == 0 && n.n_devices == 5);
        check_drives(&n, "dm-0", "sdb sda");
        assert(lsblk_parse(flat, strlen(flat), &f) == 0 && f.n_devices == 5);
        check_drives(&f, "dm-0", "sdb sda");
        check_drives(&f, "sda1", "sda");
        assert(lsblk_parse(cycle, strlen(cycle), &c) == 0);
        check_drives(&c, "a", "");
        check_drives(&c, "c", "c");
}

static void test_garbage(void)
{
        static const char *const texts[] = {
                "",
                "lsblk: unrecognized option: J",
                "[]",
                "{}",
                "{\"blockdevices\":{}}",
                "{\"blockdevices\":[1]}",
                "{\"blockdevices\":[{\"name\":\"sda\"}]}",
                "{\"blockdevices\":[{\"name\":\"sda\",\"kname\":7}]}",
                "{\"blockdevices\":[{\"name\":\"sda\",\"kname\":\"sda\",\"children\":{}}]}",
                "{\"blockdevices\":[",
        };
        BlockTree t;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert(lsblk_parse(texts[i], strlen(texts[i]), &t) == -EBADMSG);

        /* A label that someone wrote in another encoding hides nothing. */
        static const char latin1[] =
                        "{\"blockdevices\":[{\"name\":\"sda\",\"kname\":\"sda\",\"label\":\"Gr\xf6\xdf"
                        "e\",\"maj:min\":\"x\"}]}";
        _cleanup_(block_tree_done) BlockTree l = { 0 };

        assert(lsblk_parse(latin1, strlen(latin1), &l) == 0);
        assert(streq(l.devices[0].label, "Gr??e") && !l.devices[0].have_number);
}

static void test_zpool(void)
{
        static const char text[] =
                        "tank\t240M\t154K\t240M\t-\t-\t5%\t0%\t1.00x\tONLINE\t-\n"
                        "\traidz2-0\t240M\t154K\t240M\t-\t-\t5%\t0.06%\t-\tDEGRADED\n"
                        "\t/dev/sda1\t246M\t-\t-\t-\t-\t-\t-\t-\tONLINE\n"
                        "\t1234567890\t-\t-\t-\t-\t-\t-\t-\t-\tUNAVAIL\n"
                        "special                -      -      -        -         -      -      -      -  -\n"
                        "\t/dev/nvme0n1p1\t1\t-\t-\t-\t-\t-\t-\t-\tONLINE\n"
                        "logs                   -      -      -        -         -      -      -      -  -\n"
                        "\t  /dev/nvme0n1p2\t1\t-\t-\t-\t-\t-\t-\t-\tONLINE\n"
                        "backup\t1T\t0\t1T\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n"
                        "\t/dev/disk/by-partuuid/x\t1T\t-\t-\t-\t-\t-\t-\t-\tREMOVED\n";
        static const char *const bad[] = { "tank is fine", "\t/dev/sda1\t1\n", "ta;nk\t1\t2\n", "\t\n",
                                           "error: x\ty\n" };
        _cleanup_(pool_list_done) PoolList l = { 0 }, captured = { 0 }, none = { 0 };
        _cleanup_free_ char *sample = NULL;
        size_t size;

        assert(zpool_list_parse(text, strlen(text), &l) == 0);
        assert(l.n_pools == 2 && l.n_vdevs == 5);
        assert(streq(l.vdevs[0].path, "/dev/sda1") && !l.vdevs[0].missing && l.vdevs[0].pool == 0);
        assert(streq(l.vdevs[1].path, "1234567890") && l.vdevs[1].missing);
        assert(streq(l.vdevs[3].path, "/dev/nvme0n1p2"));
        assert(l.vdevs[4].pool == 1 && l.vdevs[4].missing);

        assert(zpool_guid_parse("tank\t15\nnew\t16\n", 15, &l) == 0);
        assert(streq(l.pools[0].guid, "15") && !l.pools[1].guid && l.n_pools == 3 &&
               streq(l.pools[2].guid, "16"));
        assert(zpool_guid_parse("tank\tx\n", 7, &l) == -EBADMSG);
        assert(zpool_guid_parse("tank\n", 5, &l) == -EBADMSG);

        assert(zpool_activity_parse("resilver\tnew\nscrub\tgone\n", 24, &l) == 0);
        assert(l.n_pools == 3 && l.pools[0].activity == STORAGE_IDLE &&
               l.pools[2].activity == STORAGE_RESILVER);
        assert(zpool_activity_parse("scrub\ttank", 10, &l) == 0 && l.pools[0].activity == STORAGE_SCRUB);
        assert(zpool_activity_parse("trim\ttank\n", 10, &l) == -EBADMSG);
        assert(zpool_activity_parse("scrub\n", 6, &l) == -EBADMSG);
        assert(zpool_activity_parse("scrub\tta\0k", 10, &l) == -EBADMSG);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(zpool_list_parse(bad[i], strlen(bad[i]), &none) == -EBADMSG);
        assert(zpool_list_parse("", 0, &none) == 0 && none.n_pools == 0);
        assert(zpool_list_parse("no pools available\n", 19, &none) == 0 && none.n_pools == 0);

        /* A member without its state is there, for all that we know. */
        _cleanup_(pool_list_done) PoolList brief = { 0 };
        static const char few[] =
                        "tank\t1\t1\t1\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n\t/dev/sda1\n\t/dev/sdb1\t1\n";

        assert(zpool_list_parse(few, strlen(few), &brief) == 0 && brief.n_vdevs == 2);
        assert(!brief.vdevs[0].missing && !brief.vdevs[1].missing);

        sample = sample_read("zpool-list-vHP.txt", &size);
        assert(zpool_list_parse(sample, size, &captured) == 0);
        assert(captured.n_pools == 1 && captured.n_vdevs == 2 && streq(captured.vdevs[1].path, "/dev/sdb1"));
}

static void test_mountinfo(void)
{
        static const char text[] =
                        "22 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,errors=continue\n"
                        "36 35 8:3 /sub /mnt\\040a\\134b rw - xfs /dev/sd\\141 rw\n";
        static const char *const bad[] = { "",
                                           "\n",
                                           "22 1 254:0 / /",
                                           "22 1 x:y / / rw - ext4 /dev/vda rw",
                                           "22 1 254:0 / / rw ext4 /dev/vda rw",
                                           "22 1 254:0 / / rw - ext4" };
        _cleanup_(mount_table_done) MountTable t = { 0 };
        _cleanup_strv_free_ char **swaps = NULL;
        _cleanup_free_ char *sample = NULL;
        size_t size;

        assert(mountinfo_parse(text, strlen(text), &t) == 0 && t.n_mounts == 2);
        assert(t.mounts[0].major == 254 && streq(t.mounts[0].target, "/") &&
               streq(t.mounts[0].source, "/dev/vda"));
        assert(streq(t.mounts[1].target, "/mnt a\\b") && streq(t.mounts[1].source, "/dev/sda"));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert(mountinfo_parse(bad[i], strlen(bad[i]), &(MountTable){ 0 }) == -EBADMSG);
        assert(mountinfo_parse("22 1 254:0 / / rw - ext4 /dev\0vda rw", 37, &(MountTable){ 0 }) == -EBADMSG);

        sample = sample_read("proc-swaps.txt", &size);
        assert(swaps_parse(sample, size, &swaps) == 0 && !swaps);
        assert(swaps_parse("Filename Type\n/dev/sda2 partition 1\n/my\\040file file 1\n", 52, &swaps) == 0);
        assert(strv_length(swaps) == 2 && streq(swaps[0], "/dev/sda2") && streq(swaps[1], "/my file"));
        assert(swaps_parse("", 0, &swaps) == -EBADMSG);
        assert(swaps_parse("Filename\nrubbish\n", 17, &swaps) == -EBADMSG);
}

int main(void)
{
        test_captured();
        test_graph();
        test_garbage();
        test_zpool();
        test_mountinfo();
        return 0;
}
