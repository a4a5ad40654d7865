# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
#
# What burnin does on a tested host, second part: a drive that was unlocked. The run that was granted a lock lets go of a drive in
# use, where it has leave to, and then accepts exactly that lock. Nothing here forces anything: what the tool itself refuses is
# refused. remote-run.sh has the spec_* that all of this reads.

# The depth of volumes on volumes, and of mounts, beyond which nobody looks.
LAYERS_MAX=8
MOUNTS_MAX=64

# A pool's name, as parse/lock.c takes it too.
is_pool()
{
        case $1 in
        [!A-Za-z]* | *[!A-Za-z0-9_.:\ -]* | '') return 1 ;;
        esac
        [ ${#1} -le 255 ]
}

is_guid()
{
        case $1 in
        *[!0-9]* | '') return 1 ;;
        esac
        [ ${#1} -le 20 ]
}

# --- what is there, by its signatures ----------------------------------------------------------------------

# signature_found ROLE [POOL GUID]: the strongest one stays, as in parse/lock.c. Two pools on one drive are one too many.
signature_found()
{
        case $seen_role:$1 in
        none:* | existing-data:exported-pool | existing-data:storage-member | exported-pool:storage-member) seen_role=$1 ;;
        esac
        [ "$1" = exported-pool ] || return 0
        if [ -z "$seen_pool$seen_guid" ]; then
                seen_pool=${2:--} seen_guid=${3:--}
        elif [ "$seen_pool:$seen_guid" != "${2:--}:${3:--}" ]; then
                seen_pool='several pools'
        fi
}

# signature_take TYPE LABEL UUID: the list of parse/lock.c.
signature_take()
{
        case $1 in
        '') ;;
        zfs_member) signature_found exported-pool "$2" "$3" ;;
        *_member | crypto_LUKS | bcache | ceph_bluestore | drbd | DM_snapshot_cow | DM_verity_hash | DM_integrity | vdo | \
                stratis | jbd | xfs_external_log | BitLocker | VMFS) signature_found storage-member ;;
        *) signature_found existing-data ;;
        esac
}

# signatures_read MAJ:MIN: sets seen_role, seen_pool and seen_guid by the disk and its partitions; fails where they cannot be told.
signatures_read()
{
        local n name text key value type label uuid
        seen_role=none seen_pool='' seen_guid=''
        have blkid || return 1
        for n in $(device_numbers "$1"); do
                name=$(readlink "/sys/dev/block/$n") || return 1
                name=${name##*/}
                [ "$(node_number "/dev/$name")" = "$n" ] || return 1
                [ "$n" = "$1" ] || signature_found existing-data
                text=$(limited 30 blkid -p -o export "/dev/$name" 2> /dev/null)
                case $? in
                0 | 2) ;;
                8) signature_found existing-data ;;
                *) return 1 ;;
                esac
                type='' label='' uuid=''
                # Without -r: what blkid escapes is itself again.
                # shellcheck disable=SC2162
                while IFS='=' read key value; do
                        case $key in
                        TYPE) type=$value ;;
                        LABEL) label=$value ;;
                        UUID) uuid=$value ;;
                        PTTYPE) signature_found existing-data ;;
                        esac
                done << END
$text
END
                signature_take "$type" "$label" "$uuid"
        done
}

# granted_check MAJ:MIN: what is there, now that nothing uses it, is what was granted and nothing else.
granted_check()
{
        local want=$spec_lock
        # A fingerprint has the signatures in it; what a test has left is looked at in some places alone.
        case $spec_lock:$spec_content in
        none:*=*) ;;
        none:*) return 0 ;;
        esac
        signatures_read "$1" || refuse tool "blkid cannot tell what is on $spec_kname"
        case $spec_lock in
        active-pool | boot-pool) want=exported-pool ;;
        mounted) [ "$seen_role" != storage-member ] || want=storage-member; [ "$want" = storage-member ] || want=existing-data ;;
        esac
        [ "$seen_role" = "$want" ] ||
                refuse locked "$spec_kname is $seen_role now, which is not what was unlocked ($spec_lock)"
        [ "$want" != exported-pool ] || { [ "${seen_pool:--}" = "$spec_pool" ] && [ "${seen_guid:--}" = "$spec_guid" ]; } ||
                refuse locked "$spec_kname belongs to another pool than the one that was unlocked"
}

# --- letting go --------------------------------------------------------------------------------------------

# try_let_go COMMAND...: with the tool's own command; what it says when it fails is in $said.
try_let_go()
{
        said=$(limited 60 "$@" 2>&1) || return
        # To the journal of the host, where the run is a unit there.
        printf 'To release %s: %s\n' "$spec_kname" "$*"
}

# The tool refuses for us what it refuses for everybody.
let_go()
{
        try_let_go "$@" ||
                refuse release "'$*' failed: $(printf '%s' "$said" | tail -n 1). Let go of $spec_kname on its host by hand"
}

# numbers_above MAJ:MIN LAYERS: it, its partitions, and what is made of them, layer on layer.
numbers_above()
{
        local n h
        for n in $(device_numbers "$1"); do
                printf '%s ' "$n"
                [ "$2" -gt 0 ] || continue
                for h in "/sys/dev/block/$n"/holders/*; do
                        [ ! -e "$h" ] || numbers_above "$(kname_number "${h##*/}")" $(($2 - 1))
                done
        done
}

# last_mount MAJ:MIN...: where one of these was mounted last, as mountinfo writes it. Nothing where something else lies over that:
# umount would take the other one.
last_mount()
{
        local number source target last=''
        while read -r number source target; do
                case $source in
                /dev/*) source=$(node_number "$source") ;;
                esac
                case " $* " in
                *" $number "* | *" ${source:--} "*) last=$target ;;
                *) [ "$target" != "$last" ] || last='' ;;
                esac
        done << END
$(awk '{ for (i = 7; i < NF && $i != "-"; i++); print $3, $(i + 2), $5 }' /proc/self/mountinfo)
END
        printf '%s' "$last"
}

release_mounts()
{
        local target path rest n i=0
        while target=$(last_mount "$@") && [ -n "$target" ]; do
                i=$((i + 1))
                [ $i -le $MOUNTS_MAX ] || refuse release "$spec_kname is mounted too often"
                let_go umount "$(printf '%b' "$target")"
        done
        [ -r /proc/swaps ] || return 0
        while read -r path rest; do
                n=$(node_number "$path") || continue
                case " $* " in
                *" $n "*) let_go swapoff "$path" ;;
                esac
        done << END
$(cat /proc/swaps)
END
}

release_volume()
{
        local name uuid
        name=$(first_line "/sys/block/$1/dm/name")
        uuid=$(first_line "/sys/block/$1/dm/uuid")
        case $1:$uuid in
        md*) let_go mdadm --stop "/dev/$1"; return ;;
        dm-*:LVM-*) name=$(dmsetup splitname --noheadings -c -o vg_name "$name" LVM 2> /dev/null | tr -d ' ') ;;
        esac
        case $name in
        -* | *[!A-Za-z0-9_.+:=-]* | '') refuse release "$spec_kname is used by $1: take that away on its host by hand" ;;
        esac
        case $uuid in
        LVM-*) let_go vgchange -an "$name" ;;
        CRYPT-*) let_go cryptsetup close "$name" ;;
        *) refuse release "$spec_kname is used by $1 ($name): take that away on its host by hand" ;;
        esac
}

# release_volumes MAJ:MIN LAYERS: the uppermost first. One that went along with another of its group is gone by its turn.
release_volumes()
{
        local n h
        [ "$2" -gt 0 ] || refuse release "$spec_kname has too many layers of volumes"
        for n in $(device_numbers "$1"); do
                for h in "/sys/dev/block/$n"/holders/*; do
                        [ ! -e "$h" ] || release_volumes "$(kname_number "${h##*/}")" $(($2 - 1))
                        [ ! -e "$h" ] || release_volume "${h##*/}"
                done
        done
}

pool_guid()
{
        limited 20 zpool list -H -o guid "$spec_pool" 2> /dev/null
}

# Only the very pool that was granted, and only where this drive is a part of it.
release_pool()
{
        local guid path n numbers
        guid=$(pool_guid) || return 0
        [ "$guid" = "$spec_guid" ] || refuse release "the pool $spec_pool on the host is another one than that which was unlocked"
        numbers=" $(numbers_above "$1" $LAYERS_MAX)"
        for path in $(limited 20 zpool list -vHPL "$spec_pool" 2> /dev/null | awk '$1 ~ /^\// { print $1 }'); do
                n=$(node_number "$path") || continue
                case $numbers in
                *" $n "*)
                        # The run of another of its drives may have done that meanwhile.
                        try_let_go zpool export "$spec_pool" || ! pool_guid > /dev/null || let_go zpool export "$spec_pool"
                        return
                        ;;
                esac
        done
}

# Before the drive is opened. It ends in refuse, or with nothing left that we know how to end: the open that follows proves it.
release_drive()
{
        local number id
        number=$(kname_number "$spec_kname")
        ident_read "$number" && [ "$id" = "$spec_ident" ] || refuse identity "$spec_kname is another drive now"
        case $spec_lock in
        active-pool | boot-pool) release_pool "$number" ;;
        mounted)
                # shellcheck disable=SC2046
                release_mounts $(numbers_above "$number" $LAYERS_MAX)
                release_volumes "$number" $LAYERS_MAX
                ;;
        storage-member) release_volumes "$number" $LAYERS_MAX ;;
        esac
}
