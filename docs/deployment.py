"""Settings that Compose and the image builds read, for ``.env.example`` and the documentation.

The programs' own settings are in ``syncer/settings/settings.py`` and ``indexer/base/settings.py``.
"""

from __future__ import annotations

from volume.program.parsers import text
from volume.program.settings import Definition

_RUNNING = "Deployment"
_NETWORK = "Network"
_BUILDING = "Building the images"

DEPLOYMENT = tuple(
    Definition(name, default, text, description, section)
    for section, name, default, description in (
        (_RUNNING, "MIRROR_BIND", "8080", "Where the mirror listens: a port, or address:port."),
        (_RUNNING, "MIRROR_DATA", "mirror",
         "The mirror volume: an absolute path for a folder of yours, or a volume's name."),
        (_RUNNING, "COMPOSE_FILE", "docker-compose.yml",
         "The Compose files; docker-compose.yml:docker-compose.tls.yml adds TLS: docs/tls.md."),
        (_RUNNING, "TLS_BIND", "8443", "With TLS: where https listens: a port, or address:port."),
        (_RUNNING, "TLS_DIR", "./tls",
         "With TLS: the folder with fullchain.pem and privkey.pem."),
        (_RUNNING, "TLS_REDIRECT", "no", "With TLS: whether http leads to https."),
        (_RUNNING, "PUID", "1000", "The user id that owns the mirror's files."),
        (_RUNNING, "PGID", "1000", "The group id that owns the mirror's files."),
        (_RUNNING, "SYNCER_MEMORY", "4g",
         "The most memory that the syncer may use, /tmp included: docs/sizing.md."),
        (_RUNNING, "INDEXER_MEMORY", "3g",
         "The most memory that the indexer may use, /tmp included: docs/sizing.md."),
        (_RUNNING, "NGINX_MEMORY", "0",
         "The same for nginx; 0 is no limit, as the cache of what it serves counts."),
        (_RUNNING, "TZ", "UTC", "The time zone of SYNC_SCHEDULE."),
        (_RUNNING, "COMPOSE_PROJECT_NAME", "conda-mirror",
         "The name of this instance; another name makes another instance."),
        (_RUNNING, "UPSTREAM_SECRETS", "./secrets",
         "The folder with the upstreams' secrets: docs/upstreams.md. Only the syncer sees it."),
        (_NETWORK, "HTTP_PROXY", "", "A proxy for http:// upstreams and image builds."),
        (_NETWORK, "HTTPS_PROXY", "", "A proxy for https:// upstreams and image builds."),
        (_NETWORK, "ALL_PROXY", "", "A proxy for everything that has none of its own."),
        (_NETWORK, "NO_PROXY", "", "Hosts that are reached without a proxy, with commas."),
        (_NETWORK, "BUILD_CA_BUNDLE", "requirements/no-ca-bundle.pem",
         "A CA bundle for a proxy that re-signs TLS; image builds trust it and forget it."),
        (_NETWORK, "REQUESTS_CA_BUNDLE", "",
         "The CA bundle that the syncer trusts; /run/secrets/ca is that of BUILD_CA_BUNDLE."),
        (_BUILDING, "BASE_IMAGE", "debian:trixie-slim",
         "The image that the syncer's and nginx's are built on; NAME@sha256:DIGEST pins it."),
        (_BUILDING, "CONDA_BASE", "condaforge/miniforge3",
         "The image that the indexer's is built on; it must hold a conda. A digest pins it."),
        (_BUILDING, "CONDA_CHANNEL", "conda-forge",
         "The channel that conda-build comes from; a URL of another mirror does too."),
        (_BUILDING, "NGINX_VERSION", "1.26",
         "What the version of nginx in its image begins with, or the build fails."),
        (_BUILDING, "SUPERCRONIC_VERSION", "0.2",
         "What the version of supercronic in the syncer's image begins with."),
        (_BUILDING, "IMAGE_PREFIX", "conda-mirror", "What the images' names begin with."),
        (_BUILDING, "VERSION", "dev", "The images' tag."),
        (_BUILDING, "REVISION", "", "The commit that the images are built of, for their labels."),
    )
)  # fmt: skip
