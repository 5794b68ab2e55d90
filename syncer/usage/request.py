"""One line of nginx's log of requests for files of a channel. Pure.

``nginx/nginx.conf`` writes it, as a JSON array: time, status, bytes, method, channel, subdir, file,
user agent, client. Clients write most of that: a line is right, or it is nobody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from volume.errors import NameRefusedError
from volume.names import SUBDIRS, check_channel, parse_artifact

_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,30}(?:/[A-Za-z0-9][A-Za-z0-9._+-]{0,20})?")
_CLIENT = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_DAY = 86400.0

OTHER = "other"
"""The program of a request whose user agent names none."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A client asked for an artifact, or for another file of a channel.

    ``moment`` is in seconds since the epoch, ``sent`` in bytes. ``artifact`` is the filename, None
    for what is no artifact. ``client`` is an address, where nginx was told to write it.
    """

    moment: float
    status: int
    sent: int
    channel: str
    subdir: str
    artifact: str | None
    program: str
    client: str | None = None

    @property
    def day(self) -> int:
        """Days since the epoch, in UTC."""
        return int(self.moment // _DAY)

    @property
    def was_served(self) -> bool:
        """Whether the client got bytes, or heard that it has them."""
        return self.status in {200, 206, 304}

    @property
    def is_missing(self) -> bool:
        """Whether what was asked for is not here."""
        return self.status == 404


class _Line(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    moment: float
    status: int
    sent: int
    method: str
    channel: str
    subdir: str
    file: str
    agent: str
    client: str


_decode = msgspec.json.Decoder(_Line).decode


def parse(line: bytes) -> ClientRequest | None:
    """Understand a line; None for one that is no GET of a file of some channel.

    A HEAD is a question about a file, and no use of it.
    """
    try:
        found = _decode(line)
        channel = check_channel(found.channel)
    except (msgspec.MsgspecError, NameRefusedError, UnicodeDecodeError):
        return None
    if found.method != "GET" or found.subdir not in SUBDIRS:
        return None
    return ClientRequest(
        moment=found.moment,
        status=found.status,
        sent=max(found.sent, 0),
        channel=channel,
        subdir=found.subdir,
        artifact=_artifact(found.file),
        program=_program(found.agent),
        client=found.client if _CLIENT.fullmatch(found.client) else None,
    )


def _artifact(file: str) -> str | None:
    try:
        parse_artifact(file)
    except NameRefusedError:
        return None
    return file


def _program(agent: str) -> str:
    """The first product of a user agent (RFC 9110 section 10.1.5): ``conda/26.7.2``."""
    match = _PROGRAM.match(agent)
    return match[0] if match else OTHER
