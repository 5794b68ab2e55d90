"""The history: what entered and left is written down in the commit itself, and stays."""

import json
import sqlite3

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream.packages import package

ZLIB = package("zlib", "1.3")
OTHER_ZLIB = package("zlib", "1.3", padding_bytes=99)
XZ = package("xz", "5.4")


def told(syncer: Syncer, *arguments: str) -> list[tuple[str, str, str]]:
    """(event, filename, sha256) as ``syncer history`` tells them."""
    answer = syncer.command("history", "--json", *arguments)
    assert answer.code == 0, answer.err
    events = [json.loads(line) for line in answer.out.splitlines()]
    return [(event["event"], event["filename"], event["sha256"]) for event in events]


def test_each_change_is_told_once_and_in_order(syncer: Syncer) -> None:
    upstream = syncer.upstream.channel("conda-forge")
    upstream.publish(ZLIB, XZ)
    syncer.run()
    upstream.hotfix("linux-64", XZ.filename, depends=["libc"])
    syncer.run()
    upstream.publish(OTHER_ZLIB)
    syncer.run()
    upstream.remove("linux-64", XZ.filename)
    syncer.run()
    syncer.run()  # nothing changed: nothing to tell
    old, new, xz = (str(one.record["sha256"]) for one in (ZLIB, OTHER_ZLIB, XZ))
    assert told(syncer, ZLIB.filename) == [
        ("entered", ZLIB.filename, old),
        ("replaced", ZLIB.filename, old),
        ("entered", ZLIB.filename, new),
    ]
    assert told(syncer, "xz*") == [
        ("entered", XZ.filename, xz),
        ("hotfixed", XZ.filename, xz),
        ("removed", XZ.filename, xz),
    ]
    assert told(syncer, "--since", "2100-01-01") == []


def test_it_names_source_run_and_policy(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.run(INCLUDE="z*")
    (event,) = (json.loads(line) for line in syncer.command("history", "--json").out.splitlines())
    assert event["source"].endswith(f"/conda-forge/linux-64/{ZLIB.filename}")
    assert event["run"].startswith("20")
    assert event["policy"] == "include = z*"
    people = syncer.command("history").out
    assert "entered" in people
    assert ZLIB.filename in people


def test_what_a_run_was_told_has_no_credentials(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    url = syncer.upstream.url.replace("://", "://robot:s3same@") + "/conda-forge"
    syncer.configure(
        f'[channels.conda-forge]\nupstreams = ["{url}"]\n'
        'pins = {python = ["3.11", "3.12"]}\nnewest_versions = 3'
    )
    assert syncer.run().status == "success"
    with syncer.volumes.ledger() as ledger:
        (event,) = ledger.history()
    assert "newest_versions = 3; pins = python=3.11,3.12; upstreams = http" in event.policy
    for path in syncer.volumes.state_dir.rglob("*"):
        assert not path.is_file() or b"s3same" not in path.read_bytes(), path


@pytest.mark.parametrize("change", ["DELETE FROM history", "UPDATE history SET event = 'x'"])
def test_it_can_not_be_changed(syncer: Syncer, change: str) -> None:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.run()
    path = next(syncer.volumes.state_dir.glob("channels/*/ledger.db"))
    connection = sqlite3.connect(path)
    try:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(change)
    finally:
        connection.close()


def test_a_date_that_is_none_ends_with_2(syncer: Syncer) -> None:
    answer = syncer.command("history", "--since", "yesterday")
    assert answer.code == 2
    assert "write a date such as" in answer.err
