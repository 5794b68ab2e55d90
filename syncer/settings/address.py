"""Where a channel comes from: a word of CHANNELS becomes a name and, perhaps, a URL.

``conda-forge`` is a name, ``team=https://host/path`` a name with its URL, and a bare URL is named
by what follows a known base, else by its last segment.

Guaranteed: a secret in an address (``/t/<token>/``, a password) is no part of any name, and is
masked in every message from its first reading on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import unquote, urlsplit

from volume.names import check_channel
from volume.program.log import register

DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|(?=[^%]*:)[0-9a-f:.]+(?:%[a-z0-9._~-]+)?")
_PRIVATE_HOST = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
_TOKEN = re.compile(r"(?:^|(?<=/))t/([^/]+)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Address:
    """A channel's name here, and where it comes from if a person said so."""

    channel: str
    url: str | None = None

    def __str__(self) -> str:
        return f"{self.channel}={self.url}" if self.url else self.channel


def check_url(value: str) -> str:
    """Return ``value`` without a slash at its end if it is a URL that we can read.

    Raises:
        ValueError: it is not.
    """
    keep_secrets(value)
    parts = urlsplit(value)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("write a file URL with three slashes, such as file:///mnt/channel")
    elif not (value.isascii() and value.isprintable()):
        raise ValueError(
            "write the address as it is sent: a host's name as xn--..., other letters as %C3%BC"
        )
    elif place_of(value) is None:
        raise ValueError("write a URL that begins with http://host, https://host or file:///")
    if parts.query or parts.fragment:
        raise ValueError("write a URL without '?' and '#'")
    return value.rstrip("/")


def place_of(url: str) -> tuple[str, int] | None:
    """A web address's host, without a dot at its end, and port; None for what is plainly none.

    A name in other than plain letters is none: libcurl would read ``%6f`` in it as an ``o``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme.lower()]
    except (ValueError, KeyError):  # brackets or a port that are none; another scheme
        return None
    return (host.rstrip("."), port) if _HOST.fullmatch(host) else None


def keep_secrets(address: str) -> None:
    """Mask what is secret in an address from now on, whether it is a good one or not."""
    for token in _TOKEN.findall(address):
        register(token, unquote(token))
    credentials, at, _ = address.partition("://")[2].rpartition("@")
    if at:
        password = credentials.partition(":")[2]
        register(password, unquote(password))


def bare(address: str) -> str:
    """An address without its token."""
    return _TOKEN.sub("", address).rstrip("/")


def check_name(name: str) -> str:
    """Return ``name`` if a channel may be called so here.

    Raises:
        ValueError: it has a token in it, or is conda's word for several channels.
        NameRefusedError: it can't be a channel's name.
    """
    keep_secrets(name)
    if _TOKEN.search(name):
        raise ValueError(
            "that has a token in it, and a channel's name is told to everybody; write NAME=URL with"
            " the token in the URL, or put it into a file: docs/upstreams.md"
        )
    if name == "defaults":
        raise ValueError(
            "defaults is conda's word for pkgs/main and pkgs/r, and pkgs/msys2 for Windows: write"
            " these, with ANACONDA_TERMS_ACCEPTED=yes if you have the licence that Anaconda asks"
            " for; conda-forge has most of the same packages and needs none"
        )
    return check_channel(name)


def check_alias(word: str) -> str:
    """Return ``CHANNEL=URL`` or a URL, without a slash at its end.

    Raises:
        ValueError, NameRefusedError: it is neither.
    """
    name, separator, url = word.partition("=")
    if separator and "://" not in name:
        return f"{check_channel(name)}={check_url(url)}"
    return check_url(word)


def check_private_host(word: str) -> str:
    """Return a word of PRIVATE_HOSTS if it is a host, host:port or a network.

    Raises:
        ValueError: it is not.
    """
    try:
        ip_network(word, strict=False)
    except ValueError:
        if not _PRIVATE_HOST.fullmatch(word):
            raise ValueError(
                f"{word!r} is no host: write storage.lan, storage.lan:9000 or 10.1.0.0/16"
            ) from None
    return word


def parse(word: str, bases: Sequence[str]) -> Address:
    """Understand one word of CHANNELS.

    Args:
        bases: URLs below which a channel's name is the rest of the URL.

    Raises:
        ValueError, NameRefusedError: it is neither a channel's name nor a URL.
    """
    name, separator, url = word.partition("=")
    if separator and "/" not in name.partition("://")[2] and "://" not in name:
        return Address(check_name(name), check_url(url))
    if "://" not in word:
        return Address(check_name(word))
    url = check_url(word)
    plain = bare(url)
    for base in bases:
        if plain.startswith(f"{bare(base)}/"):
            rest = plain.removeprefix(f"{bare(base)}/")
            return Address(check_name(rest), None if url == f"{base}/{rest}" else url)
    segments = [part for part in urlsplit(plain).path.split("/") if part]
    if not segments:
        raise ValueError(f"{plain} has no path to name the channel by: write NAME={plain}")
    return Address(check_name(segments[-1]), url)
