"""Proxies, CA bundles and client certificates: what works, and what is said when it does not."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes
from tests.support.upstream import faults
from tests.support.upstream.certificates import Certificate, openssl, self_signed
from tests.support.upstream.packages import package
from tests.support.upstream.proxies import ForwardProxy, SocksProxy
from tests.support.upstream.simulator import ChannelSimulator

ZLIB = package("zlib", "1.3")
SERVED = {f"linux-64/{ZLIB.filename}"}
PASSWORD = "0pen-sesame"
BASIC = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"


@pytest.fixture
def plain(syncer: Syncer) -> Syncer:
    syncer.upstream.channel("conda-forge").publish(ZLIB)
    return syncer


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    return self_signed(tmp_path)


def a_syncer(upstream: ChannelSimulator, folder: Path, certificate: Certificate) -> Syncer:
    volumes = Volumes(folder / "mirror", folder / "state")
    volumes.mirror_dir.mkdir()
    volumes.state_dir.mkdir()
    upstream.channel("conda-forge").publish(ZLIB)
    return Syncer(upstream, volumes, {"REQUESTS_CA_BUNDLE": str(certificate.certificate)})


@pytest.fixture
def secure(certificate: Certificate, tmp_path: Path) -> Iterator[Syncer]:
    with ChannelSimulator(tls=certificate.server_context()) as upstream:
        yield a_syncer(upstream, tmp_path, certificate)


def kept_silent(syncer: Syncer, *texts: str) -> None:
    for root in (syncer.volumes.state_dir, syncer.volumes.mirror_dir):
        found = [path.read_bytes() for path in root.rglob("*") if path.is_file()]
        assert not any(PASSWORD.encode() in content for content in found)
    for text in texts:
        assert PASSWORD not in text and BASIC.split()[1] not in text


def test_an_http_proxy_with_credentials_carries_everything(plain: Syncer) -> None:
    with ForwardProxy(credentials=BASIC) as proxy:
        url = proxy.url.replace("://", f"://me:{PASSWORD}@")
        answer = plain.command("--once", HTTP_PROXY=url)
        assert answer.code == 0, answer
        assert set(plain.volumes.served()) == SERVED
        assert len(proxy.log) == plain.upstream.count()
        assert all("proxy-authorization" not in one.headers for one in plain.upstream.log)
        shown = plain.command("config", HTTP_PROXY=url)
        kept_silent(plain, answer.out + answer.err, shown.out + shown.err)
        assert f"HTTP_PROXY=http://***@{proxy.address}" in shown.out


def test_an_http_proxy_connects_to_https(secure: Syncer) -> None:
    with ForwardProxy(credentials=BASIC) as proxy:
        url = proxy.url.replace("://", f"://me:{PASSWORD}@")
        answer = secure.command("--once", HTTPS_PROXY=url)
        assert answer.code == 0, answer
        assert set(secure.volumes.served()) == SERVED
        upstream = secure.upstream.url.partition("://")[2]
        assert {one.target for one in proxy.log} == {upstream}
        # An index connection and an artifact connection.
        assert len(proxy.log) >= 2
        assert all("authorization" not in one.headers for one in secure.upstream.log)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("pair", ["", f"me:{PASSWORD}"])
def test_a_socks_proxy_carries_everything(plain: Syncer, scheme: str, pair: str) -> None:
    with SocksProxy(credentials=pair) as proxy:
        url = f"{scheme}://{pair}{'@' if pair else ''}{proxy.address}"
        answer = plain.command("--once", ALL_PROXY=url)
        assert answer.code == 0, answer
        assert set(plain.volumes.served()) == SERVED
        assert len(proxy.log) == plain.upstream.connections.total
        kept_silent(plain, answer.out + answer.err)


def test_no_proxy_goes_around_it(plain: Syncer) -> None:
    with ForwardProxy(refuse=403) as proxy:
        answer = plain.command("--once", HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1")
        assert answer.code == 0, answer
        assert not proxy.log


@pytest.mark.parametrize("where", ["indexes", "artifacts"])
@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (407, ["wants credentials, or refuses the ones that it got (407)", "user:password@"]),
        (403, ["refuses to connect to", "(403)", "NO_PROXY"]),
    ],
)
def test_a_proxy_that_refuses_is_named_with_the_cure(
    secure: Syncer, where: str, refuse: int, words: list[str]
) -> None:
    with ForwardProxy() as proxy:
        url = proxy.url.replace("://", f"://me:{PASSWORD}@")
        if where == "indexes":
            proxy.refuse = refuse
        else:  # the next connection is the first of the artifacts
            secure.upstream.after(
                "*/linux-64/repodata.json.zst", 1, lambda: setattr(proxy, "refuse", refuse)
            )
        answer = secure.command("--once", HTTPS_PROXY=url, SUBDIRS="linux-64")
        assert answer.code in {1, 3}
        assert f"the proxy {proxy.url}" in answer.out
        for expected in words:
            assert expected in answer.out
        kept_silent(secure, answer.out + answer.err)
        # It does not heal, so it is not tried again.
        if where == "indexes":
            assert len(proxy.log) == 1


def test_a_407_to_a_plain_request_is_the_proxys(plain: Syncer) -> None:
    with ForwardProxy(credentials=BASIC) as proxy:
        answer = plain.command("--once", HTTP_PROXY=proxy.url)
        assert answer.code == 1
        assert f"the proxy {proxy.url} wants credentials" in answer.out
        assert plain.upstream.count() == 0


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_proxy_that_is_not_there_is_named(plain: Syncer, scheme: str) -> None:
    with ForwardProxy() as gone:
        address = gone.address
    url = f"{scheme}://me:{PASSWORD}@{address}"
    answer = plain.command("--once", ALL_PROXY=url)
    assert answer.code == 1
    assert f"can't be reached through the proxy {scheme}://{address}" in answer.out
    assert "NO_PROXY" in answer.out
    assert plain.upstream.count() == 0
    kept_silent(plain, answer.out + answer.err)


def test_a_socks_proxy_that_refuses_is_named(plain: Syncer) -> None:
    with SocksProxy(refuse=2) as proxy:
        answer = plain.command("--once", ALL_PROXY=proxy.url)
        assert answer.code == 1
        assert f"can't be reached through the proxy {proxy.url}" in answer.out


@pytest.mark.parametrize("url", ["ftp://proxy:1", "http://", "http://proxy:port", "socks://p:1"])
def test_an_address_that_is_no_proxys_is_refused(plain: Syncer, url: str) -> None:
    answer = plain.command("--once", HTTP_PROXY=url)
    assert answer.code == 2
    assert "HTTP_PROXY=" in answer.err and "is not a proxy's address" in answer.err
    assert plain.upstream.count() == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no such file"), ("no certificate", "no certificate in PEM form"),
     ("", "no certificate in PEM form")],
)  # fmt: skip
def test_a_ca_bundle_that_is_none_is_refused(
    plain: Syncer, tmp_path: Path, content: str | None, words: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    answer = plain.command("--once", REQUESTS_CA_BUNDLE=str(bundle))
    assert answer.code == 2
    assert f"REQUESTS_CA_BUNDLE={bundle}: " in answer.err and words in answer.err


def test_a_ca_of_others_is_said(secure: Syncer, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    answer = secure.command("--once", REQUESTS_CA_BUNDLE=str(self_signed(folder).certificate))
    assert answer.code == 1
    assert "TLS failed" in answer.out and "REQUESTS_CA_BUNDLE" in answer.out
    assert secure.upstream.count() == 0


def test_a_client_certificate_is_shown_to_its_host(
    certificate: Certificate, tmp_path: Path
) -> None:
    context = certificate.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate.certificate)
    with ChannelSimulator(tls=context) as upstream:
        syncer = a_syncer(upstream, tmp_path, certificate)
        answer = syncer.command("--once")
        assert answer.code == 1, answer
        folder = tmp_path / "hosts"
        folder.mkdir()
        host = upstream.url.partition("://")[2]
        pem = certificate.certificate.read_text() + certificate.key.read_text()
        (folder / f"{host}.pem").write_text(pem)
        answer = syncer.command("--once", SECRETS_DIR=str(folder))
        assert answer.code == 0, answer
        assert set(syncer.volumes.served()) == SERVED
        with ChannelSimulator() as other:
            # Elsewhere it is not shown, and not needed.
            other.put_file("/zlib", ZLIB.data)
            second = package("second")
            upstream.channel("conda-forge").publish(second)
            other.put_file("/second", second.data)
            upstream.script(f"*/{second.filename}", faults.redirect(f"{other.url}/second"))
            answer = syncer.command("--once", SECRETS_DIR=str(folder), PRIVATE_HOSTS="127.0.0.1")
            assert answer.code == 0, answer
        (folder / f"{host}.pem").write_text(certificate.key.read_text())
        answer = syncer.command("--once", SECRETS_DIR=str(folder))
        assert answer.code == 2
        assert "must hold a certificate and its key" in answer.err
