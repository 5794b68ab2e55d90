"""Channels of revision 3 (CEP 43-45, 47, 48), selected from and synced over HTTP."""

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import hotfixed, package

DAY = 86_400.0
NOW = 1_790_000_000.0  # September 2026


def committed(syncer: Syncer) -> set[str]:
    return {
        name.rpartition("/")[2].split("-1.0-")[0]
        for name in syncer.volumes.committed("conda-forge")
    }


@pytest.fixture
def forge(syncer: Syncer) -> Channel:
    """A tool with a condition for each platform, extras and flags; and what these lead to."""
    channel = syncer.upstream.channel("conda-forge")
    tool = hotfixed(
        package("tool"),
        depends=[
            'onwin[when="__win"]',
            'onunix[when="__unix and (__linux or __osx)"]',
            'oncuda[when="__cuda >=12"]',
            'backport[version=">=1",when="python <3.11"]',
            "python",
            'gpu[flags=["gpu:*"]]',
        ],
        extra_depends={"plot": ["plotter[extras=[fast]]"], "docs": ["docs"]},
    )
    plotter = hotfixed(package("plotter"), extra_depends={"fast": ["fast"], "slow": ["slow"]})
    channel.publish(
        tool,
        plotter,
        hotfixed(package("gpu", build="cuda_0"), flags=["gpu:cuda"]),
        hotfixed(package("gpu", build="cpu_0"), flags=["release"]),
        *(package(name) for name in ("docs", "fast", "slow")),
        revision=3,
    )
    channel.publish(
        *(package(name) for name in ("onwin", "onunix", "oncuda", "backport", "olddep")),
        package("python", "3.12"),
    )
    return channel


def test_an_environment_brings_what_its_conditions_extras_and_flags_say(
    syncer: Syncer, forge: Channel
) -> None:
    syncer.environment["SPECS"] = 'tool[extras=[plot, "nosuch"]]'
    assert syncer.run().status == "success"
    expected = {"tool", "python-3.12-0.conda", "onunix", "oncuda", "gpu", "plotter", "fast"}
    assert committed(syncer) == expected
    assert not broken_promises(syncer.volumes)
    gpus = [name for name in syncer.volumes.committed("conda-forge") if "gpu" in name]
    assert gpus == ["linux-64/gpu-1.0-cuda_0.conda"]


def test_the_plan_names_the_condition_and_the_record(syncer: Syncer, forge: Channel) -> None:
    syncer.environment["SPECS"] = "tool[extras=[plot]]"
    tool = "SPECS: needed by tool-1.0-0 (v3.conda)"
    nothing = "left out, not included: no environment needs it"
    for name, why in {
        "onwin": f'{nothing}; {tool}: onwin[when="__win"], and that can\'t hold on linux-64\n',
        "backport": f'{nothing}; {tool}: backport[version=">=1",when="python <3.11"], and that',
        "oncuda": f'wanted: {tool}: oncuda[when="__cuda >=12"]\n',
        "fast": "wanted: SPECS: needed by plotter-1.0-0[fast] (v3.conda): fast\n",
        "slow": f"{nothing}\n",
    }.items():
        answer = syncer.command("--once", "--dry-run", "--explain", name)
        assert f"conda-forge/linux-64/{name}-1.0-0.conda: {why}" in answer.out


def test_a_twin_is_one_artifact_with_the_needs_of_both_its_records(
    syncer: Syncer, forge: Channel
) -> None:
    both = package("both", depends=("olddep",), license="MIT")
    forge.publish(both)
    forge.twin("linux-64", both.filename, depends=["docs"], license="GPL-3.0-only")
    syncer.environment["SPECS"] = "both"
    assert syncer.run().status == "success"
    assert committed(syncer) == {"both", "olddep", "docs"}
    assert not broken_promises(syncer.volumes)
    syncer.environment["EXCLUDE_LICENSES"] = "GPL*"
    answer = syncer.command("--once", "--dry-run", "--explain", "both")
    assert "its licence is 'GPL-3.0-only' (its record in v3.conda)" in answer.out


def test_an_environment_that_is_solved_and_a_canary_read_revision_3(
    syncer: Syncer, forge: Channel
) -> None:
    syncer.environment["CANARY"] = 'tool[extras=[docs]] nosuch[when="__win"] tool[flags=[none]]'
    syncer.configure(
        """
        [channels.conda-forge]
        [environments.lab]
        channels = ["conda-forge"]
        specs = ['tool[extras=[docs]]']
        solve = true
        """
    )
    del syncer.environment["CHANNELS"]
    run = syncer.run()
    assert committed(syncer) == {"tool", "python-3.12-0.conda", "onunix", "gpu", "docs"}
    failed = [one.name for one in run.canaries]
    assert failed == ["tool[flags=[none]]"]


def test_the_cooldown_counts_from_the_word_of_the_channel(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    long_ago, fresh = int((NOW - 90 * DAY) * 1000), int((NOW - DAY) * 1000)
    future = int((NOW + 90 * DAY) * 1000)
    channel.publish(
        hotfixed(package("fresh"), timestamp=long_ago, indexed_timestamp=fresh),
        hotfixed(package("old"), timestamp=fresh, indexed_timestamp=long_ago),
        hotfixed(package("future"), timestamp=long_ago, indexed_timestamp=future),
        hotfixed(package("odd"), timestamp=long_ago, indexed_timestamp="soon"),
        revision=3,
    )
    both = hotfixed(package("both"), timestamp=long_ago)
    channel.publish(both)
    channel.twin("linux-64", both.filename, indexed_timestamp=fresh)
    syncer.environment["COOLDOWN_DAYS"] = "7"
    assert syncer.run(now=lambda: NOW).status == "success"
    assert committed(syncer) == {"old", "future", "odd"}
    channel.publish(
        hotfixed(package("backdated"), timestamp=long_ago, indexed_timestamp=long_ago), revision=3
    )
    assert syncer.run(now=lambda: NOW + DAY).status == "success"
    assert committed(syncer) == {"old", "future", "odd"}
    assert syncer.run(now=lambda: NOW + 6.5 * DAY).status == "success"
    assert committed(syncer) == {"old", "future", "odd", "fresh", "both"}
    assert syncer.run(now=lambda: NOW + 8.5 * DAY).status == "success"
    assert committed(syncer) == {"old", "future", "odd", "fresh", "both", "backdated"}
