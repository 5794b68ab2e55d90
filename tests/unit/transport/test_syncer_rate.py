"""The rate limit: what can be written, what holds when, and that the bucket keeps to it."""

import threading
from collections.abc import Callable

import pytest

from syncer.settings.rate import RateLimit, parse
from syncer.transport.throttle import Throttle, throttle
from volume.errors import InterruptedRunError
from volume.program.stop import Stop

MB = 10**6


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("unlimited", {"00:00": None, "12:00": None}),
        ("10MB", {"00:00": 10 * MB, "23:59": 10 * MB}),
        ("10 MB 0:00-6:00 1 GiB/s", {"03:00": 2**30, "12:00": 10 * MB}),
        ("1.5MB/s", {"00:00": 1_500_000}),
        (
            "2MB 22:00-06:00 unlimited",
            {"21:59": 2 * MB, "22:00": None, "00:00": None, "05:59": None, "06:00": 2 * MB},
        ),
        (
            "5MB 12:00-13:00 1MB 20:00-06:00 unlimited",
            {"11:59": 5 * MB, "12:59": MB, "13:00": 5 * MB, "20:00": None, "06:00": 5 * MB},
        ),
        (
            "unlimited 08:00-18:00 1MB 12:00-13:00 3MB",  # the later one holds
            {"08:00": MB, "12:30": 3 * MB, "13:00": MB, "18:00": None},
        ),
        ("1MB 20:00-24:00 2MB", {"19:59": MB, "23:59": 2 * MB, "00:00": MB}),
        ("1MB 0:00-7:30 2MB", {"00:00": 2 * MB, "07:29": 2 * MB, "07:30": MB}),
    ],
)
def test_a_rate_by_the_time_of_day(text: str, times: dict[str, int | None]) -> None:
    limit = parse(text)
    for clock, rate in times.items():
        hours, minutes = map(int, clock.split(":"))
        assert limit.at(60 * hours + minutes) == rate, clock
    assert parse(str(limit)) == limit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "'fast' is not a rate"),
        ("10MB fast", "'fast' is not a part of the day"),
        ("0", "less than 64KB"),
        ("10KB", "SYNC_SCHEDULE"),
        ("2MB 22:00-06:00", "write a rate behind 22:00-06:00"),
        ("22:00-06:00 unlimited", "begin with the usual rate, such as: unlimited 22:00-06:00"),
        ("2MB 22-06 1MB", "'22-06' is not a part of the day"),
        ("2MB 25:00-06:00 1MB", "not a part of the day"),
        ("2MB 23:60-06:00 1MB", "not a part of the day"),
        ("2MB 24:30-06:00 1MB", "not a part of the day"),
        ("2MB 06:00-06:00 1MB", "not a part of the day"),
        ("2MB 00:00-24:00 1MB", "not a part of the day"),
        ("-1MB", "is not a rate"),
    ],
)
def test_what_cannot_be_understood_is_told_with_an_example(text: str, words: str) -> None:
    with pytest.raises(ValueError) as found:
        parse(text)
    assert words in str(found.value)


def test_what_is_shown_is_short() -> None:
    assert str(parse("2000KB 22:00-6:00 UNLIMITED")) == "2MB 22:00-06:00 unlimited"
    assert str(parse("64001")) == "64001B"


class Clock:
    """Time that passes only while somebody waits for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.minute = 0

    def __call__(self) -> float:
        return self.now


class Sleeper(Stop):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.after: Callable[[], object] = lambda: None

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.after()


def bucket(text: str) -> tuple[Throttle, Clock, Sleeper]:
    clock = Clock()
    stop = Sleeper(clock)
    return (
        Throttle(parse(text), stop, clock=clock, minute_of_day=lambda: clock.minute),
        clock,
        stop,
    )


@pytest.mark.parametrize("chunk", [1, 10_000, 500_000, 5_000_000])
def test_the_bucket_keeps_to_the_rate(chunk: int) -> None:
    own, clock, _ = bucket("1MB")
    total = max(3 * chunk, 20_000 if chunk == 1 else 20_000_000)
    for _ in range(total // chunk):
        own.take(chunk)
    # A quarter of a second of it may come at once, at the beginning.
    assert total / MB - 0.26 <= clock.now <= total / MB + 0.01


def test_time_without_transfers_is_not_saved_up() -> None:
    own, clock, _ = bucket("1MB")
    own.take(MB)
    clock.now += 3600
    before = clock.now
    own.take(10 * MB)
    assert 9.7 <= clock.now - before <= 10.01


def test_a_new_rate_holds_in_the_middle_of_a_transfer() -> None:
    own, clock, stop = bucket("1MB 01:00-02:00 unlimited")

    def open_up() -> None:
        if clock.now >= 5:
            clock.minute = 60

    stop.after = open_up
    own.take(3600 * MB)
    assert 5 <= clock.now <= 6.1
    own.take(3600 * MB)
    assert clock.now <= 6.1
    stop.after = lambda: None
    clock.minute = 120
    before = clock.now
    own.take(10 * MB)
    assert 9.7 <= clock.now - before <= 10.01


def test_a_stop_ends_the_wait() -> None:
    own, clock, stop = bucket("1MB")
    stop.after = stop.request
    with pytest.raises(InterruptedRunError):
        own.take(3600 * MB)
    assert clock.now <= 1.0


def test_threads_share_one_bucket() -> None:
    own, clock, _ = bucket("1MB")

    def transfer() -> None:
        for _ in range(25):
            own.take(100_000)

    threads = [threading.Thread(target=transfer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The clock of this test runs faster when several threads wait at once, never slower.
    assert clock.now >= 20 - 0.26


def test_without_a_limit_there_is_no_bucket() -> None:
    assert throttle(RateLimit(), Stop()) is None
    assert throttle(parse("unlimited 10:00-11:00 unlimited"), Stop()) is None
    assert throttle(parse("unlimited 10:00-11:00 1MB"), Stop()) is not None
