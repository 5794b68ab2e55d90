#!/bin/sh
# ./demo on a machine without Docker: the same programs and Debian's nginx, on this host.
set -eu
cd "$(dirname "$0")/../.."
tests/machine/host-tools.sh
tests/machine/venv.sh
tests/machine/conda-stand-in.sh
PATH=$HOME/.cache/conda-lan-mirror/bin:$PATH:/usr/sbin
CONDA_EXE=${CONDA_EXE:-$HOME/.cache/conda-lan-mirror/conda/bin/conda}
export PATH CONDA_EXE
exec .venv/bin/python -m tests.stack.host_demo
