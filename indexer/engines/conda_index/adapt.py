"""What ``conda index`` wrote, made into what we serve: upstream's envelope, no odd files.

It writes pre-patch variants and patch instructions, which go, and so do its pages: they show what
upstreams write in records as it is, markup and links included. It
knows nothing of upstream's other sections, which are put around its records.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from indexer.base.repodata import CURRENT, REPODATA, Record, section_of
from indexer.engines import envelope
from indexer.engines.complete import envelope_of, write
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from indexer.records.rows import Rows
from volume.program.stop import Stop

_UNWANTED = re.compile(
    r"index\.html|repodata_from_packages\.json.*|repodata_shards_from_packages\..*|patch_instructions\.json"
    r"|.*\.[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)


def adapt(draft: Draft, listing: Listing, rows: Rows, stop: Stop) -> None:
    """Change the engine's output where it is not what is served.

    Raises:
        EngineError: the engine's output is not as expected.
    """
    for subdir in listing.subdirs:
        stop.check()
        folder = draft.folder / subdir
        _remove_unwanted(folder)
        around = envelope_of(listing, rows, subdir)
        path = folder / REPODATA
        write(path, envelope.put_around(path.read_bytes(), subdir, around))
        _adapt_current(folder / CURRENT, rows, subdir, around)
    _remove_unwanted(draft.folder)


def _remove_unwanted(folder: Path) -> None:
    for path in folder.iterdir():
        if _UNWANTED.fullmatch(path.name):
            path.unlink()


def _adapt_current(path: Path, rows: Rows, subdir: str, around: dict[str, Any]) -> None:
    """Keep the engine's choice of artifacts, with the records that repodata.json has.

    The engine adds ``legacy_bz2_md5`` to every record, null where there is no twin.
    """
    chosen = json.loads(path.read_bytes())
    wanted = {
        filename for section in ("packages", "packages.conda") for filename in chosen[section]
    }
    sections: dict[str, dict[str, Record]] = {"packages": {}, "packages.conda": {}}
    for row in rows.get(subdir, sorted(wanted)):
        sections[section_of(row.filename)][row.filename] = json.loads(row.record)
    document = {**envelope.cut(around, wanted), **sections}
    write(path, envelope.compact(document).encode())
