"""A wheel that a channel lists, under ``v3.whl`` (draft CEP 145). Pure.

The key of such a record is ``name-version-build``, as of every artifact of conda's, and the wheel
has a filename of its own, in ``fn``. Here the bytes lie under the key, as those of all artifacts do
(two records may have one wheel in common, and a project is not always called as the package is).
Clients go by the last part of the address that they fetch, and must find a wheel's filename there
(conda reads its tags from it). So the address that is published is ``<key>.whl/<wheel filename>``,
relative to the index, and the web server looks at the first part alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from volume.errors import NameRefusedError
from volume.names import WHEEL, check_wheel_name

# Binary distribution format, "File name convention": name-version(-build)?-python-abi-platform.whl
_FILENAME = re.compile(r"[^-]+-[^-]+(?:-[0-9][^-]*)?-[^-]+-[^-]+-[^-]+\.whl")


def check_filename(filename: str) -> str:
    """Return ``filename`` if a wheel may be called so.

    Raises:
        NameRefusedError: it may not.
    """
    if not _FILENAME.fullmatch(check_wheel_name(filename)):
        raise NameRefusedError(
            f"{filename!r} is no wheel's filename: that is name-version-python-abi-platform.whl"
        )
    return filename


def filename_in(record: Mapping[str, Any]) -> str:
    """The wheel's own filename, as its record says: in ``fn``, else at the end of ``url``.

    Raises:
        NameRefusedError: it says none that a wheel may have.
    """
    said = record.get("fn")
    if not (isinstance(said, str) and said.endswith(WHEEL)):
        url = record.get("url")
        said = url.partition("#")[0].rpartition("/")[2] if isinstance(url, str) else ""
        said = unquote(said)
    return check_filename(said)


def address(filename: str, record: Mapping[str, Any]) -> str:
    """The ``url`` of a published record, relative to its index; ``filename`` is the artifact's.

    Of a record that says no filename, which no run commits, it is the artifact's alone: the web
    server has it there, too.
    """
    try:
        return f"{filename}/{filename_in(record)}"
    except NameRefusedError:
        return filename
