"""The fetcher's HTTP side: an artifact while it arrives, or where nginx finds it by now.

Only nginx asks here. Answers have no validators as long as the bytes are not verified: then neither
If-Range nor If-None-Match can say anything true of them, and the whole is sent. Once the artifact
is here nginx answers (X-Accel-Redirect), with its own.

Guaranteed: an answer that is not refused has the length that it says, or its connection is cut.
Bytes go from the page cache, which has what has just been written, to nginx's socket (sendfile).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from syncer.demand import answers
from syncer.demand.answers import Refusal
from syncer.demand.flight import Course, Flight
from syncer.demand.promised import Name, Promised, name_of
from syncer.demand.ranges import Span, UnsatisfiableError, span_of
from syncer.demand.transfers import Transfers
from syncer.settings.settings import Settings
from volume.errors import MirrorError
from volume.layout import State
from volume.ledger.artifact import Artifact
from volume.program.stop import Stop

_LOG = logging.getLogger(__name__)
_BLOCK = 1 << 20  # bytes sent at a time, for each reader; then we see if they are still right
_COPIED = 256 << 10  # where they must go through our memory
_KEPT = "/~kept/"  # nginx's name of channels/; no channel has one with a tilde
_HEALTH = "/healthz"
_DRAINING_SECONDS = 20.0
_ENDING_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 75.0


class Cut(Exception):
    """What was sent is not the beginning of what is right."""


class Server:
    """Answers nginx."""

    def __init__(self, settings: Settings, transfers: Transfers) -> None:
        self._promised = Promised(settings, State(settings.state_dir))
        self._transfers = transfers

    def close(self) -> None:
        self._promised.close()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path == _HEALTH:
            return _text(200, "ok")
        if request.method not in {"GET", "HEAD"}:
            refusal = answers.method_not_allowed(request.method)
            return _refuse(refusal, {"Allow": "GET, HEAD"})
        name = name_of(request.raw_path)
        if name is None:
            return _refuse(answers.UNKNOWN)
        try:
            row = self._promised.find(name)
        except MirrorError as error:
            return _refuse(answers.of_error(str(name), error))
        if row is None:
            return _refuse(answers.UNKNOWN)
        if row.home == "replaced":  # with other bytes than a client knows that comes here
            return _refuse(answers.GONE)
        if row.home == "channels":
            return _kept(name)
        if (known := self._transfers.refused(name, row)) is not None:
            return _refuse(known)
        if request.method == "HEAD":
            return await _head(request, name, row)
        return await self._follow(request, self._transfers.flight(name, row))

    async def _follow(self, request: web.BaseRequest, flight: Flight) -> web.StreamResponse:
        """Send what arrives, from the moment on in which there is something to send."""
        span = Span(0, flight.size)
        header = request.headers.get("Range")
        if header is not None and "If-Range" not in request.headers:
            try:
                span = span_of(header, flight.size)
            except UnsatisfiableError:
                return _refuse(
                    Refusal(416, f"{flight.name} has {flight.size:,} bytes"),
                    {"Content-Range": f"bytes */{flight.size}"},
                )
        while True:
            news, course = flight.news, flight.course
            if flight.is_kept:
                return _kept(flight.name)
            if flight.refusal is not None:
                return _refuse(flight.refusal)
            if flight.limit(course) > span.start or flight.is_released:
                return await self._send(request, flight, course, span)
            await news.wait()

    async def _send(
        self, request: web.BaseRequest, flight: Flight, course: Course, span: Span
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=206 if span.is_part else 200)
        response.content_type = _type_of(flight.name)
        if flight.size is not None:
            response.content_length = (span.stop or flight.size) - span.start
        else:
            response.enable_chunked_encoding()
        if span.is_part:
            response.headers["Content-Range"] = (
                f"bytes {span.start}-{(span.stop or 0) - 1}/{flight.size}"
            )
        await response.prepare(request)
        try:
            await self._copy(response, request.transport, flight, course, span)
        except (Cut, OSError) as problem:
            if isinstance(problem, OSError) and not isinstance(problem, ConnectionError):
                _LOG.warning("%s can't be read: %s", flight.name, problem)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response

    async def _copy(
        self,
        response: web.StreamResponse,
        transport: asyncio.Transport | None,
        flight: Flight,
        course: Course,
        span: Span,
    ) -> None:
        at, stop = span.start, span.stop
        while stop is None or at < stop:
            news = flight.news
            end = flight.limit(course)
            if stop is None and flight.is_released:
                stop = end
            if course.is_cut:
                raise Cut
            if at < min(end, stop or end):
                size = min(_BLOCK, min(end, stop or end) - at)
                if response.chunked:
                    sent = await _write(response, course, at, size)
                else:
                    sent = await _pass(response, transport, course, at, size)
                if course.is_cut or not sent:
                    raise Cut
                at += sent
            elif flight.refusal is not None:
                raise Cut
            elif stop is None or at < stop:
                await news.wait()


async def _pass(
    response: web.StreamResponse,
    transport: asyncio.Transport | None,
    course: Course,
    at: int,
    size: int,
) -> int:
    """Let the kernel send what the page cache has: no byte of it comes to us."""
    if transport is None or transport.is_closing() or course.file is None:
        raise ConnectionResetError
    loop = asyncio.get_running_loop()
    try:
        return await loop.sendfile(transport, course.file, at, size, fallback=False)
    except asyncio.SendfileNotAvailableError:  # the filesystem's affair
        return await _write(response, course, at, size)


async def _write(response: web.StreamResponse, course: Course, at: int, size: int) -> int:
    block = course.read(at, min(size, _COPIED))
    if course.is_cut:
        raise Cut
    await response.write(block)
    return len(block)


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=headers)


def _refuse(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    headers = dict(headers or {})
    if refusal.retry_after:
        headers["Retry-After"] = str(refusal.retry_after)
    return _text(refusal.status, refusal.text, headers)


def _kept(name: Name) -> web.Response:
    """Let nginx answer, with all that it knows of ranges and conditions."""
    place = f"{_KEPT}{quote(str(name), safe='/')}"
    return web.Response(headers={"X-Accel-Redirect": place}, content_type=_type_of(name))


async def _head(request: web.BaseRequest, name: Name, row: Artifact) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = _type_of(name)
    if row.size:
        response.content_length = row.size
    await response.prepare(request)
    await response.write_eof()
    return response


def _type_of(name: Name) -> str:
    """As nginx.conf has it."""
    is_bzip2 = name.filename.endswith(".bz2")
    return "application/x-bzip2" if is_bzip2 else "application/octet-stream"


async def serve(
    settings: Settings,
    stop: Stop,
    address: tuple[str, int],
    *,
    ready: Callable[[int], None] = lambda port: None,
) -> None:
    """Serve until ``stop`` is requested; then what is in flight has some time to end.

    Args:
        address: where to listen; port 0 is any that is free.
        ready: told the port.

    Raises:
        ConfigError: secrets, a proxy or the CA bundle can't be used.
        OSError: the address can't be had.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ending = Stop()  # of the transfers, which go on for a while when we are asked to stop
    transfers = Transfers(settings, ending, asyncio.get_running_loop())
    server = Server(settings, transfers)
    runner = web.ServerRunner(
        web.Server(server.answer, access_log=None, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        shutdown_timeout=_DRAINING_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, *address, backlog=4096)
        await site.start()
        ready(runner.addresses[0][1])
        await asyncio.to_thread(_wait, stop)
        _LOG.info("stopping: %d artifacts are in flight", transfers.in_flight)
        await site.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_drained(transfers), _DRAINING_SECONDS)
    finally:
        await asyncio.to_thread(transfers.end, _ENDING_SECONDS)
        await runner.cleanup()
        server.close()


def _wait(stop: Stop) -> None:
    while not stop.requested:
        stop.wait(3600.0)


async def _drained(transfers: Transfers) -> None:
    while transfers.in_flight:
        await asyncio.sleep(0.1)
