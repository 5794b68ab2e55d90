"""``syncer warm``: what files and specs ask for is fetched ahead, and no more changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from syncer.ops.warm import understand
from syncer.ops.warm import warm as warm_up
from syncer.settings.settings import read
from syncer.sync.session import Options
from tests.support.mirror.answer import Answer
from tests.support.mirror.fetch_once import fetch_once
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, publish
from tests.support.upstream import faults
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from volume import locks
from volume.program.stop import Stop

APP = package("app", depends=["lib >=1"])
LIB, OLD_LIB = package("lib", "1.0"), package("lib", "0.9")
OTHER = package("other")
DENIED = package("denied")
ARTIFACTS = "/conda-forge/*.conda"


def path(one: Package) -> str:
    return f"/conda-forge/{one.subdir}/{one.filename}"


@pytest.fixture
def upstream(syncer: Syncer) -> Channel:
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(APP, LIB, OLD_LIB, OTHER, DENIED)
    return channel


@pytest.fixture
def mirror(syncer: Syncer, upstream: Channel) -> Syncer:
    syncer.environment |= {"ON_DEMAND": "yes", "DENY": "denied"}
    assert syncer.run().status == "success"
    publish(syncer.volumes)
    return syncer


def warm(syncer: Syncer, *words: str, **settings: Any) -> Answer:
    answer = syncer.command("warm", *words, **settings)
    assert broken_promises(syncer.volumes) == []
    return answer


def here(syncer: Syncer) -> set[str]:
    return {name.rpartition("/")[2] for name in syncer.volumes.served()}


def filenames(*packages: Package) -> set[str]:
    return {one.filename for one in packages}


def test_a_spec_and_what_it_may_need(mirror: Syncer) -> None:
    with mirror.volumes.ledger() as ledger:
        serial = ledger.serial
    answer = warm(mirror, "app")
    assert answer.code == 0, answer
    assert "to fetch 2 artifacts" in answer.out and "fetched 2 artifacts" in answer.out
    assert here(mirror) == filenames(APP, LIB)
    with mirror.volumes.ledger() as ledger:
        assert ledger.serial == serial  # the index does not change by it
        assert [one.event for one in ledger.history()] == ["fetched", "fetched"]
    assert list(mirror.volumes.mirror_dir.glob("staging/*/*/*")) == []
    answer = warm(mirror, "app")
    assert answer.code == 0 and "to fetch 0 artifacts" in answer.out
    assert mirror.upstream.count(ARTIFACTS) == 2
    assert mirror.run().status == "success"
    assert here(mirror) == filenames(APP, LIB)


def test_a_dry_run_shows_the_plan_and_changes_nothing(mirror: Syncer) -> None:
    answer = warm(mirror, "--dry-run", "--json", "app", "other")
    assert answer.code == 0
    size = sum(len(one.data) for one in (APP, LIB, OTHER))
    assert json.loads(answer.out)["plan"] == {"conda-forge": {"artifacts": 3, "size": size}}
    assert here(mirror) == set() and mirror.upstream.count(ARTIFACTS) == 0


def test_an_explicit_list_is_fetched_exactly(mirror: Syncer, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"@EXPLICIT\n{mirror.upstream.url}{path(OLD_LIB)}#{OLD_LIB.record['md5']}\n")
    assert warm(mirror, str(lock)).code == 0
    assert here(mirror) == filenames(OLD_LIB)


def test_an_environment_file_in_the_configuration(mirror: Syncer) -> None:
    mirror.configure("")
    Path(mirror.environment["CONFIG_DIR"], "environment.yml").write_text(
        "channels: [conda-forge]\ndependencies:\n  - app\n"
    )
    assert warm(mirror, "environment.yml").code == 0
    assert here(mirror) == filenames(APP, LIB)


def test_what_is_not_promised_is_named_and_the_rest_is_fetched(
    mirror: Syncer, tmp_path: Path
) -> None:
    answer = warm(mirror, "other", "denied", "nowhere=3")
    assert answer.code == 3
    assert "denied" in answer.out and "nowhere=3" in answer.out
    assert here(mirror) == filenames(OTHER)
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "@EXPLICIT\n"
        f"{mirror.upstream.url}{path(DENIED)}#{DENIED.record['md5']}\n"
        f"{mirror.upstream.url}{path(LIB)}#{'0' * 32}\n"
    )
    answer = warm(mirror, str(lock))
    assert answer.code == 3
    assert "is not listed here" in answer.out and "other bytes" in answer.out
    assert here(mirror) == filenames(OTHER)


def test_what_fails_upstream_is_named(mirror: Syncer) -> None:
    mirror.upstream.script(path(LIB), faults.missing())
    answer = warm(mirror, "app")
    assert answer.code == 3
    assert LIB.filename in answer.out and here(mirror) == filenames(APP)
    mirror.upstream.heal()
    assert warm(mirror, "app").code == 0
    assert here(mirror) == filenames(APP, LIB)


def test_wrong_bytes_are_never_kept(mirror: Syncer) -> None:
    mirror.upstream.script(path(OTHER), faults.wrong_bytes(times=None))
    assert warm(mirror, "other").code == 3
    assert here(mirror) == set()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere/pixi.lock"], "is not there"),
        (["environment.yml"], "is not there"),
        (["numpy >=="], "numpy"),
    ],
)
def test_what_is_neither_a_file_nor_a_spec_is_a_usage_error(
    mirror: Syncer, words: list[str], said: str
) -> None:
    answer = warm(mirror, *words)
    assert answer.code == 2 and said in answer.err


def test_without_a_channel_on_demand_there_is_nothing_to_warm(
    syncer: Syncer, upstream: Channel
) -> None:
    assert syncer.run().status == "success"
    answer = syncer.command("warm", "app")
    assert answer.code == 2 and "ON_DEMAND" in answer.err


def test_a_plan_that_does_not_fit_is_refused(mirror: Syncer) -> None:
    answer = warm(mirror, "app", MIN_FREE="999TB")
    assert answer.code == 1 and "MIN_FREE" in answer.err
    assert mirror.upstream.count(ARTIFACTS) == 0


def test_a_dependency_of_a_mirrored_channel_is_no_gap(mirror: Syncer) -> None:
    mirror.upstream.channel("bioconda").publish(package("tool", depends=["lib"]))
    mirror.configure("[channels.conda-forge]\non_demand = false\n")
    mirror.environment["CHANNELS"] = "bioconda conda-forge"
    assert mirror.run().status == "success"
    answer = warm(mirror, "tool")
    assert answer.code == 0, answer
    assert len(mirror.volumes.served("bioconda")) == 1


def test_what_the_fetcher_brings_meanwhile_is_not_fetched_twice(mirror: Syncer) -> None:
    settings = read(mirror.environment)
    fetched: list[str] = []
    found = warm_up(
        settings, understand(settings, ["app"]), Options(), Stop(),
        show_plan=lambda _: fetched.append(fetch_once(mirror, path(LIB)).outcome),
    )  # fmt: skip
    assert fetched == ["kept"] and found.exit_code == 0
    assert here(mirror) == filenames(APP, LIB)
    assert mirror.upstream.count(path(LIB)) == 1
    assert broken_promises(mirror.volumes) == []


def test_what_leaves_the_index_meanwhile_is_not_kept(mirror: Syncer) -> None:
    settings = read(mirror.environment)

    def remove(_: str) -> None:
        with mirror.volumes.writing() as ledger, ledger.transaction("retire"):
            serial = ledger.raise_serial()
            ledger.retire([(LIB.subdir, LIB.filename)], serial=serial, left=1.0, reason="removed")

    asked = understand(settings, ["app"])
    found = warm_up(settings, asked, Options(), Stop(), show_plan=remove)
    assert found.exit_code == 3 and here(mirror) == filenames(APP)
    assert broken_promises(mirror.volumes) == []


def test_it_keeps_out_of_the_way_of_a_sync(mirror: Syncer) -> None:
    with locks.Held(mirror.volumes.state.sync_lock, role="sync"):
        answer = warm(mirror, "app")
    assert answer.code == 11
    assert here(mirror) == set()


def test_a_pattern_stands_for_all_that_match(mirror: Syncer) -> None:
    answer = warm(mirror, "l*")
    assert answer.code == 0, answer
    assert here(mirror) == filenames(LIB, OLD_LIB)


def test_it_is_stopped_anywhere_and_goes_on(mirror: Syncer) -> None:
    mirror.upstream.script(path(APP), faults.stall(60, after=10))
    with mirror.started("warm", "app") as process:
        while LIB.filename not in here(mirror):
            assert process.poll() is None
    assert broken_promises(mirror.volumes) == []
    assert warm(mirror, "app").code == 0
    assert here(mirror) == filenames(APP, LIB)
    assert mirror.upstream.count(path(LIB)) == 1
