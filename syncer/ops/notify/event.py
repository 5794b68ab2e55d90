"""What is worth telling, and when. Pure.

A condition (failure, partial, unhealthy, canary) is told when it begins, its end as one recovery.
Everything else is told whenever it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from volume.program.sizes import amount
from volume.run_document import RunDocument, named

Told = Mapping[str, float]

_MOST_DETAILS = 10
_BAD = frozenset({"failure", "unhealthy"})


@dataclass(frozen=True, slots=True)
class NotifiedEvent:
    """Something to tell. ``opens`` is the condition that it begins, ``closes`` what it ends."""

    name: str
    headline: str
    details: tuple[str, ...] = ()
    opens: str = ""
    closes: frozenset[str] = frozenset()

    def document(self, mirror: str, now: float) -> dict[str, Any]:
        """What receivers get: ``text`` for chat programs, the rest for machines."""
        title = f"Conda mirror {mirror}: {self.headline}" if mirror else (
            f"Conda mirror: {self.headline}"
        )  # fmt: skip
        return {
            "text": "\n".join([title, *(f"- {line}" for line in self.details)]),
            "event": self.name,
            "mirror": mirror,
            "headline": self.headline,
            "details": list(self.details),
            "time": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        }


def after_sync(run: RunDocument, told: Told, *, is_first: bool) -> list[NotifiedEvent]:
    """What to tell of a sync that ended.

    Args:
        run: the run document.
        told: the conditions that people know of, with the time when they were told.
        is_first: no sync before this one did its work.
    """
    did_its_work = run.last_sync is not None and run.last_sync == run.finished
    if run.status == "stopped":
        return []
    if not did_its_work:
        return _once(
            told, NotifiedEvent("failure", "the sync failed", _reasons(run), opens="failure")
        )
    events: list[NotifiedEvent] = []
    is_whole = run.status == "success"
    over = _BAD | {"partial"} if is_whole else _BAD
    if is_first:
        events.append(NotifiedEvent("first-success", _ready(run), closes=frozenset(over)))
    elif ended := over & told.keys():
        since = _moment(min(told[name] for name in ended))
        headline = f"the sync works again, after trouble that was reported {since}"
        events.append(NotifiedEvent("recovery", headline, closes=frozenset(over)))
    if not is_whole:
        headline = f"the sync left out {_left_out(run):,} artifacts; it tries them again every time"
        events += _once(told, NotifiedEvent("partial", headline, _reasons(run), opens="partial"))
    return events


def refused(error: str, told: Told) -> list[NotifiedEvent]:
    """What to tell of a sync that could not even begin."""
    event = NotifiedEvent(
        "failure", "the sync could not begin", tuple(error.splitlines()), opens="failure"
    )
    return _once(told, event)


def unhealthy(reason: str, told: Told) -> list[NotifiedEvent]:
    """What to tell when no sync did its work for HEALTH_HOURS."""
    return _once(told, NotifiedEvent("unhealthy", reason, opens="unhealthy"))


def damaged(problems: Iterable[str], *, is_repaired: bool) -> NotifiedEvent:
    """Damaged artifacts were found."""
    found = list(problems)
    word = "artifact is" if len(found) == 1 else "artifacts are"
    end = "fetched anew" if is_repaired else "not repaired yet"
    headline = f"{len(found):,} stored {word} damaged or missing, {end}: look at the disk"
    return NotifiedEvent("damage", headline, _few(found))


def canaries(failing: Iterable[str], told: Told) -> list[NotifiedEvent]:
    """What to tell of canaries that can't be installed any more; none failing ends it."""
    found = list(failing)
    if found:
        headline = "what must be installable from this mirror is not"
        return _once(told, NotifiedEvent("canary", headline, _few(found), opens="canary"))
    if "canary" in told:
        headline = "what must be installable from this mirror is so again"
        return [NotifiedEvent("recovery", headline, closes=frozenset({"canary"}))]
    return []


def test() -> NotifiedEvent:
    """What ``syncer notify --test`` sends."""
    return NotifiedEvent("test", "this is a test; nothing happened")


def _once(told: Told, event: NotifiedEvent) -> list[NotifiedEvent]:
    return [] if event.opens in told else [event]


def _reasons(run: RunDocument) -> tuple[str, ...]:
    return _few([*_all_reasons(run), "see 'syncer status'"])


def _all_reasons(run: RunDocument) -> Iterator[str]:
    if run.error:
        yield run.error
    for result in run.results:
        if result.error:
            yield named(result.channel, result.error)
        elif result.failed:
            first = result.failures[0] if result.failures else None
            example = f", such as {first.said}" if first else ""
            yield f"{result.channel}: {result.failed:,} left out{example}"


def _left_out(run: RunDocument) -> int:
    return sum(result.failed for result in run.results)


def _ready(run: RunDocument) -> str:
    count = sum(result.downloaded for result in run.results)
    size = sum(result.downloaded_size for result in run.results)
    return f"the first sync is complete: {count:,} artifacts, {amount(size)}"


def _few(lines: list[str]) -> tuple[str, ...]:
    if len(lines) <= _MOST_DETAILS:
        return tuple(lines)
    return (*lines[: _MOST_DETAILS - 1], f"and {len(lines) - _MOST_DETAILS + 1:,} more")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
