#!/bin/sh
# Runs once, as root, before the others: makes the volumes' top folders (volume/layout.py names them)
# and gives them to PUID:PGID. Never recursive: below them may be millions of files.
set -eu

mirror=${MIRROR_DIR:-/srv/mirror}
state=${STATE_DIR:-/srv/state}
owner=${PUID:-1000}:${PGID:-1000}

fail() {
    echo "volume-init: $*" >&2
    exit 1
}

case $owner in
    0:* | *[!0-9:]* | :* | *:) fail "PUID and PGID must be numbers and PUID not 0, not $owner" ;;
esac

# The system's own words first: a full disk, a quota and a dying disk are not a matter of user ids.
attempt() { # WHAT COMMAND...: do it, or end with why it can't be done
    what=$1
    shift
    why=$("$@" 2>&1) && return
    case $why in
        *"Read-only file system"*) step="mount the volume read-write" ;;
        *"No space left"* | *"Disk quota exceeded"*) step="free space on the volume's disk" ;;
        *"ermission denied"* | *"not permitted"*)
            step="chown it to $owner on its host, or set PUID and PGID to its owner" ;;
        *) step="look at the disk, and at its host's log" ;;
    esac
    fail "cannot $what: $why: $step"
}

# What is published on a disk that went read-only is served on; who can't write there says so too.
is_served_only=no
case $(chmod a+rx "$mirror" 2>&1) in
    *"Read-only file system"*)
        say="$mirror is mounted read-only: mount it read-write"
        [ -d "$mirror/index" ] || fail "$say"
        echo "volume-init: $say; until then what is published is served" >&2
        is_served_only=yes
        ;;
esac

# nginx, another user, appends to this log, and must not make it itself: 'syncer usage' empties it.
usage=${USAGE_DIR:-/srv/usage}
if [ -d "$usage" ]; then
    attempt "make $usage/requests.log" touch "$usage/requests.log"
    attempt "give $usage to $owner" chown "$owner" "$usage" "$usage/requests.log"
    attempt "let nginx write to $usage/requests.log" chmod 666 "$usage/requests.log"
    attempt "make $usage readable for nginx" chmod a+rx "$usage"
fi

for folder in \
    "$mirror" "$mirror/channels" "$mirror/local" "$mirror/replaced" "$mirror/sidecars" \
    "$mirror/staging" "$mirror/retired" "$mirror/quarantine" "$mirror/index" "$mirror/installers" \
    "$mirror/pypi" "$mirror/mapping" "$mirror/site" \
    "$state" "$state/locks" "$state/channels"; do
    case $is_served_only$folder in
        "yes$mirror"*) continue ;;
    esac
    attempt "make $folder" mkdir -p "$folder"
    [ "$(stat -c %u:%g "$folder")" = "$owner" ] ||
        attempt "give $folder to $owner" chown "$owner" "$folder"
    # Whoever may write, nginx (another user) must be able to read.
    case $folder in
        "$state"*) ;;
        *) attempt "make $folder readable for nginx" chmod a+rx "$folder" ;;
    esac
done
