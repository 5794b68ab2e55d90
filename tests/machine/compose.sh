#!/bin/sh
# Makes `docker compose` (v2) and `docker buildx` work for this user: where a plugin is missing, its
# binary is taken out of Debian testing's package into ~/.docker/cli-plugins. Nothing else changes.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source=tests/machine/debian.sh
. "$here/debian.sh"
say() { echo "compose: $*" >&2; }

command -v docker >/dev/null || { say "no docker on this machine"; exit 1; }
for plugin in compose buildx; do
    if docker "$plugin" version >/dev/null 2>&1; then
        say "docker $plugin is here"
        continue
    fi
    say "installing docker $plugin from Debian testing's package"
    deb_file testing "docker-$plugin" "usr/libexec/docker/cli-plugins/docker-$plugin" \
        "$HOME/.docker/cli-plugins/docker-$plugin"
    say "$(docker "$plugin" version)"
done
