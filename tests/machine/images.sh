#!/bin/sh
# Everything that `docker compose build` needs on this machine, made or found. Prints settings for
# Compose; use:  settings=$(tests/machine/images.sh) && export $settings
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
"$here/compose.sh"
base=${BASE_IMAGE:-$("$here/base-image.sh")}
conda=${CONDA_BASE:-$("$here/conda-base.sh")}
echo "BASE_IMAGE=$base CONDA_BASE=$conda BUILD_CA_BUNDLE=$("$here/ca-bundle.sh")"
