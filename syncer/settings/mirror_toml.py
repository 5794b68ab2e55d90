"""``mirror.toml``: policies of single channels, and environments. Optional.

    newest_versions = 3                  # a default for all channels, as in .env

    [channels.conda-forge]
    include = ["numpy >=1.26", "lib*"]

    [environments.ml]
    channels = ["conda-forge", "bioconda"]
    specs = ["python 3.12.*", "pytorch-cpu"]

Keys are the policy settings' names in small letters. Every problem is reported, with its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncer.settings.address import check_name
from syncer.settings.permission import refused
from syncer.settings.policy import ChannelPolicy, Environment, Policy, check_environment_name
from volume.errors import NameRefusedError
from volume.program import settings as define

FILENAME = "mirror.toml"
_ENVIRONMENT_KEYS = ("subdirs", "specs", "spec_files", "solve")


@dataclass(frozen=True, slots=True)
class MirrorToml:
    """What the file says, by field name: for all channels, and for each; and its problems."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environments: tuple[Environment, ...] = ()
    problems: tuple[str, ...] = ()


def read(folder: Path, common: Policy) -> MirrorToml:
    """Read ``mirror.toml`` in ``folder``; a file that is not there says nothing.

    Args:
        common: what ``.env`` says; environments without ``subdirs`` take them from there.
    """
    path = folder / FILENAME
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors
    except FileNotFoundError:
        return MirrorToml()
    except OSError as error:
        return MirrorToml(problems=(f"{path} can't be read: {refused(error, folder)}",))
    except UnicodeDecodeError as error:
        return MirrorToml(problems=(f"{path}: {error}",))
    import tomllib  # who has no such file does not pay for it

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return MirrorToml(problems=(f"{path}: {error}",))
    return understand(document, common)


def understand(document: Mapping[str, Any], common: Policy) -> MirrorToml:
    """Make sense of the file's content."""
    problems: list[str] = []
    rest = {key: document[key] for key in document if key not in {"channels", "environments"}}
    defaults, found = define.read_table(Policy, rest, FILENAME)
    problems += found
    channels: dict[str, dict[str, Any]] = {}
    for name, table in _tables(document, "channels", problems):
        where = f"{FILENAME} [channels.{name}]"
        try:
            check_name(name)
        except (ValueError, NameRefusedError) as error:
            problems.append(f"{where}: {error}")
            continue
        own, found = define.read_table(ChannelPolicy, table, where)
        problems += found
        channels[name] = own
    common = dataclasses.replace(common, **defaults)
    environments = []
    for name, table in _tables(document, "environments", problems):
        made = _environment(name, table, common, tuple(channels), problems)
        if made:
            environments.append(made)
    return MirrorToml(defaults, channels, tuple(environments), tuple(problems))


def _tables(
    document: Mapping[str, Any], key: str, problems: list[str]
) -> list[tuple[str, dict[str, Any]]]:
    tables = document.get(key, {})
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        problems.append(f"{FILENAME}: write [{key}.NAME] with settings below it")
        return []
    return list(tables.items())


def _environment(
    name: str,
    table: Mapping[str, Any],
    common: Policy,
    channels: tuple[str, ...],
    problems: list[str],
) -> Environment | None:
    where = f"{FILENAME} [environments.{name}]"
    before = len(problems)
    try:
        check_environment_name(name)
    except ValueError as error:
        problems.append(f"{where}: {error}")
    chosen = table.get("channels", list(channels))
    if not isinstance(chosen, list) or not chosen or not all(isinstance(x, str) for x in chosen):
        problems.append(f'{where}: write channels = ["conda-forge"], best first')
    settings = {key: value for key, value in table.items() if key != "channels"}
    foreign = [key for key in settings if key not in _ENVIRONMENT_KEYS]
    problems += [
        f"{where}: {key} is not a setting here; known: channels, {', '.join(_ENVIRONMENT_KEYS)}"
        for key in foreign
    ]
    known = {key: value for key, value in settings.items() if key not in foreign}
    values, found = define.read_table(Policy, known, where)
    problems += found
    if not (table.get("specs") or table.get("spec_files")):
        problems.append(f"{where}: give it specs or spec_files")
    if len(problems) > before:
        return None
    bare = Environment(name, tuple(chosen), common.subdirs)
    return dataclasses.replace(bare, **values)
