"""The syncer's settings, each defined once (``volume.settings``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from syncer import __version__
from syncer.selection import Selection, check_pattern
from volume import settings as define
from volume.errors import ConfigError
from volume.settings import Common, setting

DEFAULT_CHANNELS = "conda-forge"

# Command-line tools that need nothing beyond each other, and the libraries below them: all their
# versions together are a few GB.
DEFAULT_INCLUDE = (
    "_libgcc_mutex _openmp_mutex bat bzip2 ca-certificates fd-find fzf jq just libgcc libgcc-ng"
    " libgomp liblzma libstdcxx libstdcxx-ng libzlib lz4-c make micromamba ninja oniguruma openssl"
    " ripgrep shellcheck tzdata xz zlib zstd"
)

# The host whose terms ask for a paid licence of whoever mirrors it.
_LICENSED_HOST = "repo.anaconda.com"


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("write a URL that begins with http:// or https://")
    return value.rstrip("/")


def _patterns(value: str) -> tuple[str, ...]:
    return tuple(check_pattern(word) for word in define.words(value))


def _schedule(value: str) -> str:
    if not value.startswith("@") and len(value.split()) not in {5, 6, 7}:
        raise ValueError("write five cron fields such as '17 3 * * *' (minute hour day month day)")
    return value


@dataclass(frozen=True, slots=True)
class Settings(Common):
    """Everything that can be set. Sizes are in bytes."""

    channels: tuple[str, ...] = setting(
        "CHANNELS", DEFAULT_CHANNELS, define.channels,
        "Channels to mirror, separated by blanks, for example: conda-forge bioconda pkgs/main.",
        section="What to mirror",
    )  # fmt: skip
    subdirs: tuple[str, ...] = setting(
        "SUBDIRS", "linux-64", define.subdirs,
        "Subdirs to mirror, for example: linux-64 win-64 osx-arm64; noarch always comes along.",
        section="What to mirror",
    )  # fmt: skip
    include: tuple[str, ...] = setting(
        "INCLUDE", "", _patterns,
        "Package names to mirror, * is a wildcard; empty means everything when CHANNELS is set,"
        " and a small selection of command-line tools when it is not.",
        section="What to mirror",
    )  # fmt: skip
    exclude: tuple[str, ...] = setting(
        "EXCLUDE", "", _patterns,
        "Package names to leave out, * is a wildcard; wins over INCLUDE.",
        section="What to mirror",
    )  # fmt: skip
    anaconda_terms_accepted: bool = setting(
        "ANACONDA_TERMS_ACCEPTED", "no", define.yes_or_no,
        "Say yes if you have the licence that Anaconda asks for mirroring its own channels"
        " (pkgs/*); its host is never contacted without it.",
        section="What to mirror",
    )  # fmt: skip
    cloud_url: str = setting(
        "CONDA_CLOUD_URL", "https://conda.anaconda.org", _url,
        "Where community channels come from; a nearby mirror's address does too.",
        section="Upstream", aliases=("CONDA_COULD_URL",),
    )  # fmt: skip
    repo_url: str = setting(
        "CONDA_REPO_URL", "https://repo.anaconda.com", _url,
        "Where the channels pkgs/* come from.",
        section="Upstream",
    )  # fmt: skip
    connections: int = setting(
        "SYNC_CONNECTIONS", "8", define.whole_number(1, 16),
        "Connections to upstream at a time, 1 to 16.",
        section="Upstream",
    )  # fmt: skip
    tries: int = setting(
        "SYNC_TRIES", "5", define.whole_number(1, 20),
        "Tries for each request before it counts as failed; only what can heal is tried again.",
        section="Upstream",
    )  # fmt: skip
    read_timeout: float = setting(
        "SYNC_TIMEOUT_SECONDS", "60", define.number(1, 3600),
        "Seconds without a byte before a connection counts as dead.",
        section="Upstream",
    )  # fmt: skip
    contact: str = setting(
        "SYNC_CONTACT", "", define.text,
        "An address or URL that goes into the User-Agent, so that upstream can reach you.",
        section="Upstream",
    )  # fmt: skip
    schedule: str = setting(
        "SYNC_SCHEDULE", "17 3 * * *", _schedule,
        "When to sync, in cron's five fields, in the time zone of TZ; not at minute 0, please.",
        section="When",
    )  # fmt: skip
    sync_at_start: bool = setting(
        "SYNC_AT_START", "yes", define.yes_or_no,
        "Sync at once when the container starts and the last sync is not a success.",
        section="When",
    )  # fmt: skip
    checkpoint_minutes: float = setting(
        "CHECKPOINT_MINUTES", "10", define.number(0.01, 1440),
        "In a long run, make what is complete available every so many minutes.",
        section="When",
    )  # fmt: skip
    checkpoint_size: int = setting(
        "CHECKPOINT_SIZE", "10GB", define.size,
        "In a long run, make what is complete available after so many bytes.",
        section="When",
    )  # fmt: skip
    scrub_schedule: str = setting(
        "SCRUB_SCHEDULE", "47 4 * * *", _schedule,
        "When to look at a part of the stored artifacts again, so that rot is found and repaired.",
        section="When",
    )  # fmt: skip
    scrub_days: float = setting(
        "SCRUB_DAYS", "30", define.number(0, 3650),
        "Days in which every artifact is looked at once; 0 never looks by itself.",
        section="Limits",
    )  # fmt: skip
    scrub_rate: int = setting(
        "SCRUB_RATE", "50MB", define.size,
        "Bytes per second that looking at artifacts may read; 0 is as fast as possible.",
        section="Limits",
    )  # fmt: skip
    wipe_guard_percent: float = setting(
        "WIPE_GUARD_PERCENT", "20", define.number(0, 100),
        "Refuse a run that would retire more than this share of a channel's artifacts or bytes.",
        section="Limits",
    )  # fmt: skip
    retire_days: float = setting(
        "RETIRE_DAYS", "14", define.number(0, 3650),
        "Days that an artifact stays downloadable after it left the index.",
        section="Limits",
    )  # fmt: skip
    min_free: int = setting(
        "MIN_FREE", "5GB", define.size,
        "Bytes that must stay free on the mirror volume; a plan that would use them is refused.",
        section="Limits",
    )  # fmt: skip
    health_hours: float = setting(
        "HEALTH_HOURS", "50", define.number(1, 8760),
        "Hours without a good sync after which the syncer counts as unhealthy.",
        section="Limits",
    )  # fmt: skip

    @property
    def selection(self) -> Selection:
        """What to mirror of each channel."""
        return Selection(self.include, self.exclude)

    @property
    def user_agent(self) -> str:
        """Name, version and contact, as upstreams ask for."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"conda-lan-mirror/{__version__}{contact}"

    def channel_url(self, channel: str) -> str:
        """Where a channel comes from."""
        base = self.repo_url if channel.startswith("pkgs/") else self.cloud_url
        return f"{base}/{channel}"


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: with every problem found.
    """
    environment = dict(environment)
    if not environment.get("CHANNELS", "").strip() and not environment.get("INCLUDE", "").strip():
        environment["INCLUDE"] = DEFAULT_INCLUDE
    settings = define.read(Settings, environment, others=DEPLOYMENT)
    problems = _terms(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _terms(settings: Settings) -> list[str]:
    """Anaconda's own channels are not contacted without a person's word."""
    if settings.anaconda_terms_accepted:
        return []
    return [
        f"CHANNELS={channel}: Anaconda states that mirroring its channels always needs a paid"
        " licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have one; conda-forge"
        " has most of the same packages and needs none"
        for channel in settings.channels
        if urlsplit(settings.channel_url(channel)).hostname == _LICENSED_HOST
    ]


# Names that the Compose file, the indexer or the operating system use.
DEPLOYMENT = (
    "KEEP_GENERATIONS", "KEEP_SHARDS_DAYS", "INDEX_POLL_SECONDS", "CONDA_EXE", "CONDA_CHANNEL",
    "CONDA_BASE", "BASE_IMAGE", "IMAGE_PREFIX", "VERSION", "MIRROR_BIND", "MIRROR_DATA",
    "PUID", "PGID", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "BUILD_CA_BUNDLE",
    "COMPOSE_PROJECT_NAME", "REVISION",
)  # fmt: skip
