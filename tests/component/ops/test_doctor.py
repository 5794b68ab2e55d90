"""The doctor on real volumes and before a real upstream: every failure that it can tell."""

import errno
import json
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from syncer.ops.doctor import disk_checks, examination, network_checks
from syncer.ops.doctor.finding import Finding
from syncer.ops.doctor.network_checks import Head
from syncer.settings.settings import read
from tests.support.mirror.sync_harness import Syncer, wait_until
from tests.support.mirror.tree import publish, snapshot
from tests.support.upstream import faults
from tests.support.upstream.certificates import openssl, self_signed
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume import locks
from volume.errors import StateError

ZLIB = package("zlib", "1.3")
SLOW = package("slow", padding_bytes=3_000_000)


@pytest.fixture
def synced(syncer: Syncer) -> Syncer:
    """One good sync, published, and an indexer that is alive."""
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    syncer.environment["MIRROR_URL"] = "http://127.0.0.1:9"
    assert syncer.run().status == "success"
    publish(syncer.volumes, created=time.time())
    syncer.volumes.state.index_heartbeat.touch()
    return syncer


def examine(syncer: Syncer, **environment: str) -> list[Finding]:
    return examination.examine(read({**syncer.environment, **environment}))


def about(found: list[Finding], subject: str, words: str) -> Finding:
    """The finding about a subject that says these words."""
    matching = [one for one in found if subject in one.subject and words in one.line]
    assert matching, "\n".join(one.line for one in found)
    return matching[0]


def test_a_healthy_mirror_and_nothing_is_changed(synced: Syncer) -> None:
    roots = (synced.volumes.mirror_dir, synced.volumes.state_dir)
    before = snapshot(*roots)
    found = examine(synced, MIN_FREE="1MB", NOTIFY_COMMAND="true")
    assert snapshot(*roots) == before
    bad = [one for one in found if one.state not in {"ok", "skipped"}]
    assert [one.subject for one in bad] == ["clients at http://127.0.0.1:9"]
    assert about(found, "conda-forge from", "is unchanged since the last sync").state == "ok"
    assert about(found, "volumes", "they belong together").state == "ok"
    assert about(found, "conda-forge", "generation 1").state == "ok"


def test_the_command_line(synced: Syncer) -> None:
    answer = synced.command("doctor")
    assert answer.code == 1
    assert "FAILED   clients at http://127.0.0.1:9" in answer.out
    assert "-> check MIRROR_URL" in answer.out
    assert answer.out.splitlines()[-1].endswith("1 failed, 1 skipped")
    document = synced.command("doctor", "--json").document
    assert document["exit_code"] == 1
    assert {"state", "subject", "fact", "step"} == document["findings"][0].keys()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.status(401, times=None), ["answered 401", "none are in SECRETS_DIR"]),
        (faults.status(403, times=None), ["answered 403", "check the address"]),
        (faults.status(404, times=None), ["it has no index of linux-64", "SUBDIRS"]),
        (faults.status(500, times=None), ["answered 500", "another upstream"]),
        (faults.status(429, times=None), ["answered 429"]),
    ],
)
def test_an_upstream_that_refuses(synced: Syncer, fault: Any, words: list[str]) -> None:
    synced.upstream.script("*", fault)
    one = about(examine(synced), "conda-forge from", words[0])
    assert one.state == "failed"
    for word in words:
        assert word in one.line


def test_credentials_that_are_refused_are_named(synced: Syncer, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    host = synced.upstream.url.removeprefix("http://")
    (secrets / f"{host}.bearer").write_text("a-long-token")
    spare = secrets / "other.example.bearer"
    spare.write_text("another-token")
    spare.chmod(0o400)
    (secrets / f"{host}.bearer").chmod(0o644)
    secrets.chmod(0o755)
    synced.upstream.script("*", faults.status(401, times=None))
    found = examine(synced, SECRETS_DIR=str(secrets))
    assert f"refuses the credentials of {host}.bearer" in about(found, "conda-forge", "401").line
    assert about(found, "secrets", "other.example (bearer) is no upstream's").state == "warning"
    (told,) = [one for one in found if "can be read by everyone" in one.fact]
    assert (told.state, f"{host}.bearer" in told.fact) == ("warning", True)
    assert told.step == f"give it to the user id {os.getuid()} (PUID), mode 0400"
    assert "a-long-token" not in examination.describe(found)


def test_a_name_without_an_address(synced: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    one = about(examine(synced), "conda-forge from", "its name 127.0.0.1 has no address")
    assert one.state == "failed"
    assert "HTTPS_PROXY" in one.step
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    one = about(
        examine(synced), "conda-forge from", "the proxy's name proxy.example has no address"
    )
    assert "HTTPS_PROXY" not in one.step


def test_a_connection_that_is_refused_or_hangs(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examine(synced, CONDA_CLOUD_URL="http://127.0.0.1:9")
    assert about(found, "conda-forge from", "can't be reached").state == "failed"
    monkeypatch.setattr(network_checks, "_SECONDS", 0.5)
    synced.upstream.script("*", faults.stall(60, times=None))
    assert about(examine(synced), "conda-forge from", "timed out").state == "failed"


def test_a_proxy_that_is_not_there_or_no_address(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    one = about(examine(synced), "conda-forge from", "through the proxy http://127.0.0.1:9")
    assert one.state == "failed"
    assert "NO_PROXY" in one.line
    monkeypatch.setenv("HTTP_PROXY", "ftp://nowhere")
    assert about(examine(synced), "network settings", "is not a proxy's address").state == "failed"


def test_tls_that_is_not_trusted_and_a_bundle_that_is_none(
    synced: Syncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    certificate = self_signed(tmp_path)
    with ChannelSimulator(tls=certificate.server_context()) as secure:
        secure.channel("conda-forge").publish(ZLIB)
        one = about(examine(synced, CONDA_CLOUD_URL=secure.url), "conda-forge", "TLS failed")
        assert (one.state, "REQUESTS_CA_BUNDLE" in one.step) == ("failed", True)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.certificate))
        found = examine(synced, CONDA_CLOUD_URL=secure.url)
        # The simulator's indexes are years old, and that is said too.
        assert about(found, "conda-forge from", "has linux-64/repodata.json").state == "warning"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert about(examine(synced), "network settings", "there is no such file").state == "failed"


def test_an_endless_redirect(synced: Syncer) -> None:
    synced.upstream.script("*", faults.redirect(f"{synced.upstream.url}/a", times=None))
    assert about(examine(synced), "conda-forge from", "redirects without end").state == "failed"


def test_a_redirect_to_what_is_not_public_is_not_followed(synced: Syncer) -> None:
    name = socket.gethostname()
    try:
        is_own = socket.gethostbyname(name).startswith("127.")
    except OSError:
        is_own = False
    with ChannelSimulator() as other:
        for host in ("127.0.0.1", name) if is_own else ("127.0.0.1",):
            url = other.url.replace("127.0.0.1", host)
            synced.upstream.heal()
            synced.upstream.script("*", faults.redirect(f"{url}/a", times=None))
            assert about(examine(synced), "conda-forge from", "is not public").state == "failed"
        assert other.connections.total == 0


def test_the_clock_is_compared_with_upstreams(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Head(200, {"date": "Sun, 01 Nov 2026 00:00:00 GMT"})
    monkeypatch.setattr(network_checks, "ask", lambda *_, **__: old)
    assert "ahead of upstream's" in about(examine(synced), "clock", "set it (NTP)").fact


def test_a_folder_as_upstream(synced: Syncer, tmp_path: Path) -> None:
    folder = tmp_path / "channel"
    (folder / "linux-64").mkdir(parents=True)
    found = examine(synced, CHANNELS=f"x=file://{folder}")
    assert about(found, "x from", "has no index").state == "failed"
    (folder / "linux-64" / "repodata.json").write_text("{}")
    found = examine(synced, CHANNELS=f"x=file://{folder}")
    assert about(found, "x from", "the folder has an index").state == "ok"


# -- disk --------------------------------------------------------------------------------------


def test_a_volume_that_is_not_there(synced: Syncer) -> None:
    shutil.rmtree(synced.volumes.mirror_dir)
    assert about(examine(synced), "mirror volume", "is not there").state == "failed"


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        (tempfile, "mkdtemp", "can't be written to: Read-only file system"),
        (os, "link", "it can't make a hard link: Read-only"),
        (os, "fsync", "it can't write and sync a file: Read-only"),
        (Path, "rename", "it can't rename over a file: Read-only"),
        (Path, "symlink_to", "it can't make a symbolic link: Read-only"),
    ],
)
def test_a_file_system_that_can_not_do_it(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(module, name, refuse)
    assert about(examine(synced), "mirror volume", words).state == "failed"


def test_a_file_system_without_case_or_with_short_names(
    synced: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_both(path: Path) -> None:
        path.write_bytes(b"doctor\n")
        path.with_name("PROBE").write_bytes(b"doctor\n")

    monkeypatch.setattr(disk_checks, "_write", write_both)
    monkeypatch.setattr(os, "pathconf", lambda *_: 143)
    found = examine(synced)
    assert about(found, "mirror volume", "takes PROBE and probe for one name").state == "failed"
    assert about(found, "mirror volume", "143 characters only").state == "warning"


def test_what_is_written_must_be_read(synced: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_checks, "_write", lambda path: path.write_bytes(b"zeros!\n"))
    assert about(examine(synced), "state volume", "is not what is read").state == "failed"


def test_permissions(synced: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    (synced.volumes.mirror_dir / "index").chmod(0o700)
    assert about(examine(synced), "permissions", "can't be read by others").state == "failed"
    monkeypatch.setattr(os, "access", lambda *_: False)
    one = about(examine(synced), "permissions", "can't be written by the user id")
    assert (one.state, "chown -R" in one.step) == ("failed", True)


def test_state_on_a_network_file_system(synced: Syncer, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_nfs(path: Path) -> None:
        raise StateError(f"the state volume {path} is on nfs4")

    monkeypatch.setattr(disk_checks, "check_local", on_nfs)
    assert about(examine(synced), "state volume", "is on nfs4").state == "failed"


# -- what is on the volumes --------------------------------------------------------------------


def test_volumes_that_do_not_belong_together(synced: Syncer) -> None:
    owner = synced.volumes.mirror.owner
    known = json.loads(owner.read_bytes())
    owner.write_text(json.dumps({**known, "id": "other"}))
    assert (
        about(examine(synced), "volumes", "belongs to appliance other, this one is").state
        == "failed"
    )
    owner.unlink()
    assert about(examine(synced), "volumes", "carries no owner.json").state == "failed"
    owner.write_text("{")
    assert about(examine(synced), "volumes", "can't be read").state == "failed"
    owner.write_text(json.dumps(known))
    synced.volumes.state.instance.unlink()
    assert about(examine(synced), "volumes", "--take-over").state == "failed"


def test_beside_a_running_sync(synced: Syncer) -> None:
    synced.upstream.channel("conda-forge").publish(SLOW)
    synced.upstream.script(f"*/{SLOW.filename}", faults.stall(120, after=2_500_000))
    with synced.started("--once"):
        staging = synced.volumes.mirror_dir / "staging"
        wait_until(lambda: list(staging.rglob("slow-*.part")), "it downloads")
        assert about(examine(synced), "sync.lock", "held by sync (").state == "ok"
    found = examine(synced)
    assert about(found, "last sync", "was cut off").state == "warning"
    assert about(found, "sync.lock", "free").state == "ok"


def test_a_lock_that_is_held_for_days(synced: Syncer) -> None:
    path = synced.volumes.state.sync_lock
    with locks.Held(path, role="sync"):
        old = time.time() - 5 * 86400
        os.utime(path, (old, old))
        one = about(examine(synced), "sync.lock", "held for 120 h")
        assert (one.state, "restart the syncer" in one.step) == ("warning", True)


def test_syncs_that_fail(synced: Syncer) -> None:
    synced.upstream.script("*", faults.status(401, times=None))
    assert synced.run().status == "failed"
    assert about(examine(synced), "last sync", "ended: failed").state == "warning"
    path = synced.volumes.state.sync_run
    run = json.loads(path.read_bytes())
    path.write_text(json.dumps({**run, "last_sync": time.time() - 60 * 3600}))
    assert about(examine(synced), "last sync", "older than 50 h").state == "failed"
    path.write_text("{")
    assert about(examine(synced), "last sync", "can't be read").state == "failed"


def test_an_indexer_that_is_dead_or_late(synced: Syncer) -> None:
    beat = synced.volumes.state.index_heartbeat
    old = time.time() - 4000
    os.utime(beat, (old, old))
    assert about(examine(synced), "indexer", "no sign of life").state == "failed"
    synced.upstream.channel("conda-forge").publish(package("new"))
    assert synced.run().status == "success"
    found = examine(synced)
    assert about(found, "conda-forge", "a newer commit is not published yet").state == "warning"
    synced.volumes.mirror.current("conda-forge").unlink()
    assert about(examine(synced), "conda-forge", "not published yet").state == "warning"
    synced.volumes.state.ledger("conda-forge").write_bytes(b"rubbish" * 1000)
    assert about(examine(synced), "conda-forge", "ledger").state == "failed"


def test_settings_that_are_seldom_meant(synced: Syncer) -> None:
    url = synced.upstream.url.replace("://", "://me:a-password@")
    found = examine(
        synced, SYNC_SCHEDULE="0 3 * * *", SYNC_JITTER_MINUTES="0", WIPE_GUARD_PERCENT="100",
        CONDA_CLOUD_URL=url,
    )  # fmt: skip
    for subject, words in (
        ("SYNC_SCHEDULE", "on the hour"),
        ("WIPE_GUARD_PERCENT", "may empty conda-forge"),
        ("MIN_FREE", "may fill the volume"),
        ("notices", "nobody is told"),
        ("conda-forge", "stand in its address"),
    ):
        assert about(found, subject, words).state == "warning"
    assert "a-password" not in examination.describe(found)
