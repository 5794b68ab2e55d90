"""What people may write as a MatchSpec (CEP 29); plain names and name patterns need no library.

py-rattler reads the rest, leniently; here is refused what it would take for something that nobody
means (``python=3.11,3.12``, ``nu mpy >=``) and what a selection can't look at (``url=``). Every
problem says at which position, counted from 1. py-rattler takes a tenth of a second to import, so
only what needs it imports it.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

NAME = re.compile(r"[A-Za-z0-9_.*-]+")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_BUILD = re.compile(r"[A-Za-z0-9_.+*]+|\^.*\$")
_PINNED = re.compile(r"[0-9A-Za-z_.+!]*[0-9A-Za-z_](\.?\*)?")
_FILE = re.compile(r"([^/:]+)-([^-/:]+)-([^-/:]+)\.(conda|tar\.bz2)")


def check_spec(text: str) -> str:
    """Return ``text`` if it is a MatchSpec; a name may have ``*`` as a wildcard.

    Raises:
        ValueError: it is not; with the position.
    """
    if found := _FILE.fullmatch(text):
        name, version, build, _ = found.groups()
        _refuse(text, 0, f"that is a filename; write {name}=={version}={build}")
    if NAME.fullmatch(text):
        return text
    if (at := text.find("#")) >= 0:
        _refuse(text, at, "a MatchSpec has no comment; take it out")
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        spec = MatchSpec(text, exact_names_only=False)
    except InvalidMatchSpecError as error:
        at, reason = _explained(text, str(error))
        _refuse(text, at, reason)
    _check_meaning(text, spec)
    return text


def _check_meaning(text: str, spec: Any) -> None:
    """Refuse what rattler reads and nobody means, or no selection can look at."""
    for pattern in (str(spec.name.normalized), spec.build or ""):
        if pattern.startswith("^"):
            try:
                re.compile(pattern)
            except re.error:
                _refuse(text, _last(text, pattern), _REASONS["invalid regex"])
    if spec.build is not None and not _BUILD.fullmatch(spec.build):
        _refuse(
            text, _last(text, spec.build), f"{spec.build!r} is not a build string; one spec is a"
            " name, a version and a build, such as numpy >=1.26 py311*",
        )  # fmt: skip
    if spec.condition is not None:
        _refuse(text, text.find("when"), "a condition belongs into a dependency; leave it out here")
    if spec.namespace is not None:
        _refuse(text, text.find(":"), "a namespace is not supported; channel::name has two colons")
    if "url=" in str(spec):
        _refuse(text, max(text.find("url"), 0), "a URL can't be selected by; write a name")
    _check_versions(text, spec.version)


def _check_versions(text: str, version: str | None) -> None:
    """Refuse a version that is only a word, and an exact one where a series was meant."""
    if version is None or "[" in text:
        return
    groups = [alternative.strip("()").split(",") for alternative in version.split("|")]
    parts = [part for group in groups for part in group]
    bare = [part[2:] for part in parts if part.startswith("==") and part not in _packed(text)]
    for word in bare:
        if not any(letter.isdigit() for letter in word):
            _refuse(
                text, _last(text, word),
                f"{word!r} is not a version: write two specs, or =={word} if it is one",
            )  # fmt: skip
        if len(parts) > 1 and (len(groups) == 1 or any(part.endswith("*") for part in parts)):
            _refuse(
                text, _last(text, word),
                f"{word!r} means exactly this version here; write =={word} if that is meant, and"
                " for one or the other series for example 3.11.*|3.12.*",
            )  # fmt: skip


def _packed(text: str) -> str:
    return text.replace(" ", "")


def _last(text: str, part: str) -> int:
    return max(text.rfind(part), 0)


def _refuse(text: str, at: int, reason: str) -> NoReturn:
    raise ValueError(f"{text}: position {max(at, 0) + 1}: {reason}")


_FOUND = re.compile(r"[^\n]*?(?:: |')(?P<part>[^'\n]+)'?[^\n]*")
_REASONS = {
    "unable to parse version spec": "it is not a version; write for example >=1.26,<2",
    "invalid bracket key": "this key is not known; known are version, build, build_number, channel,"
    " subdir, fn, md5, sha256, license, license_family and track_features",
    "invalid bracket": "the brackets are not [key=value,key=value]",
    "invalid package name": "it is not a package name: letters, digits, '-', '_', '.' and '*'",
    "missing package name": "the package's name is missing; * stands for all",
    "regex constraints": "a * stands at the end of a version only",
    "invalid regex": "it is not a regular expression",
    "unable to parse hash digest": "the hash is not made of hexadecimal digits, 64 for sha256",
    "invalid build number": "build_number is a whole number, such as [build_number='>=2']",
    "invalid channel": "the channel before :: is not one",
}


def _explained(text: str, message: str) -> tuple[int, str]:
    """Where, and why in our words; rattler tells neither for every mistake."""
    kind = next((known for known in _REASONS if known in message), None)
    reason = _REASONS[kind] if kind else message.partition("\n")[0]
    bracket = text.find("[")
    if kind == "missing package name":
        return 0, reason
    if bracket >= 0 and (kind == "invalid bracket" or text.count("[") != text.count("]")):
        return bracket, _REASONS["invalid bracket"]
    if kind == "invalid bracket":
        return text.find("]"), reason
    for key in ("sha256", "md5", "build_number"):
        if kind in {"unable to parse hash digest", "invalid build number"} and key in text:
            return text.find(key), reason
    if kind == "regex constraints":
        return text.find("*"), reason
    if kind == "invalid package name":
        name = text.rpartition("::")[2]
        bad = re.search(r"[^A-Za-z0-9_.*-]", name)
        return len(text) - len(name) + (bad.start() if bad else 0), reason
    found = _FOUND.match(message)
    return (text.find(found["part"]) if found else 0), reason


def channel_of(text: str) -> str | None:
    """The channel that a MatchSpec asks for, by the name that its URL ends with; None for any."""
    if "::" not in text and "channel" not in text:
        return None
    from rattler import MatchSpec

    channel = MatchSpec(text, exact_names_only=False).channel
    return channel.name if channel is not None else None


_DEFAULTS = frozenset({"pkgs/main", "pkgs/r", "pkgs/msys2"})


def is_channel(ours: str, theirs: str) -> bool:
    """Whether a spec's channel is this one; the name that a URL ends with counts."""
    return (
        theirs in {ours, "*"}
        or theirs.endswith(f"/{ours}")
        or (theirs == "defaults" and ours in _DEFAULTS)
    )


def check_denied(text: str) -> str:
    """Return ``text`` if it is a MatchSpec or ``sha256:<hash>``.

    Raises:
        ValueError: it is neither.
    """
    if text.startswith("sha256:"):
        if not _SHA256.fullmatch(text.lower()):
            raise ValueError(f"{text}: write sha256: and 64 hexadecimal digits")
        return text.lower()
    return check_spec(text)


def check_pin(name: str, versions: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``versions`` if each is one that ``name`` may be pinned to, such as ``3.12``.

    Raises:
        ValueError: one is not.
    """
    if not NAME.fullmatch(name) or "*" in name:
        raise ValueError(f"{name!r} is not a package name; write for example python=3.12")
    if not versions:
        raise ValueError(f"{name}: name at least one version, for example {name}=3.12")
    for version in versions:
        if not _PINNED.fullmatch(version):
            raise ValueError(
                f"{name}: {version!r} is not the beginning of a version; write for example 3.12"
            )
        check_spec(f"{name} {version.removesuffix('*').removesuffix('.')}.*")
    return versions


def split_specs(text: str) -> list[str]:
    """The MatchSpecs of one line: blanks separate them, and commas that no version follows."""
    specs: list[str] = []
    for word in text.split():
        depth = 0
        current = ""
        for position, letter in enumerate(word):
            depth += (letter == "[") - (letter == "]")
            following = word[position + 1 : position + 2]
            if letter == "," and depth == 0 and (not following or following in _STARTS):
                specs.append(current)
                current = ""
            else:
                current += letter
        specs.append(current)
    return [spec for spec in specs if spec]


_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_*^")
