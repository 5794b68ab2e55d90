"""The simple index: what pip, uv and pixi ask for packages. Pure.

As PEP 503 (HTML) and PEP 691 (JSON) have it, with sizes and versions (PEP 700) and the METADATA of
wheels (PEP 658, PEP 714). Every address in it is relative: it works under any name of this mirror.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote

from packaging.version import InvalidVersion, Version

from volume.wheels import Wheel, listed

ROOT = "simple/_"
"""Where the list of projects is; no project is called so."""

_VERSION = "1.1"
_SAFE = "-._+!"
_NOTE = (
    "This mirror has the files that its lock files name, and no others. To have one more here, lock"
    " it, and name that lock file in SPEC_FILES."
)


def documents(wheels: Iterable[Wheel]) -> dict[str, bytes]:
    """The text of each page, by its path in the collection."""
    projects: dict[str, list[Wheel]] = {}
    for one in listed(wheels):
        projects.setdefault(one.project, []).append(one)
    found = {
        f"{ROOT}.html": _html_of_all(sorted(projects)),
        f"{ROOT}.json": _json({"projects": [{"name": name} for name in sorted(projects)]}),
    }
    for name, files in projects.items():
        files.sort(key=lambda one: (_order(one.version), one.filename, one.sha256))
        found[f"simple/{name}.html"] = _html(name, files)
        found[f"simple/{name}.json"] = _json(
            {
                "name": name,
                "versions": list(dict.fromkeys(one.version for one in files)),
                "files": [_file(one) for one in files],
            }
        )
    return {path: text.encode() for path, text in found.items()}


def _order(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:  # written by another version of this program
        return Version("0")


def _address(one: Wheel) -> str:
    """Relative to a project's page."""
    folder, _, filename = one.address.rpartition("/")
    return f"../../{folder}/{quote(filename, safe=_SAFE)}"


def _file(one: Wheel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "filename": one.filename,
        "url": _address(one),
        "hashes": {"sha256": one.sha256},
        "size": one.size,
        "yanked": False,
    }
    if one.requires_python:
        found["requires-python"] = one.requires_python
    # PEP 714: the second name is for clients that know the first PEP's only.
    found["core-metadata"] = {"sha256": one.metadata} if one.metadata else False
    found["dist-info-metadata"] = found["core-metadata"]
    return found


def _json(document: dict[str, Any]) -> str:
    return json.dumps({"meta": {"api-version": _VERSION}, **document}, indent=1) + "\n"


def _page(title: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{_VERSION}">
<title>{escape(title)}</title>
</head>
<body>
<h1>{escape(title)}</h1>
{body}</body>
</html>
"""


def _html_of_all(names: list[str]) -> str:
    rows = "".join(f'<a href="{name}/">{name}</a><br>\n' for name in names)
    return _page("Python packages", f"<p>{_NOTE}</p>\n{rows}")


def _html(name: str, files: list[Wheel]) -> str:
    return _page(f"Links for {name}", "".join(map(_link, files)))


def _link(one: Wheel) -> str:
    attributes = f'href="{escape(_address(one))}#sha256={one.sha256}"'
    if one.requires_python:
        attributes += f' data-requires-python="{escape(one.requires_python)}"'
    if one.metadata:
        hashed = f"sha256={one.metadata}"
        attributes += f' data-core-metadata="{hashed}" data-dist-info-metadata="{hashed}"'
    return f"<a {attributes}>{escape(one.filename)}</a><br>\n"
