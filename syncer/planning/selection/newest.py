"""The newest versions of each name and the newest builds of each version. Pure.

Counted is in what a client sees: a subdir together with noarch, so that a package that moved from
one to the other is one package. Versions have conda's order (by py-rattler), and
1.0 and 1.0.0 are one; a version that is none is the oldest. Builds of a version compete within a
variant, which is a build string without hash and build number (``py311``, ``cuda120_mpi``) and
what the build says of its python, R and CUDA; builds of one number stay together, as they differ by
what the build string does not tell.

An artifact is counted once, also if it has two records (CEP 48).

Guaranteed: what is kept can be installed as well as before, by clients that read either record. If
none of the newest versions of a name is ``installable`` and an older one is, the newest of these is
kept too; and what installable ones depend on stays, the newest that fits (``closure.complete``).
Nothing comes in that the policy does not select without these limits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from syncer.conda.matchspec import version_of
from syncer.conda.record import Candidate, Facts
from syncer.planning.selection.catalog import Catalog, Key, key, read
from syncer.planning.selection.closure import complete
from syncer.planning.selection.installable import installable
from syncer.planning.selection.outcome import LeftOut, Reason


@dataclass(frozen=True, slots=True)
class Newest:
    """What stays although it is not among the newest, with why; and what goes, with why."""

    added: dict[Key, str]
    dropped: dict[Key, LeftOut]


def limit(records: Mapping[str, Collection[Candidate]], *, versions: int, builds: int) -> Newest:
    """Limit a channel's records, by subdir. A record of noarch stays if any subdir has it stay.

    Args:
        versions: how many of each name, 0 for all.
        builds: how many build numbers of each variant of a version, 0 for all.
    """
    noarch = records.get("noarch", ())
    platforms = [subdir for subdir in sorted(records) if subdir != "noarch"]
    seen = {subdir: [*records[subdir], *noarch] for subdir in platforms} or {"noarch": [*noarch]}
    views = seen.values()
    limited = [_limit_view(view, subdir, versions, builds) for subdir, view in seen.items()]
    dropped: dict[Key, LeftOut] = {}
    added: dict[Key, str] = {}
    for found in limited:
        added = {**found.added, **added}
        dropped.update(found.dropped)
    for view, found in zip(views, limited, strict=True):
        for one in map(key, view):
            if one not in found.dropped:
                dropped.pop(one, None)
                if one not in found.added:
                    added.pop(one, None)  # among the newest there
    return Newest(added, dropped)


def _limit_view(everything: list[Candidate], platform: str, versions: int, builds: int) -> Newest:
    by_name: dict[str, list[Candidate]] = {}
    for candidate in everything:
        by_name.setdefault(candidate.facts.name.lower(), []).append(candidate)
    dropped: dict[Key, LeftOut] = {}
    for records in by_name.values():
        _drop(records, versions, builds, dropped)
    if not dropped:
        return Newest({}, {})
    added = _completed(Catalog(everything, platform), by_name, dropped, versions)
    for one in added:
        del dropped[one]
    return Newest(added, dropped)


def _drop(
    records: list[Candidate], versions: int, builds: int, dropped: dict[Key, LeftOut]
) -> None:
    """Note what is not among the newest of one name."""
    ranked = _ranked(records)
    if 0 < versions < len(ranked):
        names = ", ".join(group[0].facts.version for group in ranked[:versions])
        out = LeftOut(Reason.OLDER_VERSION, f"newest_versions = {versions}: {names}")
        for group in ranked[versions:]:
            dropped.update((key(candidate), out) for candidate in group)
        ranked = ranked[:versions]
    for group in ranked if builds else ():
        variants: dict[str, list[Candidate]] = {}
        for candidate in group:
            variants.setdefault(f"{candidate.subdir} {variant(candidate.facts)}", []).append(
                candidate
            )
        for alike in variants.values():
            numbers = sorted({one.facts.build_number for one in alike}, reverse=True)
            stay = numbers[:builds]
            shown = ", ".join(map(str, stay))
            out = LeftOut(Reason.OLDER_BUILD, f"newest_builds = {builds}: number {shown}")
            dropped.update((key(one), out) for one in alike if one.facts.build_number not in stay)


def _ranked(records: Sequence[Candidate]) -> list[list[Candidate]]:
    """Records by version, newest first; equal versions together."""
    by_text: dict[str, list[Candidate]] = {}
    for candidate in records:
        by_text.setdefault(candidate.facts.version, []).append(candidate)
    if len(by_text) == 1:
        return list(by_text.values())
    known: dict[Any, list[Candidate]] = {}
    unknown: list[list[Candidate]] = []
    for text in sorted(by_text):
        version = version_of(text)
        if version is None:
            unknown.append(by_text[text])
        else:
            known.setdefault(version, []).extend(by_text[text])
    return [known[version] for version in sorted(known, reverse=True)] + unknown[::-1]


def _completed(
    catalog: Catalog,
    by_name: dict[str, list[Candidate]],
    dropped: dict[Key, LeftOut],
    versions: int,
) -> dict[Key, str]:
    """What has to stay although it is not among the newest."""
    positions = installable(catalog)
    good: list[Candidate] = []
    half: set[Key] = set()  # one of its records at least is none that a client could install
    for position, record in enumerate(catalog.records):
        if position in positions:
            good.append(record)
        else:
            half.add(key(record))
    good_by_name: dict[str, list[Candidate]] = {}
    for candidate in good:
        if key(candidate) not in half:
            good_by_name.setdefault(candidate.facts.name.lower(), []).append(candidate)
    added: dict[Key, str] = {}
    for name in by_name:
        able = good_by_name.get(name, [])
        if able and all(key(candidate) in dropped for candidate in able):
            for candidate in _ranked(able)[0]:
                added[key(candidate)] = f"newest that can be installed of {name}"
    roots = [key(one) for one in good if key(one) in added or key(one) not in dropped]
    # What the catalog has matched already it need not match again.
    within = catalog if len(good) == len(catalog.records) else Catalog(good, catalog.platform)
    added.update(complete(within, roots, newest=max(versions, 1)).selected)
    return added


_HASH = re.compile(r"h[0-9a-f]{7}(?=_|$)")
_NUMBER = re.compile(r"(^|_)\d+$")
_LANGUAGES = ("python", "python_abi", "r-base", "perl", "cuda-version", "cudatoolkit")


def variant(facts: Facts) -> str:
    """What two builds of a version have in common if the newer one replaces the older."""
    name = _NUMBER.sub("", _HASH.sub("", facts.build)).rstrip("_")
    bounds = filter(None, map(_bound, facts.depends))
    return f"{name} {' '.join(sorted(bounds))}"


@cache
def _bound(depends: str) -> str:
    """What ties it to one series of a language, if it is tied: a mere minimum makes no variant."""
    plain = _plain(depends)
    name, _, rest = plain.partition(" ")
    if name in _LANGUAGES and ("<" in rest or "*" in rest or re.match(r"=|\d", rest) is not None):
        return plain
    return ""


def _plain(depends: str) -> str:
    """With its version behind the name: revision 3 (CEP 48) has it in brackets."""
    if "[" not in depends:
        return depends
    wanted = read(depends)
    if wanted.condition is not None or wanted.is_pattern:
        return wanted.name
    return f"{wanted.name} {wanted.version or ''} {wanted.build or ''}".rstrip()
