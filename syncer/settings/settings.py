"""The syncer's settings, each defined once (``volume.program.settings``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncer import __version__
from syncer.settings import consistency, mirror_toml, rate, terms
from syncer.settings import secrets as credentials
from syncer.settings.address import Address, check_alias, check_private_host, check_url, parse
from syncer.settings.installer_settings import InstallerSettings
from syncer.settings.notify_settings import NotifySettings
from syncer.settings.policy import ChannelPolicy, Environment, Policy, environments_of
from syncer.settings.usage_settings import UsageSettings
from volume.errors import ConfigError
from volume.program import parsers
from volume.program import settings as define
from volume.program.settings import Common, setting

DEFAULT_CHANNEL = "conda-forge"

# Command-line tools that need nothing beyond each other, and the libraries below them: all their
# versions together are a few GB.
DEFAULT_INCLUDE = (
    "_libgcc_mutex _openmp_mutex bat bzip2 ca-certificates fd-find fzf jq just libgcc libgcc-ng"
    " libgomp liblzma libstdcxx libstdcxx-ng libzlib lz4-c make micromamba ninja oniguruma openssl"
    " ripgrep shellcheck tzdata xz zlib zstd"
)


def _channel(word: str) -> str:
    parse(word, ())
    return word


def _schedule(value: str) -> str:
    if not value.startswith("@") and len(value.split()) not in {5, 6, 7}:
        raise ValueError(
            "write five cron fields such as '17 3 * * *' (minute hour day month weekday)"
        )
    return value


def _wheels(value: str) -> str:
    if value.lower() not in {"no", "locked"}:
        raise ValueError(f"there is no {value!r}; write locked or no")
    return value.lower()


@dataclass(frozen=True, slots=True)
class Settings(Policy, InstallerSettings, UsageSettings, NotifySettings, Common):
    """Everything that can be set. Sizes are in bytes.

    The fields of ``Policy`` are what ``.env`` says for all channels; ``policies`` has what holds
    for each one.
    """

    channels: tuple[str, ...] = setting(
        "CHANNELS", "", parsers.Words(_channel),
        "Channels to mirror, separated by blanks: conda-forge bioconda pkgs/main; NAME=URL for one"
        " that has its own address: team=https://artifacts.example.com/conda/team. Empty means"
        " those of mirror.toml, and conda-forge when there are none.",
        section="What to mirror",
    )  # fmt: skip
    config_dir: Path = setting(
        "CONFIG_DIR", "/etc/conda-mirror", parsers.path,
        "The folder with mirror.toml and the files that it names; Compose mounts ./config there.",
        section="Without containers",
    )  # fmt: skip
    anaconda_terms_accepted: bool = setting(
        "ANACONDA_TERMS_ACCEPTED", "no", parsers.yes_or_no,
        "Say yes if you have the licence that Anaconda asks for mirroring its own channels"
        " (pkgs/*, and their copies elsewhere); its host is never contacted without it.",
        section="What to mirror",
    )  # fmt: skip
    secrets_dir: Path = setting(
        "SECRETS_DIR", str(credentials.DEFAULT_FOLDER), parsers.path,
        "The folder with the upstreams' secrets, one file for each host: docs/upstreams.md; Compose"
        " mounts UPSTREAM_SECRETS there.",
        section="Without containers",
    )  # fmt: skip
    channel_aliases: tuple[str, ...] = setting(
        "CHANNEL_ALIASES", "", parsers.Words(check_alias, str.split),
        "Other addresses of channels that stand in lock files, such as a proxy repository's:"
        " CHANNEL=URL, or the URL below which channels have their own names. Nothing is fetched"
        " from there.",
        section="What to mirror",
    )  # fmt: skip
    wheels: str = setting(
        "WHEELS", "no", _wheels,
        "Say locked to mirror the wheels and sdists that lock files in SPEC_FILES name with an"
        " address and a sha256, and to serve them at /pypi/simple/; no mirrors none.",
        section="What to mirror",
    )  # fmt: skip
    cloud_urls: tuple[str, ...] = setting(
        "CONDA_CLOUD_URL", "https://conda.anaconda.org", parsers.Words(check_url, str.split),
        "Where community channels come from: one address, or several, best first, that stand in"
        " for each other.",
        section="Upstream", aliases=("CONDA_COULD_URL",),
    )  # fmt: skip
    repo_urls: tuple[str, ...] = setting(
        "CONDA_REPO_URL", "https://repo.anaconda.com", parsers.Words(check_url, str.split),
        "Where the channels pkgs/* and the installers come from: one address, or several.",
        section="Upstream",
    )  # fmt: skip
    name_mapping: bool = setting(
        "NAME_MAPPING", "no", parsers.yes_or_no,
        "Say yes to mirror the mapping of conda's names to PyPI's for what is mirrored; pixi asks"
        " for it where PyPI packages are wanted.",
        section="What to mirror",
    )  # fmt: skip
    name_mapping_url: str = setting(
        "NAME_MAPPING_URL", "https://conda-mapping.prefix.dev", check_url,
        "Where the name mapping comes from: its makers' service, or another mirror's /mapping.",
        section="Upstream",
    )  # fmt: skip
    private_hosts: tuple[str, ...] = setting(
        "PRIVATE_HOSTS", "", parsers.Words(check_private_host, str.split),
        "Hosts and networks of your own that upstreams may lead to, by a redirect or base_url,"
        " though their addresses are not public: storage.lan:9000 10.1.0.0/16. Configured upstreams"
        " need not be named.",
        section="Upstream",
    )  # fmt: skip
    connections: int = setting(
        "SYNC_CONNECTIONS", "8", parsers.whole_number(1, 16),
        "Connections to each upstream host at a time, 1 to 16. Each carries up to four requests at"
        " once if the host is far away and speaks HTTP/2.",
        section="Upstream",
    )  # fmt: skip
    tries: int = setting(
        "SYNC_TRIES", "5", parsers.whole_number(1, 20),
        "Tries for each request before it counts as failed; only what can heal is tried again.",
        section="Upstream",
    )  # fmt: skip
    rate_limit: rate.RateLimit = setting(
        "SYNC_RATE_LIMIT", "unlimited", rate.parse,
        "Bytes per second for all transfers together, such as 10MB, and windows of the day in TZ's"
        " time with another rate: 2MB 22:00-06:00 unlimited.",
        section="Upstream",
    )  # fmt: skip
    demand_connections: int = setting(
        "DEMAND_CONNECTIONS", "16", parsers.whole_number(1, 128),
        "Artifacts that are downloaded at a time because clients ask for them (ON_DEMAND), beside"
        " those of a sync.",
        section="Upstream",
    )  # fmt: skip
    demand_rate_limit: rate.RateLimit = setting(
        "DEMAND_RATE_LIMIT", "unlimited", rate.parse,
        "As SYNC_RATE_LIMIT, for what clients ask for.",
        section="Upstream",
    )  # fmt: skip
    read_timeout: float = setting(
        "SYNC_TIMEOUT_SECONDS", "60", parsers.number(1, 3600),
        "Seconds without a byte before a connection counts as dead.",
        section="Upstream",
    )  # fmt: skip
    contact: str = setting(
        "SYNC_CONTACT", "", parsers.text,
        "An address or URL that goes into the User-Agent, so that upstream can reach you.",
        section="Upstream",
    )  # fmt: skip
    schedule: str = setting(
        "SYNC_SCHEDULE", "17 3 * * *", _schedule,
        "When to sync, in cron's five fields, in the time zone of TZ; not at minute 0, please.",
        section="When",
    )  # fmt: skip
    jitter_minutes: float = setting(
        "SYNC_JITTER_MINUTES", "20", parsers.number(0, 1440),
        "A scheduled sync begins up to so many minutes later: each mirror at an offset of its own,"
        " the same every day; 0 begins on the minute.",
        section="When",
    )  # fmt: skip
    sync_at_start: bool = setting(
        "SYNC_AT_START", "yes", parsers.yes_or_no,
        "Sync at once when the container starts and the last sync is not a success.",
        section="When",
    )  # fmt: skip
    checkpoint_minutes: float = setting(
        "CHECKPOINT_MINUTES", "10", parsers.number(0.01, 1440),
        "In a long run, make what is complete available every so many minutes.",
        section="When",
    )  # fmt: skip
    checkpoint_size: int = setting(
        "CHECKPOINT_SIZE", "10GB", parsers.size,
        "In a long run, make what is complete available after so many bytes.",
        section="When",
    )  # fmt: skip
    scrub_schedule: str = setting(
        "SCRUB_SCHEDULE", "47 4 * * *", _schedule,
        "When to look at a part of the stored artifacts again, so that rot is found and repaired.",
        section="When",
    )  # fmt: skip
    scrub_days: float = setting(
        "SCRUB_DAYS", "30", parsers.number(0, 3650),
        "Days in which every artifact is looked at once; 0 never looks by itself.",
        section="Limits",
    )  # fmt: skip
    scrub_rate: int = setting(
        "SCRUB_RATE", "50MB", parsers.size,
        "Bytes per second that looking at artifacts may read; 0 is as fast as possible.",
        section="Limits",
    )  # fmt: skip
    retire_days: float = setting(
        "RETIRE_DAYS", "14", parsers.number(0, 3650),
        "Days that an artifact stays downloadable after it left the index.",
        section="Limits",
    )  # fmt: skip
    min_free: int = setting(
        "MIN_FREE", "5GB", parsers.size,
        "Bytes that must stay free on the mirror volume; a plan that would use them is refused.",
        section="Limits",
    )  # fmt: skip
    demand_size: int = setting(
        "DEMAND_SIZE", "0", parsers.size,
        "Bytes to keep of what is here only because clients asked for it (ON_DEMAND), for example"
        " 500GB; a sync takes away what was asked for longest ago, and lists it still. 0 means as"
        " much as the disk holds.",
        section="Limits",
    )  # fmt: skip
    health_hours: float = setting(
        "HEALTH_HOURS", "50", parsers.number(1, 8760),
        "Hours without a good sync after which the syncer counts as unhealthy.",
        section="Limits",
    )  # fmt: skip

    policies: Mapping[str, ChannelPolicy] = field(default_factory=dict)
    environments: tuple[Environment, ...] = ()

    def policy(self, channel: str) -> ChannelPolicy:
        """What to mirror of a channel."""
        return self.policies[channel]

    @property
    def mirrors_wheels(self) -> bool:
        """Whether what lock files name of a Python package index is mirrored."""
        return self.wheels == "locked"

    @property
    def user_agent(self) -> str:
        """Name, version and contact, as upstreams ask for."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"conda-lan-mirror/{__version__}{contact}"

    def installer_urls(self, kind: str) -> tuple[str, ...]:
        """The folders that a kind of installers comes from, best first."""
        if kind == "miniforge":
            return self.miniforge_urls
        return tuple(f"{base}/{kind}" for base in self.repo_urls)

    def channel_addresses(self, channel: str) -> tuple[str, ...]:
        """By which addresses lock files may mean a channel: its upstreams and its aliases."""
        found = list(self.channel_urls(channel))
        for alias in self.channel_aliases:
            name, _, url = alias.partition("=")
            if "://" in name:
                found.append(f"{alias}/{channel}")
            elif name == channel:
                found.append(url)
        return tuple(found)

    def channel_urls(self, channel: str) -> tuple[str, ...]:
        """Where a channel comes from, best first."""
        if own := self.policies[channel].upstreams:
            return own
        bases = self.repo_urls if channel.startswith("pkgs/") else self.cloud_urls
        return tuple(f"{base}/{channel}" for base in bases)


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings: the environment, then ``mirror.toml`` if there is one.

    Raises:
        ConfigError: with every problem found.
    """
    settings = define.read(Settings, environment, others=DEPLOYMENT, peers=PEERS)
    written = mirror_toml.read(settings.config_dir, settings)
    settings = replace(settings, **written.defaults)
    problems = list(written.problems)
    addresses = _addresses(settings, problems)
    names = [address.channel for address in addresses]
    channels = tuple(dict.fromkeys([*names, *written.channels]))
    if not channels:
        channels = (DEFAULT_CHANNEL,)
        if not (settings.include or settings.specs or settings.spec_files):
            include = parsers.words(DEFAULT_INCLUDE)
            settings = replace(settings, include=include)
    policies = {
        channel: _policy(settings, written.channels.get(channel, {})) for channel in channels
    }
    for address in addresses:
        if address.url and not policies[address.channel].upstreams:
            own = replace(policies[address.channel], upstreams=(address.url,))
            policies[address.channel] = own
    settings = replace(
        settings,
        channels=channels,
        policies=policies,
        environments=environments_of(settings, policies, written.environments),
    )
    problems += consistency.problems(settings, written.channels)
    problems += _folder_installers(settings)
    problems += terms.problems(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _folder_installers(settings: Settings) -> list[str]:
    return [
        f"INSTALLERS={kind}: {url} is a folder, and installers come over http; copy them to"
        " another mirror's volume instead, as docs/air-gap.md shows"
        for kind in settings.installers
        for url in settings.installer_urls(kind)
        if url.startswith("file:")
    ]


def _policy(settings: Settings, own: Mapping[str, Any]) -> ChannelPolicy:
    """A channel's policy: what holds for all channels, and its own words over it."""
    values = {name: getattr(settings, name) for name in Policy.__dataclass_fields__}
    return ChannelPolicy(**{**values, **own})


def _addresses(settings: Settings, problems: list[str]) -> list[Address]:
    found: dict[str, Address] = {}
    bases = [*settings.cloud_urls, *settings.repo_urls]
    for word in settings.channels:
        address = parse(word, bases)
        if found.setdefault(address.channel, address) != address:
            problems.append(
                f"CHANNELS: {found[address.channel]} and {address} would both be called"
                f" {address.channel!r}; name one of them: NAME=URL"
            )
    return list(found.values())


# Names that the image builds, Compose or the operating system use.
DEPLOYMENT = (
    "CONDA_EXE", "CONDA_CHANNEL", "CONDA_BASE", "BASE_IMAGE", "IMAGE_PREFIX", "VERSION",
    "PUID", "PGID", "TZ", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "BUILD_CA_BUNDLE",
    "COMPOSE_PROJECT_NAME", "NGINX_VERSION", "SUPERCRONIC_VERSION", "REVISION", "COMPOSE_FILE",
)  # fmt: skip
# Of the appliance's own names those that only the indexer and the Compose file read: the syncer
# alone is given the whole .env, so it is the one who can say that one of them is misspelt.
PEERS = (
    "KEEP_GENERATIONS", "KEEP_SHARDS_DAYS", "INDEX_POLL_SECONDS", "INDEX_ENGINE",
    "INDEXED_TIMESTAMP", "MIRROR_BIND", "MIRROR_DATA", "SYNCER_MEMORY", "INDEXER_MEMORY",
    "NGINX_MEMORY", "UPSTREAM_SECRETS", "TLS_BIND", "TLS_DIR", "TLS_REDIRECT",
)  # fmt: skip
