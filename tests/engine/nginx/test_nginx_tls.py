"""TLS by the image's own commands and the real nginx, with a CA that only the test trusts."""

import hashlib
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pycurl
import pytest
import requests

from tests.support.clients.clients import conda_create, rattler_install
from tests.support.clients.nginx import NOBODY, SOURCE, Nginx, Tls, executable, run_tls, serving
from tests.support.mirror.generation import publish
from tests.support.upstream.certificates import Authority, authority, openssl
from tests.support.upstream.demo_channel import demo_packages


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    if openssl() is None or executable() is None:
        pytest.skip("no openssl or nginx on this machine: apt-get install openssl nginx-light")
    return authority(tmp_path)


@pytest.fixture
def folder(ca: Authority) -> Iterator[Path]:
    """What is mounted; nginx, another user, must get in."""
    with tempfile.TemporaryDirectory(prefix="tls-") as made:
        path = Path(made)
        path.chmod(0o755)
        ca.issue(path)
        yield path


@pytest.fixture
def secure(mirror_dir: Path, folder: Path) -> Iterator[Nginx]:
    site = mirror_dir / "site"
    site.mkdir()
    (site / "condarc").write_text("channel_alias: http://mirror.invalid/cloud\n")
    with serving(mirror_dir, tls=Tls(folder)) as running:
        yield running


def https(nginx: Nginx) -> str:
    return f"https://127.0.0.1:{nginx.tls_port}"


def served_certificate(nginx: Nginx) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", nginx.tls_port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def certificate_in(folder: Path) -> str:
    der = ssl.PEM_cert_to_DER_cert((folder / "fullchain.pem").read_text())
    return hashlib.sha256(der).hexdigest()


def test_https_speaks_http_2_and_names_itself_to_clients(secure: Nginx, ca: Authority) -> None:
    body = bytearray()
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, f"{https(secure)}/condarc")
    curl.setopt(pycurl.CAINFO, str(ca.certificate))
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
    curl.setopt(pycurl.WRITEFUNCTION, body.extend)
    curl.perform()
    assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
    assert curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2_0
    assert body.decode() == f"channel_alias: {https(secure)}/cloud\n"
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.perform()
    assert curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_1_1
    curl.close()
    # Without the CA nobody is fooled; plain http stays as it is.
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(https(secure))
    assert requests.get(f"{secure.url}/condarc").text.startswith("channel_alias: http://127")


@pytest.mark.parametrize(
    ("ciphers", "is_taken"),
    [("ECDHE-RSA-AES128-GCM-SHA256", True), ("AES128-SHA", False), ("ECDHE-RSA-AES128-SHA", False)],
)
def test_only_sane_ciphers_are_taken(
    secure: Nginx, ca: Authority, ciphers: str, is_taken: bool
) -> None:
    context = ssl.create_default_context(cafile=str(ca.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    assert shakes_hands(context, secure.tls_port) is is_taken


def test_old_protocols_are_refused(secure: Nginx, ca: Authority) -> None:
    context = ssl.create_default_context(cafile=str(ca.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    assert shakes_hands(context, secure.tls_port)
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.tls_port}", "-tls1_1"]
    command += ["-cipher", "ALL:@SECLEVEL=0"]
    answer = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "protocol version" in answer.stderr


def shakes_hands(context: ssl.SSLContext, port: int) -> bool:
    import socket

    try:
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except ssl.SSLError:
        return False


@pytest.mark.parametrize(("bind", "port"), [("443", ""), ("0.0.0.0:8443", ":8443")])
def test_http_may_lead_to_https(
    mirror_dir: Path, ca: Authority, folder: Path, bind: str, port: str
) -> None:
    with serving(mirror_dir, tls=Tls(folder, redirect="yes", bind=bind)) as nginx:
        ask = {"allow_redirects": False, "headers": {"Host": "mirror.lan:8080"}}
        answer = requests.get(f"{nginx.url}/cloud/x/noarch/repodata.json?a=1", **ask)  # type: ignore[arg-type]
        assert answer.status_code == 302
        expected = f"https://mirror.lan{port}/cloud/x/noarch/repodata.json?a=1"
        assert answer.headers["Location"] == expected
        # For the health check, and for a proxy in front that speaks TLS itself.
        assert requests.get(f"{nginx.url}/healthz").text == "ok\n"
        behind = {"X-Forwarded-Proto": "https"}
        assert requests.get(f"{nginx.url}/", headers=behind, allow_redirects=False).ok
        assert requests.get(f"{https(nginx)}/healthz", verify=str(ca.certificate)).text == "ok\n"


def test_a_renewed_certificate_is_taken_and_a_wrong_one_is_not(
    secure: Nginx, ca: Authority, folder: Path
) -> None:
    before = served_certificate(secure)
    assert before == certificate_in(folder)
    old_key = (folder / "privkey.pem").read_bytes()
    command = [str(SOURCE / "tls"), "watch", str(folder), str(secure.scratch / "nginx.pid"), "0.05"]
    command += [str(executable()), "-e", "stderr", "-c", str(secure.scratch / "nginx.conf")]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as watch:
        assert watch.stderr is not None
        try:
            ca.issue(folder)
            line = watch.stderr.readline()
            while "in use" not in line:  # between the two renames the pair did not fit
                assert "the old one stays" in line
                line = watch.stderr.readline()
            now = certificate_in(folder)
            assert now != before
            wait_for(lambda: served_certificate(secure) == now)
            (folder / "privkey.pem").write_bytes(old_key)
            line = watch.stderr.readline()
            assert "the new certificate can't be used, the old one stays" in line
            assert "key" in line
            wait_for(lambda: served_certificate(secure) == now)  # an old worker may still leave
            ca.issue(folder)
            while "in use" not in watch.stderr.readline():
                pass
            wait_for(lambda: served_certificate(secure) == certificate_in(folder))
        finally:
            watch.kill()


def wait_for(condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.02)


def test_a_folder_without_what_is_needed_is_named(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = run_tls("write", str(empty), str(tmp_path), "8443", "no")
    assert answer.returncode == 1
    assert "there is no fullchain.pem" in answer.stderr
    (folder / "privkey.pem").unlink()
    answer = run_tls("write", str(folder), str(tmp_path), "8443", "no")
    assert "there is no privkey.pem" in answer.stderr
    assert not (tmp_path / "listen-tls.conf").exists()


def test_a_key_that_nginx_must_not_read_is_named_with_the_cure(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    (folder / "privkey.pem").chmod(0o600)
    answer = run_tls("write", str(folder), str(folder), "8443", "no", user=NOBODY)
    assert answer.returncode == 1
    assert f"privkey.pem can't be read by the user id {NOBODY}" in answer.stderr
    assert f"chown {NOBODY}" in answer.stderr


def test_a_redirect_setting_that_is_neither_yes_nor_no(folder: Path, tmp_path: Path) -> None:
    answer = run_tls("write", str(folder), str(tmp_path), "8443", "maybe")
    assert answer.returncode == 1
    assert "TLS_REDIRECT=maybe: write yes or no" in answer.stderr


def test_rattler_installs_over_https(
    secure: Nginx, mirror_dir: Path, ca: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(mirror_dir, "conda-forge", demo_packages())
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.certificate))
    url = f"{https(secure)}/cloud/conda-forge"
    result = rattler_install(url, "linux-64", ["hello-mirror"], tmp_path / "prefix")
    assert result.error is None
    assert len(result.files) == 3


def test_conda_installs_over_https(
    secure: Nginx,
    mirror_dir: Path,
    ca: Authority,
    conda_exe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(mirror_dir, "conda-forge", demo_packages())
    url = f"{https(secure)}/cloud/conda-forge"
    refused = conda_create(conda_exe, url, ["hello-mirror"], tmp_path / "refused")
    assert refused.error is not None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.certificate))
    result = conda_create(conda_exe, url, ["hello-mirror"], tmp_path / "prefix")
    assert result.error is None
    assert len(result.files) == 3


def test_the_error_log_can_be_json() -> None:
    if shutil.which("sed") is None:
        pytest.skip("no sed on this machine")
    lines = (
        b'2026/11/22 10:00:00 [warn] 12#12: *34 a "quoted" \\ \t\xff thing\n'
        b"nginx: [emerg] unknown directive\n"
        b"tls: the certificate was renewed and is in use\n"
    )
    answer = subprocess.run(
        [SOURCE / "errors-as-json"], input=lines, capture_output=True, check=True,
        env={**os.environ, "TZ": "UTC"},
    )  # fmt: skip
    assert answer.stdout == b""
    warning, fatal, other = map(json.loads, answer.stderr.splitlines())
    assert warning == {
        "time": "2026-11-22T10:00:00+00:00",
        "level": "warn",
        "program": "nginx",
        "message": '12#12: *34 a "quoted" \\ ?? thing',
    }
    assert (fatal["level"], fatal["message"]) == ("emerg", "unknown directive")
    assert other["message"] == "tls: the certificate was renewed and is in use"
