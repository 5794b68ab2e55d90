"""What people may write as a MatchSpec (CEP 29, 43-45); names and name patterns need no library.

py-rattler reads the rest, leniently; here is refused what it would take for something that nobody
means (``python=3.11,3.12``, ``nu mpy >=``) and what a selection can't look at (``url=``). Every
problem says at which position, counted from 1.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from syncer.conda.expression import specs_of
from syncer.conda.matchspec import NAME, expression_test, parse
from volume.limits import spec_problem

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_BUILD = re.compile(r"[A-Za-z0-9_.+*]+|\^.*\$")
_PINNED = re.compile(r"[0-9A-Za-z_.+!]*[0-9A-Za-z_](\.?\*)?")
_FILE = re.compile(r"([^/:]+)-([^-/:]+)-([^-/:]+)\.(conda|tar\.bz2)")


def check_spec(text: str) -> str:
    """Return ``text`` if it is a MatchSpec that packages can be told by.

    A name may have ``*`` as a wildcard. A condition and extras tell no package from another.

    Raises:
        ValueError: it is not; with the position.
    """
    spec = _checked(text)
    if spec is not None and spec.condition is not None:
        _refuse(text, text.find("when"), f"a condition {_NOT_HERE}")
    if spec is not None and spec.extras is not None:
        _refuse(text, text.find("extras"), f"extras choose dependencies, and that {_NOT_HERE}")
    return text


def check_request(text: str) -> str:
    """Return ``text`` if it is a MatchSpec that something may be installed by.

    It may have extras (CEP 44), and a condition under which it is asked for (CEP 43).

    Raises:
        ValueError: it is not; with the position.
    """
    _checked(text)
    return text


def _checked(text: str) -> Any:
    """The MatchSpec, None for a mere name.

    Raises:
        ValueError: it is none, or nobody means what it says; with the position.
    """
    if (problem := spec_problem(text)) is not None:
        raise ValueError(problem)
    if found := _FILE.fullmatch(text):
        name, version, build, _ = found.groups()
        _refuse(text, 0, f"that is a filename; write {name}=={version}={build}")
    if NAME.fullmatch(text):
        return None
    if (at := text.find("#")) >= 0:
        _refuse(text, at, "a MatchSpec has no comment; take it out")
    try:
        spec = parse(text)
    except ValueError as error:
        _refuse(text, *(_mistake(text) or (0, str(error))))
    _check_meaning(text, spec)
    return spec


def _check_meaning(text: str, spec: Any) -> None:
    """Refuse what rattler reads and nobody means, or no selection can look at."""
    for pattern in (str(spec.name.normalized), spec.build or ""):
        if pattern.startswith("^"):
            try:
                expression_test(pattern)
            except ValueError:
                _refuse(text, _last(text, pattern), _NO_EXPRESSION)
    if spec.build is not None and not _BUILD.fullmatch(spec.build):
        _refuse(
            text, _last(text, spec.build), f"{spec.build!r} is not a build string; one spec is a"
            " name, a version and a build, such as numpy >=1.26 py311*",
        )  # fmt: skip
    if spec.condition is not None and any(map(_is_word, specs_of(spec.condition))):
        _refuse(text, text.find("when"), _EXAMPLES["when"])
    if spec.namespace is not None:
        _refuse(text, text.find(":"), "a namespace is not supported; channel::name has two colons")
    for item in _ITEM.finditer(text, text.find("[") + 1, text.rfind("]")) if "[" in text else ():
        if item["key"] in _WHOLE and "*" in item["value"]:
            _refuse(text, item.start("key"), _WHOLE[item["key"]])
    if "url=" in str(spec):
        _refuse(text, max(text.find("url"), 0), "a URL can't be selected by; write a name")
    _check_versions(text, spec.version)


def _is_word(part: str) -> bool:
    """Whether a condition asks for a version that is a mere word, as in ``not python``."""
    version = parse(part).version or ""
    return version.startswith("==") and not any(letter.isdigit() for letter in version)


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


_NOT_HERE = "belongs into SPECS, an environment or a dependency; leave it out here"
_NO_EXPRESSION = "it is not a regular expression"
_NO_BRACKETS = "the brackets are not [key=value,key=value]"
_KEYS = (
    "version", "build", "build_number", "channel", "subdir", "fn", "md5", "sha256", "license",
    "license_family", "track_features", "flags", "extras", "when",
)  # fmt: skip
# Compared as a whole, by conda as well: with a wildcard they can match nothing.
_WHOLE = {
    "license": "a licence is compared as a whole; LICENSES and EXCLUDE_LICENSES take wildcards",
    "license_family": "it is compared as a whole; LICENSES and EXCLUDE_LICENSES take wildcards",
    "fn": "a filename is compared as a whole; write a name, a version and a build with wildcards",
    "subdir": "a subdir is compared as a whole; write one spec for each",
    "track_features": "a feature is compared as a whole",
}
_NOT_OURS = frozenset({"url", "features", "name"})  # refused elsewhere
_PARTS = re.compile(
    r"((?P<channel>[^\[]*)::)?(?P<name>\^[^\s\[]*|[^\s=<>!~\[]*)\s*(?P<version>[^\s\[]*)[^\[]*"
    r"(?P<brackets>\[.*)?",
    re.DOTALL,
)
_ITEM = re.compile(r"\s*(?P<key>\w+)\s*=\s*(?P<value>'[^']*'|\"[^\"]*\"|\[[^]]*\]|[^],]*)\s*(,|$)")
_EXAMPLES = {
    "build_number": "build_number is a whole number, such as [build_number='>=2']",
    "version": "it is not a version; write for example >=1.26,<2",
    "extras": "extras are names in small letters, such as [extras=[plot,docs]]",
    "flags": "flags are words in small letters, such as [flags=[cuda,blas:*]]",
    "when": "a condition is made of MatchSpecs, and, or, and brackets, such as"
    ' [when="python>=3.12 and __unix"]',
}
_DIGITS = {"md5": re.compile("[0-9a-fA-F]{32}"), "sha256": re.compile("[0-9a-fA-F]{64}")}


def _mistake(text: str) -> tuple[int, str] | None:
    """Which part is wrong, and why, of a text that is no MatchSpec; None if each seems right.

    Each part is asked about for itself, so that no wording of a library is relied upon.
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        return None
    name, version, brackets = found["name"], found["version"], found["brackets"]
    if brackets is not None and (problem := _bracket_mistake(brackets)) is not None:
        return found.start("brackets") + problem[0], problem[1]
    if not name:
        return 0, "the package's name is missing; * stands for all"
    if name.startswith("^"):
        return None if _is_spec(name) else (found.start("name"), _NO_EXPRESSION)
    if bad := re.search(r"[^A-Za-z0-9_.*-]", name):
        at = found.start("name") + bad.start()
        return at, "it is not a package name: letters, digits, '-', '_', '.' and '*'"
    if version and not _is_spec(f"x {version}"):
        return _version_mistake(version, found.start("version"))
    if found["channel"] is not None and not _is_spec(f"{found['channel']}::x"):
        return 0, "the channel before :: is not one"
    return None


def _version_mistake(version: str, at: int) -> tuple[int, str]:
    inner = re.search(r"\*(?=[^\s,|)*])", version)
    if inner is not None and _is_spec("x " + version[: inner.end()]):
        return at + inner.start(), "a * stands at the end of a version only"
    return at, "it is not a version; write for example >=1.26,<2"


def _bracket_mistake(brackets: str) -> tuple[int, str] | None:
    if not brackets.endswith("]") or brackets.count("[") != brackets.count("]"):
        return 0, _NO_BRACKETS
    at, inner = 1, brackets[1:-1]
    while at <= len(inner):
        item = _ITEM.match(inner, at - 1)
        if item is None:
            return at, _NO_BRACKETS
        key, value = item["key"], item["value"].strip("'\"")
        start = item.start("key") + 1
        if key not in _KEYS and key not in _NOT_OURS:
            return start, f"this key is not known; known are {', '.join(_KEYS)}"
        if key in _DIGITS and not _DIGITS[key].fullmatch(value):
            return start, "the hash is not made of hexadecimal digits, 64 for sha256"
        if key in _EXAMPLES and not _is_spec(f"x[{key}={item['value']}]"):
            return start, _EXAMPLES[key]
        at = item.end() + 1
    return None


def _is_spec(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


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
    """The MatchSpecs of one line: blanks separate them, and commas that no version follows.

    What is in square brackets stays together.
    """
    specs: list[str] = []
    current, depth = "", 0
    for letter, following in zip(text, [*text[1:], " "], strict=False):
        depth = max(depth + (letter == "[") - (letter == "]"), 0)
        ends = letter == "," and (following.isspace() or following in _STARTS)
        if depth == 0 and (ends or letter.isspace()):
            specs.append(current)
            current = ""
        else:
            current += letter
    return [spec for spec in [*specs, current] if spec]


_STARTS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_*^")
