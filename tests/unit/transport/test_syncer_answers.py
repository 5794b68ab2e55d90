"""What answers mean that can't be used, and what a host that was stopped does to its threads."""

import pytest

from syncer.errors import HostStoppedError, HttpStatusError, TransferError
from syncer.transport import answers
from syncer.transport.hosts import Hosts, Tally
from syncer.transport.network import Host
from syncer.transport.retry import Limits, Retries, Retryable
from volume.program.stop import Stop

URL = "https://a.com/x/repodata.json"
HOST = Host("a.com", ("https", "a.com", 443), "https://a.com")


class Sleeper(Stop):
    """Waits for nothing, and remembers how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def wait(self, seconds: float) -> None:
        self.waited += seconds


class Timed(Tally):
    """A tally whose clock is a sleeper's."""

    def __init__(self, sleeper: Sleeper) -> None:
        super().__init__(Hosts().tally("a.com").standing, clock=lambda: sleeper.waited)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def tally(sleeper: Sleeper) -> Tally:
    return Timed(sleeper)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_heal_is_retryable(tally: Tally, status: int) -> None:
    found = answers.refusal(URL, HOST, tally, status, retry_after="3", body=b"<p>later</p>")
    assert isinstance(found, Retryable)
    assert (found.retry_after, found.said) == ("3", "'later'")
    assert str(found.error) == f"{URL} answered {status}"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416, 451])
def test_what_does_not_heal_is_final(tally: Tally, status: int) -> None:
    found = answers.refusal(URL, HOST, tally, status)
    assert isinstance(found, HttpStatusError) and found.status == status


def test_who_answered_is_named_after_a_redirect(tally: Tally) -> None:
    other = Host("cdn.com", ("https", "cdn.com", 443), "https://cdn.com")
    found = answers.refusal(URL, other, tally, 404)
    assert str(found) == f"{URL} (redirected to cdn.com) answered 404"


@pytest.mark.parametrize(
    ("kind", "body", "is_page"),
    [
        ("text/html", b"<html>", True),
        ("Text/HTML; charset=utf-8", b"\xef\xbb\xbf \n<!doctype html>", True),
        ("application/xhtml+xml", b"<?xml", True),
        ("text/html", b"{}", False),
        ("text/html", b"", False),
        ("application/octet-stream", b"<html>", False),
        ("", b"<html>", False),
    ],
)
def test_a_page_is_one_by_its_header_and_its_bytes(kind: str, body: bytes, is_page: bool) -> None:
    assert answers.is_page(kind, body) == is_page


def test_pages_are_wrong_in_place_of_indexes_and_artifacts_only() -> None:
    for name in ("repodata.json.zst", "repodata_shards.msgpack.zst", "a-1-0.conda", "a.tar.bz2"):
        assert answers.is_data(f"https://a.com/x/{name}")
    for name in ("", "index.html", ".files.json", "channeldata.json"):
        assert not answers.is_data(f"https://a.com/archive/{name}")


@pytest.mark.parametrize(
    ("body", "quote"),
    [
        (b"", ""),
        (b"  \n ", ""),
        (b"<style>p { x }</style><p>a &amp;\n b</p><script>bad()</script>", "'a & b'"),
        (b"\xff\x00bell\x07", "'\ufffdbell'"),
        (b"<p>" + b"word " * 100, "'" + ("word " * 32).rstrip() + "...'"),
        (b"see https://me:hush@a.com/", "'see https://***@a.com/'"),
    ],
)
def test_what_a_host_says_is_quoted_short_and_plain(body: bytes, quote: str) -> None:
    assert answers.quoted(body) == quote


@pytest.mark.parametrize(
    ("why", "status"),
    [
        ("Tunnel connection failed: 407 Proxy Authentication Required", 407),
        ("CONNECT tunnel failed, response 403", 403),
        ("Connection refused", 0),
    ],
)
def test_a_proxys_status_is_found_in_the_words_of_libraries(why: str, status: int) -> None:
    assert answers.connect_status(why) == status


def test_no_connection_without_a_proxy_may_heal(tally: Tally) -> None:
    found = answers.unreachable(URL, HOST, tally, "Connection refused")
    assert isinstance(found, Retryable)
    assert str(found.error) == f"{URL} can't be reached: Connection refused"
    assert isinstance(found.error, TransferError)


def slow_down(tally: Tally, retry_after: str = "") -> Retryable:
    found = answers.refusal(URL, HOST, tally, 429, retry_after=retry_after, body=b"easy")
    assert isinstance(found, Retryable)
    return found


def test_a_429_is_waited_for_by_every_thread(tally: Tally, sleeper: Sleeper) -> None:
    other = Timed(sleeper)
    other.standing = tally.standing
    tally.pause(7)
    other.begin(sleeper)
    assert 7 <= sleeper.waited <= 7.5
    assert (tally.requests, other.requests) == (0, 1)
    Retries(Limits(tries=3), sleeper).wait(slow_down(tally, "5"), 1)
    assert 12 <= sleeper.waited <= 13
    assert (tally.slow_downs, tally.retries) == (1, 1)


@pytest.mark.parametrize(("number", "retry_after"), [(3, ""), (3, "1"), (1, "121"), (2, "9999")])
def test_a_429_that_stays_or_asks_for_too_long_stops_the_host(
    tally: Tally, sleeper: Sleeper, number: int, retry_after: str
) -> None:
    with pytest.raises(HostStoppedError, match=r"a\.com says that we ask too much \(429\)") as said:
        Retries(Limits(tries=3), sleeper).wait(slow_down(tally, retry_after), number)
    assert sleeper.waited == 0
    assert "'easy'" in str(said.value)
    with pytest.raises(HostStoppedError) as again:
        tally.begin(sleeper)
    assert str(again.value) == str(said.value)
    assert tally.requests == 0


def test_another_thread_that_waits_ends_when_the_host_is_stopped(
    tally: Tally, sleeper: Sleeper
) -> None:
    waits = sleeper.wait

    def stop_meanwhile(seconds: float) -> None:
        waits(seconds)
        if sleeper.waited >= 2:
            tally.stop("enough")

    sleeper.wait = stop_meanwhile  # type: ignore[method-assign]
    with pytest.raises(HostStoppedError, match="enough"):
        tally.wait(100, sleeper)
    assert sleeper.waited <= 3


def test_a_503_waits_as_asked_but_not_for_ever(tally: Tally, sleeper: Sleeper) -> None:
    failure = answers.refusal(URL, HOST, tally, 503, retry_after="9999")
    assert isinstance(failure, Retryable)
    Retries(Limits(tries=3), sleeper).wait(failure, 1)
    assert 120 <= sleeper.waited <= 121
    with pytest.raises(HttpStatusError):
        Retries(Limits(tries=3), sleeper).wait(failure, 3)


def test_totals_are_the_sums_of_the_threads() -> None:
    hosts = Hosts()
    first, second, other = hosts.tally("b.com"), hosts.tally("b.com"), hosts.tally("a.com")
    first.requests, second.requests, other.unchanged = 2, 3, 1
    first.received = 10
    second.stop("enough")
    first.stop("too late")
    a, b = hosts.totals()
    assert (a.host, a.requests, a.unchanged, a.stopped) == ("a.com", 0, 1, None)
    assert (b.host, b.requests, b.received, b.stopped) == ("b.com", 5, 10, "enough")
