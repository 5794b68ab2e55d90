"""Faults: what a scripted upstream answers in place of the right thing.

Guaranteed: each is applied to exactly `times` requests (None: to all), in the order of the
script, and nothing else about the answer changes. A fault sees the resource as it is at that
moment, so it can be scripted before the file is published.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.support.upstream.http_messages import (
    Delivery,
    Request,
    Resource,
    Response,
    body_bytes,
    respond,
)

Answer = Callable[[Request, Resource | None], Response]


@dataclass(frozen=True, slots=True)
class Fault:
    """One deviation, for a number of requests."""

    name: str
    answer: Answer
    times: int | None = 1


def healthy(*, times: int | None = 1) -> Fault:
    """No fault: lets requests pass before the next fault of a script."""
    return Fault("healthy", respond, times)


def status(
    code: int, *, times: int | None = 1, retry_after: int | str | None = None, body: bytes = b""
) -> Fault:
    """An error status, with Retry-After if asked for."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Fault(f"status {code}", lambda *_: Response(code, headers, body), times)


def missing(*, times: int | None = None) -> Fault:
    """404, for ever unless told otherwise."""
    return status(404, times=times)


def truncated(keep: int | float = 0.5, *, times: int | None = 1) -> Fault:
    """The true Content-Length, but the connection closes after `keep` bytes (or that share)."""
    return _delivered("truncated", lambda size: Delivery(cut_after=_count(keep, size)), times)


def chunked_cut(keep: int | float = 0.5, *, times: int | None = 1) -> Fault:
    """Chunked coding without its end: only the missing last chunk tells that bytes are missing."""
    return _delivered(
        "chunked cut", lambda size: Delivery(cut_after=_count(keep, size), chunked=True), times
    )


def early_close(*, times: int | None = 1) -> Fault:
    """The connection closes with no answer."""
    return _delivered("early close", lambda _: Delivery(silent=True), times)


def reset(after: int | float | None = None, *, times: int | None = 1) -> Fault:
    """A TCP reset: in place of the answer, or after that many bytes (or share) of the body."""
    if after is None:
        return _delivered("reset", lambda _: Delivery(silent=True, reset=True), times)
    return _delivered(
        "reset", lambda size: Delivery(cut_after=_count(after, size), reset=True), times
    )


def stall(seconds: float, *, after: int | float | None = None, times: int | None = 1) -> Fault:
    """Silence of that length before the answer, or after that many bytes (or share) of the body."""
    if after is None:
        return _delivered("stall", lambda _: Delivery(before=seconds), times)
    return _delivered(
        "stall", lambda size: Delivery(stall_after=_count(after, size), stall=seconds), times
    )


def drip(size: int, pause: float, *, times: int | None = 1) -> Fault:
    """The body in pieces of `size` bytes with `pause` seconds after each."""
    return _delivered("drip", lambda _: Delivery(drip_bytes=size, drip_pause=pause), times)


def wrong_bytes(*, times: int | None = 1) -> Fault:
    """A body of the right size, every byte of it flipped."""

    def answer(request: Request, resource: Resource | None) -> Response:
        response = respond(request, resource)
        return replace(response, body=bytes(byte ^ 0xFF for byte in body_bytes(response.body)))

    return Fault("wrong bytes", answer, times)


def replaced_body(body: bytes, *, times: int | None = 1) -> Fault:
    """200 with another body (a captive portal's page, an empty index), no validators."""
    return Fault("replaced body", lambda *_: Response(200, (), body), times)


def stale(old: Resource, *, times: int | None = 1) -> Fault:
    """An older state of the resource, with its own ETag and date (a CDN node that lags)."""
    return Fault("stale", lambda request, _: respond(request, old), times)


def conditions_ignored(*, times: int | None = 1) -> Fault:
    """200 with the whole body though the client has it already."""
    return _without_headers("conditions ignored", ("if-none-match", "if-modified-since"), times)


def etag_lie(*, times: int | None = 1) -> Fault:
    """304 to a conditional request, though the resource has changed (a broken cache)."""

    def answer(request: Request, resource: Resource | None) -> Response:
        conditional = {"if-none-match", "if-modified-since"} & request.headers.keys()
        return Response(304) if conditional else respond(request, resource)

    return Fault("etag lie", answer, times)


def range_ignored(*, times: int | None = 1) -> Fault:
    """200 with the whole body in answer to a range."""
    return _without_headers("range ignored", ("range",), times)


def range_refused(*, times: int | None = 1) -> Fault:
    """416 to any range; requests without one are answered as usual."""

    def answer(request: Request, resource: Resource | None) -> Response:
        return Response(416) if "range" in request.headers else respond(request, resource)

    return Fault("range refused", answer, times)


def redirect(to: str, *, code: int = 302, times: int | None = None) -> Fault:
    """A redirect to a path or to another host."""
    return Fault("redirect", lambda *_: Response(code, (("Location", to),)), times)


def redirect_loop(*, times: int | None = None) -> Fault:
    """A redirect to itself."""
    return Fault(
        "redirect loop", lambda request, _: Response(302, (("Location", request.path),)), times
    )


def extra_header(name: str, value: str, *, times: int | None = None) -> Fault:
    """The right answer with one more header, e.g. a Content-Encoding that is a lie."""

    def answer(request: Request, resource: Resource | None) -> Response:
        response = respond(request, resource)
        return replace(response, headers=(*response.headers, (name, value)))

    return Fault("extra header", answer, times)


def _delivered(name: str, delivery: Callable[[int], Delivery], times: int | None) -> Fault:
    def answer(request: Request, resource: Resource | None) -> Response:
        response = respond(request, resource)
        return replace(response, delivery=delivery(len(response.body)))

    return Fault(name, answer, times)


def _without_headers(name: str, ignored: tuple[str, ...], times: int | None) -> Fault:
    def answer(request: Request, resource: Resource | None) -> Response:
        kept = {key: value for key, value in request.headers.items() if key not in ignored}
        return respond(replace(request, headers=kept), resource)

    return Fault(name, answer, times)


def _count(amount: int | float, size: int) -> int:
    return amount if isinstance(amount, int) else int(size * amount)
