"""Secrets for upstream hosts: a folder of small files, each named for its host and its kind.

    <host>.token    a conda token, sent as /t/<token>/ in the path
    <host>.bearer   sent as "Authorization: Bearer" (RFC 6750)
    <host>.basic    user:password, sent as "Authorization: Basic" (RFC 7617)
    <host>.pem      a client certificate and its key, without a passphrase

A host may carry a port (``conda.example.com:8443.bearer``); without one its secrets are for the
default ports of http and https only. A host with a port has the secrets of that name alone.

Guaranteed: what was read is masked in every message from then on.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from volume.errors import ConfigError
from volume.program.log import register

DEFAULT_FOLDER = Path("/run/upstream-secrets")
KINDS = ("token", "bearer", "basic", "pem")
_HOST = re.compile(r"([a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?")
_OURS = "README.md"  # ships with the folder; names that begin with a dot are no secrets either
_LARGEST = 1 << 16  # bytes
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret; ``value`` is what is sent, and empty for a certificate, which stays a file."""

    host: str
    kind: str
    path: Path
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets, by host as their files name it."""

    by_host: Mapping[str, tuple[Secret, ...]] = field(default_factory=dict)

    def of(self, scheme: str, host: str, port: int) -> tuple[Secret, ...]:
        """The secrets for one host, scheme and port."""
        exact = self.by_host.get(f"{host}:{port}")
        if exact is None and port == _DEFAULT_PORTS.get(scheme):
            exact = self.by_host.get(host)
        return exact or ()

    @property
    def all(self) -> list[Secret]:
        """Every secret, by host and kind."""
        return [secret for _, secrets in sorted(self.by_host.items()) for secret in secrets]

    @property
    def shown(self) -> dict[str, list[str]]:
        """Which hosts have which kinds, for people."""
        return {
            host: [secret.kind for secret in secrets]
            for host, secrets in sorted(self.by_host.items())
        }


def parse_name(filename: str) -> tuple[str, str]:
    """The host and kind that a filename speaks of.

    Raises:
        ValueError: it does not say.
    """
    host, _, kind = filename.rpartition(".")
    if kind not in KINDS:
        raise ValueError(
            f"its name must end in {', '.join(f'.{known}' for known in KINDS)}; rename or remove it"
        )
    host = host.lower()
    port = host.rpartition("]")[2].partition(":")[2]
    if not _HOST.fullmatch(host) or int(port or 1) > 65535:
        raise ValueError(
            f"{host!r} is not a host, or host:port; name it like conda.example.com.{kind}"
        )
    return host, kind


def parse_value(kind: str, content: str) -> str:
    """What a file's content means; one line end at its end is no part of it.

    Raises:
        ValueError: it can't be a secret of this kind.
    """
    value = content.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise ValueError("it is empty; write the secret into it, or remove it")
    if "\n" in value or "\r" in value:
        raise ValueError("it has several lines; keep the one with the secret")
    if not value.isprintable():
        raise ValueError("it has control characters; write the secret as plain text")
    if kind == "basic":
        if value.find(":") < 1:
            raise ValueError("write user:password")
    elif re.search(r"\s", value) or not value.isascii():
        raise ValueError(f"write the {kind} alone: plain ASCII, no blanks, no 'Bearer' before it")
    return value


def read(folder: Path) -> Secrets:
    """Read the folder. The default one need not be there; one that somebody named must.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        if folder != DEFAULT_FOLDER:
            message = f"SECRETS_DIR={folder}: there is no such folder; make it, or unset it"
            raise ConfigError([message]) from None
        return Secrets()
    except OSError as error:
        raise ConfigError(
            [f"SECRETS_DIR={folder} can't be read: {error.strerror}; {_permissions('0500')}"]
        ) from error
    problems: list[str] = []
    found: dict[str, list[Secret]] = {}
    for path in paths:
        if path.name.startswith(".") or path.name == _OURS:
            continue
        try:
            secret = _secret(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
        else:
            found.setdefault(secret.host, []).append(secret)
    for secrets in found.values():
        problems.extend(_contradictions(secrets))
    if problems:
        raise ConfigError(problems)
    return Secrets({host: tuple(secrets) for host, secrets in found.items()})


def _secret(path: Path) -> Secret:
    host, kind = parse_name(path.name)
    try:
        if not path.is_file():
            raise ValueError("it is not a file; remove it")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"it can't be read: {error.strerror}; {_permissions('0400')}") from error
    if len(content) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST:,} bytes, so it is no secret; remove it")
    if kind == "pem":
        _check_certificate(path)
        return Secret(host, kind, path, "")
    try:
        value = parse_value(kind, content.decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text; write the secret as plain text") from None
    register(value)
    if kind == "basic":
        register(value.partition(":")[2], basic(value))
    return Secret(host, kind, path, value)


def basic(pair: str) -> str:
    """``user:password`` as Basic authorization sends it (RFC 7617)."""
    return base64.b64encode(pair.encode()).decode()


def _check_certificate(path: Path) -> None:
    import ssl  # 10 ms that others do not pay

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # An empty passphrase: OpenSSL would ask a terminal for one otherwise.
        context.load_cert_chain(path, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ValueError(
            "it must hold a certificate and its key in PEM form, the key without a passphrase"
            f" ({getattr(error, 'reason', None) or error})"
        ) from error


def _contradictions(secrets: list[Secret]) -> list[str]:
    problems = []
    for kinds in (("basic", "bearer"), *((kind,) for kind in KINDS)):
        same = [secret for secret in secrets if secret.kind in kinds]
        if len(same) > 1 and len({secret.kind for secret in same}) == len(kinds):
            names = " and ".join(str(secret.path) for secret in same)
            problems.append(f"{names}: one request carries one of them; keep one")
    return problems


def _permissions(mode: str) -> str:
    return f"give it to the user id {os.getuid()} that the syncer runs as (PUID), mode {mode}"
