#!/bin/sh
# Resolves every .in file into a .txt with hashes. Needs pip-tools:  requirements/lock.sh [--upgrade]
set -eu
cd "$(dirname "$0")"
lock() { # NAME OPTIONS...
    name=$1
    shift
    pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
        -o "$name.txt" "$@" "$name.in"
}
lock dev "$@"
lock syncer -c dev.txt "$@"

# The conda of machines that reach no conda channel (tests/machine/conda-stand-in.sh).
cd ../tests/machine
lock conda-stand-in "$@"
# conda-lock is unpacked, never run: its dependencies stay out.
lock conda-client "$@"
sed -n '/^conda-lock==/,/^[^ ]*==/{/^conda-lock==/p;/^ /p;}' conda-client.txt >conda-client.tmp
mv conda-client.tmp conda-client.txt
