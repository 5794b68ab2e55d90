"""Environments of several channels, cooldowns and policies, and what is said of what they lack."""

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package

DAY = 86_400.0
NOW = 1_790_000_000.0  # September 2026
LAB = """
    [channels.conda-forge]
    [channels.bioconda]
    [environments.lab]
    channels = ["conda-forge", "bioconda"]
    specs = ["tool"]
"""


def dated(name: str, days_ago: float, version: str = "1", *depends: str) -> Package:
    return package(
        name, version, timestamp=int((NOW - days_ago * DAY) * 1000), depends=tuple(depends)
    )


def committed(syncer: Syncer, channel: str = "conda-forge") -> set[str]:
    return {name.rpartition("/")[2] for name in syncer.volumes.committed(channel)}


@pytest.fixture
def lab(syncer: Syncer) -> Syncer:
    """An environment of two channels: a tool of one, a library of the other."""
    del syncer.environment["CHANNELS"]
    syncer.configure(LAB)
    syncer.upstream.channel("conda-forge").publish(package("lib"), package("other"))
    syncer.upstream.channel("bioconda").publish(package("tool", depends=("lib",)))
    return syncer


def test_a_channel_that_is_not_there_is_named_and_what_is_here_stays(lab: Syncer) -> None:
    assert lab.run().status == "success"
    lab.upstream.script("bioconda/*", faults.status(500, times=None))
    run = lab.run()
    assert run.status == "failed"
    forge, bio = run.channels
    assert (forge.error or "").startswith(
        "environment lab takes packages from bioconda too, and that can't be had: "
    )
    assert "answered 500" in (forge.error or "") and "answered 500" in (bio.error or "")
    assert "what is published stays" in (forge.error or "")
    assert committed(lab) == {"lib-1.0-0.conda"}
    assert committed(lab, "bioconda") == {"tool-1.0-0.conda"}
    lab.upstream.heal()
    assert lab.run().status == "success"


def test_the_end_of_a_cooldown_brings_what_environments_wait_for(syncer: Syncer) -> None:
    syncer.configure('[channels.conda-forge]\nspecs = ["a"]\ncooldown_days = 7')
    syncer.upstream.channel("conda-forge").publish(dated("a", 30, "1"), dated("a", 1, "2", "lib"))
    syncer.upstream.channel("conda-forge").publish(dated("lib", 30))
    assert syncer.run(now=lambda: NOW).status == "success"
    assert committed(syncer) == {"a-1-0.conda"}
    assert syncer.channel(now=lambda: NOW + 5 * DAY).unchanged
    assert not syncer.channel(now=lambda: NOW + 6.1 * DAY).unchanged
    assert committed(syncer) == {"a-1-0.conda", "a-2-0.conda", "lib-1-0.conda"}


def test_the_end_of_a_cooldown_in_one_channel_reaches_the_other(syncer: Syncer) -> None:
    del syncer.environment["CHANNELS"]
    syncer.configure(LAB)
    syncer.environment["COOLDOWN_DAYS"] = "7"
    syncer.upstream.channel("conda-forge").publish(dated("lib", 30), dated("new", 30))
    syncer.upstream.channel("bioconda").publish(
        dated("tool", 30, "1", "lib"), dated("tool", 1, "2", "new")
    )
    assert syncer.run(now=lambda: NOW).status == "success"
    assert committed(syncer) == {"lib-1-0.conda"}
    assert syncer.run(now=lambda: NOW + 6.1 * DAY).status == "success"
    assert committed(syncer) == {"lib-1-0.conda", "new-1-0.conda"}


def test_another_policy_of_one_channel_reaches_the_other(lab: Syncer) -> None:
    lab.upstream.channel("bioconda").publish(package("tool", "2", depends=("other",)))
    lab.configure(LAB.replace("[channels.bioconda]", '[channels.bioconda]\nexclude = ["tool 2"]'))
    assert lab.run().status == "success"
    assert committed(lab) == {"lib-1.0-0.conda"}
    lab.configure(LAB)
    assert lab.run().status == "success"
    assert committed(lab) == {"lib-1.0-0.conda", "other-1.0-0.conda"}


def test_what_the_policy_leaves_out_is_said_as_such(syncer: Syncer) -> None:
    syncer.configure("""
        [channels.conda-forge]
        specs = ["a", "fresh", "nowhere"]
        exclude = ["bzip2"]
        exclude_licenses = ["Bad*"]
        cooldown_days = 7
    """)
    syncer.upstream.channel("conda-forge").publish(
        package("a", depends=("bzip2 >=1", "odd", "gone")),
        package("bzip2"), package("odd", license="BadOne"), dated("fresh", 1),
    )  # fmt: skip
    result = syncer.channel(now=lambda: NOW)
    assert committed(syncer) == {"a-1.0-0.conda"}
    on = "conda-forge specs on linux-64:"
    by = "needed by a-1.0-0, and the policy leaves out what matches:"
    assert sorted(result.warnings) == [
        f"{on} bzip2 >=1: {by} exclude = bzip2",
        f"{on} fresh: asked for, and the policy leaves out what matches: cooldown_days = 7: it is"
        " held until 2026-09-27",
        f"{on} gone: needed by a-1.0-0, and nothing matches",
        f"{on} nowhere: asked for, and nothing matches",
        f"{on} odd: {by} exclude_licenses = Bad*: its licence is 'BadOne'",
    ]


def test_no_solution_because_of_the_policy_is_said_as_such(syncer: Syncer) -> None:
    syncer.configure('[channels.conda-forge]\nspecs = ["a"]\nsolve = true\nexclude = ["lib"]')
    syncer.upstream.channel("conda-forge").publish(package("a", depends=("lib",)), package("lib"))
    error = syncer.channel().error or ""
    assert "has no solution on linux-64" in error
    assert "lib: needed by a-1.0-0, and the policy leaves out what matches: exclude = lib" in error


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_lock_file_that_means_other_bytes_brings_nothing_in(syncer: Syncer, kind: str) -> None:
    good, other = package("good"), package("other")
    syncer.upstream.channel("conda-forge").publish(good, other)
    url = "https://conda.anaconda.org/conda-forge/linux-64/"
    mark = "#" if kind == "md5" else "#sha256:"
    wrong = "0" * len(str(other.record[kind]))
    syncer.configure(
        '[channels.conda-forge]\nspec_files = ["lab.txt"]',
        lab=f"@EXPLICIT\n{url}{good.filename}{mark}{good.record[kind]}\n"
        f"{url}{other.filename}{mark}{wrong}\n",
    )
    result = syncer.channel()
    assert committed(syncer) == {good.filename}
    assert result.warnings == [
        "linux-64/other-1.0-0.conda of conda-forge has other bytes upstream than locked:"
        f" {kind} {other.record[kind]}, not {wrong}"
    ]


def test_newest_counts_what_is_out_of_its_cooldown(syncer: Syncer) -> None:
    syncer.environment |= {"NEWEST_VERSIONS": "1", "COOLDOWN_DAYS": "7"}
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(dated("a", 60, "1"), dated("a", 30, "2"), dated("a", 1, "3"), dated("b", 60))
    assert syncer.run(now=lambda: NOW).status == "success"
    assert committed(syncer) == {"a-2-0.conda", "b-1-0.conda"}
    assert syncer.run(now=lambda: NOW + 6.1 * DAY).status == "success"
    assert committed(syncer) == {"a-3-0.conda", "b-1-0.conda"}
    assert broken_promises(syncer.volumes) == []
