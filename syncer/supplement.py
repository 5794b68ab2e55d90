"""What an upstream publishes beside its records: run_exports, channeldata, notices, others.

Fetched only when an index changed, and optional: a channel without them is a channel. Kept for
what is committed only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from syncer.errors import UpstreamError
from syncer.ledger_writer import LedgerWriter
from syncer.repodata import SECTIONS
from syncer.survey import Survey
from syncer.upstream.channel import ChannelUpstream
from syncer.upstream.fetched import Fetched
from volume.ledger import DOCUMENT, ROOT

# Documents that clients and people may read as they are: of a subdir, and of the channel (CEP 6).
_OF_SUBDIR = ("patch_instructions.json",)
_OF_CHANNEL = ("notices.json",)

_Document = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_Document).decode


class Supplement:
    """One channel's supplements: first ``fetch``, then ``commit`` under the channel lock."""

    def __init__(
        self, upstream: ChannelUpstream, ledger: LedgerWriter, warn: Callable[[str], None]
    ) -> None:
        self._upstream = upstream
        self._ledger = ledger
        self._warn = warn
        self._carried: dict[str, dict[str, str]] = {}
        self._run_exports: dict[str, dict[str, str]] = {}
        self._channeldata: dict[str, str] | None = None
        self._fetched: list[tuple[Fetched, str]] = []

    def fetch(self, survey: Survey) -> None:
        """Ask upstream for what belongs to its indexes. Failures are warnings."""
        for plan in survey.plans:
            index = survey.indexes.get(plan.subdir)
            if index is None:  # the subdir is not mirrored any more
                self._carried[plan.subdir] = {}
                self._run_exports[plan.subdir] = {}
                continue
            self._carried[index.subdir] = index.carried | self._documents(index.subdir, _OF_SUBDIR)
            run_exports = self._document(index.subdir, "run_exports.json", _run_exports)
            if run_exports is None and index.run_exports:
                run_exports = index.run_exports
            if run_exports is not None:
                self._run_exports[index.subdir] = run_exports
        self._carried[ROOT] = self._documents(ROOT, _OF_CHANNEL)
        self._channeldata = self._document(ROOT, "channeldata.json", _channeldata)

    def commit(self) -> None:
        """Take over what was fetched, as far as it belongs to committed artifacts.

        Raises:
            VolumeError: the state volume refused.
        """
        with self._ledger.transaction("supplement"):
            changed = False
            for subdir, sections in self._carried.items():
                changed |= self._ledger.replace_carried(subdir, sections)
            for subdir, run_exports in self._run_exports.items():
                committed = self._ledger.committed(subdir)
                mine = {name: text for name, text in run_exports.items() if name in committed}
                changed |= self._ledger.replace_run_exports(subdir, mine)
            if self._channeldata is not None:
                names = self._ledger.names()
                mine = {name: text for name, text in self._channeldata.items() if name in names}
                changed |= self._ledger.replace_channeldata(mine)
            if changed:
                self._ledger.raise_serial()
        for fetched, name in self._fetched:
            self._upstream.remember(fetched, name)

    def _documents(self, subdir: str, filenames: Sequence[str]) -> dict[str, str]:
        """Documents as they are, by their key in the ledger; one that can't be had stays."""
        before = self._ledger.carried(subdir)
        kept: dict[str, str] = {}
        for filename in filenames:
            key = DOCUMENT + filename
            path = f"{subdir}/{filename}" if subdir else filename
            try:
                text = self._text(path)
            except (UpstreamError, ValueError, RecursionError) as error:
                self._warn(f"{path} can't be used, going on without a new one: {error}")
                text = before.get(key)
            if text is not None:
                kept[key] = text
        return kept

    def _text(self, path: str) -> str | None:
        """A JSON object as upstream wrote it, or None if it has none."""
        name = path.replace("/", ".")
        fetched = self._upstream.fetch_optional(path, name)
        if fetched is None:
            return None
        content = bytes(self._upstream.content(fetched, name))
        _decode(content)
        self._fetched.append((fetched, name))
        return content.decode()

    def _document(
        self, subdir: str, filename: str, understand: Callable[[_Document], dict[str, str]]
    ) -> dict[str, str] | None:
        """An optional document, compressed if upstream has it so; None if it has none."""
        path = f"{subdir}/{filename}" if subdir else filename
        for variant in (f"{path}.zst", path) if subdir else (path,):
            name = variant.replace("/", ".")
            try:
                fetched = self._upstream.fetch_optional(variant, name)
                if fetched is None:
                    continue
                content = understand(_decode(self._upstream.content(fetched, name)))
            except (UpstreamError, ValueError, RecursionError) as error:  # ValueError: as below
                self._warn(f"{path} can't be used, going on without it: {error}")
                return None
            self._fetched.append((fetched, name))
            return content
        return None


# These raise ValueError for what is not as they expect: msgspec's errors, text that is no UTF-8.


def _channeldata(document: _Document) -> dict[str, str]:
    """channeldata as JSON texts by package name (CEP 38)."""
    packages = _decode(document.get("packages", b"{}"))
    return {name: bytes(raw).decode() for name, raw in packages.items()}


def _run_exports(document: _Document) -> dict[str, str]:
    """run_exports as JSON texts by filename (CEP 12)."""
    found: dict[str, str] = {}
    for section in SECTIONS.values():
        for filename, raw in _decode(document.get(section, b"{}")).items():
            try:
                entry = _decode(raw)
            except (msgspec.DecodeError, msgspec.ValidationError):
                continue  # not an object: says nothing about this artifact
            if "run_exports" in entry:
                found[filename] = bytes(entry["run_exports"]).decode()
    return found
