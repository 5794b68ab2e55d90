"""docker-compose.tls.yml, started for real: who in the container may open the key."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.stack.compose import Stack, started
from tests.support.upstream.certificates import openssl, self_signed

KEY = "/etc/conda-mirror/tls/privkey.pem"
TAKES_THE_KEY = {"CAP_CHOWN", "CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"}
PROCESSES = """
for process in /proc/[0-9]*; do
    grep -q '^nginx: worker' "$process/cmdline" || continue
    sed -n 's/^Uid:[[:space:]]*\\([0-9]*\\).*/\\1/p; s/^CapEff:[[:space:]]*//p' "$process/status"
done"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, and a key that its owner alone can read."""
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    made = self_signed(folder)
    made.certificate.rename(folder / "fullchain.pem")
    made.key.chmod(0o400)
    made.key.rename(folder / "privkey.pem")
    return folder


@pytest.fixture(scope="module")
def with_tls(images: None, certificate: Path) -> Iterator[Stack]:
    """The appliance with both Compose files, as docs/tls.md has it."""
    settings = {"TLS_DIR": str(certificate), "TLS_BIND": "127.0.0.1:0"}
    with started("docker-compose.tls.yml", **settings) as stack:
        yield stack


def test_tls_is_spoken_with_that_certificate(with_tls: Stack, certificate: Path) -> None:
    address = with_tls.must("port", "nginx", "8443").strip()
    chain = certificate / "fullchain.pem"
    assert requests.get(f"https://{address}/healthz", timeout=30, verify=str(chain)).text == "ok\n"
    host, port = address.split(":")
    shown = ssl.get_server_certificate((host, int(port)))
    assert shown.split() == chain.read_text().split()


def test_tls_workers_are_nobody_and_cannot_open_the_key(with_tls: Stack) -> None:
    host = with_tls.inspect("nginx")["HostConfig"]
    assert host["CapDrop"] == ["ALL"] and host["ReadonlyRootfs"]
    assert {f"CAP_{name.removeprefix('CAP_')}" for name in host["CapAdd"]} == TAKES_THE_KEY
    seen = with_tls.must("exec", "-T", "nginx", "sh", "-c", PROCESSES).split()
    assert seen and set(seen) == {"33", "0" * 16}
    opened = with_tls.run("exec", "-T", "--user", "www-data", "nginx", "cat", KEY)
    assert opened.code != 0 and not opened.out and "Permission denied" in opened.err
    assert "can read privkey.pem" not in with_tls.must("logs", "nginx")
