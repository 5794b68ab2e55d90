"""HTTP messages as values, and the answer of a correct server.

Guaranteed: `respond` implements strong ETag, Last-Modified, 304, single ranges and If-Range
as RFC 9110 has them. Not guaranteed: several ranges in one request (answered with the whole).
Pure: nothing here touches a socket.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FileBody:
    """A part of a file, sent by the kernel."""

    path: Path
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


Body = bytes | FileBody


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path holds at one moment, whole."""

    body: Body
    size: int
    etag: str
    modified: int
    content_type: str = "application/octet-stream"

    def part(self, start: int, end: int) -> Body:
        """The bytes from start up to, not including, end."""
        if isinstance(self.body, bytes):
            return self.body[start:end]
        return FileBody(self.body.path, self.body.offset + start, end - start)


@dataclass(frozen=True, slots=True)
class Request:
    """One parsed request. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    connection: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the body goes over the wire; the default is whole and at once."""

    before: float = 0.0
    """Seconds to wait before the first byte of the response."""
    cut_after: int | None = None
    """Close the connection after this many bytes of the body."""
    stall_after: int | None = None
    """Wait `stall` seconds after this many bytes of the body."""
    stall: float = 0.0
    drip_bytes: int = 0
    """Send the body in pieces of this size with `drip_pause` seconds between them."""
    drip_pause: float = 0.0
    silent: bool = False
    """Send nothing at all, close."""
    reset: bool = False
    """Where the delivery ends early, end it with a TCP reset."""
    chunked: bool = False
    """Use chunked coding, without Content-Length."""


WHOLE = Delivery()


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body; Content-Length is always that of the whole body."""

    status: int
    headers: Headers = ()
    body: Body = b""
    delivery: Delivery = WHOLE


Handler = Callable[[Request], Response]


def respond(request: Request, resource: Resource | None) -> Response:
    """The answer of a correct server: 404, 304, 206, 416 or 200."""
    if request.method not in ("GET", "HEAD"):
        return Response(405, (("Allow", "GET, HEAD"),))
    if resource is None:
        return Response(404, (("Content-Type", "text/plain"),), b"not found\n")
    validators = (
        ("ETag", resource.etag),
        ("Last-Modified", formatdate(resource.modified, usegmt=True)),
    )
    if is_unmodified(request, resource):
        return Response(304, validators)
    headers = (("Content-Type", resource.content_type), *validators, ("Accept-Ranges", "bytes"))
    span = requested_range(request, resource)
    if span is None:
        return Response(200, headers, resource.body)
    start, end = span
    if start >= end:
        return Response(416, (("Content-Range", f"bytes */{resource.size}"),))
    content_range = ("Content-Range", f"bytes {start}-{end - 1}/{resource.size}")
    return Response(206, (*headers, content_range), resource.part(start, end))


def is_unmodified(request: Request, resource: Resource) -> bool:
    """Evaluate If-None-Match, else If-Modified-Since (RFC 9110, 13.2.2)."""
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        tags = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
        return resource.etag in tags or "*" in tags
    since = http_time(request.headers.get("if-modified-since"))
    return since is not None and resource.modified <= since


def requested_range(request: Request, resource: Resource) -> tuple[int, int] | None:
    """The (start, end) asked for; empty if it can't be satisfied, None if all is to be sent."""
    value = request.headers.get("range", "")
    first, dash, last = value.removeprefix("bytes=").partition("-")
    if not value.startswith("bytes=") or not dash or not (first or last) or "," in value:
        return None
    condition = request.headers.get("if-range")
    if condition and condition != resource.etag and http_time(condition) != resource.modified:
        return None
    try:
        if not first:
            return max(0, resource.size - int(last)), resource.size if int(last) else 0
        return int(first), min(resource.size, int(last) + 1) if last else resource.size
    except ValueError:
        return None


def http_time(value: str | None) -> int | None:
    """Seconds since the epoch of an HTTP date, None if it is not one."""
    if value is None:
        return None
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except ValueError:
        return None


def body_bytes(body: Body) -> bytes:
    """The body in memory, wherever it is."""
    if isinstance(body, bytes):
        return body
    with body.path.open("rb") as file:
        file.seek(body.offset, os.SEEK_SET)
        return file.read(body.length)
