"""A sync with policies may be stopped at any moment as well, and the next one makes it whole.

One story, in which everything that policies and environments can ask for happens on one day, is
stopped by SIGKILL at announced mutations of the volumes (see ``test_crash_sweep``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.component.crashes.test_crash_sweep import Story, litter
from tests.support.mirror.crash import CrashRunner
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes, broken_promises, outcome, publish
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

DAY = 86_400.0
BEGINNING = 1_790_000_000.0
TODAY = BEGINNING + 20 * DAY
CHANNELS = ("conda-forge", "bioconda")
URL = "https://conda.anaconda.org/conda-forge/linux-64"

POLICY = """
    cooldown_days = 7
    [channels.conda-forge]
    include = ["a", "b*", "kept", "denied"]
    newest_versions = 2
    keep = ["kept"]
    {deny}
    [channels.bioconda]
    [environments.lab]
    channels = ["conda-forge", "bioconda"]
    specs = ["tool"]
    spec_files = ["lab.txt"]
"""


@pytest.fixture
def folder(memory_folder: Path) -> Path:
    return memory_folder


def built(name: str, version: str = "1", *, day: float = -30, depends: str = "") -> Package:
    moment = int((BEGINNING + day * DAY) * 1000)
    return package(name, version, timestamp=moment, depends=tuple(depends.split()))


def policy_day(simulator: ChannelSimulator, folder: Path) -> Story:
    """Volumes at a moment when policies and environments have everything to do."""
    volumes = Volumes(folder / "mirror", folder / "state")
    volumes.mirror_dir.mkdir(parents=True)
    volumes.state_dir.mkdir()
    syncer = Syncer(simulator, volumes, {"CHANNELS": " ".join(CHANNELS)})
    forge, bio = (simulator.channel(name) for name in CHANNELS)
    gone, leaves = built("gone"), built("leaves")
    forge.publish(
        built("a", "1"), built("a", "2"), *(built(f"b{number}") for number in range(6)),
        built("kept"), built("denied"), built("lib"), built("lib2"), gone, leaves,
    )  # fmt: skip
    forge.remove("linux-64", gone.filename, keep_artifact=True)
    bio.publish(built("tool", depends="lib"))
    lock = "".join(f"{URL}/{one.filename}#sha256:{one.record['sha256']}\n" for one in [leaves])
    syncer.configure(POLICY.format(deny=""), lab=f"@EXPLICIT\n{lock}")
    assert syncer.run(now=lambda: BEGINNING).status == "success"
    for channel in CHANNELS:
        publish(volumes, channel)
    # Ten days later: what is backdated counts from here.
    forge.publish(built("a", "3"), built("b6"))
    bio.publish(built("tool", "2", depends="lib2"))
    assert syncer.run(now=lambda: BEGINNING + 10 * DAY).status == "success"
    # Today cooldowns end, a name is denied, one that is kept and one that is locked are dropped,
    # the lock file names another that is listed nowhere, and something fresh appears.
    with forge.editing():
        forge.remove("linux-64", built("kept").filename)
        forge.remove("linux-64", leaves.filename, keep_artifact=True)
        forge.publish(built("b7", day=19.5))
    lock += f"{URL}/{gone.filename}#sha256:{gone.record['sha256']}\n"
    syncer.configure(POLICY.format(deny='deny = ["denied"]'), lab=f"@EXPLICIT\n{lock}")
    return Story(syncer, folder)


def broken(volumes: Volumes) -> list[str]:
    return [problem for channel in CHANNELS for problem in broken_promises(volumes, channel)]


def chosen(announced: Sequence[str]) -> list[tuple[int, str]]:
    """Of each kind of mutation in each channel the first and the last; the rest is alike."""
    places: dict[tuple[str, ...], list[int]] = {}
    for point, line in enumerate(announced):
        operation, _, path = line.partition(" /")
        channel = next((name for name in CHANNELS if f"/{name}" in path), "")
        places.setdefault((operation, channel), []).append(point)
    points = {point for found in places.values() for point in (found[0], found[-1])}
    return [(point, announced[point]) for point in sorted(points)]


def test_killed_at_any_point_nothing_is_broken_and_the_next_run_makes_it_whole(
    simulator: ChannelSimulator, folder: Path, record_property: Callable[[str, object], None]
) -> None:
    story = policy_day(simulator, folder / "story")
    with CrashRunner() as runner:
        whole = story.copy(folder / "whole")
        ended = runner.run(story.environment(whole), now=TODAY)
        assert ended.status == "success" and broken(whole) == []
        expected = {channel: outcome(whole, channel) for channel in CHANNELS}
        forge = {name.rpartition("/")[2] for name in whole.committed()}
        assert forge == {
            "a-2-0.conda", "a-3-0.conda", "kept-1-0.conda", "lib-1-0.conda", "lib2-1-0.conda",
            *(f"b{number}-1-0.conda" for number in range(7)),
        }  # fmt: skip
        with whole.ledger() as ledger:
            out = {(row.filename, row.reason) for row in ledger.retired()}
        assert out == {
            ("a-1-0.conda", "removed"), ("denied-1-0.conda", "removed"),
            ("leaves-1-0.conda", "removed"), ("gone-1-0.conda", "locked"),
        }  # fmt: skip
        for point, announced in chosen(ended.announced):
            volumes = story.copy(folder / "copy")
            environment = story.environment(volumes)
            stopped = runner.run(environment, now=TODAY, point=point)
            assert stopped.status in {"ended with -9", "success"}, (point, announced)
            assert broken(volumes) == [], (point, announced)
            assert runner.run(environment, now=TODAY).status == "success", (point, announced)
            assert broken(volumes) == [], (point, announced)
            for channel in CHANNELS:
                assert outcome(volumes, channel) == expected[channel], (point, announced)
            assert litter(volumes) == [], (point, announced)
    points = len(chosen(ended.announced))
    record_property("points", points)
    print(f"swept {points} of {len(ended.announced)} points by SIGKILL")
