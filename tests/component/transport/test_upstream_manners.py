"""Manners: a host that has had enough is left alone, and what it was asked for is counted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from syncer.errors import HttpStatusError
from syncer.ops.schedule.jitter import offset
from syncer.transport.hosts import Refusals
from tests.support.mirror.sync_harness import Syncer, wait_until
from tests.support.upstream import faults
from tests.support.upstream.faults import Fault
from tests.support.upstream.http_messages import Request, Resource, Response
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume.disk import documents

MANY = [package(f"p{number}") for number in range(40)]


@pytest.fixture
def many(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(*MANY)
    return syncer


def saying(status: int, body: bytes, *headers: tuple[str, str]) -> Fault:
    def answer(request: Request, resource: Resource | None) -> Response:
        return Response(status, (("Content-Type", "text/html; charset=utf-8"), *headers), body)

    return Fault("saying", answer, None)


def stopped(syncer: Syncer, *words: str) -> list[str]:
    """The run's document and ``status`` say why a host was stopped; returns the reasons."""
    shown = syncer.command("status")
    document = syncer.command("status", "--json").document["run"]
    reasons = [host["stopped"] for host in document["hosts"] if host["stopped"]]
    for reason in reasons:
        assert reason in shown.out
        for word in words:
            assert word in reason
    return reasons


def test_a_429_that_stays_stops_the_host(many: Syncer) -> None:
    many.upstream.script("*.conda", saying(429, b"<h1>Slow</h1> down, <b>please</b>"))
    answer = many.command("--once", SYNC_TRIES="2", SYNC_CONNECTIONS="2")
    assert answer.code == 3
    # Each connection was at its first artifact; nobody began another after the stop.
    assert many.upstream.count("*.conda") <= 2 * 2
    host = many.upstream.url.partition("://")[2]
    (reason,) = stopped(
        many, f"{host} says that we ask too much (429)", "'Slow down, please'", "SYNC_RATE_LIMIT",
        "SYNC_CONNECTIONS", "SYNC_SCHEDULE", "nothing changes for what is missing",
    )  # fmt: skip
    assert answer.err.count(reason) < 10  # said, not repeated for each artifact
    document = json.loads((many.volumes.state_dir / "sync-run.json").read_text())
    (result,) = document["channels"]
    assert (result["failed"], result["retired"]) == (len(MANY), 0)
    many.upstream.heal()
    assert many.run().status == "success"


def test_a_429_that_asks_for_hours_stops_the_host_at_once(many: Syncer) -> None:
    many.upstream.script("*/repodata.json*", saying(429, b"", ("Retry-After", "7200")))
    began = time.monotonic()
    answer = many.command("--once", SYNC_TRIES="5")
    assert time.monotonic() - began < 30
    assert answer.code == 1
    assert many.upstream.count() == 1
    (reason,) = stopped(many, "come back in 7200 s")
    assert reason in answer.out


def test_a_short_retry_after_holds_for_every_connection(many: Syncer) -> None:
    many.upstream.script("*/p0-*.conda", faults.status(429, retry_after=2))
    told: list[float] = []
    many.upstream.after("*/p0-*.conda", 1, lambda: told.append(time.monotonic()))
    many.upstream.after("*/p0-*.conda", 2, lambda: told.append(time.monotonic()))
    run = many.run(SYNC_CONNECTIONS="1")
    assert run.status == "success"
    assert told[1] - told[0] >= 2
    (host,) = run.hosts
    assert (host.slow_downs, host.retries, host.stopped) == (1, 1, None)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("pattern", ["*/repodata.json*", "*.conda"])
def test_terms_of_service_stop_the_host(many: Syncer, status: int, pattern: str) -> None:
    body = b"<html><body>You must accept our <i>Terms of\n Service</i> first.</body></html>"
    many.upstream.script(pattern, saying(status, body))
    answer = many.command("--once", SYNC_CONNECTIONS="1")
    assert answer.code in {1, 3}
    assert many.upstream.count(pattern) == 1
    stopped(many, f"terms of service ({status}: 'You must accept", "licence", "another upstream")


@pytest.mark.parametrize(("pattern", "asked"), [("*/repodata.json*", 2), ("*.conda", 1)])
def test_a_web_page_in_place_of_data_stops_the_host(many: Syncer, pattern: str, asked: int) -> None:
    page = b"\n<!DOCTYPE html><title>Sign in</title><script>x()</script>"
    many.upstream.script(pattern, saying(200, page))
    answer = many.command("--once", SYNC_CONNECTIONS="1")
    assert answer.code in {1, 3}
    assert (
        many.upstream.count(pattern) == asked
    )  # of an index the smallest variant, and the plain one
    stopped(many, "sends a web page ('Sign in') where", "nothing changes", "browser")
    many.upstream.heal()
    assert many.run().status == "success"


def test_a_host_that_answers_unknown_paths_with_a_page_is_read_all_the_same(many: Syncer) -> None:
    page = saying(200, b"<!DOCTYPE html><title>Not here</title>")
    many.upstream.script("*/repodata.json.zst", page)
    many.upstream.script("*/repodata.json.bz2", page)
    run = many.run()
    assert (run.status, run.hosts[0].stopped) == ("success", None)


def test_a_plain_403_stops_nobody(many: Syncer) -> None:
    many.upstream.script("*/p0-*.conda", saying(403, b"<html>not yours</html>"))
    run = many.run()
    assert (run.status, run.channels[0].failed, run.hosts[0].stopped) == ("partial", 1, None)


def test_other_hosts_go_on(many: Syncer) -> None:
    with ChannelSimulator() as other:
        other.channel("pkgs/main").publish(package("there"))
        many.upstream.script("*", faults.status(429, times=None))
        run = many.run(
            CHANNELS="conda-forge bioconda pkgs/main", CONDA_REPO_URL=other.url, SYNC_TRIES="1",
            ANACONDA_TERMS_ACCEPTED="yes",
        )  # fmt: skip
    assert [result.status for result in run.channels] == ["failed", "failed", "success"]
    assert many.upstream.count() == 1
    assert run.channels[0].error == run.channels[1].error
    assert {host.host: bool(host.stopped) for host in run.hosts} == {
        many.upstream.url.partition("://")[2]: True, other.url.partition("://")[2]: False,
    }  # fmt: skip


def test_a_stop_retires_nothing(many: Syncer) -> None:
    channel = many.upstream.channel("conda-forge")
    assert many.run().status == "success"
    channel.remove("linux-64", MANY[0].filename)
    channel.publish(package("new"))
    many.upstream.script("*.conda", saying(403, b"read the terms of service"))
    result = many.channel()
    assert (result.status, result.retired, result.failed) == ("partial", 0, 1)
    assert f"linux-64/{MANY[0].filename}" in many.volumes.committed()


def test_what_was_asked_is_counted(many: Syncer) -> None:
    many.upstream.script("*/p0-*.conda", faults.reset())
    (host,) = many.run().hosts
    assert host.requests == many.upstream.count()
    assert host.retries == 1
    assert host.received >= sum(len(one.data) for one in MANY)
    with many.upstream.recording() as seen:
        (host,) = many.run().hosts
    assert host.requests == len(seen)
    assert host.unchanged == len([one for one in seen if one.status == 304]) > 0
    shown = many.command("status").out
    assert f"{host.host}: {host.requests} requests" in shown
    assert f"{host.unchanged} unchanged (304)" in shown


@pytest.mark.parametrize("connections", [1, 3, 8])
def test_no_more_connections_than_allowed(many: Syncer, connections: int) -> None:
    """Also not by connections that idle: those of the indexes are given up for the artifacts'."""
    many.upstream.script("*.conda", faults.stall(0.1, times=None))
    seen: list[int] = []
    for count in range(10, 41, 5):
        many.upstream.before("*.conda", count, lambda: seen.append(many.upstream.connections.open))
    assert many.run(SYNC_CONNECTIONS=str(connections)).status == "success"
    assert len(seen) == 7
    assert max(seen) <= connections
    wait_until(lambda: many.upstream.connections.open <= 1, "the artifacts' are closed")


def test_the_user_agent_says_who_asks(many: Syncer) -> None:
    assert many.run(SYNC_CONTACT="mirror@example.com").status == "success"
    assert {one.user_agent.partition("/")[0] for one in many.upstream.log} == {"conda-lan-mirror"}
    assert all("(+mirror@example.com)" in one.user_agent for one in many.upstream.log)


def test_the_rate_limit_holds_for_all_connections_together(syncer: Syncer) -> None:
    big = [package(f"b{number}", padding_bytes=500_000) for number in range(4)]
    syncer.upstream.channel("conda-forge").publish(*big)
    size = sum(len(one.data) for one in big)
    began = time.monotonic()
    run = syncer.run(SYNC_RATE_LIMIT="1MB", SYNC_CONNECTIONS="4")
    took = time.monotonic() - began
    assert run.status == "success"
    assert took >= (size - 250_000) / 1_000_000


def test_a_stop_ends_a_limited_transfer(syncer: Syncer) -> None:
    big = package("big", padding_bytes=20_000_000)
    syncer.upstream.channel("conda-forge").publish(big)
    with syncer.started("--once", SYNC_RATE_LIMIT="100KB") as process:
        wait_until(lambda: syncer.upstream.count("*.conda") > 0, "the artifact is asked for")
        process.terminate()
        began = time.monotonic()
        assert process.wait(30) == 130
        assert time.monotonic() - began < 15
        process.communicate()


def test_an_offset_is_kept_and_is_another_at_every_site() -> None:
    offsets = [offset(f"{number:016x}", 20) for number in range(500)]
    assert offsets == [offset(f"{number:016x}", 20) for number in range(500)]
    assert all(0 <= seconds < 1200 for seconds in offsets)
    minutes = {int(seconds // 60) for seconds in offsets}
    assert minutes == set(range(20))
    assert offset("any", 0) == 0


def test_a_scheduled_run_says_when_it_begins_and_can_be_stopped(many: Syncer) -> None:
    assert many.run().status == "success"
    many.upstream.reset_log()
    known = documents.read(many.volumes.state_dir / "instance.json")
    assert known is not None
    seconds = round(offset(known["id"], 1000))
    with many.started("--once", "--scheduled", "--offset", SYNC_JITTER_MINUTES="1000") as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert f"{seconds // 60} min {seconds % 60} s after the schedule" in line
        process.terminate()
        assert process.wait(30) == 130
        process.communicate()
    assert many.upstream.count() == 0
    answer = many.command("--once", "--scheduled", "--offset", SYNC_JITTER_MINUTES="0")
    assert answer.code == 0
    assert "after the schedule" not in answer.err


def test_a_mirror_without_an_id_goes_at_once(many: Syncer, tmp_path: Path) -> None:
    assert many.command("--once", "--scheduled", "--offset").code == 0


def test_a_host_that_refuses_many_in_a_row_is_left_alone(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    zlib = package("zlib")
    for number in range(400):
        one = zlib.filename.replace("zlib", f"gone{number}")
        channel.put_record("linux-64", one, {**zlib.record, "name": f"gone{number}"})
    answer = syncer.command("--once", SYNC_CONNECTIONS="2")
    assert syncer.upstream.count("*.conda") <= 100 + 8  # and what was on its way
    assert "refused 100 in a row" in answer.out + answer.err
    document = documents.read(syncer.volumes.state.sync_run)
    assert document is not None
    (result,) = document["channels"]
    assert result["failed"] == 400


def test_one_success_forgets_refusals() -> None:
    refusals = Refusals(enough=3)
    missing, broken = HttpStatusError("http://a/x", 404), HttpStatusError("http://a/x", 500)
    for error in (missing, missing, broken, HttpStatusError("http://a/x", 410), missing, missing):
        refusals.refused("http://a/x", error)
        assert refusals.stopped("http://a/y") is None
    refusals.had("http://a/z")
    for _ in range(2):
        refusals.refused("http://a/x", missing)
    assert refusals.stopped("http://a/y") is None
    refusals.refused("http://a/x", missing)
    assert "404" in str(refusals.stopped("http://a/y"))
    assert refusals.stopped("http://b/y") is None
