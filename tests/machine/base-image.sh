#!/bin/sh
# Provides a Debian base image on a machine that reaches no image registry:
#     tests/machine/base-image.sh [SUITE]      (default: trixie; prints the image to use on stdout)
# That is debian:SUITE-slim where it can be pulled, else conda-mirror-base:SUITE, bootstrapped from
# the package archive that this machine's own apt uses (about 40 s, once).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/machine/debian.sh
. "$here/debian.sh"
suite=${1:-trixie}
official=debian:$suite-slim
local_tag=conda-mirror-base:$suite
say() { echo "base-image: $*" >&2; }

for image in "$official" "$local_tag"; do
    if docker image inspect "$image" >/dev/null 2>&1; then
        say "$image is here"
        echo "$image"
        exit 0
    fi
done
if timeout "${PULL_TIMEOUT:-60}" docker pull -q "$official" >/dev/null 2>&1; then
    say "pulled $official"
    echo "$official"
    exit 0
fi

say "$official cannot be pulled: bootstrapping $local_tag with debootstrap"
[ "$(id -u)" = 0 ] || { say "debootstrap needs root"; exit 1; }
command -v debootstrap >/dev/null || {
    apt-get -qq update && apt-get -qq install -y --no-install-recommends debootstrap >/dev/null
}
archive=$(debian_archive)
[ -n "$archive" ] || { say "no Debian archive in apt's sources (apt-get update?)"; exit 1; }

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase "$suite" "$root" "$archive" >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
rm -f "$root.log"

# An archive that is frozen in time serves Release files past their Valid-Until. Where this machine's
# apt is set up for that, so is the image: it belongs to the machine, the Dockerfiles stay strict.
apt-config dump | grep -E '^Acquire::Check-Valid-Until ' >"$root/etc/apt/apt.conf.d/99machine" || true
# What the official slim images leave out, too.
printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' \
    'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
    'path-exclude /usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/docker"
# ... and apt keeps no packages or caches, so that layers stay small.
printf '%s\n' 'Acquire::Languages "none";' 'Acquire::GzipIndexes "true";' \
    'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' \
    >"$root/etc/apt/apt.conf.d/docker-clean"
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root/var/cache/apt"/*.bin "$root/var/cache/apt/archives"/*.deb "$root/var/lib/apt/lists"/* \
    "$root/usr/share/man"/* "$root/usr/share/info"/* "$root/usr/share/locale"/*

tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$local_tag" >/dev/null
say "made $local_tag ($(docker image inspect -f '{{.Size}}' "$local_tag" | awk '{printf "%d MB", $1 / 1e6}'))"
echo "$local_tag"
