"""What ``conda index`` wrote, made into what we serve: upstream's envelope, no odd files.

It writes pre-patch variants and patch instructions, which go, and so do its pages: they show what
upstreams write in records as it is, markup and links included. It knows nothing of upstream's other
sections, which are put around its records, nor of revision 3, whose records are added.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from indexer.base.errors import EngineError
from indexer.base.repodata import CHANNELDATA, CURRENT, REPODATA, RUN_EXPORTS
from indexer.engines import envelope
from indexer.engines.complete import envelope_of, write, write_current
from indexer.engines.conda_index.revision3 import Revision3, add_channeldata
from indexer.generations.generation import Draft
from indexer.records.listing import Listing
from indexer.records.rows import Rows
from volume.program.stop import Stop
from volume.sections import OLD_SECTIONS

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
        try:
            v3 = Revision3(rows, subdir)
            path = folder / REPODATA
            pieces = envelope.frame(around, v3.tally)
            write(path, envelope.put_around(path.read_bytes(), subdir, pieces, *v3.sections()))
            chosen = {False: _chosen(folder / CURRENT), True: v3.current()}
            write_current(folder, rows, subdir, around, chosen)
            v3.add_run_exports(folder / RUN_EXPORTS)
            v3.add_shards(draft, folder, envelope.info_of(around, v3.tally))
        except ValueError as error:
            raise EngineError(f"no index can hold a record of {subdir}: {error}") from error
    add_channeldata(draft.folder / CHANNELDATA, rows, listing.subdirs)
    _remove_unwanted(draft.folder)


def _remove_unwanted(folder: Path) -> None:
    for path in folder.iterdir():
        if _UNWANTED.fullmatch(path.name):
            path.unlink()


def _chosen(path: Path) -> set[str]:
    """The engine's choice of artifacts, whose records are those that repodata.json has.

    The engine adds ``legacy_bz2_md5`` to every record, null where there is no twin.
    """
    chosen = json.loads(path.read_bytes())
    return {filename for section in OLD_SECTIONS for filename in chosen[section]}
