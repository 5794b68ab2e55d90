"""The upstream of ./demo and tests/stack: serves /upstream, or the demo channel if that is empty.

With UPSTREAM_BEARER_SHA256 in the environment it is private: who does not show the bearer token
that has this hash is answered 401. Every request is one line on standard output: method, path,
status, and `conditional` if it was.
"""

import contextlib
import hashlib
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.support.upstream.demo_channel import write_demo_upstream
from tests.support.upstream.directory_upstream import DirectoryUpstream
from tests.support.upstream.http_messages import Request, Response
from tests.support.upstream.http_server import HttpServer

CONDITIONS = {"if-none-match", "if-modified-since"}


class LoggedUpstream(DirectoryUpstream):
    """A folder that says what it was asked for."""

    def __call__(self, request: Request) -> Response:
        response = super().__call__(request) if _is_welcome(request) else Response(401)
        conditional = "conditional" if CONDITIONS & request.headers.keys() else "plain"
        # One write: several connections are answered at a time.
        sys.stdout.write(f"{request.method} {request.path} {response.status} {conditional}\n")
        sys.stdout.flush()
        return response


def _is_welcome(request: Request) -> bool:
    wanted = os.environ.get("UPSTREAM_BEARER_SHA256")
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    return not wanted or hashlib.sha256(shown.encode()).hexdigest() == wanted


def main() -> None:
    """Serve until stopped."""
    directory = Path(os.environ.get("UPSTREAM_DIR", "/upstream"))
    # A container's first process ignores SIGTERM unless it asks for it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="upstream-") as folder,
    ):
        if not directory.is_dir() or not any(directory.iterdir()):
            directory = Path(folder)
            write_demo_upstream(directory)
        host, port = os.environ.get("UPSTREAM_LISTEN", "0.0.0.0:8000").split(":")
        with HttpServer(LoggedUpstream(directory), host=host, port=int(port)) as server:
            print(server.url, flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
