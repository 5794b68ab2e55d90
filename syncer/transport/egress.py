"""Where a request may go: asked for every address, whoever named it. Pure.

First addresses, ``base_url`` and ``shards_base_url``, redirects of any document or artifact: each
hop is asked about here, by ``network``, before anything is sent.

Guaranteed, without the words of a person that allow it:
- what needs Anaconda's licence (``settings.terms``) is not contacted, whatever leads there;
- an address that is not public (private, loopback, link-local, a cloud's metadata service) is not
  connected to, also if a public name resolves to it, unless that host and port are an upstream's of
  the settings, or ``PRIVATE_HOSTS`` names them;
- a folder (``file://``) is read only where the settings name it;
- what is not plainly a web address of a host is not asked for: libcurl decodes ``%6f`` in a host's
  name and would fold other alphabets' letters, and every rule here would be passed by.
Behind a proxy names are resolved by the proxy: there the promise holds for addresses in numbers and
for the names of this machine; what a name resolves to is the proxy's to refuse.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

from syncer.errors import RefusedAddressError
from syncer.settings import terms
from syncer.settings.address import DEFAULT_PORTS, place_of
from syncer.settings.settings import Settings
from volume.program.log import redact

# The wire server of one cloud has an address of the public range (the others are link-local).
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PUBLIC = ipaddress.ip_network("2000::/3")  # RFC 4291 section 2.4: all else has another meaning
# Names that mean this machine, or a metadata service, wherever they are resolved.
_OWN_NAMES = re.compile(r"(?:.*\.)?(?:localhost|localdomain|internal)\.?")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+)){0,3}\.?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Egress:
    """The rules, as the settings have them.

    ``upstreams`` are (host, port) of configured addresses, ``folders`` the configured file URLs,
    ``names`` and ``networks`` what PRIVATE_HOSTS says; a name may end in a port.
    """

    accepts_terms: bool = False
    upstreams: frozenset[tuple[str, int]] = frozenset()
    folders: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = field(default=())

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules of the settings."""
        urls = list(_configured(settings))
        names, networks = set(), []
        for word in settings.private_hosts:
            try:
                networks.append(ipaddress.ip_network(word.strip("[]"), strict=False))
            except ValueError:
                names.add(word.lower())
        return cls(
            accepts_terms=settings.anaconda_terms_accepted,
            upstreams=frozenset(filter(None, map(place_of, urls))),
            folders=tuple(f"{url.rstrip('/')}/" for url in urls if url.startswith("file:")),
            names=frozenset(names),
            networks=tuple(networks),
        )

    def check(self, url: str) -> None:
        """See if a URL may be asked for, by what it says itself.

        Raises:
            RefusedAddressError: it may not.
        """
        if url.startswith("file:"):
            if ".." in unquote(url).split("/") or not f"{url}/".startswith(self.folders or "\0"):
                raise RefusedAddressError(f"{redact(url)} is in no folder that the settings name")
            return
        if (place := place_of(url)) is None:
            raise RefusedAddressError(
                f"{redact(url)!a} is not asked for: it is no address of a web server, written with"
                " http or https and its host's name in plain letters"
            )
        if not self.accepts_terms and (what := terms.licensed(url)):
            raise RefusedAddressError(
                f"{redact(url)} is not asked for: Anaconda states that mirroring what is on {what}"
                " always needs a paid licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you"
                " have one"
            )
        host, port = place
        if self.may_be_private(host, port):
            return
        address = _numeric(host)
        if _OWN_NAMES.fullmatch(host) or (address and not self.admits(address)):
            raise refused(host, port)

    def may_be_private(self, host: str, port: int) -> bool:
        """Whether the settings name a host, so that it may be at any address."""
        if (host, port) in self.upstreams or host in self.names or f"{host}:{port}" in self.names:
            return True
        usual = set(DEFAULT_PORTS.values())  # http:// that leads to https:// is the same place
        return port in usual and any((host, one) in self.upstreams for one in usual)

    def admits(self, address: str | Address) -> bool:
        """Whether a host that the settings do not name may be at an address."""
        found = _plain(ipaddress.ip_address(address))
        if any(found in network for network in self.networks):
            return True
        if found.version == 6 and found not in _PUBLIC:
            return False
        return found.is_global and not found.is_multicast and found not in _METADATA


def refused(host: str, port: int, address: str = "") -> RefusedAddressError:
    """What is said of a host that is at an address where nobody sent us."""
    is_at = f"has the address {address}, which" if address and address != host else "it"
    return RefusedAddressError(
        f"{host} is not asked: {is_at} is not public, and no setting names it. If it is yours, and"
        f" upstreams may lead there, add {host}:{port} to PRIVATE_HOSTS"
    )


def _configured(settings: Settings) -> Iterator[str]:
    for channel in settings.channels:
        yield from settings.channel_urls(channel)
    for kind in settings.installers:
        yield from settings.installer_urls(kind)
    yield from (*settings.cloud_urls, *settings.repo_urls, *settings.miniforge_urls)
    files = [settings.spec_files, *(one.spec_files for one in settings.policies.values())]
    for words in (*files, *(one.spec_files for one in settings.environments)):
        yield from (word for word in words if "://" in word)
    if settings.name_mapping:
        yield settings.name_mapping_url
    if settings.notify_url is not None:
        yield settings.notify_url.url


def _numeric(host: str) -> Address | None:
    """The address that a host is in numbers, in each spelling that libcurl takes (127.1)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not _NUMBERS.fullmatch(host):
        return None
    import socket  # for what only an attack looks like

    try:
        return ipaddress.ip_address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
