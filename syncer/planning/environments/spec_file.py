"""SPEC_FILES: reads files that say what an environment needs, whichever kind each is.

Guaranteed: all problems of all files together, each with the file's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from syncer.errors import UpstreamError
from syncer.planning.environments import environment_file, explicit_list, lockfile
from syncer.planning.environments.request import Channels, Request
from syncer.settings.permission import refused
from syncer.settings.policy import platforms
from volume.errors import ConfigError
from volume.limits import ENVIRONMENT_FILE, SPEC_FILE
from volume.program.log import redact

Remote = Callable[[str, Callable[[bytes], Request]], Request]
"""Reads a file by its address, and has it understood by what is given."""


def is_address(name: str) -> bool:
    """Whether a spec file is somewhere else."""
    return name.startswith(("http://", "https://"))


def _nowhere(url: str, _: Callable[[bytes], Request]) -> Request:
    raise ValueError(f"{redact(url)} is an address, and here only files can be read")


def read(
    folder: Path,
    names: Sequence[str],
    *,
    subdirs: Sequence[str],
    channels: Channels,
    remote: Remote = _nowhere,
) -> list[Request]:
    """Read files, given by their paths relative to ``folder`` or by their addresses.

    Args:
        subdirs: the mirrored ones; noarch is a platform only if there is no other.
        channels: the mirrored ones, each with the base URLs that it comes from.
        remote: reads what is at an address.

    Raises:
        ConfigError: with every problem of every file.
    """
    ours = platforms(subdirs)
    found: list[Request] = []
    problems: list[str] = []
    for name in names:
        shown = redact(name)
        try:
            understand = partial(parse, shown, subdirs=ours, channels=channels)
            if is_address(name):
                found.append(remote(name, understand))
            else:
                found.append(understand(_content(name, folder / name)))
        except OSError as error:
            reason = refused(error, folder)
            problems.append(f"{name} can't be read ({reason}); looked for {folder / name}")
        except UpstreamError as error:
            problems.append(f"{shown} can't be had: {error}")
        except ValueError as error:
            problems.extend(str(problem) for problem in error.args)
    if problems:
        raise ConfigError(problems)
    return found


def _content(name: str, path: Path) -> bytes:
    if path.stat().st_size > SPEC_FILE:
        raise ValueError(f"{name} has more than {SPEC_FILE:,} bytes: no such file is that long")
    return path.read_bytes()


def parse(name: str, content: bytes, subdirs: Sequence[str], channels: Channels) -> Request:
    """Understand a file, whichever kind it is.

    Raises:
        ValueError: with one problem in each of its arguments.
    """
    try:
        text = content.decode("utf-8-sig")  # Windows editors
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not a text file") from None
    if explicit_list.is_explicit(text):
        return explicit_list.parse(name, text, subdirs, channels)
    if lockfile.is_lock(environment_file.top_level_keys(text)):
        return lockfile.parse(name, text, subdirs, channels)
    if len(content) > ENVIRONMENT_FILE:
        raise ValueError(
            f"{name} has more than {ENVIRONMENT_FILE:,} bytes: no environment.yml is that long"
        )
    return environment_file.parse(name, text, subdirs, channels)
