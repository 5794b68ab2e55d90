"""Settings: each is defined once, as a field of a frozen dataclass, and read once at start.

From that one definition come the parsed value, the error message, ``config``, ``.env.example`` and
the documentation. All problems are reported together. A name that looks like a misspelt setting is
an error that suggests the nearest one: a typo must not silently mean the default.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from volume.errors import ConfigError, NameRefusedError
from volume.program.parsers import NamedLists, Words, one_of, path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Definition:
    """One setting: ``default`` is the text that a person would write."""

    name: str
    default: str
    parse: Callable[[str], Any]
    description: str
    section: str
    aliases: tuple[str, ...] = ()


def setting(
    name: str,
    default: str,
    parse: Callable[[str], Any],
    description: str,
    *,
    section: str,
    aliases: tuple[str, ...] = (),
) -> Any:
    """A field of a settings dataclass."""
    definition = Definition(name, default, parse, description, section, aliases)
    return dataclasses.field(default=parse(default), metadata={"definition": definition})


def definitions(settings: type) -> list[Definition]:
    """The settings that a dataclass defines, in its order."""
    return [definition for _, definition in _defined(settings)]


def _defined(settings: Any) -> list[tuple[str, Definition]]:
    """The fields that are settings; others hold what is made of them."""
    return [
        (field.name, field.metadata["definition"])
        for field in dataclasses.fields(settings)
        if "definition" in field.metadata
    ]


def read(
    settings: type[T],
    environment: Mapping[str, str],
    *,
    others: Iterable[str] = (),
    peers: Iterable[str] = (),
) -> T:
    """Read all settings from the environment; an empty value means the default.

    Args:
        others: names that are known although this program does not use them.
        peers: the same, and so much the appliance's own that what is like them is misspelt.

    Raises:
        ConfigError: with every problem found.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    ours: set[str] = set()
    for name_of_field, definition in _defined(settings):
        names = (definition.name, *definition.aliases)
        ours.update(names)
        given = [name for name in names if environment.get(name, "").strip()]
        text = environment[given[0]].strip() if given else definition.default
        if len({environment[name].strip() for name in given}) > 1:
            problems.append(f"{' and '.join(given)} mean the same setting and differ; keep one")
            continue
        try:
            values[name_of_field] = definition.parse(text)
        except (ValueError, NameRefusedError) as error:
            problems.append(f"{given[0] if given else definition.name}={text!r}: {error}")
    problems.extend(_misspelt(environment.keys() - set(others), ours.union(peers)))
    if problems:
        raise ConfigError(problems)
    return settings(**values)


def _misspelt(names: set[str], ours: set[str]) -> list[str]:
    problems = []
    for name in sorted(names - ours):
        nearest = difflib.get_close_matches(name.upper(), ours, n=1, cutoff=0.85)
        if nearest:
            problems.append(f"{name} is not a setting; did you mean {nearest[0]}?")
    return problems


def read_table(
    settings: type, table: Mapping[str, Any], where: str
) -> tuple[dict[str, Any], list[str]]:
    """Read a TOML table whose keys are the settings' names in small letters.

    Args:
        where: the table's name, for messages.

    Returns:
        The values by field name, and every problem found. A key that is no setting is one.
    """
    known = {found[1].name.lower(): found for found in _defined(settings)}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in table.items():
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            hint = (
                f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(sorted(known))}"
            )
            problems.append(f"{where}: {key} is not a setting here; {hint}")
            continue
        name, definition = known[key]
        try:
            values[name] = _parse_value(definition, value)
        except (ValueError, NameRefusedError) as error:
            problems.append(f"{where}: {key} = {value!r}: {error}")
    return values, problems


def _parse_value(definition: Definition, value: Any) -> Any:
    parse = definition.parse
    if isinstance(value, dict) and isinstance(parse, NamedLists):
        return parse.table(value)
    if isinstance(value, list) and isinstance(parse, Words):
        if not all(isinstance(item, str) for item in value):
            raise ValueError("write a list of texts in quotes")
        return parse.items(value)
    if isinstance(value, str):
        return parse.items([value]) if isinstance(parse, Words) else parse(value)
    if isinstance(value, bool):
        return parse("yes" if value else "no")
    if isinstance(value, int | float):
        return parse(str(value))
    if isinstance(value, datetime.date):
        return parse(value.isoformat())
    raise ValueError("this setting takes another kind of value; docs/configuration.md has examples")


def effective(settings: object) -> dict[str, str]:
    """The values in force, as texts, by setting name."""
    shown: dict[str, str] = {}
    for name, definition in _defined(settings):
        shown[definition.name] = shown_value(getattr(settings, name))
    return shown


def shown_value(value: object) -> str:
    """A parsed value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(shown_value, value))
    return str(value)


@dataclass(frozen=True, slots=True)
class Common:
    """What both programs can be told."""

    log_level: str = setting(
        "LOG_LEVEL", "info", one_of("debug", "info", "warning"),
        "How much to log: debug, info or warning.",
        section="Logging",
    )  # fmt: skip
    log_format: str = setting(
        "LOG_FORMAT", "text", one_of("text", "json"),
        "How to log: text for people, json for machines.",
        section="Logging",
    )  # fmt: skip
    mirror_dir: Path = setting(
        "MIRROR_DIR", "/srv/mirror", path,
        "Where the mirror volume is, when run without containers.",
        section="Without containers", aliases=("TUNASYNC_WORKING_DIR",),
    )  # fmt: skip
    state_dir: Path = setting(
        "STATE_DIR", "/srv/state", path,
        "Where the state volume is, when run without containers.",
        section="Without containers",
    )  # fmt: skip
