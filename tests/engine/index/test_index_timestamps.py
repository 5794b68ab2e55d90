"""Since when an artifact is published: `indexed_timestamp` (CEP 47), once and for ever."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.mirror.committed import CommittedMirror
from tests.support.mirror.indexed import LATER, IndexedMirror, volumes
from tests.support.upstream.packages import (
    Package,
    PackageSpec,
    conda_archive,
    index_json,
    info_files,
    package,
    payload_of,
)
from volume import generations
from volume.identity import Word, claim

SUBDIR = "linux-64"
DAY = 86_400.0


class Clock:
    """A clock that a test sets. What has just been written counts as settled all the same."""

    def __init__(self) -> None:
        self.now = time.time() + LATER

    def __call__(self) -> float:
        return self.now

    @property
    def milliseconds(self) -> int:
        return int(self.now * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["conda-index", "own"])
def local(
    conda_exe: Path, tmp_path: Path, clock: Clock, request: pytest.FixtureRequest
) -> IndexedMirror:
    """A channel of people's own packages."""
    committed = CommittedMirror.below(tmp_path, "our/tools")
    mirror, state = committed.mirror, committed.state
    made = volumes(mirror, state, conda_exe, engine=request.param, clock=clock)
    return IndexedMirror(committed, made)


def moments(indexed: IndexedMirror) -> dict[str, Any]:
    """By filename, the same in every variant."""
    found = indexed.records(SUBDIR)
    for variant in ("repodata.json.zst", "repodata.json.bz2"):
        assert indexed.records(SUBDIR, variant) == found
    assert indexed.records(SUBDIR, "current_repodata.json").items() <= found.items()
    for filename, record in indexed.shards(SUBDIR).items():
        assert record["indexed_timestamp"] == found[filename]["indexed_timestamp"]
    return {filename: record["indexed_timestamp"] for filename, record in found.items()}


def lose_state(indexed: IndexedMirror) -> None:
    state = indexed.committed.state
    shutil.rmtree(state.root)
    claim(indexed.committed.mirror, state, Word(take_over=True))


def test_it_is_set_once_and_kept(local: IndexedMirror, clock: Clock) -> None:
    a, b = package("a"), package("b")
    local.committed.add_local(a)
    local.index()
    first = clock.milliseconds
    assert moments(local) == {a.filename: first}
    clock.now += DAY
    assert not local.index().is_new
    local.committed.add_local(b)
    local.index()
    assert moments(local) == {a.filename: first, b.filename: clock.milliseconds}


def test_it_is_the_mirrors_word_and_not_the_packages(local: IndexedMirror, clock: Clock) -> None:
    spec = PackageSpec(name="a")
    payload = payload_of(spec)
    info = info_files(spec, {**index_json(spec), "indexed_timestamp": 1}, payload)
    data = conda_archive(spec.stem, info, payload)
    local.committed.add_local_bytes(SUBDIR, spec.filename, data)
    local.index()
    assert moments(local) == {spec.filename: clock.milliseconds}
    assert not local.index().is_new


def forget_nothing(indexed: IndexedMirror) -> None:
    """The base case."""


def lose_document(indexed: IndexedMirror) -> None:
    lose_state(indexed)
    indexed.committed.mirror.first_published(indexed.committed.channel).unlink()


def damage_document(indexed: IndexedMirror) -> None:
    indexed.committed.mirror.first_published(indexed.committed.channel).write_bytes(b'{"schema":')


def make_nonsense(indexed: IndexedMirror) -> None:
    path = indexed.committed.mirror.first_published(indexed.committed.channel)
    document = json.loads(path.read_bytes())
    entry: dict[str, Any] = {f"{SUBDIR}/a-1.0-0.conda": {"x": "yes"}, "y": 7}
    path.write_text(json.dumps({**document, "artifacts": entry}))


def lose_generations(indexed: IndexedMirror) -> None:
    """All but the document."""
    index = indexed.committed.mirror.index(indexed.committed.channel)
    for path in index.iterdir():
        if not path.name.startswith("."):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)


def lose_all_but_document(indexed: IndexedMirror) -> None:
    lose_generations(indexed)
    lose_state(indexed)


@pytest.mark.parametrize(
    "loss",
    [forget_nothing, lose_state, lose_document, damage_document, make_nonsense, lose_generations,
     lose_all_but_document],
)  # fmt: skip
def test_no_loss_makes_it_younger(
    local: IndexedMirror, clock: Clock, loss: Callable[[IndexedMirror], None]
) -> None:
    a, b = package("a"), package("b")
    local.committed.add_local(a)
    local.index()
    first = clock.milliseconds
    loss(local)
    clock.now += 30 * DAY
    local.committed.add_local(b)
    local.index()
    assert moments(local) == {a.filename: first, b.filename: clock.milliseconds}


def test_other_bytes_have_a_moment_of_their_own(local: IndexedMirror, clock: Clock) -> None:
    old, new = package("a"), package("a", depends=("b",))
    local.committed.add_local(old)
    local.index()
    first = clock.milliseconds
    clock.now += DAY
    local.committed.add_local(new)
    local.index()
    assert moments(local) == {new.filename: clock.milliseconds}
    lose_state(local)
    clock.now += DAY
    local.committed.add_local(old)
    local.index()
    assert moments(local) == {old.filename: first}


def test_what_goes_and_comes_back_keeps_it(local: IndexedMirror, clock: Clock) -> None:
    a, b = package("a"), package("b")
    path = local.committed.add_local(a)
    local.committed.add_local(b)
    local.index()
    first = clock.milliseconds
    path.rename(path.with_name("renamed-1.0-0.conda"))
    for _ in range(7):  # more than the generations that are kept
        clock.now += DAY
        local.committed.add_local(package("c", version=str(int(clock.now))))
        local.index()
        assert a.filename not in moments(local)
    path.with_name("renamed-1.0-0.conda").rename(path)
    local.index()
    assert moments(local)[a.filename] == first


def test_a_publication_that_was_not_noted_counts(
    local: IndexedMirror, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the swap and the note."""
    a = package("a")
    local.committed.add_local(a)
    with monkeypatch.context() as patched:
        patched.setattr("indexer.generations.first_published.FirstPublished.note", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            local.index()
    first = clock.milliseconds
    lose_state(local)
    clock.now += DAY
    local.committed.add_local(package("b"))
    local.index()
    assert moments(local)[a.filename] == first


def test_what_was_never_published_has_no_moment_yet(
    local: IndexedMirror, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = package("a")
    local.committed.add_local(a)
    with monkeypatch.context() as patched:
        patched.setattr("indexer.generations.generation.publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            local.index()
    clock.now += DAY
    local.index()
    assert moments(local) == {a.filename: clock.milliseconds}


def built(name: str, moment: float) -> Package:
    return package(name, timestamp=int(moment * 1000))


def test_a_clock_that_is_behind_makes_nothing_old(
    local: IndexedMirror, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.records.local.SETTLED_SECONDS", -90 * DAY)
    now = clock.now
    local.committed.add_local(package("a"))
    local.index()
    honest, future = built("b", now - DAY), built("c", now + 900 * DAY)
    local.committed.add_local(honest)
    local.committed.add_local(future)
    clock.now = now - 30 * DAY
    local.index()
    assert moments(local)[honest.filename] == int((now - DAY) * 1000)
    assert moments(local)[future.filename] == int(now * 1000)


def test_a_clock_that_was_ahead_once_spoils_nothing_later(
    local: IndexedMirror, clock: Clock
) -> None:
    now = clock.now
    clock.now = now + 900 * DAY
    local.committed.add_local(package("a"))
    local.index()
    clock.now = now
    b = built("b", now - DAY)
    local.committed.add_local(b)
    local.index()
    assert moments(local)[b.filename] == int(now * 1000)


def test_a_record_from_the_future_is_named(
    local: IndexedMirror, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    a = built("a", clock.now + 30 * DAY)
    local.committed.add_local(a)
    local.index()
    assert moments(local) == {a.filename: clock.milliseconds}
    assert f"{SUBDIR}/{a.filename}: its record says that it was built after" in caplog.text


@pytest.mark.parametrize("age_days", [0, 400])
def test_what_was_published_before_it_was_noted_is_no_news(
    local: IndexedMirror, clock: Clock, monkeypatch: pytest.MonkeyPatch, age_days: int
) -> None:
    """Volumes of 0.1.0: after the upgrade the packages are as old as they are, in every record."""
    a = built("a", clock.now - 500 * DAY)
    path = local.committed.add_local(a)
    copied = float(int(clock.now - age_days * DAY - 60))
    os.utime(path, (copied, copied))
    with monkeypatch.context() as patched:
        patched.setattr("indexer.story.intake.Intake.stamp", lambda *_: None)
        patched.setattr("indexer.story.intake.Intake.note_published", lambda *_: None)
        local.index()
    number = generations.current_number(local.committed.mirror, local.committed.channel)
    document = local.committed.mirror.generation_document(local.committed.channel, number or 0)
    told = json.loads(document.read_bytes())
    del told["timestamps"]
    document.write_text(json.dumps(told))
    assert "indexed_timestamp" not in local.records(SUBDIR)[a.filename]
    clock.now += DAY
    assert local.index().is_new
    assert moments(local) == {a.filename: int(copied * 1000)}
    assert not local.index().is_new
