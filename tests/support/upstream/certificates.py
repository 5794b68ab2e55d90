"""Certificates for loopback that nobody trusts by default, self-signed or by a CA of our own.

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


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of our own, as a company has one."""

    certificate: Path
    key: Path

    def issue(self, folder: Path, *, names: str = "IP:127.0.0.1,DNS:localhost") -> None:
        """Write fullchain.pem and privkey.pem for these names, readable by everybody."""
        folder.mkdir(exist_ok=True)
        request, extension = folder / "request.pem", folder / "extension.txt"
        extension.write_text(f"subjectAltName={names}\n")
        new, chain = folder / "privkey.new", folder / "fullchain.new"
        _openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mirror",
            "-keyout", str(new), "-out", str(request))  # fmt: skip
        _openssl("x509", "-req", "-in", str(request), "-days", "30", "-CAcreateserial",
            "-CA", str(self.certificate), "-CAkey", str(self.key), "-extfile", str(extension),
            "-out", str(chain))  # fmt: skip
        new.chmod(0o644)
        for made, name in ((new, "privkey.pem"), (chain, "fullchain.pem")):
            made.rename(folder / name)


def authority(directory: Path) -> Authority:
    """Make a CA."""
    made = Authority(directory / "ca.pem", directory / "ca.key")
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=A company's CA",
        "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", str(made.key), "-out", str(made.certificate))  # fmt: skip
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
