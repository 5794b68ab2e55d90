"""rattler's solver over whole channels: the oracle that selection is compared with."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rattler import (
    BuildString,
    Channel,
    GenericVirtualPackage,
    PackageName,
    SparseRepoData,
    Version,
    solve_with_sparse_repodata,
)
from rattler.exceptions import SolverError

from syncer.conda.record import Candidate
from syncer.planning.selection.platform import virtual_packages
from volume.sections import V3, V3_SECTIONS, key_of


class WholeChannel:
    """All records of one channel, for the solver; its files are in `folder`.

    Of an artifact with two records it has the one of revision 3, as py-rattler itself should: with
    both, some channels are "duplicate records" to it. With `is_old` it has what a client sees that
    knows no revision 3.
    """

    def __init__(
        self, folder: Path, candidates: Iterable[Candidate], *, is_old: bool = False
    ) -> None:
        documents: dict[str, dict[str, dict[str, Any]]] = {}
        for one in candidates:
            document = documents.setdefault(one.subdir, {"packages": {}, "packages.conda": {}})
            entry = one.parts[0 if is_old else -1].entry
            extension = V3_SECTIONS.get(entry.section)
            if extension is None:
                place = document[entry.section]
            elif is_old:
                continue
            else:
                place = document.setdefault(V3, {}).setdefault(extension[1:], {})
            place[key_of(entry.section, one.filename)] = json.loads(bytes(entry.raw))
        self._sources = []
        for subdir, document in documents.items():
            path = folder / f"{subdir}.json"
            path.write_text(json.dumps(document))
            channel = Channel("https://whole.invalid/channel")
            self._sources.append(SparseRepoData(channel, subdir, path))

    def solve(self, specs: Sequence[str], subdir: str = "linux-64") -> list[str] | None:
        """The filenames of a solution, None if there is none."""
        virtual = []
        for name, text in virtual_packages(subdir).items():
            version, _, build = text.partition("=")
            virtual.append(
                GenericVirtualPackage(
                    PackageName(name), Version(version), BuildString(build or "0")
                )
            )
        try:
            found = asyncio.run(
                solve_with_sparse_repodata(specs, self._sources, virtual_packages=virtual)
            )
        except SolverError:
            return None
        except Exception as error:
            if type(error).__name__ != "RustPanic":  # as the product's ``solve`` has it
                raise
            return None
        return sorted(record.file_name for record in found)
