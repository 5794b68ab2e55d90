"""Proxies, CA bundle, secrets and netrc: how each host is reached, found once for each.

Whoever speaks HTTP to upstream (``client``, ``doctor``, ``notify``) uses this, so they can't
disagree.

Guaranteed: a secret is sent to the scheme, host and port that it is for and to no other. After a
redirect to another origin the secrets of the first are left behind, those of the new one (from
SECRETS_DIR) are sent over https only, and an address that carries a secret is not followed. URLs
that callers see have neither credentials nor path token in them.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from syncer.errors import RefusedAddressError, TransferError
from syncer.settings import secrets as credentials
from syncer.settings import terms
from syncer.settings.address import DEFAULT_PORTS
from syncer.settings.secrets import Secret, Secrets, basic
from syncer.settings.settings import Settings
from syncer.transport.connections import proxies
from syncer.transport.egress import Egress
from volume.errors import ConfigError
from volume.program.log import holds_secret, redact, register

_LOG = logging.getLogger(__name__)
_CERTIFICATE = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END")


@dataclass(frozen=True, slots=True)
class Host:
    """How to reach one origin.

    ``name`` is host:port for people, ``base`` scheme://host:port, ``path_token`` conda's
    ``/t/<token>`` or empty, ``secrets_from`` where the secrets came from, for people. It is watched
    if some of its paths may not be asked for.
    """

    name: str
    origin: tuple[str, str, int]
    base: str
    path_token: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    certificate: str = ""
    secrets_from: str = ""
    may_be_private: bool = False
    is_watched: bool = False
    proxy: str = field(default="", repr=False)

    def address(self, url: str) -> str:
        """What to send a URL of this host as: without user and password, with the path token."""
        path = _path(url)
        if self.path_token and not path.startswith("/t/"):
            return self.base + self.path_token + path
        return self.base + path

    def without_token(self, url: str) -> str:
        """The URL that people and documents may see."""
        path = _path(url)
        if self.path_token and path.startswith(self.path_token + "/"):
            path = path[len(self.path_token) :]
        return self.base + path

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy in the form that requests wants."""
        return {"http": self.proxy, "https": self.proxy} if self.proxy else {}

    @property
    def shown_proxy(self) -> str:
        """The proxy for people: without user and password."""
        parts = urlsplit(self.proxy)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class Network:
    """What the process environment and the secrets folder say of the network."""

    def __init__(self, secrets: Secrets, egress: Egress) -> None:
        """Look at proxies and CA bundle.

        Raises:
            ConfigError: with every problem of them.
        """
        self.secrets = secrets
        self.egress = egress
        self._hosts: dict[str, Host] = {}
        self._redirected: dict[tuple[str, str], Host] = {}
        self._warned: set[str] = set()
        self.proxies, problems = proxies.described(os.environ)
        self.ca_bundle, unusable = _ca_bundle()
        if problems or unusable:
            raise ConfigError([*problems, *unusable])

    def host(self, url: str) -> Host:
        """How to reach a URL's host.

        Raises:
            RefusedAddressError: it may not be asked (``egress``).
        """
        end = url.find("/", url.find("://") + 3)
        prefix = url if end < 0 else url[:end]
        found = self._hosts.get(prefix)
        if found is None:
            found = self._hosts[prefix] = self._first(url)
        if "/t/" in url:
            _register_token(url)
        if found.is_watched:
            self.egress.check(url)
        return found

    def follow(self, first: Host, url: str, location: str) -> tuple[str, Host]:
        """Where a redirect leads, and how to reach that.

        Args:
            first: the host that was asked in the first place.
            url: the address that redirects, without secrets.

        Raises:
            RefusedAddressError: it may not be asked (``egress``).
            TransferError: it is no web address, or has a secret of ours in it.
        """
        try:
            target = urljoin(url, location).partition("#")[0]
            scheme, name, port = _origin(target)
        except ValueError:
            scheme, name, port = "", "", 0
        if scheme not in DEFAULT_PORTS or not name:
            raise TransferError(
                f"{redact(url)} redirects to {redact(location)!r}, which is no web address; refused"
            )
        try:
            self.egress.check(target)
        except RefusedAddressError as error:
            raise RefusedAddressError(f"{redact(url)} redirects elsewhere: {error}") from error
        if (scheme, name, port) == first.origin:
            return first.without_token(target), first
        if holds_secret(target):
            raise TransferError(
                f"{redact(url)} redirects to another host, {name}, with a secret of ours in the"
                " address; refused. Ask whoever runs it"
            )
        base = f"{scheme}://{_netloc(scheme, name, port)}"
        parts = urlsplit(target)
        found = self._redirected.get((first.base, base))
        if found is None:
            secrets = self.secrets.of(scheme, name, port) if scheme == "https" else ()
            found = self._make(base, (scheme, name, port), secrets)
            self._redirected[(first.base, base)] = found
        query = f"?{parts.query}" if parts.query else ""
        return f"{base}{parts.path or '/'}{query}", found

    def _first(self, url: str) -> Host:
        self.egress.check(url)
        origin = scheme, name, port = _origin(url)
        base = f"{scheme}://{_netloc(scheme, name, port)}"
        secrets = self.secrets.of(*origin)
        parts = urlsplit(url)
        if parts.username is not None:
            given = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            return self._make(base, origin, secrets, given, "the address")
        if not any(secret.kind in {"basic", "bearer"} for secret in secrets):
            netrc = _netrc(base)
            if netrc is not None:
                return self._make(base, origin, secrets, ":".join(netrc), "netrc")
        return self._make(base, origin, secrets)

    def _make(
        self,
        base: str,
        origin: tuple[str, str, int],
        secrets: Iterable[Secret],
        pair: str = "",
        pair_from: str = "",
    ) -> Host:
        """A host; ``pair`` is user:password from elsewhere, and wins over the folder's."""
        by_kind = {secret.kind: secret for secret in secrets}
        authorization = ""
        sources = [
            secret.path.name
            for secret in by_kind.values()
            if not pair or secret.kind in {"token", "pem"}
        ]
        if pair:
            register(pair, pair.partition(":")[2], basic(pair))
            sources.insert(0, pair_from)
        elif "basic" in by_kind:
            pair = by_kind["basic"].value
        if pair:
            authorization = f"Basic {basic(pair)}"
        elif "bearer" in by_kind:
            authorization = f"Bearer {by_kind['bearer'].value}"
        token = by_kind["token"].value if "token" in by_kind else ""
        if origin[0] == "http" and (authorization or token):
            self._warn_of_plain_http(origin[1], base)
        return Host(
            name=base.partition("://")[2],
            origin=origin,
            base=base,
            path_token=f"/t/{quote(token, safe='')}" if token else "",
            authorization=authorization,
            certificate=str(by_kind["pem"].path) if "pem" in by_kind else "",
            secrets_from=" and ".join(sources),
            may_be_private=self.egress.may_be_private(origin[1].strip("[]"), origin[2]),
            is_watched=origin[1].rstrip(".") in terms.COMMUNITY and not self.egress.accepts_terms,
            proxy=proxies.proxy_for(origin[0], origin[1].strip("[]"), _own_port(base), os.environ),
        )

    def _warn_of_plain_http(self, name: str, base: str) -> None:
        if base not in self._warned and not _is_loopback(name):
            self._warned.add(base)
            _LOG.warning(
                "%s gets credentials over plain http: whoever is on the way can read them;"
                " use https:// if it answers there",
                base,
            )


def read(settings: Settings) -> Network:
    """The network as the settings, their secrets and the process environment have it.

    Raises:
        ConfigError: with every problem of secrets, proxies and CA bundle.
    """
    problems: list[str] = []
    secrets = Secrets()
    try:
        secrets = credentials.read(settings.secrets_dir)
    except ConfigError as error:
        problems += error.problems
    try:
        found = Network(secrets, Egress.of(settings))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def _netrc(base: str) -> tuple[str, str] | None:
    """User and password for a host from the file that NETRC names, or the one at home."""
    names = (os.environ["NETRC"],) if os.environ.get("NETRC") else ("~/.netrc", "~/_netrc")
    # Not a Path's exists(), which raises where the folder must not be looked into.
    if not any(os.path.exists(os.path.expanduser(name)) for name in names):  # noqa: PTH110, PTH111
        return None
    from requests import utils  # as for proxies

    return utils.get_netrc_auth(base)


def _path(url: str) -> str:
    start = url.find("/", url.find("://") + 3)
    return "/" if start < 0 else url[start:]


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; raises ValueError for an impossible port."""
    parts = urlsplit(url)
    return (
        parts.scheme.lower(),
        _bracketed(parts.hostname or ""),
        parts.port or DEFAULT_PORTS.get(parts.scheme.lower(), 0),
    )


def _own_port(base: str) -> int | None:
    return urlsplit(base).port


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _netloc(scheme: str, name: str, port: int) -> str:
    return name if port == DEFAULT_PORTS.get(scheme) else f"{name}:{port}"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def _register_token(url: str) -> None:
    token = urlsplit(url).path.partition("/t/")[2].partition("/")[0]
    register(token, unquote(token))


def _ca_bundle() -> tuple[str, list[str]]:
    """The file or folder of trusted certificates, and what is wrong with it."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        given = os.environ.get(name, "").strip()
        if not given:
            continue
        path = Path(given)
        problem = ""
        try:
            if path.is_dir():
                next(path.iterdir(), None)
            elif not _CERTIFICATE.search(
                path.read_bytes()
            ):  # libcurl looks closer, when it connects
                problem = "it holds no certificate in PEM form; give the CA's, in that form"
        except FileNotFoundError:
            problem = "there is no such file; in a container it must be mounted"
        except OSError as error:
            problem = f"it can't be read ({error.strerror}) by the user id {os.getuid()}; chmod it"
        return given, [f"{name}={given}: {problem}"] if problem else []
    import certifi  # 8 ms that others do not pay

    return certifi.where(), []
