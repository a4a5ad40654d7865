#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What burnin does on a tested host, first part: what it looks at. remote-lock.sh, remote-nvme.sh and remote-run.sh follow;
# they are sent as one text, this one in front.

set -u
umask 077
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV BASH_ENV POSIXLY_CORRECT QUOTING_STYLE BLOCK_SIZE

BASES='/var/lib/burnin-run /run/burnin-run'
HOLD_FD=9
EXIT_HOLD_BUSY=75
EXIT_HOLD_FAILED=76
LOG_MAX=262144
BLOCKS_MAX=65536
SMART_MAX=1048576
# A look at a host takes no longer for its SMART readings: for one, and for when the last one begins.
SMART_SECONDS=15
SMART_SECONDS_MAX=25
KMSG_LINES_MAX=200

# --- small things ------------------------------------------------------------------------------------------

have()
{
        command -v "$1" > /dev/null 2>&1
}

nap()
{
        sleep 0.2 2> /dev/null || sleep 1
}

# A tool that hangs on a dying drive or a suspended pool must not take us along.
limited()
{
        if have timeout; then
                timeout "$@"
        else
                shift
                "$@"
        fi
}

fail()
{
        printf 'burnin-error %s\n' "$*"
        exit 1
}

is_run()
{
        case $1 in
        *[!0-9a-f]*) return 1 ;;
        esac
        [ ${#1} -eq 32 ]
}

is_kname()
{
        case $1 in
        *[!a-z0-9_-]* | [!a-z]* | '') return 1 ;;
        esac
        [ ${#1} -le 32 ]
}

is_number()
{
        case $1 in
        *[!0-9]* | '') return 1 ;;
        esac
        [ ${#1} -le 18 ]
}

is_word()
{
        case $1 in
        *[!A-Za-z0-9.:,/@+=_-]* | '') return 1 ;;
        esac
        [ ${#1} -le 1024 ]
}

# Sets line to the first line of a file, "" where there is none.
line_read()
{
        line=
        # shellcheck disable=SC2162
        { IFS= read -r line < "$1"; } 2> /dev/null
}

# Prints it. What is asked of every drive in every cycle should use the other one: $() is a process.
first_line()
{
        local line
        line_read "$1"
        printf '%s' "$line"
}

# Sets word to $1 with every run of characters that is_word does not know, and of '_', as one '_'.
word_make()
{
        local rest=$1 head
        word=
        while :; do
                head=${rest%%[!A-Za-z0-9.:,/@+=-]*}
                word=$word$head
                rest=${rest#"$head"}
                [ -n "$rest" ] || return 0
                word=${word}_
                rest=${rest#"${rest%%[A-Za-z0-9.:,/@+=-]*}"}
        done
}

# --- processes ---------------------------------------------------------------------------------------------

# Reads /proc/PID/stat. The command's name may hold anything, so only what is behind the last ')' counts.
proc_stat()
{
        local line=
        { read -r line < "/proc/$1/stat"; } 2> /dev/null || return 1
        # shellcheck disable=SC2086
        set -- ${line##*) }
        [ $# -ge 20 ] || return 1
        ps_state=$1
        ps_session=$4
        ps_start=${20}
}

# alive PID START BOOT: a number alone is no identity, numbers are used again.
alive()
{
        is_number "$1" && [ "$3" = "$boot_id" ] && proc_stat "$1" && [ "$ps_start" = "$2" ] || return 1
        case $ps_state in
        [ZXx]) return 1 ;;
        esac
}

# The processes of session $1. The number of a session is not given away while it has a member.
session_members()
{
        local p
        for p in /proc/[0-9]*; do
                proc_stat "${p#/proc/}" && [ "$ps_session" = "$1" ] || continue
                case $ps_state in
                [ZXx]) ;;
                *) printf '%s\n' "${p#/proc/}" ;;
                esac
        done
}

# --- devices -----------------------------------------------------------------------------------------------

# The number of a block device node (or of an open descriptor's), as sysfs writes it.
node_number()
{
        local hex
        hex=$(stat -L -c '%f %t %T' "$1" 2> /dev/null) || return 1
        # shellcheck disable=SC2086
        set -- $hex
        case $1 in
        6???) printf '%d:%d' "0x$2" "0x$3" ;;
        *) return 1 ;;
        esac
}

kname_number()
{
        first_line "/sys/class/block/$1/dev"
}

# ident_read MAJ:MIN: sets id to what the kernel knows of the drive behind this number, as one word; "" where it knows nothing.
# The serial that the kernel's own cache holds needs no command to the drive, so this never wakes one.
ident_read()
{
        local sys=/sys/dev/block/$1 line v f word
        id=
        [ -n "$1" ] && [ -e "$sys/size" ] && [ ! -e "$sys/partition" ] || return 1
        line_read "$sys/size"
        [ "${line:-0}" != 0 ] || return 1
        line=size:$line
        for f in wwid serial device/wwid device/serial device/model device/cid loop/backing_file loop/offset; do
                [ -e "$sys/$f" ] || continue
                v=
                { read -r v < "$sys/$f"; } 2> /dev/null
                [ -z "$v" ] || line=$line,$f:$v
                [ "$f" != loop/backing_file ] || line=$line,$(stat -L -c %d:%i "$v" 2> /dev/null)
        done
        if [ -e "$sys/device/vpd_pg80" ]; then
                line=$line,pg80:$(tr -cd '\041-\176' < "$sys/device/vpd_pg80" 2> /dev/null)
        fi
        word_make "$line"
        id=$word
        [ ${#id} -le 1024 ] || id=$(printf '%.1024s' "$word")
}

# Sets disks to those of the host, without those that are made of others.
disks_read()
{
        local d
        disks=
        for d in /sys/block/*; do
                case ${d##*/} in
                '*' | ram* | zram* | dm-* | md* | sr* | fd* | nbd*) ;;
                *) disks="$disks ${d##*/}" ;;
                esac
        done
}

# drive_find IDENT [KNAME]: sets found to where the drive with this identity is now. The name that it had is tried first.
drive_find()
{
        local disks line id
        disks_read
        for found in ${2:+"$2"} $disks; do
                line_read "/sys/class/block/$found/dev"
                ! ident_read "$line" || [ "$id" != "$1" ] || return 0
        done
        found=
        return 1
}

# The numbers of a disk and its partitions, on one line.
device_numbers()
{
        local p
        printf '%s' "$1"
        for p in "/sys/dev/block/$1"/*/partition; do
                [ ! -e "$p" ] || printf ' %s' "$(first_line "${p%/partition}/dev")"
        done
}

# Prints the hash of $3 sectors from sector $2 of the file $1, and fails where one of them cannot be read.
hash_sectors()
{
        local out
        out=$({ { dd if="$1" bs=512 skip="$2" count="$3" 2> /dev/null && echo ok >&4; } | sha256sum; } 4>&1) || return 1
        case $out in
        *ok*) printf '%s' "$out" | tr -cd '0-9a-f' ;;
        *) return 1 ;;
        esac
}

# content FILE MAJ:MIN: the fingerprint of what is on the drive: its size, its first and its last MiB.
content()
{
        local sectors n=2048 first last
        sectors=$(first_line "/sys/dev/block/$2/size")
        is_number "$sectors" || return 1
        [ "$sectors" -ge $n ] || n=$sectors
        first=$(hash_sectors "$1" 0 "$n") && last=$(hash_sectors "$1" $((sectors - n)) "$n") || return 1
        printf '%s %s %s\n' "$sectors" "$first" "$last" | sha256sum | cut -c 1-64
}

# Sets temperature to what the kernel measures, in thousandths of a degree.
temperature_read()
{
        local f line
        temperature=
        for f in "/sys/block/$1"/device/hwmon/hwmon*/temp1_input "/sys/block/$1"/device/hwmon*/temp1_input; do
                [ -e "$f" ] || continue
                line_read "$f"
                temperature=$line
                return
        done
}

# A bridge that smartctl does not know by itself.
is_unknown_bridge()
{
        case $1 in
        *'Unknown USB bridge'* | *'Unable to detect device type'*) return 0 ;;
        esac
        return 1
}

# bridge_type KNAME never|standby: the device type by which smartctl reaches the drive behind such a bridge; a drive that sleeps
# is woken, or left alone.
bridge_type()
{
        local type
        for type in sat sntjmicron sntasmedia sntrealtek usbjmicron usbprolific usbsunplus; do
                limited 10 smartctl -i -n "$2" -d "$type" "/dev/$1" > /dev/null 2>&1
                [ $(($? & 3)) -ne 0 ] || { printf '%s' "$type"; return; }
        done
}

# smart_json SECONDS KNAME never|standby OPTION...: what smartctl says of the drive, in at most so many seconds.
smart_json()
{
        local seconds=$1 kname=$2 power=$3 out status type
        shift 3
        out=$(limited "$seconds" smartctl "$@" -n "$power" "/dev/$kname")
        status=$?
        if is_unknown_bridge "$out"; then
                type=$(bridge_type "$kname" "$power")
                if [ -n "$type" ]; then
                        out=$(limited "$seconds" smartctl "$@" -n "$power" -d "$type" "/dev/$kname")
                        status=$?
                fi
        fi
        printf '%s' "$out"
        return $status
}

# Open descriptors that may be a block device, as paths in /proc. Network file systems are left out: a look at a file on one
# whose server is gone would never come back.
open_candidates()
{
        # shellcheck disable=SC2012
        ls -l /proc/[0-9]*/fd 2> /dev/null | awk '
                FNR == NR {
                        for (i = 7; i < NF && $i != "-"; i++);
                        if ($(i + 1) ~ /^(nfs|cifs|smb|fuse|ceph|9p|afs|gluster)/ && $5 != "/")
                                remote[$5 "/"]
                        next
                }
                /^\/proc\/[0-9]+\/fd:$/ { dir = substr($0, 1, length($0) - 1); next }
                {
                        i = index($0, " -> ")
                        target = substr($0, i + 4)
                        if (!i || target !~ /^\// || target ~ /^\/dev\/(null|zero|full|u?random|tty|pts\/|shm\/|ptmx)/)
                                next
                        n = split(substr($0, 1, i - 1), word, " ")
                        if (target !~ /^\/dev\//)
                                for (r in remote)
                                        if (index(target, r) == 1)
                                                next
                        if (dir != "" && word[n] ~ /^[0-9]+$/)
                                print dir "/" word[n]
                }' /proc/self/mountinfo -
}

# "MAJ:MIN PID COMM" for each block device that a process has open.
openers()
{
        local mode major minor path pid comm
        have awk && have xargs && [ -r /proc/1/fd ] || return 1
        open_candidates | xargs stat -L -c '%f %t %T %n' 2> /dev/null | grep '^6' |
                while read -r mode major minor path; do
                        pid=${path#/proc/}
                        pid=${pid%%/*}
                        comm=$(first_line "/proc/$pid/comm")
                        [ -z "$comm" ] || printf '%d:%d %s %s\n' "0x$major" "0x$minor" "$pid" "$comm"
                done | sort -u
}

# What is mounted here and where the first process lives (we may have come into a root directory or a name space of our own);
# then, of every other name space, such as a container's, the devices that are mounted nowhere else. A process may end before
# its list is read, so several of each are asked.
mounts()
{
        local base
        base=$(sort -u /proc/self/mountinfo /proc/1/mountinfo) || return
        have awk && have xargs || { printf '%s\n' "$base"; return; }
        {
                printf '%s\n\n' "$base"
                stat -L -c '%i %n' /proc/[0-9]*/ns/mnt 2> /dev/null |
                        awk 'seen[$1]++ < 8 { print substr($2, 1, length($2) - length("ns/mnt")) "mountinfo" }' | head -n 1024 |
                        xargs cat 2> /dev/null
        } | awk '
                /^$/ { elsewhere = 1; next }
                {
                        for (i = 7; i < NF && $i != "-"; i++);
                        key = $3 " " $(i + 2)
                }
                !elsewhere || (!(key in seen) && ($(i + 2) ~ /^\// || $(i + 1) == "zfs"))
                { seen[key] }'
}

# usage NUMBER...: why one of these devices is in use, in words; nothing where none is.
usage()
{
        local n h path rest
        for n in "$@"; do
                for h in "/sys/dev/block/$n"/holders/*; do
                        [ ! -e "$h" ] || { printf 'used by %s' "${h##*/}"; return; }
                done
        done
        # By the mount's own number, and by that of its source: btrfs has a number of its own.
        mounts | awk '{ for (i = 7; i < NF && $i != "-"; i++); print $3, $(i + 2), $5 }' |
                while read -r n path rest; do
                        case $path in
                        /dev/*) path=$(node_number "$path") ;;
                        esac
                        case " $* " in
                        *" $n "* | *" $path "*) printf 'mounted at %s' "$rest"; return ;;
                        esac
                done
        [ ! -r /proc/swaps ] || while read -r path rest; do
                case $path in
                /*) n=$(node_number "$path") || continue ;;
                *) continue ;;
                esac
                case " $* " in
                *" $n "*) printf 'used as swap'; return ;;
                esac
        done < /proc/swaps
}

# --- verbs about the host ----------------------------------------------------------------------------------

verb_probe()
{
        local found
        is_word "$1" || fail 'probe: a bad argument'
        drive_find "$1" || :
        printf 'burnin-answer probe\n'
        printf '%s\n' "boot=$boot_id" "uptime=$(first_line /proc/uptime)" "kname=$found" "ident=${found:+$1}" \
                "sector=$(first_line "/sys/block/$found/queue/logical_block_size")"
        ! have badblocks || echo badblocks=1
        ! have smartctl || echo smartctl=1
        ! { [ -d /run/systemd/system ] && have systemd-run; } || echo systemd=1
        kmsg_read | awk -F, '/^[0-9]+,[0-9]+,/ { last = $2 } END { print "kmsg=" last }'
        printf '\nburnin-end 0\n'
}

verb_fingerprint()
{
        local number word id
        is_kname "$1" && is_word "$2" || fail 'fingerprint: a bad argument'
        number=$(kname_number "$1")
        ident_read "$number" && [ "$id" = "$2" ] || fail "stale: $1 is not that drive"
        word=$(content "/dev/$1" "$number") || fail "the first or the last MiB of $1 cannot be read"
        # The name may have moved while we read.
        [ "$(kname_number "$1")" = "$number" ] && ident_read "$number" && [ "$id" = "$2" ] || fail "stale: $1 is not that drive"
        printf 'burnin-answer fingerprint\ncontent=%s\n\nburnin-end 0\n' "$word"
}

# bounded MAX COMMAND...: its output, cut; its status.
bounded()
{
        local max=$1 status
        shift
        { status=$({ { "$@"; echo $? >&3; } | head -c "$max" >&4; } 3>&1); } 4>&1
        return "${status:-125}"
}

verb_smart()
{
        local status
        is_kname "$1" || fail 'smart: a bad argument'
        have smartctl || fail 'smartctl (smartmontools) is not installed on the host'
        [ -b "/dev/$1" ] || fail "there is no $1"
        printf 'burnin-answer smart\n\n'
        bounded $SMART_MAX smart_json 60 "$1" never --json=cou -x 2> /dev/null
        status=$?
        printf '\nburnin-end %s\n' $status
}

# The kernel's log, from its oldest record to its newest. Where it is full, a record can be overwritten before it is read: that is
# told once, as a broken pipe, and the next read goes on with what is still there.
kmsg_read()
{
        local said
        [ -r /dev/kmsg ] || return 0
        for _ in 1 2 3 4 5 6 7 8 9; do
                said=$(dd iflag=nonblock bs=8192 2>&1 >&4)
                case $said in
                *nonblock*) said=$(exec 2>&1; timeout 1 cat >&4 || :) ;; # busybox has no such flag, and this one waits for more
                esac
                case $said in
                *'Broken pipe'*) ;;
                *) return 0 ;;
                esac
        done < /dev/kmsg 4>&1
}

verb_kmsg()
{
        local path address='' port=
        is_number "$1" && is_kname "$2" || fail 'kmsg: a bad argument'
        path=$(readlink -f "/sys/block/$2/device" 2> /dev/null)
        case ${path##*/} in
        [0-9]*:[0-9]*:[0-9]*:[0-9]*) address=${path##*/} ;;
        nvme*) address=${path##*/} ;;
        esac
        case $path in
        */ata[0-9]*/*)
                port=${path##*/ata}
                port=ata${port%%/*}
                ;;
        esac
        printf 'burnin-answer kmsg\nboot=%s\n' "$boot_id"
        kmsg_read | awk -F, -v after="$1" -v kname="$2" -v address="$address" -v port="$port" -v max=$KMSG_LINES_MAX '
                !/^[0-9]+,[0-9]+,/ { next }
                first == "" { first = $2 }
                {
                        last = $2
                        text = substr($0, index($0, ";") + 1)
                        if ($2 + 0 > after + 0 && n < max &&
                            (index(text, kname) || (address != "" && index(text, address)) ||
                             (port != "" && (index(text, port ":") || index(text, port ".")))))
                                line[n++] = substr(text, 1, 500)
                }
                END {
                        print "first=" first "\nlast=" last "\n"
                        for (i = 0; i < n; i++)
                                print line[i]
                }'
        printf '\nburnin-end 0\n'
}

verb_agent()
{
        local a bin
        base_make
        bin=$base/bin
        [ -d "$bin" ] || mkdir "$bin" || fail "cannot make $bin"
        printf 'burnin-answer agent\nmachine=%s\nbin=%s\n' "$(uname -m)" "$bin"
        for a in "$bin"/burnin-agent-*; do
                [ -x "$a" ] && "$a" version > /dev/null 2>&1 && printf 'agent=%s\n' "${a##*/burnin-agent-}"
        done
        printf '\nburnin-end 0\n'
}

# --- self-tests --------------------------------------------------------------------------------------------
#
# A self-test runs in the drive, so nothing of ours runs here meanwhile: it is started, and looked at.

# An NVMe drive with a smartctl that knows nothing of their self-tests (before 7.4), and nvme-cli there.
needs_nvme()
{
        local version
        case $selftest_kname in
        nvme*) have nvme || return 1 ;;
        *) return 1 ;;
        esac
        version=$(smartctl --version 2> /dev/null | sed -n '1s/^smartctl \([0-9]*\)\.\([0-9]*\).*/\1 * 100 + \2/p')
        [ $((${version:-0})) -lt 704 ]
}

selftest_smartctl()
{
        if [ "$selftest_type" != - ]; then
                set -- -d "$selftest_type" "$@"
        fi
        limited 60 smartctl "$@" "/dev/$selftest_kname"
}

# One sector, past the page cache, so that neither a bridge nor a daemon sends the drive to sleep in its test.
keep_alive()
{
        local sectors size
        size=$(first_line "/sys/block/$selftest_kname/queue/logical_block_size")
        sectors=$(first_line "/sys/block/$selftest_kname/size")
        is_number "$size" && is_number "$sectors" || return
        sectors=$((sectors * 512 / size))
        [ "$sectors" -gt 0 ] || return
        limited 30 dd "if=/dev/$selftest_kname" of=/dev/null bs="$size" count=1 skip=$(($1 % sectors)) iflag=direct \
                2> /dev/null
}

# selftest_answer SMARTCTL NVME CONTROLLER [FIELD...]
selftest_answer()
{
        local smartctl=$1 nvme=$2 controller=$3
        shift 3
        printf 'burnin-answer selftest\n'
        printf '%s\n' "boot=$boot_id" "uptime=$(first_line /proc/uptime)" "kname=$selftest_kname" "type=$selftest_type" \
                "smartctl=${#smartctl}" "nvme=${#nvme}" "controller=${#controller}" "$@"
        printf '\n%s%s%s\nburnin-end 0\n' "$smartctl" "$nvme" "$controller"
}

# KNAME IDENT TYPE: the drive, and the device type that was found for it ('-': none was needed, or it was not looked for yet).
selftest_open()
{
        local found
        is_kname "$1" && is_word "$2" && is_word "$3" || fail 'selftest: a bad argument'
        have smartctl || fail 'smartctl (smartmontools) is not installed on the host'
        drive_find "$2" "$1" || fail "stale: $1 is not there any more, or its identity has changed"
        selftest_kname=$found
        selftest_type=$3
}

# ... SECTOR: with a keep-alive read there, or '-'.
verb_selftest_read()
{
        local out nvme='' controller='' alive=''
        selftest_open "$1" "$2" "$3"
        if [ "$4" != - ]; then
                is_number "$4" || fail 'selftest: a bad argument'
                if keep_alive "$4"; then alive=1; else alive=0; fi
        fi
        out=$(bounded $SMART_MAX selftest_smartctl --json=cou -x 2> /dev/null)
        if is_unknown_bridge "$out"; then
                selftest_type=$(bridge_type "$selftest_kname" never)
                selftest_type=${selftest_type:--}
                [ "$selftest_type" = - ] || out=$(bounded $SMART_MAX selftest_smartctl --json=cou -x 2> /dev/null)
        fi
        case $selftest_kname in
        nvme*)
                ! needs_nvme || nvme=$(limited 30 nvme self-test-log -o json "/dev/$selftest_kname" 2> /dev/null | head -c 65536)
                ! have nvme || controller=$(limited 30 nvme id-ctrl -o json "/dev/$selftest_kname" 2> /dev/null | head -c 65536)
                ;;
        esac
        selftest_answer "$out" "$nvme" "$controller" "alive=$alive"
}

# ... short|long BOOT NOT-AFTER: never over one that runs; the tools see to that, since nothing is forced.
verb_selftest_start()
{
        local out code=1
        selftest_open "$1" "$2" "$3"
        is_word "$5" && is_number "$6" || fail 'selftest: a bad argument'
        case $4 in
        short) ;;
        long) code=2 ;;
        *) fail 'selftest: a bad argument' ;;
        esac
        ! is_late "$5" "$6" || fail 'the start came too late'
        if needs_nvme; then
                out=$(limited 60 nvme device-self-test "/dev/$selftest_kname" -s $code 2>&1 | head -c 65536)
        else
                out=$(selftest_smartctl -t "$4" 2>&1 | head -c 65536)
        fi
        selftest_answer "$out" '' ''
}

verb_selftest_abort()
{
        local out
        selftest_open "$1" "$2" "$3"
        if needs_nvme; then
                out=$(limited 60 nvme device-self-test "/dev/$selftest_kname" -s 0xf 2>&1 | head -c 65536)
        else
                out=$(selftest_smartctl -X 2>&1 | head -c 65536)
        fi
        selftest_answer "$out" '' ''
}

# --- the locate LED of a drive's bay -----------------------------------------------------------------------

# locate_command KNAME 0|1: sets led to the command that switches it: by the kernel's driver of the enclosure, else by ledctl.
# systemd reads it too, so there is nothing to be expanded in it but by the shell, and no quote.
locate_command()
{
        local f
        for f in "/sys/block/$1/device/enclosure_device:"*/locate; do
                [ ! -e "$f" ] || { led="echo $2 | tee /sys/block/$1/device/enclosure_device:*/locate"; return; }
        done
        have ledctl || fail 'no locate LED: the kernel knows no enclosure of the drive, and there is no ledctl (ledmon)'
        if [ "$2" -eq 1 ]; then led="ledctl locate=/dev/$1"; else led="ledctl locate_off=/dev/$1"; fi
}

# locate KNAME IDENT SECONDS: lights it for so long, whatever becomes of this connection; 0 puts it out.
verb_locate()
{
        local id led on off unit
        is_kname "$1" && is_word "$2" && is_number "$3" && [ "$3" -le 3600 ] || fail 'locate: a bad argument'
        ident_read "$(kname_number "$1")" && [ "$id" = "$2" ] || fail "stale: $1 is not that drive"
        locate_command "$1" 0
        off=$led
        locate_command "$1" 1
        on=$led
        unit=burnin-locate-$1
        if [ -d /run/systemd/system ] && have systemd-run; then
                # Who lit it before puts it out.
                systemctl stop "$unit.service" > /dev/null 2>&1
                [ "$3" -eq 0 ] || systemd-run -q --unit="$unit" --collect --description="burnin: locate LED of $1" \
                        --setenv=PATH="$PATH" -p TimeoutStartSec=20 -p TimeoutStopSec=20 -p "ExecStartPre=/bin/sh -c \"$on\"" \
                        -p "ExecStopPost=/bin/sh -c \"$off\"" sleep "$3" > /dev/null 2>&1 ||
                        fail "no locate LED: '$on' has failed"
        elif [ "$3" -eq 0 ]; then
                limited 20 sh -c "$off" > /dev/null 2>&1 || fail "no locate LED: '$off' has failed"
        else
                have setsid || fail 'neither systemd-run nor setsid is there'
                limited 20 sh -c "$on" > /dev/null 2>&1 || fail "no locate LED: '$on' has failed"
                setsid sh -c "sleep $3; $off" > /dev/null 2>&1 &
        fi
        printf 'burnin-answer locate\n\nburnin-end 0\n'
}

# --- facts: parse/facts.h describes the frame --------------------------------------------------------------

# section "NAME [ARG]" COMMAND...
section()
{
        local name=$1 status
        shift
        printf '=%s begin %s\n' "$nonce" "$name"
        case $1 in
        absent) status=absent ;;
        *)
                "$@" 2> /dev/null
                status=$?
                ;;
        esac
        printf '\n=%s end %s %s\n' "$nonce" "$name" "$status"
}

# tool TOOL "NAME" COMMAND...: a section that a tool makes.
tool()
{
        if have "$1"; then
                shift
                section "$@"
        else
                section "$2" absent
        fi
}

facts_host()
{
        local t
        printf '%s\n' "boot_id=$boot_id" "uptime=$(first_line /proc/uptime)" "os=$(uname -sr)"
        if [ -d /sys/module/zfs ]; then echo zfs=1; else echo zfs=0; fi
        for t in badblocks smartctl lsblk; do
                have $t || echo "missing=$t"
        done
}

# Old versions refuse everything for one column they do not know.
facts_lsblk()
{
        local columns='' c known
        known=$(lsblk --help 2>&1)
        for c in NAME KNAME PATH MAJ:MIN TYPE SIZE RO RM ROTA TRAN MODEL SERIAL WWN VENDOR FSTYPE PTTYPE LABEL UUID PARTUUID PKNAME \
                LOG-SEC PHY-SEC; do
                case $known in
                *[!A-Z-]"$c"[!A-Z:-]*) columns=$columns${columns:+,}$c ;;
                esac
        done
        limited 30 lsblk -J -b -o "$columns"
}

# Sets idents, too: KNAME=IDENT of each.
facts_ident()
{
        local d line number disks id
        disks_read
        idents=' '
        for d in $disks; do
                line_read "/sys/class/block/$d/dev"
                number=$line
                ident_read "$number" || continue
                idents="$idents$d=$id "
                printf '%s %s %s\n' "$d" "$number" "$id"
        done
}

facts_by_id()
{
        local name target
        # shellcheck disable=SC2012
        ls -l /dev/disk/by-id | awk '/ -> / { print $(NF - 2), $NF }' | while read -r name target; do
                [ ! -d "/sys/block/${target##*/}" ] || printf '%s %s\n' "${target##*/}" "$name"
        done
}

# Where a drive is: enclosure and slot, as the kernel's driver of the enclosure names them; else the shortest of its names in by-path.
facts_bay()
{
        local d link enclosure line disks name target slots=' '
        disks_read
        for d in $disks; do
                for link in "/sys/block/$d/device/enclosure_device:"*; do
                        [ -d "$link" ] || continue
                        enclosure=$(readlink -f "$link/..")
                        line_read "$enclosure/id"
                        printf '%s %s %s\n' "$d" "${line:-${enclosure##*/}}" "${link##*/enclosure_device:}"
                        slots="$slots$d "
                        break
                done
        done
        # shellcheck disable=SC2012
        ls -l /dev/disk/by-path | awk '/ -> / { print $(NF - 2), $NF }' | while read -r name target; do
                case $slots in
                *" ${target##*/} "*) continue ;;
                esac
                [ ! -d "/sys/block/${target##*/}" ] || printf '%s %s\n' "${target##*/}" "$name"
        done | awk '!($1 in path) || length($2) < length(path[$1]) { path[$1] = $2 } END { for (d in path) print d, path[d] }'
}

facts_holders()
{
        local d h line
        for d in /sys/class/block/*; do
                line=
                for h in "$d"/holders/*; do
                        [ ! -e "$h" ] || line="$line ${h##*/}"
                done
                [ -z "$line" ] || printf '%s%s\n' "${d##*/}" "$line"
        done
}

# What reads all the drives of a pool, pool by pool.
facts_zpool_activity()
{
        limited 10 zpool status | awk '
                /^ *pool: / { pool = substr($0, index($0, ": ") + 2) }
                /^ *scan: (scrub|resilver)( \(.*\))? in progress/ { print $2 "\t" pool }'
}

# What reads all the drives of an md array or a btrfs. Of a scrub of a btrfs the kernel says nothing; its tool listens here meanwhile.
facts_activity()
{
        local f line scrubs d
        for f in /sys/block/md*/md/sync_action; do
                line_read "$f"
                f=${f#/sys/block/}
                f=${f%%/*}
                case $line in
                recover) line=recovery ;;
                check | repair | resync | reshape) ;;
                *) continue ;;
                esac
                for d in "/sys/block/$f"/slaves/*; do
                        [ ! -d "$d" ] || printf '%s %s md array %s\n' "$line" "${d##*/}" "$f"
                done
        done
        scrubs=
        for f in /sys/fs/btrfs/*-*; do
                [ -d "$f/devices" ] || continue
                scrubs=${scrubs:-$(awk '$8 ~ "^/var/lib/btrfs/scrub[.]progress[.]" { print substr($8, 31) }' /proc/1/net/unix) }
                line_read "$f/exclusive_operation"
                case "$line $scrubs" in
                'device replace '*) line=replace ;;
                *"${f##*/}"*) line=scrub ;;
                *) continue ;;
                esac
                for d in "$f"/devices/*; do
                        [ ! -d "$d" ] || printf '%s %s btrfs file system %s\n' "$line" "${d##*/}" "${f##*/}"
                done
        done
}

# The sessions of our runs, whose processes are no news.
run_sessions()
{
        local run
        for run in $(runs); do
                run_find "$run"
                run_load
                ! run_alive || printf '%s ' "$wrapper_pid"
        done
}

# openers_others SESSION...: those of openers that are neither udev's nor of one of these sessions.
openers_others()
{
        local all number pid comm
        all=$(openers) || return 1
        [ -n "$all" ] || return 0
        printf '%s\n' "$all" | while read -r number pid comm; do
                case $comm in
                systemd-udevd | '(udev-worker)' | udevd | udev-worker) continue ;;
                esac
                proc_stat "$pid" || continue
                case " $* " in
                *" $ps_session "*) ;;
                *) printf '%s %s %s\n' "$number" "$pid" "$comm" ;;
                esac
        done
}

# Tools open drives for a moment all the time; who is there twice has it open.
facts_openers()
{
        local sessions first second opener
        sessions=$(run_sessions)
        # shellcheck disable=SC2086
        first=$(openers_others $sessions) || return 1
        [ -n "$first" ] || return 0
        nap
        # shellcheck disable=SC2086
        second=$(openers_others $sessions) || return 1
        printf '%s\n' "$second" | while IFS= read -r opener; do
                case "
$first
" in
                *"
$opener
"*) printf '%s\n' "$opener" ;;
                esac
        done
}

facts_stat()
{
        local d line disks
        disks_read
        for d in $disks; do
                line_read "/sys/block/$d/stat"
                printf '%s %s\n' "$d" "$line"
        done
}

facts_temperature()
{
        local d disks temperature
        disks_read
        for d in $disks; do
                temperature_read "$d"
                [ -z "$temperature" ] || printf '%s %s\n' "$d" "$temperature"
        done
}

runs()
{
        local base d
        for base in $BASES; do
                for d in "$base"/*; do
                        [ -d "$d" ] && is_run "${d##*/}" && printf '%s\n' "${d##*/}"
                done
        done
}

facts_runs()
{
        local run
        for run in $(runs); do
                run_find "$run"
                run_load
                printf '%s %s %s\n' "$run" "$state" "${run_kname:--}"
        done
}

# A drive that is dying may not answer smartctl for as long as it likes; the host and its other drives are looked at all the same.
facts_smart()
{
        local now out status id
        now=$(first_line /proc/uptime)
        now=${now%%.*}
        smart_since=${smart_since:-$now}
        [ $((now - smart_since)) -lt $SMART_SECONDS_MAX ] || return 124
        out=$(bounded $SMART_MAX smart_json $SMART_SECONDS "$1" standby --json=cou -x)
        status=$?
        # One that came meanwhile under its name would lend its serial number to the identity of the one before it.
        ident_read "$(kname_number "$1")" || return 125
        case $idents in
        *" $1=$id "*) printf '%s' "$out" ;;
        *) return 125 ;;
        esac
        return $status
}

facts_probe()
{
        local d worst=0 status
        for d in "/sys/block/$1" "/sys/block/$1/$1"*; do
                [ -e "$d/dev" ] || continue
                limited 30 blkid -p -o export "/dev/${d##*/}"
                status=$?
                # 2: nothing there. Anything else is for the reader to judge.
                case $status in
                0 | 2) ;;
                *) worst=$status ;;
                esac
        done
        return $worst
}

verb_facts()
{
        local word smart_since='' idents=''
        nonce=$1
        is_word "$nonce" || fail 'facts: a bad argument'
        shift
        section host facts_host
        tool lsblk lsblk facts_lsblk
        section ident facts_ident
        section by-id facts_by_id
        section bay facts_bay
        tool zpool zpool limited 10 zpool list -vHPL
        tool zpool zpool-guid limited 10 zpool list -H -o name,guid
        tool zpool zpool-activity facts_zpool_activity
        section activity facts_activity
        section mountinfo mounts
        [ -r /proc/swaps ] && section swaps cat /proc/swaps || section swaps absent
        section holders facts_holders
        section openers facts_openers
        section stat facts_stat
        section temperature facts_temperature
        section runs facts_runs
        for word in "$@"; do
                is_kname "${word#*:}" || fail 'facts: a bad argument'
                case $word in
                smart:*) tool smartctl "smart ${word#*:}" facts_smart "${word#*:}" ;;
                probe:*) tool blkid "probe ${word#*:}" facts_probe "${word#*:}" ;;
                *) fail 'facts: a bad argument' ;;
                esac
        done
        printf '=%s done\n' "$nonce"
}

