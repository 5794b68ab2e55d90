"""TLS and redirects: whom a sync trusts, and what it says when it can't."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream import faults
from tests.support.upstream.certificates import Certificate, openssl, self_signed
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

ZLIB = package("zlib", "1.3")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    return self_signed(tmp_path)


@pytest.fixture
def secure(certificate: Certificate, tmp_path: Path) -> Iterator[Syncer]:
    """A syncer whose upstream has a certificate that nobody trusts by default."""
    with ChannelSimulator(tls=certificate.server_context()) as upstream:
        volumes = Volumes(tmp_path / "mirror", tmp_path / "state")
        volumes.mirror_dir.mkdir()
        volumes.state_dir.mkdir()
        upstream.channel("conda-forge").publish(ZLIB)
        yield Syncer(upstream, volumes)


def test_an_upstream_that_is_not_trusted_is_not_asked_and_the_cure_is_named(secure: Syncer) -> None:
    answer = secure.command("--once")
    assert answer.code == 1
    assert "TLS failed" in answer.out
    assert "REQUESTS_CA_BUNDLE" in answer.out
    assert secure.upstream.count() == 0
    assert not secure.volumes.mirror_dir.joinpath("channels", "conda-forge").exists()


def test_a_trusted_one_serves_indexes_and_artifacts(
    secure: Syncer, certificate: Certificate
) -> None:
    answer = secure.command("--once", REQUESTS_CA_BUNDLE=str(certificate.certificate))
    assert answer.code == 0, answer.out + answer.err
    assert set(secure.volumes.served()) == {f"linux-64/{ZLIB.filename}"}


def test_a_bundle_that_is_not_there_is_named(secure: Syncer, tmp_path: Path) -> None:
    answer = secure.command("--once", REQUESTS_CA_BUNDLE=str(tmp_path / "nowhere.pem"))
    assert answer.code == 2
    assert "nowhere.pem" in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_an_artifact_may_be_redirected_to_another_host_and_is_verified_all_the_same(
    syncer: Syncer, simulator: ChannelSimulator
) -> None:
    simulator.channel("conda-forge").publish(ZLIB)
    with ChannelSimulator() as elsewhere:
        elsewhere.put_file("/right", ZLIB.data)
        elsewhere.put_file("/wrong", bytes(len(ZLIB.data)))
        simulator.script("*.conda", faults.redirect(f"{elsewhere.url}/wrong"))
        assert syncer.run(PRIVATE_HOSTS="127.0.0.1 localhost").status == "partial"
        simulator.heal()
        simulator.script("*.conda", faults.redirect(f"{elsewhere.url}/right"))
        assert syncer.run(PRIVATE_HOSTS="127.0.0.1 localhost").status == "success"
    assert set(syncer.volumes.served()) == {f"linux-64/{ZLIB.filename}"}


def test_a_client_certificate_is_shown_to_its_own_host_only(
    certificate: Certificate, tmp_path: Path
) -> None:
    """The artifact is redirected to a host that takes it with the certificate, or over http."""
    only_known = certificate.server_context()
    only_known.verify_mode = ssl.CERT_REQUIRED
    only_known.load_verify_locations(certificate.certificate)
    volumes = Volumes(tmp_path / "mirror", tmp_path / "state")
    for folder in (volumes.mirror_dir, volumes.state_dir, tmp_path / "hosts"):
        folder.mkdir()
    with (
        ChannelSimulator(tls=only_known) as upstream,
        ChannelSimulator(tls=only_known) as other,
        ChannelSimulator() as plain,
    ):
        upstream.channel("conda-forge").publish(ZLIB)
        for host in (other, plain):
            host.put_file("/zlib", ZLIB.data)
        own = tmp_path / "hosts" / f"{upstream.url.partition('://')[2]}.pem"
        own.write_text(certificate.certificate.read_text() + certificate.key.read_text())
        syncer = Syncer(
            upstream,
            volumes,
            {
                "SECRETS_DIR": str(tmp_path / "hosts"),
                "PRIVATE_HOSTS": "127.0.0.1",
                "REQUESTS_CA_BUNDLE": str(certificate.certificate),
            },
        )
        upstream.script("*.conda", faults.redirect(f"{other.url}/zlib"))
        answer = syncer.command("--once")
        assert answer.code == 3, answer
        assert f"redirected to {other.url.partition('://')[2]}" in answer.out
        name = other.url.partition("://")[2]
        assert f"it wants a client certificate: put it into SECRETS_DIR as {name}.pem" in answer.out
        assert other.count() == 0
        upstream.heal()
        upstream.script("*.conda", faults.redirect(f"{plain.url}/zlib"))
        assert syncer.command("--once").code == 0
        assert plain.count("/zlib") == 1
    assert set(volumes.served()) == {f"linux-64/{ZLIB.filename}"}


def test_credentials_do_not_follow_a_redirect_to_another_host(
    syncer: Syncer, simulator: ChannelSimulator
) -> None:
    simulator.channel("conda-forge").publish(ZLIB)
    with ChannelSimulator() as elsewhere:
        elsewhere.put_file("/zlib", ZLIB.data)
        # Another name of this machine is another host.
        address = elsewhere.url.replace("127.0.0.1", "localhost")
        simulator.script("*.conda", faults.redirect(f"{address}/zlib"))
        url = simulator.url.replace("://", "://somebody:secret@")
        assert syncer.run(CONDA_CLOUD_URL=url, PRIVATE_HOSTS="localhost").status == "success"
        (request,) = elsewhere.requests("/zlib")
        assert "authorization" not in {name.lower() for name in request.headers}
        (asked,) = simulator.requests("*.conda")
        assert "authorization" in {name.lower() for name in asked.headers}
