"""What is still here although upstream dropped it shows in the run, in ``status``, and why."""

import json

from syncer.artifacts import kept
from syncer.ops.status import describe
from syncer.ops.status import status as read_status
from syncer.settings import settings
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import publish
from tests.support.upstream.packages import package
from volume.run_document import Keeping

WHY = "kept: keep = a; upstream does not list it"
LOCKED = "a lock file names it; it is out of the index and stays downloadable"


def with_one_kept(syncer: Syncer) -> str:
    """A mirror that keeps one artifact that upstream dropped; its name."""
    one = package("a")
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(one, package("b"))
    syncer.environment["KEEP"] = "a"
    syncer.run()
    channel.remove("linux-64", one.filename)
    return one.filename


def status(syncer: Syncer) -> str:
    return describe(read_status(settings.read(syncer.environment)))


def noted(syncer: Syncer) -> Keeping:
    with syncer.volumes.ledger() as ledger:
        return kept.read(ledger)


def test_what_keep_holds_shows_until_it_leaves(syncer: Syncer) -> None:
    name = with_one_kept(syncer)
    changed, unchanged = syncer.channel(), syncer.channel()
    assert unchanged.unchanged and not changed.unchanged
    for result in (changed, unchanged):
        assert (result.kept.by_policy, result.kept.by_lock) == (1, 0)
        assert [(one.filename, one.why) for one in result.kept.first] == [(name, WHY)]
    # A run that fails does not forget it.
    down = {"CONDA_CLOUD_URL": "http://127.0.0.1:9", "SYNC_TRIES": "1"}
    assert syncer.channel(**down).status == "failed"
    assert "still here although upstream dropped it: 1 artifacts" in status(syncer)
    assert f"    linux-64/{name}: {WHY}\n" in status(syncer)
    (found,) = json.loads(syncer.command("status", "--json").out)["channels"]
    assert found["kept"]["first"] == [{"subdir": "linux-64", "filename": name, "why": WHY}]
    assert syncer.channel(KEEP="").kept == Keeping()
    assert "still here" not in status(syncer)


def test_what_a_lock_file_holds_shows_too(syncer: Syncer) -> None:
    locked, other = package("a"), package("b")
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(locked, other)
    channel.remove("linux-64", locked.filename, keep_artifact=True)
    url = f"https://conda.anaconda.org/conda-forge/linux-64/{locked.filename}"
    syncer.configure(
        '[channels.conda-forge]\nspec_files = ["lab.txt"]\ninclude = ["b"]',
        lab=f"@EXPLICIT\n{url}#sha256:{locked.record['sha256']}\n",
    )
    for result in (syncer.channel(), syncer.channel()):
        assert result.kept.by_lock == 1
        assert [(one.filename, one.why) for one in result.kept.first] == [(locked.filename, LOCKED)]
    # Not even for a day without grace.
    publish(syncer.volumes)
    assert syncer.channel(RETIRE_DAYS="0").expired == 0
    syncer.configure('[channels.conda-forge]\ninclude = ["b"]')
    result = syncer.channel(RETIRE_DAYS="0")
    assert (result.kept, result.expired) == (Keeping(), 1)


def test_a_hundred_are_listed_and_all_are_counted(syncer: Syncer) -> None:
    channel = syncer.upstream.channel("conda-forge")
    many = [package(f"a{number:03}") for number in range(105)]
    channel.publish(*many, package("b"))
    syncer.run(KEEP="a*")
    with channel.editing():
        for one in many:
            channel.remove("linux-64", one.filename)
    syncer.run(KEEP="a*")
    assert noted(syncer).by_policy == 105
    assert len(noted(syncer).first) == 100
    assert "... and 95 more" in status(syncer)


def test_what_was_let_in_early_shows_in_run_status_and_history(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(package("a"), package("b"))
    syncer.environment["COOLDOWN_DAYS"] = "3650"
    answer = syncer.command("--once", "--approve", "a >=1", "--approve", "b-1.0-0.conda")
    assert answer.code == 0
    assert "let in before its cooldown ended, by --approve: a >=1" in answer.out
    assert "let in before its cooldown ended, by --approve: a >=1" in status(syncer)
    assert ", --approve a >=1, --approve b-1.0-0.conda)" in syncer.command("history").out
    events = [json.loads(one) for one in syncer.command("history", "--json").out.splitlines()]
    assert {one["policy"] for one in events} == {
        "cooldown_days = 3650.0; --approve a >=1; --approve b-1.0-0.conda"
    }


def test_an_approval_that_is_no_spec_is_refused(syncer: Syncer) -> None:
    answer = syncer.command("--once", "--approve", "a >>1")
    assert answer.code == 2
    assert "--approve a >>1: position" in answer.err


def test_a_channel_that_is_not_mirrored_can_not_be_wiped(syncer: Syncer) -> None:
    answer = syncer.command("--once", "--allow-wipe", "conda-forg")
    assert answer.code == 2
    assert "--allow-wipe conda-forg: not mirrored" in answer.err
