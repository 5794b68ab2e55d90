# A stand-in for condaforge/miniforge3, made by conda-stand-in.sh from PyPI: same prefix, same PATH.
# Debian 12, because conda 24.7 needs its Python 3.11. Context: this folder.
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv python3-dev gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY conda-stand-in.sh conda-stand-in.txt conda-client.txt /build/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    /build/conda-stand-in.sh /opt/conda

FROM ${BASE_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/conda /opt/conda
ENV PATH=/opt/conda/bin:$PATH
CMD ["bash"]
