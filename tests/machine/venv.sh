#!/bin/sh
# Makes .venv from requirements/dev.txt, or brings it up to date. Does nothing if it is.
set -eu
cd "$(dirname "$0")/../.."
stamp=$(sha256sum <requirements/dev.txt)
[ "$(cat .venv/.stamp 2>/dev/null)" != "$stamp" ] || exit 0
if [ ! -x .venv/bin/python ]; then
    for python in python3.11 python3.12 python3.13 python3; do
        "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
    done
    "$python" -m venv .venv || { echo "venv: needs Python 3.11 or later with venv (python3-venv)" >&2; exit 1; }
fi
echo "venv: installing requirements/dev.txt into .venv" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
echo "$stamp" >.venv/.stamp
