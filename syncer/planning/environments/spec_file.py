"""SPEC_FILES: reads files that say what an environment needs, whichever kind each is.

Guaranteed: all problems of all files together, each with the file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncer.planning.environments import environment_file, explicit_list, lockfile
from syncer.planning.environments.request import Channels, Request
from syncer.settings.permission import refused
from syncer.settings.policy import platforms
from volume.errors import ConfigError

_LARGEST = 100 << 20  # bytes; the longest lock files have a few MB


def read(
    folder: Path, names: Sequence[str], *, subdirs: Sequence[str], channels: Channels
) -> list[Request]:
    """Read files, given by their paths relative to ``folder``.

    Args:
        subdirs: the mirrored ones; noarch is a platform only if there is no other.
        channels: the mirrored ones, each with the base URLs that it comes from.

    Raises:
        ConfigError: with every problem of every file.
    """
    ours = platforms(subdirs)
    found: list[Request] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append(_read(name, folder / name, ours, channels))
        except OSError as error:
            reason = refused(error, folder)
            problems.append(f"{name} can't be read ({reason}); looked for {folder / name}")
        except ValueError as error:  # UnicodeDecodeError is one
            problems.extend(_texts(name, error))
    if problems:
        raise ConfigError(problems)
    return found


def _texts(name: str, error: ValueError) -> list[str]:
    if isinstance(error, UnicodeDecodeError):
        return [f"{name} is not a text file"]
    return [str(problem) for problem in error.args]


def _read(name: str, path: Path, subdirs: Sequence[str], channels: Channels) -> Request:
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"{name} has more than {_LARGEST:,} bytes: no such file is that long")
    text = path.read_text(encoding="utf-8")
    if explicit_list.is_explicit(text):
        return explicit_list.parse(name, text, subdirs, channels)
    keys = environment_file.top_level_keys(text)
    if "version" in keys and keys & {"environments", "package"}:
        return lockfile.read(name, path, subdirs, channels)
    return environment_file.parse(name, text, subdirs, channels)
