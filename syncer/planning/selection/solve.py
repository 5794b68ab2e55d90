"""One solution of some specs over given records, by rattler's solver; offline.

Guaranteed: no network, nothing outside a temporary folder. The solver sees what the specs can
reach, not the whole channel, so a solve takes a fraction of a second however large the channel is.
Channel priority is strict: a name comes from the first channel that has it. Where a build exists
in both formats, the ``.conda`` is chosen, as clients do.
Not guaranteed: that every client's solver chooses the same records.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncer.conda.matchspec import is_channel, parse
from syncer.conda.record import Candidate
from syncer.conda.wanted import broken_limit
from syncer.planning.selection.catalog import Catalog, Key, Requirement
from syncer.planning.selection.closure import reachable
from volume.disk.files import volume_error
from volume.sections import OLD_SECTIONS

if TYPE_CHECKING:
    from rattler import MatchSpec, SparseRepoData

_BASE = "https://mirror.invalid"  # records need a URL; this one can't be asked
_CHANNEL = re.compile(r'channel="[^"]*"')
_LONGEST = datetime.timedelta(minutes=2)

# What a client of a somewhat older machine has: https://conda.io's "Managing virtual packages".
_FAMILIES: Mapping[str, Mapping[str, str]] = {
    "linux": {"__unix": "0", "__linux": "4.18", "__glibc": "2.28"},
    "osx": {"__unix": "0", "__osx": "13.0"},
    "win": {"__win": "10.0"},
}
_PROCESSORS = {"64": "x86_64", "32": "x86", "osx-arm64": "m1"}


@dataclass(frozen=True, slots=True)
class Solution:
    """Records that can be installed together, by (channel, subdir, filename)."""

    records: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class NoSolution:
    """Why there is none, in the solver's words."""

    why: str


def virtual_packages(subdir: str, **more: str) -> dict[str, str]:
    """The virtual packages that a client of ``subdir`` can be expected to have.

    Linux is one with glibc 2.28 (RHEL 8, Debian 10) and a kernel 4.18, macOS is 13. There is no
    ``__cuda`` unless ``more`` says so: ``virtual_packages("linux-64", __cuda="12.4")``.
    """
    family, _, processor = subdir.partition("-")
    return {**_FAMILIES.get(family, {}), **_processor(family, processor), **more}


def _processor(family: str, processor: str) -> dict[str, str]:
    """CEP 30: the processor is ``__archspec``'s build."""
    if family not in _FAMILIES:
        return {}
    name = _PROCESSORS.get(f"{family}-{processor}", _PROCESSORS.get(processor, processor))
    return {"__archspec": f"1={name}"}


def solve(
    candidates: Iterable[Candidate] | Catalog,
    specs: Iterable[str],
    *,
    channels: Sequence[str],
    virtual: Mapping[str, str],
) -> Solution | NoSolution:
    """Solve ``specs`` with these records alone.

    Args:
        candidates: the records of one platform: a subdir and noarch, of all channels.
        channels: in the order of their priority.
        virtual: name and version, or version=build, of the client's virtual packages.

    Raises:
        VolumeError: the folder for temporary files refused.
    """
    catalog = candidates if isinstance(candidates, Catalog) else Catalog(candidates)
    asked = list(specs)
    if patterns := [spec for spec in asked if catalog.requirement(spec).is_pattern]:
        return NoSolution(f"{', '.join(patterns)}: a pattern can't be solved; write names")
    wanted = [_spec(catalog.requirement(spec), channels) for spec in asked]
    # What breaks a limit is not mirrored, and rattler would parse it.
    records = [one for one in reachable(catalog, asked) if broken_limit(one.entry) is None]
    try:
        return _attempt(records, wanted, channels, virtual)
    except OSError:
        # py-rattler's error for a malformed record. Syncing refuses such a one with a message of
        # its own, and a client that reads it has the same trouble: the others decide.
        readable = [record for record in records if _is_readable(record)]
        return _attempt(readable, wanted, channels, virtual)


def _attempt(
    records: Iterable[Candidate],
    specs: Sequence[MatchSpec],
    channels: Sequence[str],
    virtual: Mapping[str, str],
) -> Solution | NoSolution:
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="solve-")))
        sources = _write(folder, records, channels)
        for source in sources:
            opened.callback(source.close)
        import asyncio  # 15 ms that a sync without environments does not pay

        return asyncio.run(_solve(sources, specs, virtual))


def _is_readable(record: Candidate) -> bool:
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="solve-")))
        try:
            (source,) = _write(folder, [record], [])
            opened.callback(source.close)
            source.load_all_records()
        except OSError:
            return False
        return True


async def _solve(
    sources: Sequence[SparseRepoData], specs: Sequence[MatchSpec], virtual: Mapping[str, str]
) -> Solution | NoSolution:
    from rattler import BuildString, GenericVirtualPackage, PackageName, Version
    from rattler import solve_with_sparse_repodata as run_solver
    from rattler.exceptions import SolverError

    packages = []
    for name, text in virtual.items():
        version, _, build = text.partition("=")
        packages.append(
            GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))
        )
    try:
        found = await run_solver(specs, sources, virtual_packages=packages, timeout=_LONGEST)
    except SolverError as error:
        return NoSolution(_plain(str(error)))
    return Solution(tuple(sorted(_key(record.url) for record in found)))


def _write(folder: Path, records: Iterable[Candidate], channels: Sequence[str]) -> list[Any]:
    """The records as repodata files, one for each channel and subdir, best channel first."""
    from rattler import Channel, SparseRepoData

    places: dict[tuple[str, str], list[Candidate]] = {}
    for record in records:
        places.setdefault((record.channel, record.subdir), []).append(record)
    sources = []
    for number, place in enumerate(sorted(places, key=lambda at: (_rank(at[0], channels), at))):
        channel, subdir = place
        path = folder / f"{number}.json"
        try:
            path.write_bytes(_repodata(subdir, places[place]))
        except OSError as error:
            raise volume_error(error, "write", path) from error
        sources.append(SparseRepoData(Channel(f"{_BASE}/{channel}"), subdir, path))
    return sources


def _rank(channel: str, channels: Sequence[str]) -> int:
    return channels.index(channel) if channel in channels else len(channels)


def _repodata(subdir: str, records: Sequence[Candidate]) -> bytes:
    parts = [f'{{"info":{{"subdir":"{subdir}"}},"repodata_version":1'.encode()]
    for section in OLD_SECTIONS:
        entries = (one.entry for one in records if one.entry.section == section)
        listed = b",".join(
            b'"%s":%s' % (entry.filename.encode(), bytes(entry.raw)) for entry in entries
        )
        parts.append(b'"%s":{%s}' % (section.encode(), listed))
    return b",".join(parts) + b"}"


def _spec(wanted: Requirement, channels: Sequence[str]) -> MatchSpec:
    """The spec as the solver needs it: its channel is the address that our records carry."""
    spec = parse(wanted.text)
    if wanted.channel is None:
        return spec
    ours = [channel for channel in channels if is_channel(channel, wanted.channel)]
    if len(ours) != 1:
        return spec
    canonical = spec.to_canonical_string()
    return parse(_CHANNEL.sub(f'channel="{_BASE}/{ours[0]}"', canonical))


def _key(url: str) -> Key:
    place, _, filename = url.removeprefix(f"{_BASE}/").rpartition("/")
    channel, _, subdir = place.rpartition("/")
    return channel, subdir, filename


def _plain(message: str) -> str:
    """The solver's message without its formal beginning and without empty lines."""
    if "has been cancelled" in message:
        return f"the solver found nothing within {_LONGEST}; name versions, to make it easier"
    text = message.removeprefix("Cannot solve the request because of: ")
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
