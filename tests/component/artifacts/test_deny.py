"""What is denied does not come in, whatever brings it, and leaves if it is here."""

from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import broken_promises, files, publish
from tests.support.upstream.packages import Package, hotfixed, package

DAY = 86_400.0
URL = "https://conda.anaconda.org/conda-forge/linux-64"


def old_record(one: Package) -> Package:
    """As old channels have them: no sha256."""
    return hotfixed(one, sha256=None)


def everywhere(syncer: Syncer) -> set[str]:
    """Names of all that is served."""
    return {
        Path(name).name
        for folder in ("channels", "replaced", "retired")
        for name in files(syncer.volumes.mirror_dir / folder)
    }


def test_a_denied_hash_holds_where_records_have_none(syncer: Syncer) -> None:
    bad, good = package("bad"), package("good")
    syncer.upstream.channel("conda-forge").publish(old_record(bad), good)
    deny = f"sha256:{bad.record['sha256']}"
    result = syncer.channel(DENY=deny)
    assert (result.status, result.failed) == ("partial", 1)
    assert "linux-64/bad-1.0-0.conda has the denied sha256" in result.failures[0].reason
    assert result.failure_kinds == {"refused": 1}
    assert everywhere(syncer) == {good.filename}
    # Its bytes are known now: they are not fetched again.
    syncer.upstream.reset_log()
    assert syncer.channel(DENY=deny).failed == 1
    assert syncer.upstream.count("*.conda") == 0
    assert broken_promises(syncer.volumes) == []


def test_a_denied_hash_leaves_where_records_have_none(syncer: Syncer) -> None:
    bad, good = package("bad"), package("good")
    syncer.upstream.channel("conda-forge").publish(old_record(bad), good)
    assert syncer.run().status == "success"
    result = syncer.channel(DENY=f"sha256:{bad.record['sha256']}")
    assert (result.status, result.retired) == ("success", 1)
    assert syncer.volumes.committed().keys() == {f"linux-64/{good.filename}"}


@pytest.mark.parametrize("hash_of_lock", ["#sha256:{sha256}", "#{md5}"])
@pytest.mark.parametrize("deny", ["bad", "sha256:{sha256}"])
def test_what_a_lock_file_names_is_denied_too(syncer: Syncer, deny: str, hash_of_lock: str) -> None:
    bad, good = package("bad"), package("good")
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(bad, good)
    channel.remove("linux-64", bad.filename, keep_artifact=True)
    lock = "@EXPLICIT\n" + "".join(
        f"{URL}/{one.filename}{hash_of_lock.format_map(one.record)}\n" for one in (bad, good)
    )
    syncer.configure(
        f'[channels.conda-forge]\nspec_files = ["lab.txt"]\ndeny = ["{deny}"]'.format_map(
            bad.record
        ),
        lab=lock,
    )
    result = syncer.channel()
    assert everywhere(syncer) == {good.filename}
    assert "linux-64/bad-1.0-0.conda" in str((result.warnings, result.failures))
    assert "den" in str((result.warnings, result.failures))


def test_a_lock_file_does_not_keep_what_is_denied(syncer: Syncer) -> None:
    bad, good = package("bad"), package("good")
    channel = syncer.upstream.channel("conda-forge")
    channel.publish(bad, good)
    lock = "@EXPLICIT\n" + "".join(
        f"{URL}/{one.filename}#sha256:{one.record['sha256']}\n" for one in (bad, good)
    )
    toml = '[channels.conda-forge]\nspec_files = ["lab.txt"]\n'
    syncer.configure(toml, lab=lock)
    syncer.run(now=lambda: 0)
    publish(syncer.volumes)
    syncer.configure(toml + 'deny = ["bad"]')
    result = syncer.channel(now=lambda: DAY)
    assert result.retired == 1
    (warning,) = result.warnings
    assert warning == (
        "linux-64/bad-1.0-0.conda of conda-forge is locked by conda-forge specs, and the policy"
        " leaves it out: deny = bad"
    )
    number = publish(syncer.volumes)
    for generation in range(1, number):
        syncer.volumes.mirror.generation_document("conda-forge", generation).unlink()
    syncer.run(now=lambda: 2 * DAY)
    assert syncer.channel(now=lambda: 20 * DAY).expired == 1
    assert everywhere(syncer) == {good.filename}
