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

for folder in \
    "$mirror" "$mirror/channels" "$mirror/local" "$mirror/replaced" "$mirror/staging" \
    "$mirror/retired" "$mirror/quarantine" "$mirror/index" "$mirror/installers" "$mirror/site" \
    "$state" "$state/locks" "$state/channels"; do
    mkdir -p "$folder" || fail "cannot make $folder: is the volume mounted read-only?"
    [ "$(stat -c %u:%g "$folder")" = "$owner" ] || chown "$owner" "$folder" ||
        fail "cannot give $folder to $owner: chown it on its host, or set PUID and PGID to its owner"
    # Whoever may write, nginx (another user) must be able to read.
    case $folder in
        "$state"*) ;;
        *) chmod a+rx "$folder" || fail "cannot make $folder readable for nginx" ;;
    esac
done
