"""A certificate for loopback that nobody trusts by default, for tests of TLS errors.

Needs the openssl command.
"""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate: also the CA bundle of whoever wants to trust it."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What `ChannelSimulator(tls=...)` takes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def openssl() -> str | None:
    return shutil.which("openssl")


def self_signed(directory: Path, *, host: str = "IP:127.0.0.1", days: int = 30) -> Certificate:
    """Make a certificate for `host` (`IP:...` or `DNS:...`)."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=simulator"]
    subprocess.run(
        [
            *command,
            *("-days", str(days), "-addext", f"subjectAltName={host}"),
            *("-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return made
