"""The simulated upstream misbehaves exactly as scripted, and then no more."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.upstream import faults
from tests.support.upstream.certificates import openssl, self_signed
from tests.support.upstream.channel import older
from tests.support.upstream.faults import Fault
from tests.support.upstream.http_messages import http_time
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

ZLIB = package("zlib", "1.3", run_exports={"weak": ["zlib"]})
ARTIFACT = "conda-forge/linux-64/zlib-1.3-0.conda"
INDEX = "conda-forge/linux-64/repodata.json"


@pytest.fixture
def upstream(simulator: ChannelSimulator) -> ChannelSimulator:
    simulator.channel("conda-forge").publish(ZLIB)
    return simulator


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Accept-Encoding"] = "identity"
        yield opened


def test_scripts_run_in_order_and_then_heal(
    upstream: ChannelSimulator, session: requests.Session
) -> None:
    upstream.script("*/zlib-*", faults.status(503, times=2, retry_after=7), faults.missing(times=1))
    answers = [session.get(f"{upstream.url}/{ARTIFACT}") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 404, 200]
    assert answers[0].headers["Retry-After"] == "7"
    upstream.script("*", faults.status(500, times=None))
    assert session.get(f"{upstream.url}/{INDEX}").status_code == 500
    upstream.heal()
    assert session.get(f"{upstream.url}/{INDEX}").status_code == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.truncated(), requests.exceptions.ChunkedEncodingError),
        (faults.truncated(0), requests.exceptions.ChunkedEncodingError),
        (faults.chunked_cut(10), requests.exceptions.ChunkedEncodingError),
        (faults.early_close(), requests.exceptions.ConnectionError),
        (faults.reset(), requests.exceptions.ConnectionError),
        (faults.reset(0.5), requests.exceptions.ChunkedEncodingError),
        (faults.redirect_loop(), requests.exceptions.TooManyRedirects),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_broken_deliveries_break_a_strict_client_once(
    upstream: ChannelSimulator, fault: Fault, error: type[Exception]
) -> None:
    upstream.script(ARTIFACT, fault)
    with pytest.raises(error):
        requests.get(f"{upstream.url}/{ARTIFACT}")
    upstream.heal()
    assert requests.get(f"{upstream.url}/{ARTIFACT}").content == ZLIB.data


def test_a_truncated_body_has_its_true_length_in_the_header(upstream: ChannelSimulator) -> None:
    upstream.script(ARTIFACT, faults.truncated(100))
    with socket.create_connection(("127.0.0.1", int(upstream.url.rsplit(":", 1)[1]))) as client:
        client.sendall(f"GET /{ARTIFACT} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while piece := client.recv(65_536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(ZLIB.data)}".encode() in head
    assert body == ZLIB.data[:100]


def test_faults_of_content(upstream: ChannelSimulator, session: requests.Session) -> None:
    url = f"{upstream.url}/{ARTIFACT}"
    old = upstream.resource(ARTIFACT)
    upstream.script(
        ARTIFACT,
        faults.wrong_bytes(),
        faults.replaced_body(b"<html>"),
        faults.range_ignored(),
        faults.range_refused(),
        faults.stale(older(old)),
        faults.extra_header("Content-Encoding", "x-odd", times=1),
    )
    ranged = {"Range": "bytes=5-"}
    wrong = session.get(url).content
    assert len(wrong) == len(ZLIB.data)
    assert wrong != ZLIB.data
    assert session.get(url).content == b"<html>"
    assert session.get(url, headers=ranged).content == ZLIB.data
    assert session.get(url, headers=ranged).status_code == 416
    dates = [http_time(session.get(url).headers["Last-Modified"]) for _ in range(2)]
    assert dates == [old.modified - 86_400, old.modified]
    assert [entry.fault for entry in upstream.requests(ARTIFACT)][-1] == "extra header"


def test_caches_that_lie(upstream: ChannelSimulator, session: requests.Session) -> None:
    tag = {"If-None-Match": session.get(f"{upstream.url}/{INDEX}").headers["ETag"]}
    upstream.script(INDEX, faults.conditions_ignored(), faults.etag_lie())
    assert session.get(f"{upstream.url}/{INDEX}", headers=tag).status_code == 200
    upstream.channel("conda-forge").publish(package("zlib", "1.4"))
    assert session.get(f"{upstream.url}/{INDEX}", headers=tag).status_code == 304


def test_redirects_to_another_host(upstream: ChannelSimulator) -> None:
    with ChannelSimulator() as other:
        other.put_file("elsewhere", b"other host")
        upstream.script(ARTIFACT, faults.redirect(f"{other.url}/elsewhere"))
        assert requests.get(f"{upstream.url}/{ARTIFACT}").content == b"other host"
        assert other.count("elsewhere") == 1


def test_stalls_and_drips_take_their_time(
    upstream: ChannelSimulator, session: requests.Session
) -> None:
    upstream.script(
        ARTIFACT,
        faults.stall(0.2),
        faults.stall(0.2, after=0.5),
        faults.drip(len(ZLIB.data) // 4, 0.05),
    )
    for _ in range(3):
        began = time.monotonic()
        assert session.get(f"{upstream.url}/{ARTIFACT}").content == ZLIB.data
        assert time.monotonic() - began >= 0.2


def request_that_breaks(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(url)


def test_a_stalled_server_closes_at_once() -> None:
    with ChannelSimulator() as upstream:
        upstream.script("*", faults.stall(60))
        arrived = threading.Event()
        upstream.before("*", 1, arrived.set)
        client = threading.Thread(target=request_that_breaks, args=(upstream.url,))
        client.start()
        assert arrived.wait(5)
        began = time.monotonic()
    client.join(5)
    assert not client.is_alive()
    assert time.monotonic() - began < 5


def test_tls_with_a_certificate_that_is_trusted_or_not(tmp_path: Path) -> None:
    if openssl() is None:
        pytest.skip("no openssl command on this machine")
    certificate = self_signed(tmp_path)
    with ChannelSimulator(tls=certificate.server_context()) as upstream:
        upstream.channel("conda-forge").publish(ZLIB)
        upstream.script(ARTIFACT, faults.reset(0.5))
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{upstream.url}/{ARTIFACT}")
        trusted = str(certificate.certificate)
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(f"{upstream.url}/{ARTIFACT}", verify=trusted)
        assert requests.get(f"{upstream.url}/{ARTIFACT}", verify=trusted).content == ZLIB.data
