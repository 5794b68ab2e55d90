"""The image's start command, but for paths and ports: TLS, JSON errors, signals, exit codes."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.clients.nginx import NOBODY, SOURCE, executable, free_port
from tests.support.upstream.certificates import Authority, authority, openssl


@dataclass(frozen=True, slots=True)
class Image:
    """What the image holds, in a folder."""

    folder: Path
    port: int
    tls_port: int

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text()

    @property
    def errors(self) -> str:
        return (self.folder / "errors").read_text()

    @contextmanager
    def started(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run the start command as the image's user."""
        # Files, not pipes: nginx opens /dev/stderr again, and these it may open.
        with (
            (self.folder / "out").open("ab") as out,
            (self.folder / "errors").open("ab") as errors,
            subprocess.Popen(
                [str(self.folder / "start")],
                env={"PATH": f"{self.folder}:{os.environ['PATH']}:/usr/sbin", **environment},
                stdout=out,
                stderr=errors,
                user=NOBODY if os.geteuid() == 0 else None,
                extra_groups=[] if os.geteuid() == 0 else None,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def wait_until_up(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.02)
        raise AssertionError(f"not up: {self.out}{self.errors}")


@pytest.fixture
def image(mirror_dir: Path) -> Iterator[Image]:
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="image-") as made:
        folder = Path(made)
        port, tls_port = free_port(), free_port()
        for name in ("nginx.conf", "listen-ipv6.conf", "tls", "errors-as-json", "start"):
            text = (SOURCE / name).read_text()
            for ours, here in (
                ("/tmp/", f"{folder}/tmp/"),  # first: the folder is below it
                ("/etc/conda-mirror/tls", f"{folder}/certificates"),
                ("/etc/nginx/", f"{folder}/"),
                ("/tmp 8443", f"{folder}/tmp {tls_port}"),
                ("nginx -e stderr", f"nginx -c {folder}/nginx.conf -e stderr"),
                ("listen 8080", f"listen 127.0.0.1:{port}"),
                ("[::]:8080", f"[::1]:{port}"),
                ("/srv/mirror", str(mirror_dir)),
                ("worker_processes auto", "worker_processes 1"),
            ):
                text = text.replace(ours, here)
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "tmp").mkdir()
        for name in ("out", "errors"):
            (folder / name).touch()
            (folder / name).chmod(0o666)
        for path in (folder, folder / "tmp"):
            path.chmod(0o777)
        yield Image(folder, port, tls_port)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    return authority(tmp_path)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_it_serves_and_ends_when_asked_to(image: Image, log_format: str) -> None:
    with image.started(LOG_FORMAT=log_format) as process:
        image.wait_until_up(process)
        assert requests.get(f"http://127.0.0.1:{image.port}/", timeout=5).status_code == 404
        process.send_signal(signal.SIGQUIT)
        assert process.wait(30) == 0
    assert [json.loads(line)["status"] for line in image.out.splitlines()] == [404]


def test_with_json_every_line_is_and_the_last_one_is_not_lost(image: Image) -> None:
    (image.folder / "nginx.conf").write_text("nonsense;\n")
    with image.started(LOG_FORMAT="JSON") as process:
        assert process.wait(30) == 1
    (line,) = map(json.loads, image.errors.splitlines())
    assert (line["program"], line["level"]) == ("nginx", "emerg")
    assert 'unknown directive "nonsense"' in line["message"]


def test_tls_from_the_mounted_folder(image: Image, ca: Authority) -> None:
    ca.issue(image.folder / "certificates")
    (image.folder / "certificates").chmod(0o755)
    with image.started(TLS="yes", TLS_REDIRECT="yes", TLS_BIND="443") as process:
        image.wait_until_up(process)
        answer = requests.get(
            f"https://127.0.0.1:{image.tls_port}/healthz", verify=str(ca.certificate), timeout=5
        )
        assert answer.text == "ok\n"
        plain = requests.get(f"http://127.0.0.1:{image.port}/x", allow_redirects=False, timeout=5)
        assert plain.headers["Location"] == "https://127.0.0.1/x"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_tls_without_a_certificate_does_not_start_and_says_why(
    image: Image, log_format: str
) -> None:
    with image.started(TLS="yes", LOG_FORMAT=log_format) as process:
        assert process.wait(30) == 2
    assert "there is no fullchain.pem" in image.errors
    if log_format == "json":
        assert [json.loads(line)["program"] for line in image.errors.splitlines()] == ["nginx"]


def test_without_tls_nothing_listens_for_it(image: Image) -> None:
    with image.started() as process:
        image.wait_until_up(process)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"https://127.0.0.1:{image.tls_port}/", timeout=5)
