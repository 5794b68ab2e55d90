#!/bin/sh
# Installs what the test levels below Docker use on the host, where it is missing and may be installed:
# nginx, rsync and shellcheck by apt, supercronic out of Debian testing's package into ~/.cache/conda-lan-mirror/bin.
# Exit 0 also when something is left out; ./test reports what it skips for that.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/machine/debian.sh
. "$here/debian.sh"
say() { echo "host-tools: $*" >&2; }
bin=$HOME/.cache/conda-lan-mirror/bin
PATH=$bin:$PATH:/usr/sbin

missing=
for tool in nginx rsync shellcheck; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing$missing"
        # Debian starts what it installs; a policy says no: the tests start their own.
        policy=/usr/sbin/policy-rc.d
        [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; made=1; }
        # shellcheck disable=SC2086 # a list of package names
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install -y --no-install-recommends $missing; } >/dev/null ||
            say "could not install$missing"
        [ -z "${made:-}" ] || rm -f "$policy"
    else
        say "not root, or no apt: left out$missing"
    fi
fi

if ! command -v supercronic >/dev/null; then
    say "installing supercronic into $bin"
    deb_file testing supercronic usr/bin/supercronic "$bin/supercronic" ||
        say "could not install supercronic"
fi
