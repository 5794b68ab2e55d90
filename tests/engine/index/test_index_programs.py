"""`python -m indexer` as people and Docker run it: once, in a loop, and the commands beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mirror.committed import CommittedMirror
from tests.support.upstream.packages import package
from volume import generations, locks

CHANNEL = "conda-forge"
SUBDIR = "linux-64"


@pytest.fixture
def committed(tmp_path: Path) -> CommittedMirror:
    return CommittedMirror.below(tmp_path)


@pytest.fixture
def environment(committed: CommittedMirror, conda_exe: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MIRROR_DIR": str(committed.mirror.root),
        "STATE_DIR": str(committed.state.root),
        "CONDA_EXE": str(conda_exe),
        "INDEX_POLL_SECONDS": "0.2",
    }


def indexer(
    environment: dict[str, str], *arguments: str, expected: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "indexer", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == expected, done.stdout + done.stderr
    return done


@pytest.fixture
def loop(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        [sys.executable, "-m", "indexer"], env=environment, stderr=subprocess.PIPE, text=True
    )
    yield running
    running.kill()
    running.communicate()


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return time.monotonic() - started


def current(committed: CommittedMirror) -> int | None:
    return generations.current_number(committed.mirror, committed.channel)


def test_once_tells_and_exits(committed: CommittedMirror, environment: dict[str, str]) -> None:
    assert "no channel" in indexer(environment, "--once").stdout
    committed.commit(package("a"))
    assert "generation 1 indexed" in indexer(environment, "--once").stdout
    found = json.loads(indexer(environment, "--once", "--json").stdout)
    assert found["exit_code"] == 0
    assert (found["channels"][0]["generation"], found["channels"][0]["is_new"]) == (1, False)
    site = committed.mirror.site
    assert {path.name for path in site.iterdir()} >= {
        "index.html", "status.json", "search.json", "condarc", "mambarc", "pixi.toml", "setup.sh",
    }  # fmt: skip
    status = json.loads((site / "status.json").read_bytes())
    assert status["channels"][0]["records"] == 1


def test_once_waits_for_a_file_that_was_copied_just_now(
    committed: CommittedMirror, environment: dict[str, str]
) -> None:
    committed.add_local(package("a"))
    assert "generation 1 indexed" in indexer(environment, "--once").stdout


def test_partial_is_3_and_names_the_file(
    committed: CommittedMirror, environment: dict[str, str]
) -> None:
    committed.add_local_bytes(SUBDIR, "bad-1.0-0.conda", b"")
    found = indexer(environment, "--once", expected=3)
    assert "left out: linux-64/bad-1.0-0.conda" in found.stdout
    status = json.loads(indexer(environment, "status", "--json").stdout)
    assert status["channels"][0]["left_out"][0]["filename"] == "bad-1.0-0.conda"


def test_a_busy_channel_is_11_and_names_the_holder(
    committed: CommittedMirror, environment: dict[str, str]
) -> None:
    committed.commit(package("a"))
    with locks.Held(committed.state.channel_lock(CHANNEL), role="somebody"):
        found = indexer(environment, "--once", "--wait", "0.2", expected=11)
    assert "somebody" in found.stdout


def test_one_failing_channel_stops_no_other(
    committed: CommittedMirror, environment: dict[str, str]
) -> None:
    committed.commit(package("a"))
    other = CommittedMirror(committed.mirror, committed.state, "bioconda")
    other.commit(package("b"))
    (other.artifacts(SUBDIR) / "b-1.0-0.conda").unlink()
    found = indexer(environment, "--once", expected=1)
    assert "bioconda: failed: bioconda/linux-64: b-1.0-0.conda is committed but not in" in (
        found.stdout
    )
    assert current(committed) == 1
    assert current(other) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--once", "--channel", "nowhere"], "no channel 'nowhere'"),
        (["--once", "status"], "exclude each other"),
        (["rollback", "conda-forge"], "no generation older"),
        (["rollback", "conda-forge", "--to", "9"], "it keeps: 1"),
        (["rollback", "--to", "1", "--release"], "exclude each other"),
    ],
)
def test_wrong_usage_is_2_with_a_sentence(
    committed: CommittedMirror, environment: dict[str, str], arguments: list[str], words: str
) -> None:
    committed.commit(package("a"))
    indexer(environment, "--once")
    assert words in indexer(environment, *arguments, expected=2).stderr


def test_wrong_settings_are_2_and_all_told(environment: dict[str, str]) -> None:
    wrong = {**environment, "KEEP_GENERATIONS": "none", "LOG_FORMAT": "poetry"}
    said = indexer(wrong, "config", expected=2).stderr
    assert "KEEP_GENERATIONS" in said
    assert "LOG_FORMAT" in said


def test_a_missing_engine_is_1_with_the_next_step(
    committed: CommittedMirror, environment: dict[str, str]
) -> None:
    committed.commit(package("a"))
    found = indexer({**environment, "CONDA_EXE": "/no/conda"}, "--once", expected=1)
    assert "point it to a conda with conda-index" in found.stdout


def test_rollback_and_release(committed: CommittedMirror, environment: dict[str, str]) -> None:
    for name in ("a", "b"):
        committed.commit(package(name))
        indexer(environment, "--once")
    assert "generation 1 is published" in indexer(environment, "rollback").stdout
    assert "rolled back" in indexer(environment, "status").stdout
    rows = json.loads(indexer(environment, "generations", "--json").stdout)
    assert [(row["generation"], row["published"], row["held"]) for row in rows] == [
        (1, True, True),
        (2, False, False),
    ]
    assert "generation 1 is published: rolled back" in indexer(environment, "--once").stdout
    assert current(committed) == 1
    assert "generation 2" in indexer(environment, "rollback", "--release").stdout
    assert "rolled back" not in indexer(environment, "--once").stdout
    assert current(committed) == 2


def test_the_loop_works_within_seconds_of_a_commit(
    committed: CommittedMirror, environment: dict[str, str], loop: subprocess.Popen[str]
) -> None:
    committed.commit(package("a"))
    wait_for(lambda: current(committed) == 1)
    committed.commit(package("b"))
    assert wait_for(lambda: current(committed) == 2) < 10
    assert indexer(environment, "health").stdout.strip() == "ok"
    # A second indexer beside it does no harm, and finds nothing to do.
    assert "generation 2 is up to date" in indexer(environment, "--once").stdout
    loop.send_signal(signal.SIGTERM)
    assert loop.wait(timeout=10) == 0  # being stopped is how a loop ends


def test_the_loop_survives_a_failure_and_goes_on(
    committed: CommittedMirror, loop: subprocess.Popen[str]
) -> None:
    committed.commit(package("a"))
    path = committed.artifacts(SUBDIR) / "a-1.0-0.conda"
    hidden = path.rename(path.with_name("hidden"))
    report = committed.state.index_run
    wait_for(
        lambda: (
            report.exists()
            and json.loads(report.read_bytes())["channels"][CHANNEL]["status"] == "failed"
        )
    )
    hidden.rename(path)
    committed.commit(package("b"))  # news: tried at once, not after a pause
    wait_for(lambda: current(committed) is not None)
    assert loop.poll() is None


def test_health_without_a_loop_is_1(environment: dict[str, str]) -> None:
    assert "not started" in indexer(environment, "health", expected=1).stdout


def test_an_old_sign_of_life_is_1(committed: CommittedMirror, environment: dict[str, str]) -> None:
    committed.state.index_heartbeat.touch()
    os.utime(committed.state.index_heartbeat, (1, 1))
    assert "no sign of life" in indexer(environment, "health", expected=1).stdout


def test_another_appliances_volume_is_10(
    committed: CommittedMirror, environment: dict[str, str], tmp_path: Path
) -> None:
    other = CommittedMirror.below(tmp_path / "other")
    strange = {**environment, "STATE_DIR": str(other.state.root)}
    assert "belongs to appliance" in indexer(strange, "--once", expected=10).stderr
