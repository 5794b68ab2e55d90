"""One solution of some specs over given records, by rattler's solver; offline.

Guaranteed: no network, nothing outside a temporary folder. The solver sees what the specs can
reach, not the whole channel, so a solve takes a fraction of a second however large the channel is.
Channel priority is strict: a name comes from the first channel that has it. Where a build exists
in both formats, the ``.conda`` is chosen, and of an artifact's two records (CEP 48) the one of
revision 3, as clients do.
Not guaranteed: that every client's solver chooses the same records; a client that knows no revision
3 has other dependencies to meet where records differ.
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
from syncer.planning.selection.catalog import Catalog, Key, Requirement, key
from syncer.planning.selection.closure import reachable
from volume.disk.files import volume_error
from volume.sections import OLD_SECTIONS, SECTIONS, V3, V3_SECTIONS, WHEELS, key_of

if TYPE_CHECKING:
    from rattler import MatchSpec, SparseRepoData

_BASE = "https://mirror.invalid"  # records need a URL; this one can't be asked
_CHANNEL = re.compile(r'channel="[^"]*"')
_LONGEST = datetime.timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Solution:
    """Records that can be installed together, by (channel, subdir, filename)."""

    records: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class NoSolution:
    """Why there is none, in the solver's words."""

    why: str


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
    sound = (one for one in reachable(catalog, asked) if broken_limit(one.entry) is None)
    # Of two records of an artifact the second is the one of revision 3. rattler would take it too,
    # but if others of the name are of revision 3, it calls the two duplicates and ends.
    records = list({key(record): record for record in sound}.values())
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
    except Exception as error:
        if type(error).__name__ != "RustPanic":  # to be had under no name
            raise
        # Seen where it draws up why there is no solution and a condition has part in it.
        return NoSolution("the solver found none, and failed to say why (a fault of py-rattler)")
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
    listed: dict[str, list[bytes]] = {section: [] for section in SECTIONS}
    for entry in (record.entry for record in records):
        if entry.section == WHEELS:
            continue  # clients solve with none of them, unless they are told to
        name = key_of(entry.section, entry.filename).encode()
        listed[entry.section].append(b'"%s":%s' % (name, bytes(entry.raw)))
    maps = {section: b"{%s}" % b",".join(entries) for section, entries in listed.items()}
    old = b",".join(b'"%s":%s' % (one.encode(), maps[one]) for one in OLD_SECTIONS)
    v3 = b",".join(
        b'"%s":%s' % (extension[1:].encode(), maps[section])
        for section, extension in V3_SECTIONS.items()
    )
    head = f'"info":{{"subdir":"{subdir}"}},"repodata_version":1'.encode()
    return b'{%s,%s,"%s":{%s}}' % (head, old, V3.encode(), v3)


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
