"""The oracle: what is asked of all artifacts of a name, for ``current_repodata.json``.

An answer depends on the name's rows only, so one that was given before for the same fingerprint is
given again, without decoding a record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from indexer.engines.own.current import CurrentCandidate, answer, candidates, featureless, ranked
from indexer.records.known_names import KnownAnswer, KnownName
from indexer.records.rows import Rows
from volume.program.stop import Stop
from volume.sections import WHEELS

_OLDER = "without features, at most "  # no dependency begins so
_V3 = "of revision 3, "  # nor so


def is_of_v3(known: KnownAnswer) -> bool:
    """Whether the records of revision 3 were asked, and not those of the old sections."""
    return known.question.startswith(_V3)


class Oracle:
    """The oracle of a subdir and a revision; ``filenames`` and ``names`` are by package name."""

    def __init__(
        self,
        subdir: str,
        rows: Rows,
        filenames: Mapping[str, Sequence[str]],
        names: Mapping[str, KnownName],
        stop: Stop,
        *,
        is_v3: bool,
    ) -> None:
        self._stop = stop
        self._is_v3 = is_v3
        self._subdir = subdir
        self._rows = rows
        self._filenames = filenames
        self._names = names
        self._before: dict[tuple[str, str], KnownAnswer] = {}
        self._asked: set[tuple[str, str]] = set()
        self._group: tuple[str, list[CurrentCandidate]] = ("", [])
        self.fresh: list[KnownAnswer] = []

    def remember(self, known: KnownAnswer) -> None:
        """Give an answer that was given before, if it still holds when it is asked for."""
        self._before[known.name, known.question] = known

    @property
    def gone(self) -> set[tuple[str, str]]:
        """Name and question of remembered answers that nobody asked for."""
        return self._before.keys() - self._asked

    def ask(self, name: str, text: str) -> list[CurrentCandidate]:
        """What ``current.answer`` says of a dependency."""
        return self._given(name, text, lambda group: answer(group, text))

    def ask_older(self, name: str, version: str) -> list[CurrentCandidate]:
        """What ``current.featureless`` says of a version."""
        return self._given(name, _OLDER + version, lambda group: featureless(group, version))

    def _given(
        self,
        name: str,
        question: str,
        find: Callable[[Sequence[CurrentCandidate]], list[CurrentCandidate]],
    ) -> list[CurrentCandidate]:
        self._stop.check()
        question = (_V3 if self._is_v3 else "") + question
        self._asked.add((name, question))
        known = self._before.get((name, question))
        fingerprint = self._names[name].fingerprint
        if known is not None and known.fingerprint == fingerprint:
            return unpacked(known.found)
        found = find(self._ranked(name))
        self.fresh.append(KnownAnswer(name, question, fingerprint, packed(found)))
        return found

    def _ranked(self, name: str) -> list[CurrentCandidate]:
        """All records of a name; one name's are kept, as questions come by name."""
        if self._group[0] != name:
            rows = self._rows.get(self._subdir, self._filenames[name])
            records = (
                (row.filename, json.loads(row.record))
                for row in rows
                if row.is_v3 == self._is_v3 and row.name == name and row.section != WHEELS
            )
            self._group = name, ranked(candidates(records))
        return self._group[1]


def packed(group: Sequence[CurrentCandidate]) -> str:
    """Candidates as a JSON text."""
    fields = CurrentCandidate.__slots__
    return json.dumps([[getattr(one, name) for name in fields] for one in group])


def unpacked(text: str) -> list[CurrentCandidate]:
    """What ``packed`` made a text of."""
    return [CurrentCandidate(*(*one, tuple(depends))) for *one, depends in json.loads(text)]
