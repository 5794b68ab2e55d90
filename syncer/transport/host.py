"""One host and how to reach it: its proxy, and what it may be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Host:
    """How to reach one origin.

    ``name`` is host:port for people, ``base`` scheme://host:port, ``path_token`` conda's
    ``/t/<token>`` or empty, ``secrets_from`` where the secrets came from, for people.
    """

    name: str
    origin: tuple[str, str, int]
    base: str
    path_token: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    certificate: str = ""
    secrets_from: str = ""
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


def _path(url: str) -> str:
    start = url.find("/", url.find("://") + 3)
    return "/" if start < 0 else url[start:]
