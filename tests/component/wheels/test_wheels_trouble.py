"""Wheels that can't be had, or lie: named, left out, and nothing else is harmed."""

import hashlib
import logging
import zipfile

import pytest

from syncer.wheels import wheels_sync
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.http_messages import Response
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import (
    DAY,
    File,
    Index,
    listed,
    paths,
    published,
    sync_wheels,
    wheel,
    zipped,
)

ONE, TWO = wheel("one"), wheel("two")
_HTML = (("Content-Type", "text/html; charset=utf-8"),)
PAGE = faults.Fault(
    "a page", lambda *_: Response(200, _HTML, b"<html><p>Please sign in</p></html>"), None
)


def here(syncer: Syncer) -> dict[str, bytes]:
    return published(syncer.volumes.mirror_dir)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pypi": "https://10.1.2.3/two-1.0-py3-none-any.whl"}, "is not public"),
        ({"pypi": "http://localhost:1/two-1.0-py3-none-any.whl"}, "is not public"),
        ({"pypi": "http://169.254.169.254/two-1.0-py3-none-any.whl"}, "is not public"),
        ({"pypi": "http://[::1]:1/two-1.0-py3-none-any.whl"}, "is not public"),
        ({"pypi": "http://127.1:1/two-1.0-py3-none-any.whl"}, "is not public"),
        ({"pypi": "ftp://files.example.com/two-1.0-py3-none-any.whl"}, "only http and https"),
        ({"pypi": "javascript:alert(1)/two-1.0-py3-none-any.whl"}, "only http and https"),
        ({"pypi": "https://h/a/..%2F..%2Ftwo-1.0-py3-none-any.whl"}, "no name of a wheel"),
        ({"pypi": "https://h/a/.."}, "no name of a wheel"),
        ({"pypi": "https://h/two-1.0-py3-none-any.whl%00"}, "no name of a wheel"),
        ({"pypi": "https://h/two-1.0.exe"}, "no name of a wheel"),
        ({"pypi": "https://h/two.whl"}, "no name of a wheel"),
        ({"pypi": "https://h/two-1.0-py3-none-any.whl\n.zip"}, "no name of a wheel"),
        ({"pypi": "https://h/" + "a" * 300 + "-1.0.tar.gz"}, "no name of a wheel"),
        ({"pypi": "https://h/" + "a" * 5000}, "5,010 characters"),
        ({"pypi": "https://h:port/two-1.0-py3-none-any.whl"}, "is not a URL"),
        ({"sha256": None}, "gives no sha256"),
        ({"sha256": "00"}, "is not a sha256"),
        ({"sha256": "g" * 64}, "is not a sha256"),
        ({"sha256": "0" * 64}, "sha256 " + TWO.sha256 + " instead of"),
    ],
)
def test_what_is_wrong_with_one_is_named_and_the_others_come(
    syncer: Syncer, index: Index, changes: dict[str, object], why: str
) -> None:
    index.put(ONE, TWO)
    index.lock(index.entry(ONE), index.entry(TWO, **changes))
    result = sync_wheels(syncer)
    assert (result.status, result.failed) == ("partial", 1)
    assert why in result.failures[0].reason
    assert here(syncer) == paths(ONE)
    channel = syncer.run().channels[0]
    assert channel.status == "success"


@pytest.mark.parametrize(
    "address",
    ["./.", ".", "../two", "git+https://example.com/two.git@0123", "git+ssh://git@h/two",
     "file:///srv/two-1.0-py3-none-any.whl", "C:\\two\\two-1.0-py3-none-any.whl"],
)  # fmt: skip
def test_what_comes_from_no_index_is_nobodys_fault(
    syncer: Syncer, index: Index, address: str
) -> None:
    index.put(ONE)
    index.lock(index.entry(ONE), index.entry(TWO, pypi=address))
    result = sync_wheels(syncer)
    assert (result.status, result.failed) == ("success", 0)
    (warning,) = result.warnings
    assert "not from an index, so left out: two (it " in warning
    assert here(syncer) == paths(ONE)


def test_other_bytes_leave_what_is_here(syncer: Syncer, index: Index) -> None:
    index.put(ONE)
    sync_wheels(syncer)
    index.put(ONE, TWO)
    index.upstream.put_file(TWO.path, b"<html>sign in</html>" * 200)
    result = sync_wheels(syncer)
    assert (result.status, result.failed) == ("partial", 1)
    assert here(syncer) == paths(ONE)
    index.upstream.put_file(TWO.path, TWO.data)
    assert sync_wheels(syncer).status == "success"
    assert here(syncer) == paths(ONE, TWO)


def test_a_page_in_place_of_a_wheel_is_no_wheel(syncer: Syncer, index: Index) -> None:
    index.put(ONE)
    index.upstream.script("/packages/*", PAGE)
    result = sync_wheels(syncer)
    assert result.status == "partial"
    assert "web page" in result.failures[0].reason
    assert here(syncer) == {}


def test_a_redirect_to_a_private_address_is_not_followed(syncer: Syncer, index: Index) -> None:
    with ChannelSimulator() as inner:
        inner.put_file(ONE.path, ONE.data)
        index.put(ONE)
        index.upstream.script("/packages/*", faults.redirect(f"{inner.url}/{ONE.path}"))
        result = sync_wheels(syncer)
        assert (result.status, here(syncer)) == ("partial", {})
        assert "is not public" in result.failures[0].reason
        assert inner.log == []
        port = inner.url.rpartition(":")[2]
        assert sync_wheels(syncer, PRIVATE_HOSTS=f"127.0.0.1:{port}").status == "success"
    assert here(syncer) == paths(ONE)


def test_a_host_of_its_own_is_asked_where_a_setting_names_it(syncer: Syncer, index: Index) -> None:
    with ChannelSimulator() as inner:
        inner.put_file(ONE.path, ONE.data)
        index.lock(index.entry(ONE, pypi=f"{inner.url}/{ONE.path}"))
        port = inner.url.rpartition(":")[2]
        assert sync_wheels(syncer).status == "partial"
        assert inner.log == []
        assert sync_wheels(syncer, PRIVATE_HOSTS=f"127.0.0.1:{port}").status == "success"


def test_credentials_in_an_address_are_used_and_never_shown(
    syncer: Syncer, index: Index, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    index.put(ONE)
    host = index.upstream.url.partition("://")[2]
    secret = f"http://somebody:hunter22@{host}"
    index.lock(
        index.entry(ONE, pypi=f"{secret}/{ONE.path}"),
        index.entry(TWO, pypi=f"{secret}/gone/{TWO.filename}"),
        index.entry(TWO, pypi=f"{secret}/two.exe", name=None),
    )
    answer = syncer.command("--once", "--json")
    assert answer.code == 3, answer.err
    assert published(syncer.volumes.mirror_dir) == paths(ONE)
    written = [
        path.read_bytes()
        for root in (syncer.volumes.mirror_dir, syncer.volumes.state_dir)
        for path in root.rglob("*")
        if path.is_file() and "spec-files" not in str(path)
    ]
    assert all(b"hunter22" not in data for data in written)
    assert "hunter22" not in answer.out + answer.err
    (asked,) = index.upstream.requests(ONE.path, method="GET")
    assert asked.headers["authorization"].startswith("Basic ")


def test_two_contents_of_one_name_are_both_here(syncer: Syncer, index: Index) -> None:
    other = wheel("one", text="another build")
    index.put(ONE, other)
    result = sync_wheels(syncer)
    assert result.status == "success"
    assert here(syncer) == paths(ONE, other)
    assert listed(syncer.volumes.mirror_dir) == {"one": [ONE.filename] * 2}
    (warning,) = result.warnings
    assert "locked with 2 hashes" in warning


def test_a_server_that_does_not_say_the_size(syncer: Syncer, index: Index) -> None:
    index.put(ONE)
    index.upstream.script("/packages/*", faults.status(405, times=9), method="HEAD")
    assert sync_wheels(syncer).status == "success"
    assert here(syncer) == paths(ONE)


def test_one_that_is_missing_keeps_what_no_lock_names_in_the_index(
    syncer: Syncer, index: Index
) -> None:
    """As for artifacts: nothing leaves unless everything worked."""
    stays = wheel("stays")
    index.put(ONE, stays)
    sync_wheels(syncer, now=0)
    index.put(TWO, stays)
    index.upstream.script("/packages/*", faults.missing())
    result = sync_wheels(syncer, now=DAY)
    assert (result.status, result.retired) == ("partial", 0)
    assert set(listed(syncer.volumes.mirror_dir)) == {"one", "stays"}
    index.upstream.heal()
    assert sync_wheels(syncer, now=2 * DAY).retired == 1
    assert set(listed(syncer.volumes.mirror_dir)) == {"stays", "two"}


def test_a_download_that_was_cut_is_gone_on_from(syncer: Syncer, index: Index) -> None:
    large = File("large-1.0-py3-none-any.whl", zipped(
        {"large/data": hashlib.shake_256(b"x").digest(3_000_000)}, zipfile.ZIP_STORED
    ))  # fmt: skip
    index.put(large)
    index.upstream.script(large.path, faults.truncated(), method="GET")
    result = sync_wheels(syncer, SYNC_TRIES="1")
    assert result.status == "partial"
    with index.upstream.recording() as seen:
        assert sync_wheels(syncer).status == "success"
    (asked,) = [one for one in seen if one.path == f"/{large.path}" and one.method == "GET"]
    assert asked.range is not None
    assert here(syncer) == paths(large)


@pytest.mark.parametrize("entry", [
    {"pypi": 7}, {"pypi": ["x"]}, {"pypi": {}}, {"pypi": ""}, {"pypi": "https://"},
    {"pypi": "http://[::1/two-1.0.tar.gz"}, {"pypi": "https://h/two-1.0.tar.gz", "sha256": [1]},
    {"pypi": "https://h/two-1.0.tar.gz", "sha256": {"a": 1}, "name": ["x"]},
])  # fmt: skip
def test_no_shape_of_an_entry_costs_the_others(
    syncer: Syncer, index: Index, entry: dict[str, object]
) -> None:
    index.put(ONE)
    index.lock(index.entry(ONE), entry)
    sync_wheels(syncer)
    assert here(syncer) == paths(ONE)


def test_wheels_that_are_larger_than_anybody_said_leave_what_must_stay_free(
    syncer: Syncer, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is what is simulated: it has less than MIN_FREE once the plan was accepted."""
    index.put(ONE, TWO)
    free = iter([10_000_000_000])
    monkeypatch.setattr(wheels_sync, "free_space", lambda mirror: next(free, 1_000))
    run = syncer.run(MIN_FREE="1GB")
    assert run.status == "failed"
    assert run.error is not None and "must stay free (MIN_FREE)" in run.error
    assert here(syncer) == {}
    monkeypatch.undo()
    assert sync_wheels(syncer, MIN_FREE="0").status == "success"
    assert here(syncer) == paths(ONE, TWO)
