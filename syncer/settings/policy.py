"""What to mirror of a channel, its policy: in ``.env`` for all, in ``mirror.toml`` for one channel.

Every key is defined once: ``NEWEST_VERSIONS=3`` in ``.env`` and ``newest_versions = 3`` in
``mirror.toml`` are the same setting. A policy is plain values; ``selection`` gives them meaning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

from syncer.conda.written import (
    check_denied,
    check_pin,
    check_request,
    check_spec,
    split_specs,
)
from syncer.settings.address import check_url, place_of
from volume.program import parsers
from volume.program import settings as define
from volume.program.log import redact
from volume.program.settings import setting

_SECTION = "What to mirror"
_POLICY = "Policy"


def _date(value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("write a date such as 2024-12-31") from None


def _file(value: str) -> str:
    if value.startswith(("http://", "https://")):
        if place_of(value) is None or not (value.isascii() and value.isprintable()):
            raise ValueError("write an address such as https://host/path/conda-lock.yml")
        return value
    if not value or value.startswith("~"):
        raise ValueError("write a path, relative to mirror.toml, or an address")
    return value


_specs = parsers.Words(check_spec, split_specs)
_requests = parsers.Words(check_request, split_specs)


@dataclass(frozen=True)  # no slots: ``Settings`` has another base with some
class Policy:
    """What to mirror of one channel. Sizes are in bytes; 0 and empty mean no limit."""

    subdirs: tuple[str, ...] = setting(
        "SUBDIRS", "linux-64", parsers.subdirs,
        "Subdirs to mirror, for example: linux-64 win-64 osx-arm64; noarch always comes along.",
        section=_SECTION,
    )  # fmt: skip
    include: tuple[str, ...] = setting(
        "INCLUDE", "", _specs,
        "Packages to mirror, as MatchSpecs without blanks: numpy, lib*, python>=3.11,<3.13. Empty"
        " means everything when CHANNELS is set, and a small selection of command-line tools when"
        " it is not.",
        section=_SECTION,
    )  # fmt: skip
    exclude: tuple[str, ...] = setting(
        "EXCLUDE", "", _specs,
        "Packages to leave out, as MatchSpecs; wins over INCLUDE and over dependencies.",
        section=_SECTION,
    )  # fmt: skip
    specs: tuple[str, ...] = setting(
        "SPECS", "", _requests,
        "Mirror what is needed to install these, whatever a client's solver chooses: for example"
        " python=3.12 numpy pytorch-cpu.",
        section=_SECTION,
    )  # fmt: skip
    spec_files: tuple[str, ...] = setting(
        "SPEC_FILES", "", parsers.Words(_file, str.split),
        "Mirror what these files need: environment.yml, conda-lock.yml, pixi.lock, @EXPLICIT"
        " lists; paths below CONFIG_DIR, or addresses. Lock files are mirrored exactly.",
        section=_SECTION,
    )  # fmt: skip
    solve: bool = setting(
        "SOLVE", "no", parsers.yes_or_no,
        "Mirror one solution of SPECS and environment files instead of all possible ones.",
        section=_SECTION,
    )  # fmt: skip
    on_demand: bool = setting(
        "ON_DEMAND", "no", parsers.yes_or_no,
        "List all that the other settings let in, and download an artifact when the first client"
        " asks for it; INCLUDE, SPECS, SPEC_FILES and NEWEST_* say what is downloaded before.",
        section=_SECTION,
    )  # fmt: skip
    newest_versions: int = setting(
        "NEWEST_VERSIONS", "0", parsers.whole_number(0, 10_000),
        "Of each package only the newest so many versions, and what they depend on; 0 means all.",
        section=_POLICY,
    )  # fmt: skip
    newest_builds: int = setting(
        "NEWEST_BUILDS", "0", parsers.whole_number(0, 10_000),
        "Of each version only the newest so many builds of each variant; 0 means all.",
        section=_POLICY,
    )  # fmt: skip
    pins: tuple[tuple[str, tuple[str, ...]], ...] = setting(
        "PINS", "", parsers.NamedLists(check_pin),
        "Leave out builds for other versions, for example: python=3.11,3.12 numpy=1.26.",
        section=_POLICY,
    )  # fmt: skip
    licenses: tuple[str, ...] = setting(
        "LICENSES", "", parsers.Words(str, parsers.words),
        "Only packages whose licence matches one of these, * is a wildcard: MIT BSD* Apache-2.0.",
        section=_POLICY,
    )  # fmt: skip
    exclude_licenses: tuple[str, ...] = setting(
        "EXCLUDE_LICENSES", "", parsers.Words(str, parsers.words),
        "No packages whose licence matches one of these, for example: LicenseRef* *Proprietary*.",
        section=_POLICY,
    )  # fmt: skip
    max_size: int = setting(
        "MAX_SIZE", "0", parsers.size,
        "No artifacts larger than this, for example 500MB; 0 means any size.",
        section=_POLICY,
    )  # fmt: skip
    newer_than: date | None = setting(
        "NEWER_THAN", "", _date,
        "Only artifacts built on this date or later, for example 2024-01-01.",
        section=_POLICY,
    )  # fmt: skip
    older_than: date | None = setting(
        "OLDER_THAN", "", _date,
        "Only artifacts built before this date.",
        section=_POLICY,
    )  # fmt: skip
    prefer_conda: bool = setting(
        "PREFER_CONDA", "no", parsers.yes_or_no,
        "Leave out a .tar.bz2 where the same build exists as .conda.",
        section=_POLICY,
    )  # fmt: skip
    cooldown_days: float = setting(
        "COOLDOWN_DAYS", "0", parsers.number(0, 3650),
        "Hold artifacts back that were published less than so many days ago.",
        section=_POLICY,
    )  # fmt: skip
    cooldown_exempt: tuple[str, ...] = setting(
        "COOLDOWN_EXEMPT", "", _specs,
        "MatchSpecs that need no cooldown, for example: openssl ca-certificates.",
        section=_POLICY,
    )  # fmt: skip
    deny: tuple[str, ...] = setting(
        "DENY", "", parsers.Words(check_denied, split_specs),
        "Never mirror or index these, whatever else says so: MatchSpecs, or sha256:<hash>.",
        section=_POLICY,
    )  # fmt: skip
    sidecars: str = setting(
        "SIDECARS", "promised", parsers.one_of("promised", "probe", "no"),
        "What lies beside artifacts, such as attestations: promised fetches what records promise;"
        " probe also asks for what none promises, two requests for each artifact when it comes and"
        " now and then; no fetches none.",
        section=_POLICY,
    )  # fmt: skip
    keep: tuple[str, ...] = setting(
        "KEEP", "", _specs,
        "MatchSpecs of what stays in the index although upstream drops it.",
        section=_POLICY,
    )  # fmt: skip
    prune_unused_days: int = setting(
        "PRUNE_UNUSED_DAYS", "0", parsers.whole_number(0, 3650),
        "Leave out what was here for so many days and nobody asked for, until somebody does; on"
        " demand it is listed still. What KEEP or an environment needs stays. 0 means never.",
        section=_POLICY,
    )  # fmt: skip
    canary: tuple[str, ...] = setting(
        "CANARY", "", _requests,
        "MatchSpecs that must have a solution on this mirror alone; checked at each sync.",
        section=_POLICY,
    )  # fmt: skip
    canary_blocks: bool = setting(
        "CANARY_BLOCKS", "no", parsers.yes_or_no,
        "Refuse a sync after which CANARY or an environment could not be solved any more.",
        section=_POLICY,
    )  # fmt: skip
    wipe_guard_percent: float = setting(
        "WIPE_GUARD_PERCENT", "20", parsers.number(0, 100),
        "Refuse a run that would retire more than this share of a channel's artifacts or bytes.",
        section="Limits",
    )  # fmt: skip

    @property
    def fingerprint(self) -> str:
        """Changes when what is selected may, and only then."""
        parts = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(Policy)
            if field.name not in _SELECT_NOTHING
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """The settings that are not the default, for people; without credentials in addresses."""
        parts = [
            f"{field.metadata['definition'].name.lower()} = {_shown(value)}"
            for field in fields(self)
            if "definition" in field.metadata
            and (value := getattr(self, field.name)) != field.default
        ]
        return redact("; ".join(parts))

    @property
    def not_before(self) -> float:
        """``newer_than`` in seconds since the epoch (UTC), 0 for none."""
        return _seconds(self.newer_than) if self.newer_than else 0.0

    @property
    def before(self) -> float | None:
        """``older_than`` in seconds since the epoch (UTC), None for none."""
        return _seconds(self.older_than) if self.older_than else None


@dataclass(frozen=True)
class ChannelPolicy(Policy):
    """One channel's policy, and what only makes sense for one."""

    upstreams: tuple[str, ...] = setting(
        "UPSTREAMS", "", parsers.Words(check_url, str.split),
        "Where the channel comes from, best first, each the whole URL of the channel. Empty means"
        " CONDA_CLOUD_URL or CONDA_REPO_URL.",
        section="Upstream",
    )  # fmt: skip


# They say what may be done about a selection, or who is told.
_SELECT_NOTHING = frozenset({"canary", "canary_blocks", "wipe_guard_percent"})

_APPROVED = "--approve "


def history_entry(policy: Policy, approved: Sequence[str]) -> str:
    """What a run was told, for the history of what it brought."""
    told = [policy.summary] if policy.summary else []
    return "; ".join([*told, *(f"{_APPROVED}{one}" for one in approved)])


def approved_in(entry: str) -> list[str]:
    """What was let in before its cooldown ended, by a ``history_entry``."""
    parts = entry.split("; ")
    return [part.removeprefix(_APPROVED) for part in parts if part.startswith(_APPROVED)]


def _shown(value: object) -> str:
    if not isinstance(value, tuple):
        return define.shown_value(value)
    return ", ".join(
        f"{one[0]}={','.join(one[1])}" if isinstance(one, tuple) else str(one) for one in value
    )


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Environment:
    """What must be installable from these channels together; earlier ones have priority."""

    name: str
    channels: tuple[str, ...]
    subdirs: tuple[str, ...]
    specs: tuple[str, ...] = ()
    spec_files: tuple[str, ...] = ()
    solve: bool = False


OWN_SPECS = "SPECS"  # the environment that these make


def platforms(subdirs: Sequence[str]) -> list[str]:
    """The platforms that clients have: noarch alone is one only if there is no other."""
    return [subdir for subdir in subdirs if subdir != "noarch"] or ["noarch"]


def environments_of(
    common: Policy, policies: Mapping[str, Policy], named: Sequence[Environment]
) -> tuple[Environment, ...]:
    """The named environments, and those that the policies' own specs make.

    What holds for all channels is one environment of all of them together; a channel's own specs
    are one of that channel alone.
    """
    asked = (common.specs, common.spec_files)
    together = [
        channel
        for channel, policy in policies.items()
        if (policy.specs, policy.spec_files) == asked
    ]
    found = list(named)
    if together and any(asked):
        found.append(_own(OWN_SPECS, together, common))
    for channel, policy in policies.items():
        if channel not in together and (policy.specs or policy.spec_files):
            found.append(_own(f"{channel} specs", [channel], policy))
    return tuple(found)


def _own(name: str, channels: Sequence[str], policy: Policy) -> Environment:
    place = (name, tuple(channels), policy.subdirs)
    return Environment(*place, policy.specs, policy.spec_files, policy.solve)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check_environment_name(name: str) -> str:
    """Return ``name`` if it can name an environment.

    Raises:
        ValueError: it can't.
    """
    if name == OWN_SPECS:
        raise ValueError(
            f"{name} is what the specs of all channels are called; choose another name"
        )
    if not _NAME.fullmatch(name):
        raise ValueError("name an environment with letters, digits, '-', '_' and '.'")
    return name
