"""The mapping of names to PyPI's: what is asked for, what is kept, what spoils nothing."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncer.name_mapping import mapping_sync
from syncer.ops.doctor import examination
from syncer.settings.settings import read
from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import drop_generation, publish
from tests.support.upstream import faults
from tests.support.upstream.mapping_service import (
    FOLDER,
    NAMES,
    MappingService,
    of_artifact,
    sha256_of,
)
from tests.support.upstream.packages import package
from volume.disk import faults as fault_points
from volume.layout import NameMapping

DAY = 86_400.0
NOW = 1_800_000_000.0
NUMPY, ZLIB = package("numpy"), package("zlib")


@pytest.fixture
def service(syncer: Syncer) -> MappingService:
    """A mirror of two artifacts, and what the service says of one of them."""
    syncer.upstream.channel("conda-forge").publish(NUMPY, ZLIB)
    found = MappingService(syncer.upstream)
    found.put_names(numpy="numpy", zlib=None, pillow=["pillow", "PIL"])
    found.put(NUMPY, "numpy")
    syncer.environment |= {"NAME_MAPPING": "yes", "NAME_MAPPING_URL": found.url}
    return found


def result_of(syncer: Syncer, now: float = NOW, **environment: Any) -> ChannelResult:
    (result,) = syncer.run(now=lambda: now, **environment).name_mapping
    return result


def mapping(syncer: Syncer) -> NameMapping:
    return syncer.volumes.mirror.name_mapping


def kept(syncer: Syncer) -> set[str]:
    return {path.name for path in mapping(syncer).artifacts.glob("*")}


def test_nothing_is_asked_unless_it_is_wanted(syncer: Syncer, service: MappingService) -> None:
    run = syncer.run(NAME_MAPPING="no")
    assert run.name_mapping == []
    assert not syncer.upstream.requests(f"{FOLDER}/*")
    assert not list(mapping(syncer).root.glob("*"))


def test_what_maps_names_and_mirrored_artifacts_is_kept_as_it_is(
    syncer: Syncer, service: MappingService
) -> None:
    run = syncer.run()
    assert run.status == "success"
    (result,) = run.name_mapping
    assert (result.downloaded, result.failed) == (2, 0)
    assert json.loads(mapping(syncer).names.read_bytes()) == service.mapped
    document = json.loads(mapping(syncer).of(sha256_of(NUMPY)).read_bytes())
    assert document == of_artifact(NUMPY, "numpy")
    assert kept(syncer) == {sha256_of(NUMPY)}
    assert service.asked_for([NUMPY, ZLIB])
    assert not mapping(syncer).staging.exists()


def test_a_second_run_asks_one_conditional_question(
    syncer: Syncer, service: MappingService
) -> None:
    result_of(syncer)
    syncer.upstream.reset_log()
    result = result_of(syncer, NOW + 3600)
    assert result.unchanged
    (asked,) = syncer.upstream.requests(f"{FOLDER}/*")
    assert (asked.path, asked.status) == (NAMES, 304)


def test_only_new_artifacts_are_asked_for(syncer: Syncer, service: MappingService) -> None:
    result_of(syncer)
    added = package("pillow")
    syncer.upstream.channel("conda-forge").publish(added)
    service.put(added, "pillow")
    syncer.upstream.reset_log()
    result_of(syncer, NOW + 3600)
    assert service.asked() == [sha256_of(added)]
    assert kept(syncer) == {sha256_of(NUMPY), sha256_of(added)}


def test_what_is_absent_is_asked_for_ever_more_seldom(
    syncer: Syncer, service: MappingService
) -> None:
    asked = []
    for day in range(80):
        syncer.upstream.reset_log()
        result_of(syncer, NOW + day * DAY)
        asked += [day] * service.asked().count(sha256_of(ZLIB))
    assert asked == [0, 1, 3, 7, 15, 31, 63]
    service.put(ZLIB)
    result_of(syncer, NOW + 200 * DAY)
    assert sha256_of(ZLIB) in kept(syncer)
    syncer.upstream.reset_log()
    result_of(syncer, NOW + 900 * DAY)
    assert service.asked() == []


def test_a_document_goes_with_its_artifact(syncer: Syncer, service: MappingService) -> None:
    def run(now: float) -> ChannelResult:
        publish(syncer.volumes, created=now)
        return result_of(syncer, now, RETIRE_DAYS="1", WIPE_GUARD_PERCENT="100")

    result_of(syncer)
    syncer.upstream.channel("conda-forge").remove(NUMPY.subdir, NUMPY.filename)
    syncer.upstream.channel("conda-forge").publish(package("other"))
    run(NOW + 60)
    run(NOW + 120)
    assert kept(syncer) == {sha256_of(NUMPY)}, "its bytes are still here"
    drop_generation(syncer.volumes, 1)
    drop_generation(syncer.volumes, 2)
    assert run(NOW + 5 * DAY).expired == 1
    assert kept(syncer) == set()


def test_other_channels_are_not_asked_for(syncer: Syncer, service: MappingService) -> None:
    syncer.upstream.channel("ours").publish(package("mine"))
    syncer.upstream.channel("team/conda-forge").publish(package("theirs"))
    syncer.environment["CHANNELS"] = f"ours renamed={syncer.upstream.url}/team/conda-forge"
    assert syncer.run().status == "success"
    assert service.asked_for([package("theirs")])


def test_a_run_asks_for_so_many_and_the_next_goes_on(
    syncer: Syncer, service: MappingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping_sync, "MOST_ASKED", 1)
    first = result_of(syncer)
    assert first.warnings == ["1 artifacts are asked for by later runs, 1 in each"]
    assert len(service.asked()) == 1
    result_of(syncer, NOW + 3600)
    assert service.asked_for([NUMPY, ZLIB])
    syncer.upstream.reset_log()
    assert result_of(syncer, NOW + 7200).unchanged


TROUBLE = [
    (NAMES, faults.status(500, times=None), "answered 500"),
    (NAMES, faults.missing(), "answered 404"),
    (NAMES, faults.replaced_body(b"<html>", times=None), "malformed"),
    (NAMES, faults.replaced_body(b"[]", times=None), "it is no map"),
    (NAMES, faults.replaced_body(b"{}", times=None), "it maps no name"),
    (NAMES, faults.replaced_body(b'{"a": 1}', times=None), "is mapped to 1"),
    (NAMES, faults.replaced_body(b'{"a": [1]}', times=None), "is mapped to [1]"),
    (NAMES, faults.replaced_body('{"a": "b"}'.encode("utf-16"), times=None), "malformed"),
    (NAMES, faults.replaced_body(b"[" * 100_000, times=None), "too many levels"),
    (NAMES, faults.replaced_body(b'{"a": "' + b"x" * (65 << 20) + b'"}', times=None), "more than"),
    (NAMES, faults.redirect("http://169.254.169.254/latest"), "is not public"),
]


@pytest.mark.parametrize(("path", "fault", "words"), TROUBLE, ids=lambda one: str(one)[:30])
def test_a_service_in_trouble_is_named_and_spoils_no_channel(
    syncer: Syncer, service: MappingService, path: str, fault: faults.Fault, words: str
) -> None:
    result_of(syncer)
    before = mapping(syncer).names.read_bytes()
    syncer.upstream.script(path, fault)
    service.put_names(other="other")
    syncer.upstream.channel("conda-forge").publish(package("new"))
    run = syncer.run(now=lambda: NOW + DAY)
    (channel,), (result,) = run.channels, run.name_mapping
    assert (channel.status, channel.downloaded) == ("success", 1)
    assert (result.status, run.status, run.exit_code) == ("partial", "partial", 3)
    assert words in result.failures[0].reason
    assert mapping(syncer).names.read_bytes() == before
    assert kept(syncer) == {sha256_of(NUMPY)}
    assert len(service.asked()) == 2, "the artifacts are not asked for"
    syncer.upstream.heal()
    assert syncer.run(now=lambda: NOW + 2 * DAY).status == "success"


BAD = [
    b"", b"<html>", b"[]", b"{}", b'{"conda_name": 1, "package_name": "x"}',
    b'{"conda_name": "x", "package_name": "x", "pypi_normalized_names": "x"}',
    b'{"conda_name": "x", "package_name": "x", "pypi_normalized_names": [null]}',
    b'{"conda_name": "x", "package_name": "x", "versions": ["1"]}',
    b'{"conda_name": "x", "package_name": "x", "versions": {"x": 1}}',
    b'{"conda_name": "x", "package_name": "x", "direct_url": "http://x"}',
    b'{"conda_name": "x", "package_name": "x", "later": NaN}',
    '{"conda_name": "x", "package_name": "x"}'.encode("utf-16"),
    b"[" * 100_000, b"x" * (2 << 20),
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body[:40]))
def test_a_document_of_another_form_is_named_and_not_served(
    syncer: Syncer, service: MappingService, body: bytes
) -> None:
    service.put_body(service.path(ZLIB), body)
    result = result_of(syncer)
    assert (result.status, result.failed) == ("partial", 1)
    assert sha256_of(ZLIB) in result.failures[0].filename
    assert kept(syncer) == {sha256_of(NUMPY)}


def test_a_mapping_that_shrank_is_refused_until_it_is_meant(
    syncer: Syncer, service: MappingService
) -> None:
    result_of(syncer)
    service.mapped.clear()
    service.put_names(numpy="numpy")
    result = result_of(syncer, NOW + DAY)
    assert "it maps 1 names, and 3 before" in result.failures[0].reason
    assert len(json.loads(mapping(syncer).names.read_bytes())) == 3
    answer = syncer.command("--once", "--allow-wipe", "name-mapping")
    assert answer.code == 0, answer.out
    assert len(json.loads(mapping(syncer).names.read_bytes())) == 1


def test_a_service_that_fails_for_each_artifact_is_left_alone(
    syncer: Syncer, service: MappingService
) -> None:
    many = [package(f"p{number}") for number in range(60)]
    syncer.upstream.channel("conda-forge").publish(*many)
    syncer.upstream.script(f"{FOLDER}/hash-v0/*", faults.status(403, times=None))
    run = syncer.run(SYNC_CONNECTIONS="1", SYNC_TRIES="1")
    (result,) = run.name_mapping
    assert 20 <= result.failed == len(service.asked()) < 30
    assert "the next run goes on" in result.warnings[0]
    assert run.channels[0].status == "success"


def test_a_lost_memory_asks_for_what_is_absent_only(
    syncer: Syncer, service: MappingService
) -> None:
    result_of(syncer)
    damages: list[Callable[[Path], object]] = [
        Path.unlink,
        lambda path: path.write_bytes(b"x" * 5000),
    ]
    for damage in damages:
        damage(syncer.volumes.state.name_mapping)
        syncer.upstream.reset_log()
        assert result_of(syncer, NOW + 3600).status == "success"
        assert service.asked() == [sha256_of(ZLIB)]
        assert kept(syncer) == {sha256_of(NUMPY)}


def test_another_service_is_asked_anew(syncer: Syncer, service: MappingService) -> None:
    result_of(syncer)
    names = b'{"a": null, "b": "b", "c": "c"}'
    syncer.upstream.put_file("/other/compressed-v0/compressed_mapping.json", names)
    result = result_of(syncer, NOW + 60, NAME_MAPPING_URL=f"{syncer.upstream.url}/other")
    assert result.downloaded == 1
    assert sorted(json.loads(mapping(syncer).names.read_bytes())) == ["a", "b", "c"]


def lines_of(syncer: Syncer, **environment: str) -> dict[str, str]:
    found = examination.examine(read({**syncer.environment, **environment}))
    return {one.subject: one.line for one in found if "name mapping" in one.subject}


def test_doctor_and_status_tell_of_it(syncer: Syncer, service: MappingService) -> None:
    upstream = f"name mapping from {service.url}"
    assert lines_of(syncer, NAME_MAPPING="no") == {}
    before = lines_of(syncer)
    assert "has compressed-v0/compressed_mapping.json" in before[upstream]
    assert "none is here yet" in before["name mapping"]
    assert "name-mapping" not in syncer.command("status").out
    syncer.run()
    assert "name-mapping: of 20" in syncer.command("status").out
    assert lines_of(syncer)["name mapping"].startswith("ok")
    assert "not renewed" in lines_of(syncer, NAME_MAPPING="no")["name mapping"]
    old = time.time() - 30 * DAY
    os.utime(mapping(syncer).names, (old, old))
    assert "720 h 0 min old" in lines_of(syncer)["name mapping"]
    syncer.upstream.script(NAMES, faults.missing())
    assert "check NAME_MAPPING_URL" in lines_of(syncer)[upstream]
    syncer.upstream.heal()
    syncer.upstream.script(NAMES, faults.status(500, times=None))
    assert lines_of(syncer)[upstream].startswith("FAILED")


def test_a_disk_may_be_the_service(syncer: Syncer, service: MappingService, tmp_path: Path) -> None:
    """The folder of one mirror is what another one takes it from: docs/air-gap.md."""
    syncer.run()
    disk = tmp_path / "a disk"
    shutil.copytree(mapping(syncer).root, disk)
    shutil.rmtree(mapping(syncer).root)
    syncer.upstream.reset_log()
    run = syncer.run(NAME_MAPPING_URL=disk.as_uri())
    assert (run.status, run.name_mapping[0].downloaded) == ("success", 2)
    assert kept(syncer) == {sha256_of(NUMPY)}
    assert not syncer.upstream.requests(f"{FOLDER}/*")
    assert syncer.run(NAME_MAPPING_URL=disk.as_uri()).name_mapping[0].unchanged


class Died(BaseException):
    """The program ends here, as after SIGKILL."""


def test_a_stop_at_any_moment_leaves_whole_documents_and_the_next_run_ends_it(
    syncer: Syncer, service: MappingService, tmp_path: Path
) -> None:
    service.put(ZLIB)
    syncer.run(NAME_MAPPING="no")
    whole = {
        sha256_of(NUMPY): of_artifact(NUMPY, "numpy"),
        sha256_of(ZLIB): of_artifact(ZLIB),
    }
    point = 0
    while True:
        countdown = point

        def plan(moment: str, operation: str) -> None:
            nonlocal countdown
            if "mapping" in operation:
                countdown -= 1
                if countdown == -1:
                    raise Died(f"{moment} {operation}")

        fault_points.install(plan)
        try:
            syncer.run(now=lambda: NOW + point)  # noqa: B023
            died = False
        except Died:
            died = True
        finally:
            fault_points.install(None)
        for path in mapping(syncer).artifacts.glob("*"):
            assert json.loads(path.read_bytes()) == whole[path.name]
        if mapping(syncer).names.exists():
            assert json.loads(mapping(syncer).names.read_bytes()) == service.mapped
        assert syncer.run(now=lambda: NOW + point).status == "success"  # noqa: B023
        assert kept(syncer) == whole.keys(), f"after point {point}"
        assert not mapping(syncer).staging.exists()
        if not died:
            break
        point += 1
        for path in (*mapping(syncer).artifacts.glob("*"), mapping(syncer).names):
            path.unlink()
        syncer.volumes.state.name_mapping.unlink()
    assert point > 10
