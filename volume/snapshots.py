"""Which generation a time means: the newest one that is not younger. Pure but for ``find``.

``/snapshots/<time>/<channel>/`` is the channel as it was at that time, so that channels that build
on each other (CEP 42) are found below one time. A time may leave out its smaller units: then it
means the end of what it names (``2026-11-28`` is with all that was published on that day, in UTC).

nginx can't compare, it can only look whether a name is there. So the indexer keeps a folder of
links, ``index/<channel>/.times/``. The name of each is a *block* of time, the beginning of a time
in digits: ``2026``, ``202611``, ``20261128``, ``2026112812`` and so on to the second. A block is
there if one generation is meant by every moment in it, and if it is not part of a larger such
block. nginx tries the (at most eight) blocks that a time is in, and takes the smallest that is
there. A time for which there is none means nothing that is kept. That costs nginx some lookups for
a request below ``/snapshots/`` and nothing for any other; it needs no module (njs), no reload (a
``map`` that is included) and no other process, so nothing new can fail the web server.

A generation that expired leaves a gap: what it was asked for then is gone, and neither an older nor
a younger one is it. Before the oldest generation there is nothing; after the newest it is the
newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from volume.generations import Generation
from volume.layout import Mirror

# A time's digits, and where blocks end in them: year, month, day, hour, then digit by digit.
_ENDS = (4, 6, 8, 10, 11, 12, 13, 14)
_FIRST = "00000101000000"
_LAST = "99991231235959"
_LAST_YEAR = 2099

_FORM = "%Y%m%dT%H%M%SZ"
_DIGITS = "%Y%m%d%H%M%S"
_SNAPSHOT = re.compile(r"(\d{8})T(\d{6})Z")


@dataclass(frozen=True, slots=True)
class Span:
    """The times that mean one generation, as digits; ``until`` is the first that does not.

    ``until`` is None for the newest: it lasts until there is a newer one.
    """

    generation: int
    since: str
    until: str | None

    @property
    def first(self) -> str:
        """The first time, as a person writes it."""
        return _shown(self.since)

    @property
    def end(self) -> str | None:
        """The first time after it."""
        return _shown(self.until) if self.until else None


def name_of(moment: int) -> str:
    """A generation's snapshot: its time in seconds since the epoch, in ISO 8601's basic form."""
    return datetime.fromtimestamp(moment, UTC).strftime(_FORM)


def moment_of(snapshot: str) -> int | None:
    """The time of a snapshot, in seconds since the epoch; None if it is not the name of one."""
    try:
        return int(datetime.strptime(snapshot, _FORM).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def spans(kept: Sequence[Generation]) -> list[Span]:
    """What each kept generation is the answer to, by time; one may have several.

    ``kept`` is in the order of the numbers, as ``generations.kept`` gives it. A generation that
    was followed by one that expired says so itself; one of before 0.2.0, which does not, is known
    for its own second only. So is one whose time is later than that of one made after it, as a
    clock was put back: of all times since then the newer one is the answer.
    """
    found: list[Span] = []
    seconds: list[Span] = []
    bound: str | None = None
    for one, following in reversed(list(zip_longest(kept, kept[1:]))):
        since = _digits(one.snapshot)
        if since is None:
            continue
        until = None
        if following is not None:
            is_next = following.number == one.number + 1
            until = _digits(following.snapshot if is_next else one.followed) or since
        until = min((time for time in (until, bound) if time is not None), default=None)
        if until is None or since < until:
            found.append(Span(one.number, since, until))
        else:
            seconds.append(Span(one.number, since, _next_second(since)))
        bound = since if bound is None else min(since, bound)
    for second in seconds:
        found = [part for one in found for part in _without(one, second)]
    return sorted([*found, *seconds], key=lambda span: span.since)


def _without(one: Span, second: Span) -> Iterator[Span]:
    """What is left of a span if one second of it is another's."""
    end = second.until
    if end is None or end <= one.since or (one.until is not None and one.until <= second.since):
        yield one
        return
    if one.since < second.since:
        yield Span(one.generation, one.since, second.since)
    if one.until is None or end < one.until:
        yield Span(one.generation, max(end, one.since), one.until)


def blocks(kept: Sequence[Generation]) -> dict[str, int]:
    """The names of ``.times/`` and the number of the generation that each leads to.

    Those that the newest generation divided are there too: whoever looked them up just before it
    was published opens them just after. Nobody else does, as there are smaller ones below them.
    """
    found: dict[str, int] = {}
    before = kept[:-1]
    divides = before and before[-1].number == kept[-1].number - 1
    if divides and max(one.snapshot for one in before) < kept[-1].snapshot:
        found.update(_blocks_of(spans(before)))
    return found | dict(_blocks_of(spans(kept)))


def lookups(digits: str) -> list[str]:
    """The blocks that a time of 14 digits is in, the smallest first: what nginx tries."""
    return [digits[:end] for end in reversed(_ENDS)]


def find(mirror: Mirror, channel: str, digits: str) -> str | None:
    """The folder that the web server finds for a time of 14 digits, or None."""
    for name in lookups(digits):
        path = mirror.times(channel) / name
        if path.exists():
            return path.resolve().name
    return None


def links(kept: Sequence[Generation]) -> Mapping[str, str]:
    """The links of ``.times/`` as they are on the volume: name and target."""
    return {name: f"../gen-{number:06d}" for name, number in blocks(kept).items()}


def _shown(digits: str) -> str:
    date, clock = digits[:8], digits[8:]
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"


def _digits(snapshot: str) -> str | None:
    match = _SNAPSHOT.fullmatch(snapshot)
    return match[1] + match[2] if match and moment_of(snapshot) is not None else None


def _next_second(digits: str) -> str:
    moment = datetime.strptime(digits, _DIGITS).replace(tzinfo=UTC)
    return (moment + timedelta(seconds=1)).strftime(_DIGITS)


def _blocks_of(found: Sequence[Span]) -> Iterator[tuple[str, int]]:
    if found:
        for year in range(int(found[0].since[:4]), _LAST_YEAR + 1):
            yield from _divide(f"{year:04d}", 0, found)


def _divide(block: str, level: int, found: Sequence[Span]) -> Iterator[tuple[str, int]]:
    first, last = block + _FIRST[len(block) :], block + _LAST[len(block) :]
    inside = [one for one in found if one.since <= last and (not one.until or first < one.until)]
    if not inside:
        return
    one = inside[0]
    if one.since <= first and (one.until is None or last < one.until):
        yield block, one.generation
        return
    for digits in _CHILDREN[level]:
        yield from _divide(block + digits, level + 1, inside)


def _two(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{number:02d}" for number in range(first, last + 1))


_CHILDREN = (
    _two(1, 12), _two(1, 31), _two(0, 23),
    tuple("012345"), tuple("0123456789"), tuple("012345"), tuple("0123456789"),
)  # fmt: skip
