"""The image's start command, but for paths and ports: TLS, JSON errors, signals, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from syncer.usage.request import ClientRequest, parse
from tests.support.clients import served_volume
from tests.support.clients.nginx import NOBODY, SOURCE, executable, free_port
from tests.support.upstream.certificates import Authority, authority, openssl


def tls_service() -> Any:
    """nginx as docker-compose.tls.yml has it."""
    return yaml.safe_load((SOURCE.parent / "docker-compose.tls.yml").read_text())["services"][
        "nginx"
    ]


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
    def started(
        self, *, as_root: bool = False, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run the start command as the image's user, or as docker-compose.tls.yml has it."""
        lent = ",".join(f"+{one.lower()}" for one in tls_service()["cap_add"])
        limited = ["setpriv", "--no-new-privs", f"--bounding-set=-all,{lent}", "--clear-groups"]
        # Files, not pipes: nginx opens /dev/stderr again, and these it may open.
        with (
            (self.folder / "out").open("ab") as out,
            (self.folder / "errors").open("ab") as errors,
            subprocess.Popen(
                [*(limited if as_root else []), str(self.folder / "start")],
                env={"PATH": f"{self.folder}:{os.environ['PATH']}:/usr/sbin", **environment},
                stdout=out,
                stderr=errors,
                user=NOBODY if os.geteuid() == 0 and not as_root else None,
                extra_groups=[] if os.geteuid() == 0 and not as_root else None,
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
        for name in (
            "nginx.conf",
            "listen-ipv6.conf",
            "usage.conf",
            "tls",
            "errors-as-json",
            "start",
        ):
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
                ("/srv/usage", f"{folder}/usage"),
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


@pytest.mark.parametrize("fetcher", ["127.0.0.1:{port}", "fetcher.invalid:8081"])
def test_a_fetcher_that_is_not_there_is_said_and_stops_nothing(image: Image, fetcher: str) -> None:
    with image.started(FETCHER=fetcher.format(port=free_port())) as process:
        image.wait_until_up(process)
        url = f"http://127.0.0.1:{image.port}/conda-forge/linux-64/nobody-1-0.conda"
        got = requests.get(url, timeout=60)
        assert (got.status_code, got.headers["Retry-After"]) == (503, "5")
        assert "the fetcher does not answer" in got.text


def test_an_address_that_is_none_is_refused(image: Image) -> None:
    with image.started(FETCHER="x; return 200") as process:
        assert process.wait(30) == 2
    assert "FETCHER" in image.errors


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


def workers(image: Image) -> list[int]:
    master = int((image.folder / "tmp/nginx.pid").read_text())
    found = map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split())
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text() == "nginx\n"]


def can_read(pid: int, path: Path) -> bool:
    """Whether a process's user, groups and capabilities let it open a file."""
    found = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    user, group = found["Uid"].split()[1], found["Gid"].split()[1]
    assert int(found["CapEff"], 16) == 0 or user == "0"
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return subprocess.run([*command, "test", "-r", str(path)], check=False).returncode == 0


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_workers_can_not_open_the_key(image: Image, ca: Authority, log_format: str) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can start a program with some of root's powers")
    assert tls_service()["user"] == "0:0"
    folder = image.folder / "certificates"
    ca.issue(folder)
    folder.chmod(0o755)
    key = folder / "privkey.pem"
    key.chmod(0o400)
    url = f"https://127.0.0.1:{image.tls_port}/healthz"
    with image.started(as_root=True, TLS="yes", LOG_FORMAT=log_format) as process:
        image.wait_until_up(process)
        assert requests.get(url, verify=str(ca.certificate), timeout=5).text == "ok\n"
        first = workers(image)
        assert first
        assert not any(can_read(pid, key) for pid in first)
        # A renewed key is read by the master, too, and the old workers leave.
        ca.issue(folder)
        key.chmod(0o400)
        os.kill(int((image.folder / "tmp/nginx.pid").read_text()), signal.SIGHUP)
        deadline = time.monotonic() + 20
        while set(workers(image)) & set(first) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not set(workers(image)) & set(first)
        assert requests.get(url, verify=str(ca.certificate), timeout=5).text == "ok\n"
        assert not any(can_read(pid, key) for pid in workers(image))
        process.send_signal(signal.SIGQUIT)
        assert process.wait(30) == 0
    assert "can read privkey.pem" not in image.errors
    assert "emerg" not in image.errors


def test_a_key_that_the_workers_can_read_is_said_and_used(image: Image, ca: Authority) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can start a program with some of root's powers")
    folder = image.folder / "certificates"
    ca.issue(folder)
    folder.chmod(0o755)
    key = folder / "privkey.pem"
    key.chmod(0o400)
    shutil.chown(key, "www-data", "www-data")  # as 0.1.0 asked for
    with image.started(as_root=True, TLS="yes") as process:
        image.wait_until_up(process)
        assert any(can_read(pid, key) for pid in workers(image))
    assert "the web server's workers can read privkey.pem" in image.errors


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


def counted(image: Image, usage_clients: str) -> list[ClientRequest]:
    """What nginx logs of five requests, in the log that volume-init has made."""
    log = image.folder / "usage" / "requests.log"
    with image.started(USAGE_CLIENTS=usage_clients) as process:
        image.wait_until_up(process)
        for path in (
            "conda-forge/linux-64/zlib-1.3-0.conda", "cloud/conda-forge/linux-64/none-1-0.conda",
            "conda-forge/linux-64/repodata.json", "pkgs/main/linux-64/old-1.0-0.conda",
            "status.json",
        ):  # fmt: skip
            requests.get(
                f"http://127.0.0.1:{image.port}/{path}",
                headers={"User-Agent": 'conda/26.7.2 "odd\n'.strip()},
                timeout=5,
            )
        process.send_signal(signal.SIGQUIT)
        assert process.wait(30) == 0
    return [found for found in map(parse, log.read_bytes().splitlines()) if found is not None]


@pytest.mark.parametrize(("said", "client"), [("", None), ("yes", "127.0.0.1"), ("no", None)])
def test_what_clients_ask_for_is_logged(
    image: Image, mirror_dir: Path, said: str, client: str | None
) -> None:
    served_volume.fill(mirror_dir)
    (image.folder / "usage").mkdir()
    log = image.folder / "usage" / "requests.log"
    log.touch()
    log.chmod(0o666)
    found = counted(image, said)
    assert [(one.channel, one.artifact, one.status) for one in found] == [
        ("conda-forge", "zlib-1.3-0.conda", 200),
        ("conda-forge", "none-1-0.conda", 404),
        ("conda-forge", None, 200),
        ("pkgs/main", "old-1.0-0.conda", 200),
    ]
    assert {one.program for one in found} == {"conda/26.7.2"}
    assert {one.client for one in found} == {client}


def test_without_a_log_all_is_served(image: Image, mirror_dir: Path) -> None:
    served_volume.fill(mirror_dir)
    with image.started() as process:
        image.wait_until_up(process)
        url = f"http://127.0.0.1:{image.port}/conda-forge/linux-64/zlib-1.3-0.conda"
        assert requests.get(url, timeout=5).status_code == 200
        assert not (image.folder / "tmp" / "usage.conf").exists()
