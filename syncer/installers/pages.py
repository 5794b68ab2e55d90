"""What stands beside published installers, in the formats that Anaconda's own folders have. Pure.

So whatever reads those folders (a person, pyenv, a mirror of this mirror) reads these too:
``index.html`` (four columns: Filename, Size, Last Modified, SHA256), ``.files.json``,
``SHA256SUMS`` for ``sha256sum --check``, and for miniforge ``<name>.sha256``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape

from volume.installers import FILES_JSON, Installer, files_json

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 80rem;
  padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .15rem 1.2rem .15rem 0; white-space: nowrap; }
td + td { font-family: ui-monospace, monospace; }
td.s, th.s { text-align: right; }
"""


def documents(kind: str, installers: Mapping[str, Installer]) -> dict[str, str]:
    """The text of each document, by its name."""
    ordered = sorted(installers.values(), key=lambda one: one.filename)
    found = {
        FILES_JSON: files_json(dict(installers)),
        "SHA256SUMS": "".join(f"{one.sha256}  {one.filename}\n" for one in ordered),
        "index.html": page(kind, ordered),
    }
    if kind == "miniforge":
        for one in ordered:
            found[f"{one.filename}.sha256"] = f"{one.sha256}  ./{one.filename}\n"
    return found


def page(kind: str, installers: list[Installer]) -> str:
    """The page of a folder."""
    rows = "".join(_row(one) for one in installers)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(kind)} installers</title>
<style>{_STYLE}</style>
</head>
<body>
<h2>{escape(kind)} installers</h2>
<p>To check a download: <a href="SHA256SUMS">SHA256SUMS</a>. <a href="/">The mirror</a></p>
<div class="wide">
<table>
<tr>
<th>Filename</th>
<th class="s">Size</th>
<th>Last Modified</th>
<th>SHA256</th>
</tr>
{rows}</table>
</div>
</body>
</html>
"""


def _row(installer: Installer) -> str:
    name = escape(installer.filename)
    modified = datetime.fromtimestamp(installer.mtime, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"""<tr>
<td><a href="{name}">{name}</a></td>
<td class="s">{_size(installer.size)}</td>
<td>{modified}</td>
<td>{installer.sha256}</td>
</tr>
"""


def _size(size: int) -> str:
    """As Anaconda writes sizes: ``36.9M``."""
    for unit, power in (("G", 3), ("M", 2), ("K", 1)):
        if size >= 1024**power:
            return f"{size / 1024**power:.1f}{unit}"
    return str(size)
