#!/bin/sh
# Provides the indexer's base image on a machine that reaches no image registry:
#     tests/machine/conda-base.sh      (prints the image to use on stdout)
# That is indexer/Dockerfile's own default where it can be pulled, else conda-mirror-base:conda.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
official=$(sed -n 's/^ARG CONDA_BASE=//p' "$here/../../indexer/Dockerfile")
local_tag=conda-mirror-base:conda
say() { echo "conda-base: $*" >&2; }

if docker image inspect "$official" >/dev/null 2>&1 ||
    timeout "${PULL_TIMEOUT:-300}" docker pull -q "$official" >/dev/null 2>&1; then
    say "$official is here"
    echo "$official"
    exit 0
fi

# Docker's layer cache decides whether there is anything to do.
say "$official cannot be pulled: making $local_tag from PyPI (about 60 s, the first time)"
base=$("$here/base-image.sh" bookworm)
docker buildx build -q --load --build-arg "BASE_IMAGE=$base" -t "$local_tag" \
    --secret "id=ca,src=$("$here/ca-bundle.sh")" -f "$here/conda-stand-in.Dockerfile" "$here" >/dev/null
say "$local_tag is ready"
echo "$local_tag"
