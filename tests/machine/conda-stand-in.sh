#!/bin/sh
# Makes a real conda (24.7), conda-index and their dependencies from PyPI alone, for machines that
# reach no conda channel and no image registry:
#     tests/machine/conda-stand-in.sh [PREFIX]     (default: ~/.cache/conda-lan-mirror/conda)
# PREFIX/bin/conda and PREFIX/bin/python are then what a miniforge's would be. Needs Python 3.10 to
# 3.12 with venv, and gcc (pycosat is published as source only).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=${1:-$HOME/.cache/conda-lan-mirror/conda}
say() { echo "conda-stand-in: $*" >&2; }

stamp=$(cat "$0" "$here"/conda-*.txt | sha256sum | cut -d' ' -f1)
if [ "$(cat "$prefix/.stamp" 2>/dev/null)" = "$stamp" ]; then
    say "$prefix is up to date"
    exit 0
fi

# conda 24.7 does not run on Python 3.13.
python=${STAND_IN_PYTHON:-}
for candidate in python3.11 python3.12 python3.10 python3; do
    [ -z "$python" ] || break
    "$candidate" -c 'import sys, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' \
        2>/dev/null && python=$candidate
done
[ -n "$python" ] || { say "needs Python 3.10 to 3.12 with venv (python3-venv)"; exit 1; }

say "making $prefix from PyPI with $python (about 20 s)"
rm -rf "$prefix"
"$python" -m venv "$prefix"
pip() { "$prefix/bin/python" -m pip --quiet --disable-pip-version-check --no-cache-dir "$@"; }
pip install --require-hashes -r "$here/conda-stand-in.txt"

# conda comes out of conda-lock's vendored copy, under its own name and without conda-lock.
pip install --require-hashes --no-deps --target "$prefix/carrier" -r "$here/conda-client.txt"
site=$("$prefix/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mv "$prefix/carrier/conda_lock/_vendor/conda" "$site/conda"
rm -rf "$prefix/carrier"
grep -rl --include='*.py' 'conda_lock\._vendor\.conda' "$site/conda" |
    xargs sed -i 's/conda_lock\._vendor\.conda/conda/g'

cat >"$prefix/bin/conda" <<EOF
#!$prefix/bin/python
import sys
from conda.cli.main import main
if __name__ == "__main__":  # conda spawns itself to look for a GPU driver
    sys.exit(main())
EOF
chmod 755 "$prefix/bin/conda"

# conda takes a folder with conda-meta/history for an environment. The libmamba solver is not on PyPI.
mkdir -p "$prefix/conda-meta"
: >"$prefix/conda-meta/history"
printf '%s\n' 'solver: classic' 'default_channels: []' 'notify_outdated_conda: false' >"$prefix/.condarc"

"$prefix/bin/python" -m compileall -q "$site" || true # templates in there are not all Python
"$prefix/bin/conda" index --help >/dev/null
say "$("$prefix/bin/conda" --version) and conda-index are in $prefix"
echo "$stamp" >"$prefix/.stamp"
