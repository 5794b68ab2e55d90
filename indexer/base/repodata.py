"""The names in an index: its documents, the sections of repodata, and what a record is."""

from __future__ import annotations

from typing import Any

REPODATA = "repodata.json"
CURRENT = "current_repodata.json"
RUN_EXPORTS = "run_exports.json"
CHANNELDATA = "channeldata.json"

NOTICES, PATCHES = "notices.json", "patch_instructions.json"
DOCUMENTS = frozenset({NOTICES, PATCHES})
"""Upstream's own, carried through: of the channel (CEP 6), and of each subdir."""

VARIANTS = {REPODATA: (".zst", ".bz2"), CURRENT: (".zst", ".bz2"), RUN_EXPORTS: (".zst",)}
"""By which variants clients ask: rattler and mamba .zst, old conda .bz2."""

SECTIONS = {".tar.bz2": "packages", ".conda": "packages.conda"}

Record = dict[str, Any]
"""One package record, as JSON has it: the wire format itself, so not a class."""


def section_of(filename: str) -> str:
    """The section of repodata.json that lists an artifact of this name."""
    return SECTIONS[".conda" if filename.endswith(".conda") else ".tar.bz2"]
