# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash
#
# What burnin does on a tested host, third part: an NVMe drive that is to erase itself, by Format NVM or Sanitize. What it can, and
# what a command would reach, is read and judged by whoever asks; what is there is looked at again before the command.

NVME_OUTPUT_MAX=65536
NVME_FORMAT_MS=86400000
# Blocks that are stamped before, and must be gone afterwards: this big, at so many places.
STAMP_SIZE=4096
STAMPS=32
# A log that cannot be read so often in a row is not read any more.
NVME_SILENCE_MAX=150

# nvme_limited ARGUMENT...: a question to the drive.
nvme_limited()
{
        limited 60 nvme "$@" 2> /dev/null | head -c $NVME_OUTPUT_MAX
}

# The number of the namespace, by the kernel, else by the tool.
nvme_nsid()
{
        local nsid
        nsid=$(first_line "/sys/block/$1/nsid")
        [ -n "$nsid" ] || nsid=$(nvme_limited get-ns-id "/dev/$1" | sed -n 's/.*namespace-id: *\([0-9][0-9]*\).*/\1/p' | head -n 1)
        ! is_number "$nsid" || printf '%s' "$nsid"
}

# nvme_number KEY: in the JSON on standard input, the first number of this key, also in words such as "(2) In Progress".
nvme_number()
{
        sed -n "s/.*\"$1\" *: *\"\\{0,1\\}(\\{0,1\\}\\([0-9][0-9]*\\).*/\\1/p" | head -n 1
}

# The namespaces that exist, attached to this controller or not, a number a line. A controller that cannot say which are allocated
# has no others than those.
nvme_namespaces()
{
        local n
        {
                nvme_limited list-ns "$1"
                nvme_limited list-ns "$1" --all
        } | sed -n 's/^\[ *[0-9]*\]: *\([0-9][0-9a-fA-Fx]*\).*/\1/p' | while read -r n; do
                printf '%d\n' "$n"
        done | sort -u
}

# KNAME IDENT
verb_nvme()
{
        local found controller='' attached='' allocated='' sanitize='' device tool=
        is_kname "$1" && is_word "$2" || fail 'nvme: a bad argument'
        drive_find "$2" "$1" || fail "stale: $1 is not there any more, or its identity has changed"
        device=/dev/$found
        if have nvme; then
                tool=1
                controller=$(nvme_limited id-ctrl -o json "$device")
                attached=$(nvme_limited list-ns "$device")
                allocated=$(nvme_limited list-ns "$device" --all)
                sanitize=$(nvme_limited sanitize-log -o json "$device")
        fi
        printf 'burnin-answer nvme\n'
        printf '%s\n' "kname=$found" "tool=$tool" "nsid=$([ -z "$tool" ] || nvme_nsid "$found")" "controller=${#controller}" \
                "attached=${#attached}" "allocated=${#allocated}" "sanitize=${#sanitize}"
        printf '\n%s%s%s%s\nburnin-end 0\n' "$controller" "$attached" "$allocated" "$sanitize"
}

# --- the run -----------------------------------------------------------------------------------------------

# What it says goes to the two files of the run: to standard output what is judged, a KEY=VALUE a line, to standard error the words.

# nvme_options VERB OPTION...: those of the options that this version of the tool has.
nvme_options()
{
        local verb=$1 help option
        shift
        help=$(limited 60 nvme "$verb" --help 2>&1)
        for option in "$@"; do
                case $help in
                *"${option%%=*}"*) printf '%s ' "$option" ;;
                esac
        done
}

# Sets places to where the stamps go, in blocks: the first, the last, and one at random in each equal part between.
stamp_places()
{
        local blocks i=1 random part
        blocks=$(($(first_line "/sys/dev/block/$1/size") * 512 / STAMP_SIZE))
        [ $blocks -ge $((2 * STAMPS)) ] || return 1
        places=0
        part=$(((blocks - 2) / (STAMPS - 2)))
        while [ $i -lt $((STAMPS - 1)) ]; do
                random=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
                places="$places $((1 + (i - 1) * part + random % part))"
                i=$((i + 1))
        done
        places="$places $((blocks - 1))"
}

# Past the page cache, which knows nothing of what a drive does to itself.
stamp_read()
{
        dd "if=$1" bs=$STAMP_SIZE skip="$2" count=1 iflag=direct 2> /dev/null | sha256sum | cut -c 1-64
}

hash_of()
{
        head -c $STAMP_SIZE | sha256sum | cut -c 1-64
}

stamp_write()
{
        local place
        head -c $STAMP_SIZE /dev/urandom > stamp || return 1
        for place in $places; do
                dd if=stamp "of=$1" bs=$STAMP_SIZE seek="$place" count=1 conv=notrunc,fsync oflag=direct 2> /dev/null || return 1
        done
}

# stamp_count DEVICE: sets kept, zero, one, other and unreadable to how many of the places read as what.
stamp_count()
{
        local place hash stamp zeros ones nothing
        stamp=$(hash_of < stamp)
        zeros=$(hash_of < /dev/zero)
        ones=$(head -c $STAMP_SIZE /dev/zero | tr '\000' '\377' | hash_of)
        nothing=$(hash_of < /dev/null)
        kept=0 zero=0 one=0 other=0 unreadable=0
        for place in $places; do
                hash=$(stamp_read "$1" "$place")
                case $hash in
                "$stamp") kept=$((kept + 1)) ;;
                "$zeros") zero=$((zero + 1)) ;;
                "$ones") one=$((one + 1)) ;;
                "$nothing") unreadable=$((unreadable + 1)) ;;
                *) other=$((other + 1)) ;;
                esac
        done
}

# As it is formatted now, with its protection information: format takes another one where it is not told.
nvme_format()
{
        local ns flbas dps
        ns=$(nvme_limited id-ns -o json "$1")
        flbas=$(printf '%s\n' "$ns" | nvme_number flbas)
        dps=$(printf '%s\n' "$ns" | nvme_number dps)
        is_number "$flbas" && is_number "$dps" || { echo "nvme id-ns does not say how $1 is formatted" >&2; return 1; }
        set -- "$1" "--namespace-id=$2" --ses=1 "--lbaf=$((flbas & 15 | (flbas & 96) >> 1))" "--ms=$((flbas >> 4 & 1))" \
                "--pi=$((dps & 7))" "--pil=$((dps >> 3 & 1))"
        # The tool's own exclusive open would meet ours.
        # shellcheck disable=SC2046
        nvme format "$@" $(nvme_options format --force --timeout=$NVME_FORMAT_MS) >&2
}

# nvme_sanitize DEVICE METHOD
nvme_sanitize()
{
        case $2 in
        block) set -- "$1" --sanact=2 ;;
        # One pass: 0 would be sixteen.
        overwrite) set -- "$1" --sanact=3 --owpass=1 --ovrpat=0 ;;
        crypto) set -- "$1" --sanact=4 ;;
        esac
        # shellcheck disable=SC2046
        nvme sanitize "$@" $(nvme_options sanitize --force) >&2
}

# The drive goes on by itself, whatever becomes of us. Ends when its log says that it is done, or says nothing any more.
nvme_follow_sanitize()
{
        local log state progress said='' silent=0
        while :; do
                log=$(nvme_limited sanitize-log -o json "$1")
                state=$(printf '%s\n' "$log" | nvme_number status)
                progress=$(printf '%s\n' "$log" | nvme_number sprog)
                case $state in
                2)
                        silent=0
                        ! is_number "$progress" || [ "$progress" -gt 65535 ] || progress=$((progress * 100 / 65536))
                        [ "$progress" = "$said" ] || printf 'progress=%s\n' "$progress"
                        said=$progress
                        ;;
                [0134]) break ;;
                *)
                        silent=$((silent + 1))
                        [ $silent -lt $NVME_SILENCE_MAX ] || break
                        ;;
                esac
                sleep 2
        done
        printf 'sanitize=%s\n' "$(printf '%s' "$log" | tr -s '\n\t ' ' ')"
}

# METHOD REACH NSID DEVICE: the command of the run.
nvme_erase()
{
        local method=$1 nsid=$3 device=$4 number found places kept zero one other unreadable status
        number=$(node_number "$device") || return 1
        [ "$(nvme_nsid "${device##*/}")" = "$nsid" ] || { echo "$device is not namespace $nsid" >&2; return 1; }
        if [ "$2" = subsystem ]; then
                found=$(nvme_namespaces "$device" | tr '\n' ' ')
                [ "$found" = "$nsid " ] || { echo "there are other namespaces than $nsid now: $found" >&2; return 1; }
        fi
        stamp_places "$number" && stamp_write "$device" || { echo "nothing could be written to $device" >&2; return 1; }
        stamp_count "$device"
        printf 'stamped=%s\n' "$kept"
        [ "$kept" -eq $STAMPS ] || { echo "what was written to $device does not read back" >&2; return 1; }

        [ ! -e tombstone ] || return 1
        printf 'begun=1\n'
        if [ "$method" = format ]; then
                nvme_format "$device" "$nsid"
        else
                nvme_sanitize "$device" "$method"
        fi
        status=$?
        printf 'command=%s\n' $status
        [ "$status" -eq 0 ] || return 1
        [ "$method" = format ] || nvme_follow_sanitize "$device"

        stamp_count "$device"
        printf '%s\n' "kept=$kept" "zero=$zero" "one=$one" "other=$other" "unreadable=$unreadable" 'done=1'
}

# nvme_erase_check METHOD REACH NSID DEVICE: those that nvme_erase takes, and no others.
nvme_erase_check()
{
        [ $# -eq 4 ] && is_number "$3" || return 1
        case $1:$2 in
        format:namespace | format:subsystem | block:subsystem | crypto:subsystem | overwrite:subsystem) ;;
        *) return 1 ;;
        esac
}
