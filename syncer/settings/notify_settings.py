"""The settings of notices, and the address that this mirror is known by.

A webhook's address is a secret as a whole, because its path is what admits us.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from volume.program import parsers
from volume.program.log import register
from volume.program.settings import setting

EVENTS = ("failure", "recovery", "first-success", "partial", "unhealthy", "damage", "canary")
_LONG = 12  # characters; a shorter path may be a common word
DEFAULT_MIRROR_URL = "http://nginx:8080"


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where to post; shown as its host alone."""

    url: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        return self.shown


def webhook(value: str) -> WebhookAddress | None:
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


def _mirror_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write this mirror's address, such as https://mirror.example.com")
    if parts.username is not None:
        raise ValueError("write it without a user and password")
    return value.rstrip("/")


def _command(value: str) -> str:
    try:
        shlex.split(value)
    except ValueError as error:
        raise ValueError(f"{error}: quote it as in a shell") from error
    return value


@dataclass(frozen=True)  # no slots: one of several bases of ``Settings``
class NotifySettings:
    """Whom to tell what."""

    notify_url: WebhookAddress | None = setting(
        "NOTIFY_URL", "", webhook,
        "A webhook that gets notices as JSON with a 'text': Slack, Mattermost and the like, or a"
        " receiver of your own. docs/monitoring.md.",
        section="Notices",
    )  # fmt: skip
    notify_command: str = setting(
        "NOTIFY_COMMAND", "", _command,
        "A command that gets notices as JSON on its standard input, in the syncer's container:"
        " /etc/conda-mirror/notify for ./config/notify.",
        section="Notices",
    )  # fmt: skip
    notify_on: tuple[str, ...] = setting(
        "NOTIFY_ON", "failure recovery first-success unhealthy damage canary",
        parsers.Words(parsers.one_of(*EVENTS)),
        f"What is told, of: {' '.join(EVENTS)}.",
        section="Notices",
    )  # fmt: skip
    mirror_url: str = setting(
        "MIRROR_URL", DEFAULT_MIRROR_URL, _mirror_url,
        "This mirror as its clients reach it: 'doctor' looks at it there, and notices name it.",
        section="Notices",
    )  # fmt: skip
