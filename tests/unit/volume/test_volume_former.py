"""Volumes of 0.1.0: its documents move beside the generations that they speak of."""

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.mirror.stops import stops_at
from volume import former, generations
from volume.disk import documents
from volume.generations import Generation, Published, UnindexedFile
from volume.identity import Word, claim
from volume.layout import Mirror, State

CHANNELS = ("our/tools", "conda-forge")
OWN = "ours-1-0.conda"


def made(number: int) -> Generation:
    return Generation(
        number=number,
        serial=10 + number,
        local="f",
        snapshot=f"2026010{number}T000000Z",
        created=float(number),
        engine="e",
        subdirs={"noarch": Published(2, 3)},
        left_out=(UnindexedFile("noarch", "x-1-0.conda", 1, 2, "because"),),
        pinned=number == 1,
    )


def write_as_0_1_0(mirror: Mirror, state: State, channel: str) -> None:
    """Two generations, and one that was being made: note, document, snapshot, link."""
    mirror.snapshots(channel).mkdir(parents=True)
    for number in (1, 2, 3):
        folder = mirror.generation(channel, number)
        folder.mkdir()
        document = asdict(made(number))
        del document["ledger"]
        note = {key: document[key] for key in document.keys() - {"left_out", "pinned"}}
        (folder / "generation.json").write_text(json.dumps(note))
        if number < 3:
            documents.write(state.former_generations(channel) / f"{number:06d}.json", document)
            link = mirror.snapshots(channel) / made(number).snapshot
            link.symlink_to(f"../{folder.name}")
    mirror.current(channel).symlink_to("gen-000002")
    documents.write(state.former_rollback(channel), {"generation": 2, "newest": 2, "since": 5.0})


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Mirror, State]:
    mirror, state = Mirror(tmp_path / "mirror"), State(tmp_path / "state")
    mirror.root.mkdir()
    claim(mirror, state)
    for channel in CHANNELS:
        write_as_0_1_0(mirror, state, channel)
    return mirror, state


def check_moved(mirror: Mirror, state: State) -> None:
    for channel in CHANNELS:
        assert generations.kept(mirror, channel) == [made(1), made(2)]
        rollback = documents.read(mirror.rollback(channel))
        assert rollback is not None
        assert rollback["since"] == 5.0
        assert not state.former_generations(channel).exists()
        assert not state.former_rollback(channel).exists()
        assert not list(mirror.index(channel).glob("*/generation.json"))


def add_own(mirror: Mirror, channel: str) -> Path:
    """A person's package that 0.1.0 indexed, beside an artifact of upstream's."""
    added = mirror.artifacts(channel, "noarch") / OWN
    added.parent.mkdir(parents=True)
    added.write_bytes(b"ours")
    os.utime(added, ns=(1_700_000_000_123_456_789,) * 2)
    (added.parent / "theirs-1-0.conda").write_bytes(b"theirs")
    for number in (1, 2):
        linked = mirror.generation(channel, number) / "noarch" / OWN
        linked.parent.mkdir()
        os.link(added, linked)
    return added


def check_own_moved(mirror: Mirror, channel: str) -> None:
    moved = mirror.local(channel, "noarch") / OWN
    served = mirror.generation(channel, 2) / "noarch" / OWN
    assert moved.read_bytes() == served.read_bytes() == b"ours"
    assert not moved.samefile(served)
    assert moved.stat().st_mtime_ns == 1_700_000_000_123_456_789  # the indexer knows it by that
    assert {path.name for path in mirror.artifacts(channel, "noarch").iterdir()} == {
        "theirs-1-0.conda"
    }


@pytest.mark.parametrize("is_lost", [False, True], ids=["state kept", "state lost"])
def test_what_people_added_moves_whichever_program_is_first(
    volumes: tuple[Mirror, State], is_lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    mirror, state = volumes
    for channel in CHANNELS:
        add_own(mirror, channel)
    if is_lost:
        shutil.rmtree(state.root)
    for _ in range(2):
        claim(mirror, state, Word(take_over=is_lost))
    for channel in CHANNELS:
        check_own_moved(mirror, channel)
        said = [text for text in caplog.messages if text.startswith(f"{channel}: moved 1 files")]
        assert len(said) == 1
        assert [one.number for one in generations.kept(mirror, channel)] == [1, 2]


def test_what_a_person_put_into_local_meanwhile_is_not_overwritten(
    volumes: tuple[Mirror, State],
) -> None:
    mirror, state = volumes
    added = add_own(mirror, CHANNELS[0])
    newer = mirror.local(CHANNELS[0], "noarch") / OWN
    newer.parent.mkdir(parents=True)
    newer.write_bytes(b"newer")
    claim(mirror, state)
    assert newer.read_bytes() == b"newer"
    assert not added.exists()


def test_documents_and_holds_move(volumes: tuple[Mirror, State]) -> None:
    mirror, state = volumes
    claim(mirror, state)
    check_moved(mirror, state)
    claim(mirror, state)
    check_moved(mirror, state)


def test_a_stop_at_any_moment_is_repaired(tmp_path: Path) -> None:
    point = 0
    while True:
        mirror, state = Mirror(tmp_path / f"{point}/mirror"), State(tmp_path / f"{point}/state")
        mirror.root.mkdir(parents=True)
        claim(mirror, state)
        for channel in CHANNELS:
            write_as_0_1_0(mirror, state, channel)
            add_own(mirror, channel)
        with stops_at(point) as stop:
            claim(mirror, state)
        claim(mirror, state)
        check_moved(mirror, state)
        for channel in CHANNELS:
            check_own_moved(mirror, channel)
        if not stop.has_come:
            break
        point += 1
    assert point > 12


def test_what_was_published_outlives_a_state_that_was_lost_before(
    volumes: tuple[Mirror, State],
) -> None:
    mirror, state = volumes
    shutil.rmtree(state.root)
    claim(mirror, state, Word(take_over=True))
    for channel in CHANNELS:
        kept = generations.kept(mirror, channel)
        assert [(one.number, one.serial) for one in kept] == [(1, 11), (2, 12)]
        assert generations.published(mirror, channel) == kept[-1]


def test_a_damaged_document_of_one_channel_is_not_its_business(tmp_path: Path) -> None:
    mirror, state = Mirror(tmp_path / "mirror"), State(tmp_path / "state")
    document = mirror.generation_document("conda-forge", 1)
    document.parent.mkdir(parents=True)
    document.write_bytes(b"{")
    former.take_over(mirror, state)  # or no other channel would be worked on either
    assert document.read_bytes() == b"{"
