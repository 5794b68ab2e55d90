#!/bin/sh
# Installs Chromium by apt, for the tests and the pictures of the landing page (about 350 MB). Exit 0
# also when it is left out; the tests then say that they are skipped for that.
set -eu
say() { echo "browser: $*" >&2; }
for program in chromium chromium-browser; do
    ! command -v "$program" >/dev/null || exit 0
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "not root, or no apt: left out chromium"
    exit 0
fi
say "installing chromium"
{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null ||
    say "could not install chromium"
