"""MatchSpecs (CEP 29, 43-45) as py-rattler reads them, and versions. Pure.

All text that becomes one passes here, so that none can crash or hang the parser. py-rattler takes a
tenth of a second to import, so only what needs it imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from volume.limits import spec_problem, version_problem

if TYPE_CHECKING:
    from rattler import MatchSpec, Version

NAME = re.compile(r"[A-Za-z0-9_.*-]+")
"""A name, or a pattern of names: a MatchSpec that needs no library."""


def parse(text: str) -> MatchSpec:
    """A MatchSpec as py-rattler has it; a name may have ``*`` as a wildcard.

    Raises:
        ValueError: it is none, or breaks a limit.
    """
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    if (problem := spec_problem(text)) is not None:
        raise ValueError(problem)
    try:
        return MatchSpec(text, exact_names_only=False)
    except InvalidMatchSpecError as error:
        raise ValueError(str(error).partition("\n")[0]) from error


def version_of(text: str) -> Version | None:
    """A version as py-rattler has it, None for a text that is none or breaks a limit."""
    from rattler import Version
    from rattler.exceptions import InvalidVersionError

    if version_problem(text) is not None:
        return None
    try:
        return Version(text)
    except InvalidVersionError:
        return None


def expression_test(pattern: str) -> Callable[[str], bool]:
    """Which names or builds a regular expression (``^...$``) matches, by rattler.

    Upstream may have written it, and with some Python's own would be busy for years.

    Raises:
        ValueError: it is none.
    """
    from rattler import BuildString, PackageRecord

    spec = parse(f"* * {pattern}")

    def matches(text: str) -> bool:
        build = BuildString.new_unchecked(text)
        return bool(spec.matches(PackageRecord("x", "0", build, 0, "noarch")))

    return matches


def channel_of(text: str) -> str | None:
    """The channel that a MatchSpec asks for, by the name that its URL ends with; None for any."""
    if "::" not in text and "channel" not in text:
        return None
    channel = parse(text).channel
    return channel.name if channel is not None else None


_DEFAULTS = frozenset({"pkgs/main", "pkgs/r", "pkgs/msys2"})


def is_channel(ours: str, theirs: str) -> bool:
    """Whether a spec's channel is this one; the name that a URL ends with counts."""
    return (
        theirs in {ours, "*"}
        or theirs.endswith(f"/{ours}")
        or (theirs == "defaults" and ours in _DEFAULTS)
    )
