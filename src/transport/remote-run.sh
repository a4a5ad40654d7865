# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
#
# What burnin does on a tested host: all of it. The text travels with every call and runs under any POSIX shell (dash, bash,
# busybox) as `sh -s -- VERB ARGUMENT...`. remote-run.h says what a run is; remote-answer.h what the answers look like.
#
#   start RUN MACHINE KNAME IDENT SERIAL CONTENT BOOT NOT-AFTER LOCK POOL GUID RELEASE COMMAND...
#                              start a run, or find it started. Needs this text in $BURNIN_SCRIPT, since the run outlives us.
#                              SERIAL, CONTENT: "-" compares nothing. CONTENT: a fingerprint, or FIRST+COUNT=BYTES,... : these
#                              sectors hold no other bytes (hex digits), or (=@) what the first sectors hold. NOT-AFTER: microseconds of uptime. LOCK: what was
#                              unlocked, else "none"; POOL, GUID: of that, else "-". RELEASE: "release", else "-". The word {}
#                              in COMMAND stands for the device. 'nvme_erase METHOD REACH NSID {}' is one of our own
#                              (remote-nvme.sh): METHOD format, block, crypto or overwrite, REACH namespace or subsystem.
#   status RUN KNAME LOG-OFFSET BLOCKS-OFFSET
#   cancel RUN GRACE           GRACE: seconds between TERM and KILL
#   pause RUN BY WORDS         BY: heat or operator, each on its own; WORDS say why
#   resume RUN BY              it goes on once nobody holds it any more
#   remove RUN
#   probe IDENT, fingerprint KNAME IDENT, smart KNAME, kmsg SEQ KNAME, facts NONCE [smart:KNAME|probe:KNAME]..., agent
#   nvme KNAME IDENT
#   selftest_read KNAME IDENT TYPE SECTOR, selftest_start KNAME IDENT TYPE short|long BOOT NOT-AFTER,
#   selftest_abort KNAME IDENT TYPE
#   wrap DIR, check DIR        for ourselves: the two halves of a run, container and checks
#
# INVARIANTS: nothing is written to a drive before every check has passed, and those read the descriptor that stays open over
# exec. Whatever an argument says, it is checked here again before it becomes part of a path or a command. Each file of a run
# appears whole (rename). Standard input is the script itself: no command may read it.

# --- runs --------------------------------------------------------------------------------------------------

# A cancelled run keeps its place for so long: whatever start was still on its way has long been refused as too late.
LEFTOVER_SEC=86400
LEFTOVERS_MAX=16

base_is_ours()
{
        [ -d "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %u "$1")" = "$(id -u)" ]
}

# Where new runs go: made here, and ours alone.
base_make()
{
        for base in $BASES; do
                [ -d "$base" ] || mkdir -p "$base" 2> /dev/null || continue
                base_is_ours "$base" || continue
                chmod 0700 "$base" 2> /dev/null || continue
                # A read-only file system says yes to root's every question.
                { : > "$base/.probe"; } 2> /dev/null && return
        done
        fail "neither of $BASES can be written"
}

# Sets dir, "" where there is no such run.
run_find()
{
        for dir in $BASES; do
                dir=$dir/$1
                [ ! -d "$dir" ] || return 0
        done
        dir=
}

# leftover_is_old NOW: the run in $dir was cancelled long ago. By the uptime, or, in an earlier boot, by the clock.
leftover_is_old()
{
        local boot='' uptime='' since
        [ -f "$dir/tombstone" ] && [ ! -L "$dir/tombstone" ] || return 1
        { read -r boot uptime < "$dir/tombstone"; } 2> /dev/null
        if [ "$boot" = "$boot_id" ]; then
                is_number "$uptime" && [ $((uptime_sec - uptime)) -ge $LEFTOVER_SEC ]
        else
                since=$(stat -c %Y "$dir/tombstone") && is_number "$since" && [ $(($1 - since)) -ge $LEFTOVER_SEC ]
        fi
}

# Removes what cancelled runs left behind: in a subshell, since it goes from run to run. One that nobody cancelled stays, however old
# it is: its end may not have been read yet.
leftovers_remove()
{
        local base now removed=0
        now=$(date +%s)
        for base in $BASES; do
                base_is_ours "$base" || continue
                for dir in "$base"/*; do
                        is_run "${dir##*/}" && [ -d "$dir" ] && [ ! -L "$dir" ] && leftover_is_old "$now" || continue
                        run_load
                        ! run_alive && [ -z "$(run_members)" ] || continue
                        rm -rf "$dir"
                        removed=$((removed + 1))
                        [ $removed -lt $LEFTOVERS_MAX ] || return
                done
        done
}

# Reads the files of the run in $dir: wrapper_*, command_*, run_boot, run_kname, exclusive, refused, exit_status, paused_*, state.
run_load()
{
        local key value line
        wrapper_pid='' wrapper_start='' wrapper_boot='' command_pid='' command_start='' run_boot='' run_kname=''
        exclusive='' refused='' exit_status='' run_uptime=0 state=none paused_heat='' paused_operator=''
        [ -n "$dir" ] || return 0
        # shellcheck disable=SC2034
        { read -r wrapper_pid wrapper_start wrapper_boot < "$dir/pid"; } 2> /dev/null
        for key in spec id; do
                [ ! -f "$dir/$key" ] || while IFS='=' read -r key value; do
                        case $key in
                        pid) command_pid=$value ;;
                        start) command_start=$value ;;
                        boot) run_boot=$value ;;
                        kname) run_kname=$value ;;
                        exclusive) exclusive=$value ;;
                        uptime) run_uptime=$value ;;
                        esac
                done < "$dir/$key"
        done
        is_kname "$run_kname" || run_kname=''
        line_read "$dir/paused-heat"
        paused_heat=$line
        line_read "$dir/paused-operator"
        paused_operator=$line
        run_state
}

run_alive()
{
        alive "$wrapper_pid" "$wrapper_start" "$wrapper_boot" || alive "$command_pid" "$command_start" "$run_boot"
}

# Started so lately that its wrapper need not have come up yet.
run_is_new()
{
        local age
        [ -z "$wrapper_pid" ] || return 1
        if [ -n "$run_boot" ]; then
                [ "$run_boot" = "$boot_id" ] && is_number "$run_uptime" && [ $((uptime_sec - run_uptime)) -lt 30 ]
        else
                # Nothing in it but its own age: the clock may have been set in between, in both directions.
                age=$(($(date +%s) - $(stat -c %Y "$dir")))
                [ "${age#-}" -lt 30 ]
        fi
}

run_state()
{
        local living='' line
        # Life first, files then: one that ends in between has left its files, and not the other way round.
        run_alive && living=1
        line_read "$dir/refused"
        refused=$line
        line_read "$dir/exit"
        exit_status=$line
        if [ -n "$refused" ]; then
                state=refused
        elif is_number "$exit_status"; then
                state=exited
        elif [ "$living" ]; then
                [ -e "$dir/id" ] && state=running || state=starting
        elif [ -e "$dir/tombstone" ] && [ ! -e "$dir/id" ]; then
                state=tombstone
        elif run_is_new; then
                state=starting
        else
                state=lost
        fi
}

# The position of the command on its device: that of its own descriptor, not of ours.
run_position()
{
        local mode major minor path key value number max=
        [ "$state" = running ] && alive "$command_pid" "$command_start" "$run_boot" || return 0
        number=$(kname_number "$run_kname")
        stat -L -c '%f %t %T %n' "/proc/$command_pid/fd/"* 2> /dev/null | grep '^6' | {
                while read -r mode major minor path; do
                        [ "$(printf '%d:%d' "0x$major" "0x$minor")" = "$number" ] && [ "${path##*/}" != $HOLD_FD ] || continue
                        while read -r key value; do
                                [ "$key" = pos: ] && is_number "$value" || continue
                                [ -n "$max" ] && [ "$max" -ge "$value" ] || max=$value
                        done < "/proc/$command_pid/fdinfo/${path##*/}"
                done 2> /dev/null
                printf '%s' "$max"
        }
}

work_bytes()
{
        local line=
        { read -r line < "/sys/block/$1/stat"; } 2> /dev/null || return
        # shellcheck disable=SC2086
        set -- $line
        [ $# -lt 7 ] || printf '%s' $((($3 + $7) * 512))
}

# tail_measure FILE OFFSET MAX: sets tail_size to how much of the file of this run there is to send.
tail_measure()
{
        tail_size=0
        [ -z "$dir" ] || [ ! -f "$1" ] || tail_size=$(($(wc -c < "$1") - $2))
        [ "$tail_size" -gt 0 ] || tail_size=0
        [ "$tail_size" -le "$3" ] || tail_size=$3
}

tail_print()
{
        [ "$3" -eq 0 ] || tail -c "+$(($2 + 1))" "$1" | head -c "$3"
}

# On its way down a host ends everything that runs.
host_stops()
{
        [ -d /run/systemd/system ] && have systemctl && [ "$(limited 10 systemctl is-system-running 2> /dev/null)" = stopping ]
}

# status_print KNAME LOG-OFFSET BLOCKS-OFFSET [KEY=VALUE...]: of the run in $dir. What has no value is left out.
status_print()
{
        local kname=$1 log_offset=$2 blocks_offset=$3 number='' id log_size temperature stopped='' left='' stops=''
        shift 3
        [ "$state" != exited ] || left=$(first_line "$dir/content")
        case $state in
        exited | lost) ! host_stops || stops=1 ;;
        esac
        [ -z "$run_kname" ] || kname=$run_kname
        if [ "$state" = running ] && alive "$command_pid" "$command_start" "$run_boot"; then
                case $ps_state in
                [Tt]) stopped=1 ;;
                esac
                number=$(node_number "/proc/$command_pid/fd/$HOLD_FD")
        fi
        [ -n "$number" ] || number=$(kname_number "$kname")
        ident_read "$number" || id=
        temperature_read "$kname"
        tail_measure "$dir/log" "$log_offset" $LOG_MAX
        log_size=$tail_size
        tail_measure "$dir/blocks" "$blocks_offset" $BLOCKS_MAX
        printf 'burnin-answer status\n'
        printf '%s\n' "state=$state" "refused=$refused" "exit=$exit_status" "exclusive=$exclusive" "boot=$boot_id" \
                "run_boot=$run_boot" "uptime=$(first_line /proc/uptime)" "position=$(run_position)" \
                "work=$(work_bytes "$kname")" "stopped=$stopped" "ident=$id" "temperature=$temperature" \
                "paused_heat=$paused_heat" "paused_operator=$paused_operator" "content=$left" "host_stops=$stops" "$@" \
                "log=$log_size" "blocks=$tail_size" ''
        tail_print "$dir/log" "$log_offset" "$log_size"
        tail_print "$dir/blocks" "$blocks_offset" "$tail_size"
        printf '\nburnin-end 0\n'
}

# --- the run itself ----------------------------------------------------------------------------------------

# Ends wrap and check alike: in the directory of the run.
refuse()
{
        printf '%s: %s' "$1" "$2" | tr -s '\n\t ' ' ' | head -c 1000 > refused.new
        echo >> refused.new
        mv refused.new refused
        exit 1
}

is_late()
{
        [ "$1" != "$boot_id" ] || [ $((uptime_sec * 1000000)) -gt "$2" ]
}

# The facts that a run was started with. Each was checked before it was written.
spec_read()
{
        local key value
        while IFS='=' read -r key value; do
                case $key in
                run) spec_run=$value ;;
                machine) spec_machine=$value ;;
                kname) spec_kname=$value ;;
                ident) spec_ident=$value ;;
                serial) spec_serial=$value ;;
                content) spec_content=$value ;;
                boot) spec_boot=$value ;;
                not_after) spec_not_after=$value ;;
                lock) spec_lock=$value ;;
                pool) spec_pool=$value ;;
                guid) spec_guid=$value ;;
                release) spec_release=$value ;;
                esac
        done < spec
}

PERL_HOLD='use Fcntl; use POSIX (); my $d = shift;
unless (sysopen(my $f, $d, O_RDWR | O_EXCL | O_NONBLOCK | O_NOCTTY)) {
        my $e = $!; print STDERR "cannot open $d: $e\n"; POSIX::_exit($e == POSIX::EBUSY() ? 75 : 76);
} else {
        unless (-b $f) { print STDERR "cannot open $d: not a block device\n"; POSIX::_exit(76); }
        POSIX::dup2(fileno($f), 9) or POSIX::_exit(76);
        if (fileno($f) == 9) { fcntl($f, F_SETFD, 0); }
        { exec { $ARGV[0] } @ARGV; }
        POSIX::_exit(127);
}'

PYTHON_HOLD='import errno, os, stat, sys
d = sys.argv[1]
try:
    f = os.open(d, os.O_RDWR | os.O_EXCL | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISBLK(os.fstat(f).st_mode):
        raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK))
    os.set_inheritable(f, True) if f == 9 else os.dup2(f, 9)
except OSError as e:
    sys.stderr.write("cannot open %s: %s\n" % (d, e.strerror))
    os._exit(75 if e.errno == errno.EBUSY else 76)
os.execvp(sys.argv[2], sys.argv[2:])'

# Who can open a device exclusively here; nothing where nobody can.
holder_find()
{
        local agent
        for agent in "${PWD%/*}"/bin/burnin-agent-*; do
                [ -x "$agent" ] && "$agent" version > /dev/null 2>&1 || continue
                printf '%s' "$agent"
                return
        done
        if have perl && perl -MPOSIX -MFcntl -e 1 2> /dev/null; then
                printf perl
        elif have python3 && python3 -IS -c 'import os' 2> /dev/null; then
                printf python3
        fi
}

# hold HOLDER: becomes the checks, with the device open on descriptor 9.
hold()
{
        local device=/dev/$spec_kname
        BURNIN_EXCLUSIVE=1
        export BURNIN_EXCLUSIVE
        case $1 in
        perl) exec perl -e "$PERL_HOLD" "$device" /bin/sh "$PWD/script" check "$PWD" ;;
        python3) exec python3 -IS -c "$PYTHON_HOLD" "$device" /bin/sh "$PWD/script" check "$PWD" ;;
        ?*) exec "$1" hold "$device" -- /bin/sh "$PWD/script" check "$PWD" ;;
        esac
        # Nobody here can open a device exclusively. What is open still pins the name; the ledger will say the rest.
        BURNIN_EXCLUSIVE=
        [ -b "$device" ] || { echo "cannot open $device: not a block device" >&2; exit $EXIT_HOLD_FAILED; }
        exec 9<> "$device" || exit $EXIT_HOLD_FAILED
        exec /bin/sh "$PWD/script" check "$PWD"
}

# What the command left behind: whatever this job does to the drive next compares with that, as the first one did with what was
# confirmed.
note_content()
{
        local number word id
        number=$(kname_number "$spec_kname")
        ident_read "$number" && [ "$id" = "$spec_ident" ] && word=$(content "/dev/$spec_kname" "$number") || return
        printf '%s\n' "$word" > content
}

# Stands around the command from start to end: the leader of its session, and the one who notes how it ended.
verb_wrap()
{
        local tries=0 status=127 s number holder
        cd "$1" || exit 1
        # Whoever launched us may have tried twice.
        mkdir wrapper 2> /dev/null || exit 0
        proc_stat $$ || exit 1
        printf '%s %s %s\n' $$ "$ps_start" "$boot_id" > pid.new
        mv pid.new pid
        [ ! -e tombstone ] || exit 0
        spec_read
        ! is_late "$spec_boot" "$spec_not_after" || refuse late 'the start came too late'

        holder=$(holder_find)
        # An imported pool shows nowhere but in an exclusive open that fails: what was unlocked is not touched without one.
        [ -n "$holder" ] || [ "$spec_lock" = none ] ||
                refuse exclusive 'without burnin-agent, perl and python3 the host cannot prove that nothing uses what was unlocked'
        [ "$spec_release" != release ] || release_drive
        [ ! -e tombstone ] || exit 0

        child=''
        trapped=''
        trap 'trapped=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' TERM INT HUP
        while :; do
                (hold "$holder") < /dev/null > /dev/null 2> hold.log &
                child=$!
                # A signal ends the wait and not the child; then it is waited for again, and its status is the one that counts.
                while :; do
                        trapped=''
                        wait "$child"
                        s=$?
                        [ $s -eq 127 ] || status=$s
                        [ -n "$trapped" ] || break
                done
                child=''
                # udev and its like open new devices for a moment, exclusively too.
                [ $status -eq $EXIT_HOLD_BUSY ] && [ ! -e id ] && [ ! -e tombstone ] && [ $tries -lt 15 ] || break
                tries=$((tries + 1))
                nap
        done

        [ ! -e refused ] || exit 0
        if [ -e id ]; then
                [ $status -ne 0 ] || note_content
                echo $status > exit.new
                sync exit.new 2> /dev/null
                mv exit.new exit
                sync . 2> /dev/null
                exit 0
        fi
        [ ! -e tombstone ] || exit 0
        s=$(tail -n 1 hold.log)
        case $status in
        "$EXIT_HOLD_BUSY")
                number=$(kname_number "$spec_kname")
                # shellcheck disable=SC2046
                s=$(usage $(device_numbers "$number"))
                [ -z "$s" ] || refuse locked "$spec_kname is $s"
                refuse exclusive "$spec_kname is held by something else on the host"
                ;;
        "$EXIT_HOLD_FAILED") refuse open "${s:-cannot open /dev/$spec_kname}" ;;
        *) refuse tool "the checks ended with status $status: $s" ;;
        esac
}

# What smartctl says of the serial must be what the drive itself has always said; a bridge has none.
check_serial()
{
        local serial
        [ "$spec_serial" != - ] && have smartctl || return 0
        serial=$(smart_json 60 "$spec_kname" never --json=c -i 2> /dev/null |
                sed -n 's/.*"serial_number": *"\([^"]*\)".*/\1/p' | head -n 1 | sed 's/^ *//; s/ *$//')
        [ -z "$serial" ] || [ "$serial" = "$spec_serial" ] ||
                refuse identity "$spec_kname has the serial number $serial, not $spec_serial"
}

# place_read PLACE: sets first, count and bytes, the latter as tr takes them.
place_read()
{
        local hex
        count=${1%%=*}
        first=${count%%+*}
        count=${count#*+}
        hex=${1#*=}
        bytes=@
        is_number "$first" && is_number "$count" && [ "$count" -gt 0 ] && [ "$count" -le 2048 ] || return 1
        # With itself nothing is compared.
        [ "$hex" != @ ] || { [ "$first" -ge "$count" ]; return; }
        case $hex in
        *[!0-9a-f]* | '') return 1 ;;
        esac
        [ $((${#hex} % 2)) -eq 0 ] && [ ${#hex} -le 16 ] || return 1
        bytes=
        while [ -n "$hex" ]; do
                bytes=$bytes$(printf '\\%03o' "0x${hex%"${hex#??}"}")
                hex=${hex#??}
        done
}

# Prints what is left of $3 sectors from sector $2 of the file $1 without the bytes $4, and fails where one cannot be read.
other_bytes()
{
        local out
        out=$({ { dd if="$1" bs=512 skip="$2" count="$3" 2> /dev/null && echo ok >&4; } | tr -d "$4" | wc -c; } 4>&1) || return 1
        case $out in
        *ok*) printf '%s' "$out" | tr -cd '0-9' ;;
        *) return 1 ;;
        esac
}

# check_places MAJ:MIN PLACES: what a test of ours has left when its host was rebooted, and nothing else.
check_places()
{
        local place first count bytes sectors n word one device=/proc/self/fd/$HOLD_FD
        sectors=$(first_line "/sys/dev/block/$1/size")
        for place in $(printf '%s' "$2" | tr , ' '); do
                place_read "$place" && [ $((first + count)) -le "$sectors" ] || refuse content "nobody knows what should be on $spec_kname"
                n=0
                if [ "$bytes" = @ ]; then
                        # What is the same byte everywhere is no random pattern.
                        one=$(dd if=$device bs=1 count=1 2> /dev/null | od -An -to1 | tr -cd '0-7')
                        n=$(other_bytes $device 0 "$count" "\\$one") && [ "$n" -gt 0 ] &&
                                word=$(hash_sectors $device 0 "$count") && one=$(hash_sectors $device "$first" "$count") ||
                                refuse content "sector $first of $spec_kname cannot be compared"
                        n=0
                        [ "$word" = "$one" ] || n=1
                else
                        n=$(other_bytes $device "$first" "$count" "$bytes") || refuse content "sector $first of $spec_kname cannot be read"
                fi
                [ "$n" -eq 0 ] || refuse content "the drive was changed while the host was down: from sector $first on $spec_kname holds what the test has not written"
        done
}

check_openers()
{
        local tries=0 seen
        while :; do
                # The descriptor is not ours alone while a child has a copy of it.
                seen=$(
                        exec 9>&-
                        openers | while read -r number pid comm; do
                                case " $* " in
                                *" $number "*) [ "$pid" = $$ ] || printf '%s (pid %s)\n' "$comm" "$pid" ;;
                                esac
                        done | head -n 1
                )
                [ -n "$seen" ] || return 0
                [ $tries -lt 12 ] || refuse locked "$spec_kname is open in $seen"
                tries=$((tries + 1))
                nap
        done
}

# All checks, through descriptor 9; then becomes the command.
verb_check()
{
        local number id word words
        cd "$1" || exit 1
        spec_read
        number=$(node_number /proc/self/fd/$HOLD_FD) || refuse open "what is open is not a block device"
        ident_read "$number" || refuse identity "nothing is known of device $number"
        [ "$id" = "$spec_ident" ] || refuse identity "$spec_kname is another drive now ($id)"
        [ "$(node_number "/dev/$spec_kname")" = "$number" ] || refuse identity "/dev/$spec_kname is another device now"
        check_serial
        have awk && have xargs && have sha256sum || refuse tool 'awk, xargs or sha256sum is missing on the host'
        # shellcheck disable=SC2046
        check_openers $(device_numbers "$number")
        # shellcheck disable=SC2046
        words=$(usage $(device_numbers "$number"))
        [ -z "$words" ] || refuse locked "$spec_kname is $words"
        granted_check "$number"
        case $spec_content in
        -) ;;
        *=*) check_places "$number" "$spec_content" ;;
        *)
                word=$(content /proc/self/fd/$HOLD_FD "$number") ||
                        refuse content "the first or the last MiB of $spec_kname cannot be read"
                [ "$word" = "$spec_content" ] || refuse content "what is on $spec_kname has changed since it was confirmed"
                ;;
        esac

        set --
        while IFS= read -r word; do
                [ "$word" != '{}' ] || word=/dev/$spec_kname
                set -- "$@" "$word"
        done < command
        if [ "$1" = nvme_erase ]; then
                have nvme && have od || refuse tool 'nvme (nvme-cli) or od is not installed on the host'
        else
                have "$1" || refuse tool "$1 is not installed on the host"
                ! have stdbuf || set -- stdbuf -oL "$@"
        fi

        proc_stat $$
        printf '%s\n' "run=$spec_run" "machine=$spec_machine" "kname=$spec_kname" "ident=$spec_ident" "boot=$boot_id" \
                "started=$(date +%s)" "pid=$$" "start=$ps_start" "exclusive=${BURNIN_EXCLUSIVE:-}" > id.new
        sync id.new 2> /dev/null
        mv id.new id
        # The last look before there is no way back: a cancel plants this first and signals then, so one of both meets us.
        [ ! -e tombstone ] || { rm -f id; exit 1; }
        if [ "$1" = nvme_erase ]; then
                "$@" < /dev/null > blocks 2> log
                exit
        fi
        exec "$@" < /dev/null > blocks 2> log
}

# --- verbs about runs --------------------------------------------------------------------------------------

# Detached from everything that ends with the connection.
run_launch()
{
        if [ -d /run/systemd/system ] && have systemd-run &&
                systemd-run -q --unit="burnin-run-$1" --collect --description="burnin: $2 on $3 (run $1)" \
                        --setenv=PATH="$PATH" -p KillMode=mixed -p TimeoutStopSec=20 -p Restart=no \
                        /bin/sh "$dir/script" wrap "$dir" < /dev/null > /dev/null 2>&1; then
                return
        fi
        # The wrapper's own lock keeps this from being the second one, where systemd-run failed late.
        have setsid || { (cd "$dir" && refuse tool 'neither systemd-run nor setsid is there'); return; }
        setsid /bin/sh "$dir/script" wrap "$dir" < /dev/null > /dev/null 2>&1 &
}

# start_check_grant CONTENT LOCK POOL GUID RELEASE: what is not used has the content that was confirmed.
start_check_grant()
{
        case $2:$5 in
        none:- | existing-data:- | exported-pool:- | storage-member:- | mounted:release | active-pool:release | boot-pool:release | \
                storage-member:release) ;;
        *) fail 'start: a bad lock' ;;
        esac
        case $2:$5:$1 in
        none:* | *:release:*) ;;
        *:-) fail 'start: what was unlocked was never confirmed' ;;
        esac
        case $2 in
        active-pool | boot-pool) is_pool "$3" && is_guid "$4" || fail 'start: a bad pool' ;;
        *) { [ "$3" = - ] || is_pool "$3"; } && { [ "$4" = - ] || is_guid "$4"; } || fail 'start: a bad pool' ;;
        esac
}

start_check_arguments()
{
        local word first count bytes
        [ $# -ge 13 ] || fail 'start: arguments are missing'
        is_run "$1" && is_run "$2" && is_kname "$3" && is_word "$4" && is_number "$8" || fail 'start: a bad argument'
        for word in "$6" "$7"; do
                is_word "$word" || fail 'start: a bad argument'
        done
        for word in "$@"; do
                case $word in
                *'
'*) fail 'start: a line break in an argument' ;;
                esac
        done
        [ ${#5} -le 128 ] && [ -n "$5" ] && [ -n "${13}" ] || fail 'start: a bad argument'
        case $6 in
        *=*)
                for word in $(printf '%s' "$6" | tr , ' '); do
                        place_read "$word" || fail 'start: a bad argument'
                done
                ;;
        esac
        start_check_grant "$6" "$9" "${10}" "${11}" "${12}"
        if [ "${13}" = nvme_erase ]; then
                shift 13
                nvme_erase_check "$@" && [ "$4" = '{}' ] || fail 'start: a bad argument'
        fi
        [ -n "${BURNIN_SCRIPT:-}" ] || fail 'start: without the script'
}

verb_start()
{
        local run=$1 kname=$3 i=0
        start_check_arguments "$@"
        run_find "$run"
        if [ -z "$dir" ]; then
                if is_late "$7" "$8"; then
                        run_load
                        state=refused
                        refused='late: the start came too late'
                        status_print "$kname" 0 0
                        return
                fi
                base_make
                dir=$base/$run
                # mkdir without -p is the lock: against a second start, and against the cancel that overtook this one.
                if mkdir "$dir" 2> /dev/null; then
                        printf '%s\n' "run=$1" "machine=$2" "kname=$3" "ident=$4" "serial=$5" "content=$6" "boot=$7" \
                                "not_after=$8" "uptime=$uptime_sec" "lock=$9" "pool=${10}" "guid=${11}" "release=${12}" \
                                > "$dir/spec.new"
                        shift 12
                        printf '%s\n' "$@" > "$dir/command"
                        printf '%s' "$BURNIN_SCRIPT" > "$dir/script"
                        sync "$dir/script" 2> /dev/null
                        mv "$dir/spec.new" "$dir/spec"
                        run_launch "$run" "$1" "$kname"
                        (leftovers_remove) > /dev/null 2>&1
                fi
        fi
        while run_load && [ "$state" = starting ] && [ $i -lt 20 ]; do
                i=$((i + 1))
                nap
        done
        status_print "$kname" 0 0
}

verb_status()
{
        is_run "$1" && is_kname "$2" && is_number "$3" && is_number "$4" || fail 'status: a bad argument'
        run_find "$1"
        run_load
        status_print "$2" "$3" "$4"
}

# Everybody in the session of the run, and its two known processes.
run_members()
{
        if is_number "$wrapper_pid" && [ "$wrapper_boot" = "$boot_id" ]; then
                # A process with this number and another start time: the number was given away, so the session had ended.
                if ! proc_stat "$wrapper_pid" || [ "$ps_start" = "$wrapper_start" ]; then
                        session_members "$wrapper_pid"
                fi
        fi
        # Its status says nothing of how many there are: whoever asks takes a failure for nobody.
        ! alive "$command_pid" "$command_start" "$run_boot" || printf '%s\n' "$command_pid"
}

run_signal()
{
        local signal=$1 p
        shift
        for p in "$@"; do
                kill "-$signal" "$p" 2> /dev/null
        done
}

# run_wait SECONDS: until nobody is left. A member may start another while we look, so each look is a new one.
run_wait()
{
        local end now
        now=$(first_line /proc/uptime)
        end=$((${now%%.*} + $1))
        while members=$(run_members) && [ -n "$members" ]; do
                now=$(first_line /proc/uptime)
                [ "${now%%.*}" -le "$end" ] || return 1
                nap
        done
}

verb_cancel()
{
        local members='' gone=1 dying='' p
        is_run "$1" && is_number "$2" && [ "$2" -le 3600 ] || fail 'cancel: a bad argument'
        run_find "$1"
        if [ -z "$dir" ]; then
                base_make
                dir=$base/$1
                mkdir "$dir" 2> /dev/null
        fi
        { : > "$dir/tombstone"; } 2> /dev/null || fail "cannot write to $dir"
        # That it is there is what counts; when it was planted is for whoever clears up, and a full disk may keep it out.
        echo "$boot_id $uptime_sec" 2> /dev/null > "$dir/tombstone"
        sync "$dir" 2> /dev/null
        run_load
        members=$(run_members)
        if [ -n "$members" ]; then
                # A stopped process takes note of TERM only when it goes on. The wrapper passes it on and stays to see the end.
                # shellcheck disable=SC2086
                run_signal TERM $members
                # shellcheck disable=SC2086
                run_signal CONT $members
                if ! run_wait "$2"; then
                        # shellcheck disable=SC2086
                        run_signal KILL $members
                        run_wait 3 || gone=
                fi
        fi
        for p in $members; do
                proc_stat "$p" && [ "$ps_state" = D ] && dying=1
        done
        run_load
        status_print "${run_kname:-none}" 0 0 "gone=$gone" "dying=$dying"
}

# The command alone: the wrapper has to be there when it ends.
command_signal()
{
        [ "$state" = running ] && alive "$command_pid" "$command_start" "$run_boot" && kill "-$1" "$command_pid"
}

is_holder()
{
        case $1 in
        heat | operator) ;;
        *) return 1 ;;
        esac
}

# Who holds it is remembered here: whoever follows the run next must know that it was no accident.
verb_pause()
{
        case $3 in
        '' | *'
'*) fail 'pause: a bad argument' ;;
        esac
        is_run "$1" && is_holder "$2" && [ ${#3} -le 512 ] || fail 'pause: a bad argument'
        run_find "$1"
        run_load
        if command_signal STOP; then
                { printf '%s\n' "$3" > "$dir/paused-$2.new" && mv "$dir/paused-$2.new" "$dir/paused-$2"; } 2> /dev/null
                run_load
        fi
        status_print "${run_kname:-none}" 0 0
}

verb_resume()
{
        is_run "$1" && is_holder "$2" || fail 'resume: a bad argument'
        run_find "$1"
        run_load
        if [ -n "$dir" ]; then
                rm -f "$dir/paused-$2"
                [ -e "$dir/paused-heat" ] || [ -e "$dir/paused-operator" ] || command_signal CONT
                run_load
        fi
        status_print "${run_kname:-none}" 0 0
}

verb_remove()
{
        is_run "$1" || fail 'remove: a bad argument'
        run_find "$1"
        run_load
        [ -z "$dir" ] || {
                ! run_alive && [ -z "$(run_members)" ] || fail 'busy: the run is alive'
                rm -rf "$dir"
        }
        printf 'burnin-answer remove\n\nburnin-end 0\n'
}

# --- main --------------------------------------------------------------------------------------------------

main()
{
        local verb=${1:-} n
        [ $# -eq 0 ] || shift
        boot_id=$(first_line /proc/sys/kernel/random/boot_id)
        uptime_sec=$(first_line /proc/uptime)
        uptime_sec=${uptime_sec%%.*}
        dir=''
        selftest_kname=''
        selftest_type=''
        [ -n "$boot_id" ] && is_number "$uptime_sec" || fail '/proc is not there: this host is no Linux'
        case $verb in
        status | selftest_read) n=4 ;;
        selftest_start) n=6 ;;
        pause | selftest_abort | locate) n=3 ;;
        kmsg | fingerprint | cancel | resume | nvme) n=2 ;;
        remove | probe | smart | wrap | check) n=1 ;;
        agent) n=0 ;;
        start | facts) n=$# ;;
        *) fail 'no such verb' ;;
        esac
        [ $# -eq "$n" ] && { [ $# -gt 0 ] || [ "$verb" = agent ]; } || fail "$verb: wrong number of arguments"
        "verb_$verb" "$@"
}

# A text that was cut on its way ends before this line, and does nothing at all.
{ main "$@" < /dev/null; exit; }
