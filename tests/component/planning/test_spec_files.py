"""SPEC_FILES from elsewhere, and locks that were written behind a proxy repository."""

import pytest

from syncer.sync.session import Options
from tests.support.mirror.sync_harness import Syncer
from tests.support.upstream import faults
from tests.support.upstream.packages import Package, package
from volume.errors import ConfigError

ENVIRONMENT = b"channels: [conda-forge]\ndependencies: [a]\n"


def committed(syncer: Syncer, channel: str = "conda-forge") -> set[str]:
    return {name.rpartition("/")[2] for name in syncer.volumes.committed(channel)}


@pytest.fixture
def remote(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(package("a"), package("b"))
    syncer.upstream.put_file("files/environment.yml", ENVIRONMENT)
    syncer.environment["SPEC_FILES"] = f"{syncer.upstream.url}/files/environment.yml"
    return syncer


def test_a_file_at_an_address_is_asked_for_on_conditions(remote: Syncer) -> None:
    assert remote.run().status == "success"
    assert committed(remote) == {"a-1.0-0.conda"}
    remote.upstream.reset_log()
    assert all(result.unchanged for result in remote.run().channels)
    (asked,) = remote.upstream.requests("files/*")
    assert asked.is_conditional and asked.status == 304
    remote.upstream.put_file("files/environment.yml", ENVIRONMENT.replace(b"[a]", b"[b]"))
    assert remote.run(WIPE_GUARD_PERCENT="100").status == "success"
    assert committed(remote) == {"b-1.0-0.conda"}


@pytest.mark.parametrize(
    "fault", [faults.status(403), faults.status(404), faults.status(503, times=9)]
)
def test_what_it_said_last_holds_while_its_host_is_away(
    remote: Syncer, fault: faults.Fault
) -> None:
    assert remote.run().status == "success"
    remote.upstream.script("files/*", fault)
    remote.upstream.channel("conda-forge").publish(package("a", "2"))
    result = remote.channel()
    assert committed(remote) == {"a-1.0-0.conda", "a-2-0.conda"}
    assert any("what it said last holds" in warning for warning in result.warnings)


def test_a_file_that_was_never_read_ends_the_run_before_it_begins(remote: Syncer) -> None:
    remote.upstream.script("files/*", faults.status(404))
    with pytest.raises(ConfigError, match=r"environment\.yml can't be had"):
        remote.run()


def test_a_file_that_is_no_file_of_the_kind_replaces_nothing(remote: Syncer) -> None:
    remote.upstream.put_file("files/environment.yml", b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not a text file"):
        remote.run()


@pytest.mark.parametrize("body", [b"", b"<html>log in</html>", b"\xff\xfe", b"dependencies: [a,,]"])
def test_what_is_not_understood_replaces_nothing_of_what_was(remote: Syncer, body: bytes) -> None:
    """Neither now nor when its host is away later."""
    assert remote.run().status == "success"
    remote.upstream.script("files/*", faults.replaced_body(body), faults.status(403, times=1))
    for version in ("2", "3"):
        remote.upstream.channel("conda-forge").publish(package("a", version))
        result = remote.channel()
        assert f"a-{version}-0.conda" in committed(remote)
        assert any("what it said last holds" in warning for warning in result.warnings)


def test_a_dry_run_keeps_nothing_of_it(remote: Syncer) -> None:
    answer = remote.command("--once", "--dry-run")
    assert answer.code == 0, answer.err
    assert not (remote.volumes.state.root / "spec-files").exists()


def explicit(base: str, one: Package, *, hashed: bool = True) -> str:
    mark = f"#sha256:{one.record['sha256']}" if hashed else ""
    return f"@EXPLICIT\n{base}/linux-64/{one.filename}{mark}\n"


def test_an_alias_says_which_channel_an_address_stands_for(syncer: Syncer) -> None:
    one = package("a")
    syncer.upstream.channel("conda-forge").publish(one, package("b"))
    lock = explicit("https://nexus.example/repository/proxy", one, hashed=False)
    syncer.configure("", lab=lock)
    syncer.environment["SPEC_FILES"] = "lab.txt"
    with pytest.raises(ConfigError, match="say in CHANNEL_ALIASES which one"):
        syncer.run()
    run = syncer.run(CHANNEL_ALIASES="conda-forge=https://nexus.example/repository/proxy")
    assert run.status == "success"
    assert committed(syncer) == {one.filename}


def test_an_alias_may_be_the_address_below_which_channels_have_their_names(syncer: Syncer) -> None:
    one = package("a")
    syncer.upstream.channel("conda-forge").publish(one, package("b"))
    syncer.configure(
        "", lab=explicit("https://acme.example/api/conda/conda-forge", one, hashed=False)
    )
    syncer.environment |= {
        "SPEC_FILES": "lab.txt", "CHANNEL_ALIASES": "https://acme.example/api/conda",
    }  # fmt: skip
    assert syncer.run().status == "success"
    assert committed(syncer) == {one.filename}


def test_without_an_alias_the_hash_says_whose_it_is(syncer: Syncer) -> None:
    one, other = package("a"), package("b")
    syncer.upstream.channel("conda-forge").publish(package("x"))
    syncer.upstream.channel("bioconda").publish(one, other)
    syncer.configure("", lab=explicit("https://nexus.example/repository/proxy", one))
    syncer.environment |= {"SPEC_FILES": "lab.txt", "CHANNELS": "conda-forge bioconda"}
    run = syncer.run()
    assert run.status == "success", run.document()
    assert committed(syncer, "bioconda") == {one.filename}
    assert committed(syncer) == set()
    assert all(result.unchanged for result in syncer.run().channels)


def test_bytes_that_no_channel_lists_are_named(syncer: Syncer) -> None:
    syncer.upstream.channel("conda-forge").publish(package("a"), package("b"))
    gone = package("gone")
    syncer.configure(
        "",
        lab=explicit("https://nexus.example/repository/proxy", gone) + "https://conda.anaconda.org"
        "/conda-forge/linux-64/a-1.0-0.conda\n",
    )  # fmt: skip
    syncer.environment["SPEC_FILES"] = "lab.txt"
    result = syncer.run(options=Options()).channels[0]
    assert committed(syncer) == {"a-1.0-0.conda"}
    assert any(
        gone.filename in warning and "CHANNEL_ALIASES" in warning for warning in result.warnings
    )
