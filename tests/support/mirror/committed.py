"""A mirror as a syncer leaves it: artifacts in place, rows in the ledger, nothing indexed yet.

Guaranteed: the order and the tables of `volume`'s protocol, without a network. Not guaranteed:
durability, hashing or any check; records may lie about their artifacts.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from syncer.artifacts.document_tables import RunExports
from syncer.artifacts.ledger_writer import LedgerWriter
from tests.support.upstream.packages import Package, Record
from volume import generations
from volume.identity import claim
from volume.layout import Mirror, State
from volume.ledger.artifact import Artifact, Home
from volume.sections import old_section_of

ENTERED = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class CommittedMirror:
    """Both volumes of an appliance, with one channel that is written to by hand."""

    mirror: Mirror
    state: State
    channel: str = "conda-forge"

    @classmethod
    def below(cls, folder: Path, channel: str = "conda-forge") -> "CommittedMirror":
        """New volumes in an empty folder."""
        made = cls(Mirror(folder / "mirror"), State(folder / "state"), channel)
        made.mirror.root.mkdir(parents=True)
        claim(made.mirror, made.state)
        return made

    @property
    def current(self) -> Path:
        """What is published."""
        return self.mirror.current(self.channel)

    def change(self, action: Callable[[LedgerWriter, int], None]) -> int:
        """One commit: whatever `action` does to the ledger; returns its serial."""
        with (
            LedgerWriter.create(
                self.state.ledger(self.channel),
                published=generations.last_serial(self.mirror, self.channel),
            ) as ledger,
            ledger.transaction("commit"),
        ):
            serial = ledger.raise_serial()
            action(ledger, serial)
            ledger.set_restored()
        return serial

    def commit(self, *packages: Package) -> int:
        """Commit artifacts; one whose name is taken by other bytes goes to `replaced/`."""
        rows = [self._place(package) for package in packages]
        return self.commit_rows(rows)

    def commit_rows(self, rows: list[Artifact]) -> int:
        """Commit rows whose artifacts are in place."""

        def action(ledger: LedgerWriter, serial: int) -> None:
            ledger.expect(rows)
            ledger.accept_incoming(serial)

        return self.change(action)

    def commit_folder(self, folder: Path) -> int:
        """Commit all that an upstream's subdir folder lists, its artifacts as hard links."""
        repodata = json.loads((folder / "repodata.json").read_bytes())
        rows = []
        for section in ("packages", "packages.conda"):
            for filename, record in repodata.get(section, {}).items():
                target = self.artifacts(folder.name) / filename
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(folder / filename, target)
                except OSError:
                    shutil.copyfile(folder / filename, target)
                rows.append(row(folder.name, filename, record))
        serial = self.commit_rows(rows)
        removed = json.dumps(repodata.get("removed", []))
        self.carry(folder.name, {"removed": removed})
        return serial

    def commit_records(
        self,
        subdir: str,
        records: Mapping[str, Record],
        *,
        section_of: Callable[[str], str] = old_section_of,
        twins: Mapping[str, Record] | None = None,
    ) -> int:
        """Commit records whose artifacts are holes of the recorded size.

        `section_of` says where upstream lists a filename; `twins` are second records.
        """
        folder = self.artifacts(subdir)
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for filename, record in records.items():
            with (folder / filename).open("wb") as stream:
                stream.truncate(record["size"])
            sha256 = record.get("sha256") or hashlib.sha256(filename.encode()).hexdigest()
            twin = (twins or {}).get(filename)
            section = section_of(filename)
            rows.append(row(subdir, filename, record, sha256=sha256, section=section, twin=twin))
        return self.commit_rows(rows)

    def carry(self, subdir: str, sections: Mapping[str, str]) -> int:
        """Set upstream's other sections."""
        return self.change(
            lambda ledger, _: _ignore(ledger.replace_other_keys(subdir, {**sections}))
        )

    def give_run_exports(self, subdir: str, given: Mapping[str, Any]) -> int:
        """Set upstream's run_exports, by filename."""
        texts = {filename: json.dumps(value) for filename, value in given.items()}

        def action(ledger: LedgerWriter, _: int) -> None:
            gone = dict.fromkeys(ledger.run_exports(subdir).keys() - texts.keys())
            RunExports(ledger, subdir, ()).change({**gone, **texts})

        return self.change(action)

    def give_channeldata(self, texts: Mapping[str, str]) -> int:
        """Set upstream's channeldata as JSON texts by name, also of names that are not here."""

        def action(ledger: LedgerWriter, _: int) -> None:
            ledger.connection.execute("DELETE FROM channeldata")
            ledger.connection.executemany(
                "INSERT INTO channeldata VALUES (?, ?, NULL)", texts.items()
            )

        return self.change(action)

    def hotfix(self, subdir: str, filename: str, record: Record) -> int:
        """Give a committed artifact another record."""
        fixed = row(subdir, filename, record)
        return self.change(
            lambda ledger, serial: ledger.update_records([fixed], serial, moment=0.0)
        )

    def say(self, subdir: str, filename: str, text: str) -> int:
        """Give a committed artifact any text as its record."""

        def action(ledger: LedgerWriter, serial: int) -> None:
            before = ledger.artifact(subdir, filename)
            assert before is not None
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            ledger.update_records([replace(before, record=text, digest=digest)], serial, moment=0.0)

        return self.change(action)

    def retire(self, subdir: str, *filenames: str, reason: str = "removed") -> int:
        """Take artifacts out of the index; their bytes stay where they are."""
        names = [(subdir, filename) for filename in filenames]
        return self.change(
            lambda ledger, serial: ledger.retire(names, serial=serial, left=ENTERED, reason=reason)
        )

    def add_local(self, package: Package, filename: str | None = None) -> Path:
        """Add a file to the channel as a person does."""
        return self.add_local_bytes(package.subdir, filename or package.filename, package.data)

    def add_local_bytes(self, subdir: str, filename: str, data: bytes) -> Path:
        """Put any bytes there."""
        path = self.local(subdir) / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def local(self, subdir: str) -> Path:
        """Where what people add to a subdir lies."""
        return self.mirror.local(self.channel, subdir)

    def artifacts(self, subdir: str) -> Path:
        """Where the artifacts of a subdir are."""
        return self.mirror.artifacts(self.channel, subdir)

    def _place(self, package: Package) -> Artifact:
        digest = hashlib.sha256(package.data).hexdigest()
        target = self.artifacts(package.subdir) / package.filename
        home: Home = "channels"
        if target.exists() and target.read_bytes() != package.data:
            home = "replaced"
            target = self.mirror.replaced(self.channel, package.subdir, digest) / package.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(package.data)
        return row(package.subdir, package.filename, package.record, home=home, sha256=digest)


def row(
    subdir: str,
    filename: str,
    record: Record,
    *,
    home: Home = "channels",
    sha256: str | None = None,
    section: str | None = None,
    twin: Record | None = None,
) -> Artifact:
    """A ledger row for a record, and a second one of the same artifact."""
    text = json.dumps(record)
    second = None if twin is None else json.dumps(twin)
    return Artifact(
        subdir=subdir,
        filename=filename,
        section=section or old_section_of(filename),
        size=record["size"],
        sha256=sha256 or record["sha256"],
        digest=hashlib.blake2b((text + (second or "")).encode(), digest_size=16).digest(),
        record=text,
        home=home,
        entered=ENTERED,
        source=f"https://upstream.invalid/{subdir}/{filename}",
        md5=record.get("md5"),
        twin=second,
    )


def _ignore(_: object) -> None:
    """Make a statement of a value."""
