"""The machine's real nginx, run with the appliance's own nginx.conf.

Guaranteed: the configuration is nginx/nginx.conf with nothing changed but paths, port and number
of workers, and nginx runs unprivileged, as in its container, also when the tests run as root.
Not guaranteed: the version; the image's may be newer.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import requests

SOURCE = Path(__file__).resolve().parents[3] / "nginx"
NOBODY = 65_534
START_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Tls:
    """A folder with fullchain.pem and privkey.pem, and what TLS_REDIRECT and TLS_BIND say."""

    folder: Path
    redirect: str = "no"
    bind: str = ""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx; ``tls_port`` is 0 without TLS."""

    url: str
    access_log: Path
    error_log: Path
    process: subprocess.Popen[bytes]
    scratch: Path
    tls_port: int = 0

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Stop gracefully; its logs are complete afterwards."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.communicate(timeout=30)


def executable() -> str | None:
    """The nginx of this machine."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def configuration(mirror: Path, scratch: Path, port: int) -> str:
    """nginx.conf with this machine's paths."""
    text = (SOURCE / "nginx.conf").read_text()
    for ours, here in (
        ("/tmp/", f"{scratch}/"),
        ("/dev/stdout", f"{scratch}/access.log"),
        ("/dev/stderr", f"{scratch}/error.log"),
        ("/usr/share/conda-mirror", str(SOURCE)),
        ("/srv/mirror", str(mirror)),
        ("listen 8080", f"listen 127.0.0.1:{port}"),
        # Two workers are enough to show what several do, and start fast.
        ("worker_processes auto", "worker_processes 2"),
    ):
        if ours not in text:
            raise AssertionError(
                f"nginx.conf has no {ours!r} any more: tell tests/support/clients/nginx.py"
            )
        text = text.replace(ours, here)
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(scratch: Path, text: str) -> subprocess.Popen[bytes]:
    """Start nginx in the foreground, unprivileged."""
    program = executable()
    if program is None:
        raise FileNotFoundError("nginx")
    path = scratch / "nginx.conf"
    path.write_text(text)
    # Before it has read the configuration nginx opens a compiled-in log, which isn't ours: -e.
    command = [program, "-e", f"{scratch}/error.log", "-c", str(path), "-g", "daemon off;"]
    nobody = None
    if os.geteuid() == 0:
        nobody = NOBODY
        os.chown(scratch, nobody, nobody)
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=nobody,
        group=nobody,
        extra_groups=None if nobody is None else [],
    )


@contextmanager
def serving(
    mirror: Path, *, on_ipv6: bool = False, tls: Tls | None = None, fetcher: str = ""
) -> Iterator[Nginx]:
    """Run nginx over a mirror volume; every user must be able to reach the folder.

    Args:
        fetcher: HOST:PORT that it asks for what is not there; none if empty.
    """
    # Not below pytest's folders, which only their owner may enter.
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        port = free_port()
        if on_ipv6:  # what the image's start command does
            listen = (SOURCE / "listen-ipv6.conf").read_text()
            (scratch / "listen-ipv6.conf").write_text(listen.replace("8080", str(port)))
        if fetcher:  # what the image's start command does
            (scratch / "fetcher.conf").write_text(
                f"set $fetcher {fetcher};\nresolver 127.0.0.1 valid=10s;\n"
            )
        tls_port = free_port() if tls else 0
        if tls:
            write_tls(tls, scratch, tls_port)
        process = start(scratch, configuration(mirror, scratch, port))
        running = Nginx(
            f"http://127.0.0.1:{port}",
            scratch / "access.log",
            scratch / "error.log",
            process,
            scratch,
            tls_port,
        )
        try:
            wait_until_up(running)
            yield running
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=30)


def write_tls(tls: Tls, scratch: Path, port: int) -> None:
    """What the image's start command does where TLS is on."""
    words = ["write", str(tls.folder), str(scratch), str(port), tls.redirect]
    answer = run_tls(*words, TLS_BIND=tls.bind or str(port))
    assert answer.returncode == 0, answer.stderr


def run_tls(*words: str, user: int | None = None, **environment: str) -> CompletedProcess[str]:
    """The image's `tls` command, with this machine's nginx on its path."""
    return subprocess.run(
        [SOURCE / "tls", *words],
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin", **environment},
        capture_output=True,
        text=True,
        user=user,
        check=False,
    )


def wait_until_up(nginx: Nginx) -> None:
    """Wait until nginx answers.

    Raises:
        RuntimeError: it ended or did not answer in time; with what it said.
    """
    deadline = time.monotonic() + START_SECONDS
    while nginx.process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{nginx.url}/healthz", timeout=1).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.02)
    nginx.process.kill()
    said = nginx.process.communicate()[0].decode(errors="replace")
    logged = nginx.error_log.read_text() if nginx.error_log.exists() else ""
    raise RuntimeError(f"nginx did not start:\n{said}{logged}")
