"""Where a channel comes from: a word of CHANNELS becomes a name and, perhaps, a URL. Pure.

``conda-forge`` is a name, ``team=https://host/path`` a name with its URL, and a bare URL is named
by what follows a known base, else by its last segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from volume.names import check_channel

SCHEMES = ("http", "https", "file")


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
    parts = urlsplit(value)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("write a file URL with three slashes, such as file:///mnt/channel")
    elif parts.scheme not in SCHEMES or not parts.netloc:
        raise ValueError("write a URL that begins with http://, https:// or file:///")
    if parts.query or parts.fragment:
        raise ValueError("write a URL without '?' and '#'")
    return value.rstrip("/")


def check_alias(word: str) -> str:
    """Return ``CHANNEL=URL`` or a URL, without a slash at its end.

    Raises:
        ValueError, NameRefusedError: it is neither.
    """
    name, separator, url = word.partition("=")
    if separator and "://" not in name:
        return f"{check_channel(name)}={check_url(url)}"
    return check_url(word)


def parse(word: str, bases: Sequence[str]) -> Address:
    """Understand one word of CHANNELS.

    Args:
        bases: URLs below which a channel's name is the rest of the URL.

    Raises:
        ValueError, NameRefusedError: it is neither a channel's name nor a URL.
    """
    name, separator, url = word.partition("=")
    if separator and "/" not in name.partition("://")[2] and "://" not in name:
        return Address(check_channel(name), check_url(url))
    if "://" not in word:
        return Address(check_channel(word))
    url = check_url(word)
    for base in bases:
        if url.startswith(f"{base}/"):
            rest = url.removeprefix(f"{base}/")
            return Address(check_channel(rest))
    segments = [part for part in urlsplit(url).path.split("/") if part]
    if not segments:
        raise ValueError(f"{url} has no path to name the channel by: write NAME={url}")
    return Address(check_channel(segments[-1]), url)
