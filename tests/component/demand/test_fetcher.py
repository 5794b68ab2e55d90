"""The fetcher: one transfer for whoever asks, bytes while they arrive, and never wrong ones."""

import http.client
import resource
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from syncer.demand.flight import HELD_BACK
from tests.support.mirror.fetcher import Fetcher, fetching
from tests.support.mirror.sync_harness import Syncer, wait_until
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

SMALL = package("small")
LARGE = package("large", padding_bytes=400_000)
OLD = package("old", extension=".tar.bz2")
PACKAGES = [SMALL, LARGE, OLD, *(package(f"p{number}") for number in range(20))]


@pytest.fixture
def mirror(syncer: Syncer) -> Syncer:
    """A synced mirror on demand, nothing of it here."""
    syncer.environment["ON_DEMAND"] = "yes"
    syncer.upstream.channel("conda-forge").publish(*PACKAGES)
    assert syncer.run().status == "success"
    return syncer


@pytest.fixture
def fetcher(mirror: Syncer) -> Iterator[Fetcher]:
    with fetching(mirror) as running:
        yield running


def path(one: Package) -> str:
    return f"/conda-forge/{one.subdir}/{one.filename}"


def home(syncer: Syncer, one: Package) -> str | None:
    with syncer.volumes.ledger() as ledger:
        row = ledger.artifact(one.subdir, one.filename)
        return row.home if row else None


def is_here(syncer: Syncer, one: Package) -> bool:
    """Whether it is committed, its bytes are right, and nothing else is left."""
    wait_until(lambda: home(syncer, one) == "channels", f"{one.filename} is kept")
    assert broken_promises(syncer.volumes) == []
    return True


def staged(syncer: Syncer) -> list[str]:
    return sorted(path.name for path in syncer.volumes.mirror_dir.glob("staging/*/*/*"))


@pytest.mark.parametrize("one", [SMALL, LARGE, OLD], ids=lambda one: one.filename)
def test_the_first_gets_the_bytes_and_nginx_serves_the_second(
    mirror: Syncer, fetcher: Fetcher, one: Package
) -> None:
    got = fetcher.get(path(one))
    assert (got.status, got.body) == (200, one.data)
    assert got.headers["content-length"] == str(len(one.data))
    assert "etag" not in got.headers and "last-modified" not in got.headers
    assert is_here(mirror, one)
    again = fetcher.get(path(one))
    assert again.kept == f"/~kept{path(one)}"
    assert mirror.upstream.count(path(one)) == 1
    wait_until(lambda: staged(mirror) == [], "nothing is left in staging")
    with mirror.volumes.ledger() as ledger:
        (event,) = ledger.history(one.filename)
    assert (event.event, event.run) == ("fetched", "on demand")
    assert event.source == f"{mirror.upstream.url}{path(one)}"
    assert mirror.channel().unchanged  # and a sync leaves it alone
    assert home(mirror, one) == "channels"


def test_a_hundred_at_once_are_one_request_each(mirror: Syncer, fetcher: Fetcher) -> None:
    wanted = PACKAGES[:20]
    mirror.upstream.script("*.conda", faults.drip(50_000, 0.01, times=None))
    with ThreadPoolExecutor(100) as clients:
        answers = list(
            clients.map(lambda number: fetcher.get(path(wanted[number % 20])), range(100))
        )
    for number, got in enumerate(answers):
        assert got.status == 200
        assert got.kept or got.body == wanted[number % 20].data
    for one in wanted:
        assert mirror.upstream.count(path(one)) == 1
        assert is_here(mirror, one)


def test_bytes_flow_while_they_arrive_and_the_last_piece_waits(
    mirror: Syncer, fetcher: Fetcher
) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(1.0, after=len(LARGE.data) - 1))
    connection = http.client.HTTPConnection("127.0.0.1", fetcher.port, timeout=20)
    connection.request("GET", path(LARGE))
    response = connection.getresponse()
    first = response.read(len(LARGE.data) - HELD_BACK - 40_000)  # before upstream's last byte
    assert LARGE.data.startswith(first) and home(mirror, LARGE) == "promised"
    assert first + response.read() == LARGE.data
    connection.close()
    assert is_here(mirror, LARGE)


def test_head_tells_the_size_and_fetches_nothing(mirror: Syncer, fetcher: Fetcher) -> None:
    got = fetcher.get(path(LARGE), method="HEAD")
    assert (got.status, got.body) == (200, b"")
    assert got.headers["content-length"] == str(len(LARGE.data))
    assert mirror.upstream.count(path(LARGE)) == 0


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, None),
        ("bytes=-65536", -65536, None),
        ("bytes=-1", -1, None),
        ("bytes=350000-9999999", 350000, None),
    ],
)
def test_ranges(
    mirror: Syncer, fetcher: Fetcher, header: str, start: int, stop: int | None
) -> None:
    expected = LARGE.data[start:stop]
    got = fetcher.get(path(LARGE), range=header)
    if got.kept is None:  # else nginx answers
        assert (got.status, got.body) == (206, expected)
        first = start if start >= 0 else len(LARGE.data) + start
        size = len(LARGE.data)
        assert got.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{size}"
    assert is_here(mirror, LARGE)


@pytest.mark.parametrize(
    "headers",
    [
        {"range": "bytes=10-", "if_range": '"x"'},
        {"if_none_match": '"x"'},
        {"if_modified_since": "Sat, 28 Nov 2026 00:00:00 GMT"},
        {"range": "bytes=0-1,5-6"},
        {"range": "lines=1-2"},
        {"range": "bytes=5-2"},
        {"range": "bytes=--1"},
    ],
)
def test_what_can_not_be_answered_yet_gets_the_whole(
    fetcher: Fetcher, headers: dict[str, str]
) -> None:
    got = fetcher.get(path(LARGE), **headers)
    assert (got.status, got.body) == (200, LARGE.data)


@pytest.mark.parametrize("header", ["bytes=400000000-", "bytes=-0"])
def test_a_range_of_nothing_is_refused(fetcher: Fetcher, header: str) -> None:
    got = fetcher.get(path(LARGE), range=header)
    assert got.status == 416
    assert got.headers["content-range"] == f"bytes */{len(LARGE.data)}"


@pytest.mark.parametrize(
    "asked",
    [
        "/conda-forge/linux-64/nobody-1-0.conda",
        "/elsewhere/linux-64/small-1.0-0.conda",
        "/conda-forge/noarch/small-1.0-0.conda",
        "/conda-forge/linux-64/repodata.json",
        "/conda-forge/linux-64/",
        "/",
        "/small-1.0-0.conda",
        "/conda-forge/linux-64/..%2f..%2fsmall-1.0-0.conda",
        "/conda-forge/../conda-forge/linux-64/small-1.0-0.conda",
        "/conda-forge/linux-64/small-1.0-0.conda%00",
        "/conda-forge/linux-64/%ff-1.0-0.conda",
        "/conda-forge/linux-64/-1.0-0.conda",
        "//linux-64/small-1.0-0.conda",
        f"/conda-forge/linux-64/{'a' * 300}-1-0.conda",
        "/http://example.com/linux-64/small-1.0-0.conda",
    ],
)
def test_it_is_no_proxy(mirror: Syncer, fetcher: Fetcher, asked: str) -> None:
    before = len(mirror.upstream.log)
    got = fetcher.get(asked)
    assert got.status in {400, 404}, got
    assert len(mirror.upstream.log) == before


def test_an_encoded_name_is_the_same_name(mirror: Syncer, fetcher: Fetcher) -> None:
    got = fetcher.get(
        path(SMALL).replace("small", "%73mall").replace("conda-forge", "conda%2Dforge")
    )
    assert got.body == SMALL.data


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
def test_other_methods(fetcher: Fetcher, method: str) -> None:
    got = fetcher.get(path(SMALL), method=method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


def test_what_upstream_does_not_have_is_said_and_remembered(
    mirror: Syncer, fetcher: Fetcher
) -> None:
    mirror.upstream.script(path(SMALL), faults.missing())
    got = fetcher.get(path(SMALL))
    assert got.status == 404 and "upstream does not have it" in got.text
    assert fetcher.get(path(SMALL)).status == 404
    assert mirror.upstream.count(path(SMALL)) == 1
    assert "upstream does not have it" in fetcher.said()
    mirror.upstream.heal()
    mirror.upstream.channel("conda-forge").hotfix("linux-64", SMALL.filename, depends=["x"])
    assert mirror.run().status == "success"  # another record: asked anew
    assert fetcher.get(path(SMALL)).body == SMALL.data


@pytest.mark.parametrize("one", [SMALL, LARGE], ids=lambda one: one.filename)
def test_wrong_bytes_are_never_whole(mirror: Syncer, fetcher: Fetcher, one: Package) -> None:
    mirror.upstream.script(path(one), faults.wrong_bytes(times=None))
    got = fetcher.get(path(one))
    if got.status == 200:  # it had begun
        assert got.is_cut and len(got.body) <= len(one.data) - HELD_BACK
    else:
        assert got.status == 502 and "other bytes" in got.text
    assert fetcher.get(path(one)).status == 502
    assert home(mirror, one) == "promised"
    assert broken_promises(mirror.volumes) == []


@pytest.mark.parametrize("one", [SMALL, LARGE], ids=lambda one: one.filename)
def test_a_wrong_upstream_is_passed_over(mirror: Syncer, one: Package) -> None:
    mirror.upstream.script(path(one), faults.wrong_bytes(times=None))
    with ChannelSimulator() as other:
        other.channel("conda-forge").publish(*PACKAGES)
        urls = f"{mirror.upstream.url} {other.url}"
        with fetching(mirror, CONDA_CLOUD_URL=urls) as fetcher:
            got = fetcher.get(path(one))
            assert got.is_cut or got.body == one.data
            assert is_here(mirror, one)
            assert other.count(path(one)) == 1


@pytest.mark.parametrize(
    "fault",
    [faults.truncated(0.5), faults.reset(0.5), faults.early_close(), faults.chunked_cut(0.3)],
    ids=lambda one: one.name,
)
def test_a_transfer_that_is_cut_goes_on(
    mirror: Syncer, fetcher: Fetcher, fault: faults.Fault
) -> None:
    mirror.upstream.script(path(LARGE), fault)
    got = fetcher.get(path(LARGE))
    assert (got.status, got.body) == (200, LARGE.data)


def test_a_server_that_can_not_go_on_cuts_who_began(mirror: Syncer) -> None:
    mirror.upstream.script(path(LARGE), faults.truncated(0.9), faults.range_ignored())
    with fetching(mirror, SYNC_TRIES="3") as fetcher:
        got = fetcher.get(path(LARGE))
        assert got.is_cut and LARGE.data.startswith(got.body)
        assert is_here(mirror, LARGE)


def test_upstream_away_is_503_in_words(mirror: Syncer) -> None:
    mirror.environment["SYNC_TRIES"] = "1"
    with fetching(mirror) as fetcher:
        mirror.upstream.script("*", faults.early_close(times=None))
        got = fetcher.get(path(SMALL))
        assert got.status == 503 and int(got.headers["retry-after"]) > 0
        assert "can't be had from upstream now" in got.text
        mirror.upstream.heal()
        assert fetcher.get(path(SMALL)).body == SMALL.data


def test_a_full_volume_is_507(mirror: Syncer) -> None:
    with fetching(mirror, MIN_FREE="999TB") as fetcher:
        got = fetcher.get(path(SMALL))
        assert got.status == 507 and "MIN_FREE" in got.text
        assert mirror.upstream.count(path(SMALL)) == 0


def test_a_client_that_goes_away_stops_nothing(mirror: Syncer, fetcher: Fetcher) -> None:
    mirror.upstream.script(path(LARGE), faults.drip(50_000, 0.05))
    connection = http.client.HTTPConnection("127.0.0.1", fetcher.port, timeout=20)
    connection.request("GET", path(LARGE))
    connection.getresponse().read(10)
    connection.close()
    assert is_here(mirror, LARGE)
    assert mirror.upstream.count(path(LARGE)) == 1


def test_what_leaves_while_it_is_fetched_is_cut_and_leaves_nothing(
    mirror: Syncer, fetcher: Fetcher
) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(3.0, after=0.9))
    with ThreadPoolExecutor(1) as clients:
        asked = clients.submit(fetcher.get, path(LARGE))
        wait_until(lambda: staged(mirror), "it is on its way")
        assert mirror.run(DENY="large").status == "success"
        got = asked.result()
    assert got.is_cut and len(got.body) <= len(LARGE.data) - HELD_BACK
    assert home(mirror, LARGE) is None
    assert list(mirror.volumes.mirror_dir.glob("channels/*/*/large*")) == []
    assert fetcher.get(path(LARGE)).status == 404


def test_a_sync_and_the_fetcher_never_write_one_part_at_once(
    mirror: Syncer, fetcher: Fetcher
) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(1.0, after=0.5))
    with ThreadPoolExecutor(1) as clients:
        asked = clients.submit(fetcher.get, path(LARGE))
        wait_until(lambda: staged(mirror), "it is on its way")
        assert mirror.run(INCLUDE="large").status == "success"
        assert asked.result().body == LARGE.data
    assert mirror.upstream.count(path(LARGE)) == 1
    assert is_here(mirror, LARGE)


def test_a_sync_in_between_leaves_what_is_on_its_way(mirror: Syncer, fetcher: Fetcher) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(1.5, after=0.5))
    with ThreadPoolExecutor(1) as clients:
        asked = clients.submit(fetcher.get, path(LARGE))
        wait_until(lambda: staged(mirror), "it is on its way")
        mirror.upstream.channel("conda-forge").publish(package("another"))
        assert mirror.run().status == "success"
        assert asked.result().body == LARGE.data
    assert mirror.upstream.count(path(LARGE)) == 1
    assert is_here(mirror, LARGE)


def test_a_killed_fetcher_goes_on_where_it_was(mirror: Syncer) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(60.0, after=0.8))
    with fetching(mirror) as fetcher, ThreadPoolExecutor(1) as clients:
        asked = clients.submit(fetcher.get, path(LARGE))
        wait_until(lambda: staged(mirror), "it is on its way")
        (part,) = mirror.volumes.mirror_dir.glob("staging/*/*/*")
        wait_until(lambda: part.stat().st_size > 200_000, "most of it is here")
        fetcher.process.kill()
        assert asked.result().is_cut
    with fetching(mirror) as fetcher:
        got = fetcher.get(path(LARGE))
        assert (got.status, got.body) == (200, LARGE.data)
        (_, second) = mirror.upstream.requests(path(LARGE))
        assert second.range is not None and second.range != "bytes=0-"
        assert is_here(mirror, LARGE)


def test_sigterm_lets_what_is_in_flight_end(mirror: Syncer) -> None:
    mirror.upstream.script(path(LARGE), faults.stall(1.0, after=0.5))
    with fetching(mirror) as fetcher:
        with ThreadPoolExecutor(1) as clients:
            asked = clients.submit(fetcher.get, path(LARGE))
            wait_until(lambda: staged(mirror), "it is on its way")
            fetcher.process.send_signal(signal.SIGTERM)
            assert asked.result().body == LARGE.data
        assert fetcher.process.wait(20) == 0
    assert is_here(mirror, LARGE)


def test_a_lost_disk_is_said(mirror: Syncer, fetcher: Fetcher) -> None:
    (mirror.volumes.mirror_dir / "owner.json").unlink()
    got = fetcher.get(path(SMALL))
    assert got.status == 503, got
    assert mirror.upstream.count(path(SMALL)) == 0


def test_health(mirror: Syncer, fetcher: Fetcher) -> None:
    answer = mirror.command("fetcher", "--health", "--listen", f"127.0.0.1:{fetcher.port}")
    assert (answer.code, answer.out) == (0, "ok\n")
    fetcher.process.kill()
    fetcher.process.wait()
    answer = mirror.command("fetcher", "--health", "--listen", f"127.0.0.1:{fetcher.port}")
    assert answer.code == 1


def test_ten_thousand_idle_connections_are_no_burden(fetcher: Fetcher) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    count = min(10_000, most - 500)
    idle = [socket.create_connection(("127.0.0.1", fetcher.port)) for _ in range(count)]
    try:
        got = fetcher.get(path(SMALL))
        assert got.body == SMALL.data
    finally:
        for one in idle:
            one.close()


def test_no_more_at_a_time_than_allowed(mirror: Syncer) -> None:
    mirror.upstream.script("*.conda", faults.stall(0.3, times=None))
    before = mirror.upstream.connections.peak_busy
    with fetching(mirror, DEMAND_CONNECTIONS="2") as fetcher, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda one: fetcher.get(path(one)), PACKAGES[3:11]))
    assert {got.status for got in answers} == {200}
    assert max(before, mirror.upstream.connections.peak_busy) <= max(before, 2)


def test_the_rate_limit_holds(mirror: Syncer) -> None:
    with fetching(mirror, DEMAND_RATE_LIMIT="200KB") as fetcher:
        began = time.monotonic()
        assert fetcher.get(path(LARGE)).body == LARGE.data
    assert time.monotonic() - began >= (len(LARGE.data) - 50_000) / 200_000


def test_an_index_that_says_where_its_artifacts_are_is_followed(syncer: Syncer) -> None:
    syncer.environment |= {"ON_DEMAND": "yes", "PRIVATE_HOSTS": "127.0.0.1"}
    with ChannelSimulator() as elsewhere:
        elsewhere.channel("files").publish(SMALL)
        channel = syncer.upstream.channel("conda-forge")
        channel.publish(SMALL)
        channel.drop_artifact("linux-64", SMALL.filename)
        channel.put_section(
            "linux-64", "info",
            {"subdir": "linux-64", "base_url": f"{elsewhere.url}/files/linux-64/"},
        )  # fmt: skip
        assert syncer.run().status == "success"
        with fetching(syncer) as fetcher:
            got = fetcher.get(path(SMALL))
            assert got.body == SMALL.data, got
        assert elsewhere.count(f"/files/linux-64/{SMALL.filename}") == 1
