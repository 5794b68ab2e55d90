"""A webhook's address: a secret as a whole, because its path is what admits us. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from volume.program.log import register

_LONG = 12  # characters; a shorter path may be a common word


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where to post; shown as its host alone."""

    url: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown


def parse(value: str) -> WebhookAddress | None:
    """An address from a setting; empty is none. It is masked in all messages from then on.

    Raises:
        ValueError: it is not a web address.
    """
    if not value:
        return None
    register(value)
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not value.isprintable() or " " in value:
        raise ValueError("write the webhook's whole address: https://hooks.example.com/...")
    path = value.partition("://")[2].partition("/")[2]
    if len(path) >= _LONG:
        register(path)
    host = parts.netloc.rpartition("@")[2]
    return WebhookAddress(value, f"{parts.scheme}://{host}/***")
