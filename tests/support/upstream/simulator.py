"""A scripted upstream over real HTTP.

Guaranteed: `ChannelSimulator` serves any number of in-memory channels and plain files on
loopback, logs every request before its answer is sent (so a client that has its answer finds it in
the log), and runs scripts and hooks in the order in which they were given. `bytes` in the log is
what was on offer: a client that hangs up took less. Not guaranteed: order between requests of
parallel connections.

    with ChannelSimulator() as upstream:
        upstream.channel("conda-forge").publish(package("zlib"))
        upstream.script("*/zlib-1.0-0.conda", faults.truncated(), faults.status(503, times=2))
        upstream.after("*/repodata.json.zst", 1, publish_version_2)

`python -m tests.support.upstream.simulator --directory DIRECTORY --port N` serves a folder as an
upstream.
"""

import argparse
import contextlib
import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.upstream.channel import Channel, Clock, memory_resource
from tests.support.upstream.directory_upstream import DirectoryUpstream
from tests.support.upstream.faults import Fault
from tests.support.upstream.http_messages import Request, Resource, Response, respond
from tests.support.upstream.http_server import Connections, HttpServer


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request as it came in, and what it was answered with."""

    method: str
    path: str
    status: int
    bytes: int
    connection: int
    headers: dict[str, str]
    fault: str | None = None

    @property
    def range(self) -> str | None:
        return self.headers.get("range")

    @property
    def if_none_match(self) -> str | None:
        return self.headers.get("if-none-match")

    @property
    def is_conditional(self) -> bool:
        return bool({"if-none-match", "if-modified-since"} & self.headers.keys())

    @property
    def user_agent(self) -> str:
        return self.headers.get("user-agent", "")


@dataclass(slots=True)
class _Script:
    pattern: str
    method: str | None
    faults: list[Fault]
    used: int = 0

    def next_fault(self) -> Fault | None:
        while self.faults:
            fault = self.faults[0]
            if fault.times is None or self.used < fault.times:
                self.used += 1
                return fault
            self.faults.pop(0)
            self.used = 0
        return None


@dataclass(slots=True)
class _Hook:
    pattern: str
    countdown: int
    call: Callable[[], object]

    def matches_now(self, path: str) -> bool:
        if self.countdown > 0 and fnmatchcase(path, self.pattern):
            self.countdown -= 1
            return self.countdown == 0
        return False


class ChannelSimulator:
    """An upstream host with channels, files, faults, hooks and a request log."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.clock = Clock()
        self.log: list[LoggedRequest] = []
        self._lock = threading.RLock()
        self._channels: dict[str, Channel] = {}
        self._files: dict[str, Resource] = {}
        self._scripts: list[_Script] = []
        self._before: list[_Hook] = []
        self._after: list[_Hook] = []
        self._server = HttpServer(self._answer, host=host, port=port, tls=tls)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """What CONDA_REPO_URL and CONDA_CLOUD_URL are set to; no slash at the end."""
        return self._server.url

    @property
    def connections(self) -> Connections:
        return self._server.connections

    # -- content ------------------------------------------------------------------------------

    def channel(self, name: str) -> Channel:
        """The channel of this name, made when first asked for."""
        with self._lock:
            if name not in self._channels:
                self._channels[name] = Channel(name, self.clock, self._lock)
            return self._channels[name]

    def put_file(self, path: str, data: bytes) -> None:
        """Serve a file outside of channels, e.g. an installer listing."""
        with self._lock:
            self._files[rooted(path)] = memory_resource(data, self.clock.advance())

    def resource(self, path: str) -> Resource:
        """What is at this path now, e.g. to serve it as `faults.stale` later."""
        resource = self._find(rooted(path))
        if resource is None:
            raise KeyError(path)
        return resource

    # -- behaviour ----------------------------------------------------------------------------

    def script(self, pattern: str, *faults: Fault, method: str | None = None) -> None:
        """Answer the requests for a path or glob with these faults, in order, then as usual."""
        with self._lock:
            self._scripts.append(_Script(rooted(pattern), method, list(faults)))

    def heal(self) -> None:
        """Drop all scripts."""
        with self._lock:
            self._scripts.clear()

    def before(self, pattern: str, count: int, call: Callable[[], object]) -> None:
        """Call once when the count-th matching request arrives, before it is looked at."""
        with self._lock:
            self._before.append(_Hook(rooted(pattern), count, call))

    def after(self, pattern: str, count: int, call: Callable[[], object]) -> None:
        """Call once when the count-th matching request is answered, before the answer is sent."""
        with self._lock:
            self._after.append(_Hook(rooted(pattern), count, call))

    # -- observation --------------------------------------------------------------------------

    def requests(self, pattern: str = "*", *, method: str | None = None) -> list[LoggedRequest]:
        """The logged requests for a path or glob."""
        wanted = rooted(pattern)
        return [
            entry
            for entry in self.log
            if fnmatchcase(entry.path, wanted) and method in (None, entry.method)
        ]

    def count(self, pattern: str = "*", *, method: str | None = None) -> int:
        return len(self.requests(pattern, method=method))

    def bytes_sent(self, pattern: str = "*") -> int:
        return sum(entry.bytes for entry in self.requests(pattern))

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[LoggedRequest]]:
        """Collect only the requests made inside this block."""
        seen: list[LoggedRequest] = []
        start = len(self.log)
        try:
            yield seen
        finally:
            seen.extend(self.log[start:])

    def reset_log(self) -> None:
        self.log.clear()

    # -- answering ----------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        self._run_hooks(self._before, request.path)
        with self._lock:
            resource = self._find(request.path)
            fault = self._fault_for(request)
        response = (fault.answer if fault else respond)(request, resource)
        sends_body = request.method != "HEAD" and not response.delivery.silent
        limit = response.delivery.cut_after
        offered = min(len(response.body), len(response.body) if limit is None else limit)
        self.log.append(
            LoggedRequest(
                request.method,
                request.path,
                response.status,
                offered if sends_body else 0,
                request.connection,
                request.headers,
                fault.name if fault else None,
            )
        )
        self._run_hooks(self._after, request.path)
        return response

    def _find(self, path: str) -> Resource | None:
        with self._lock:
            if path in self._files:
                return self._files[path]
            # Longest name first: `conda-forge/label/rc` is not a folder of `conda-forge`.
            for name in sorted(self._channels, key=len, reverse=True):
                if path.startswith(f"/{name}/"):
                    found = self._channels[name].document(path[len(name) + 2 :])
                    if found is not None:
                        return found
            return None

    def _fault_for(self, request: Request) -> Fault | None:
        for script in self._scripts:
            if script.method in (None, request.method) and fnmatchcase(
                request.path, script.pattern
            ):
                fault = script.next_fault()
                if fault is not None:
                    return fault
        return None

    def _run_hooks(self, hooks: list[_Hook], path: str) -> None:
        if not hooks:
            return
        with self._lock:
            due = [hook for hook in hooks if hook.matches_now(path)]
        for hook in due:
            hook.call()


def rooted(pattern: str) -> str:
    """Paths may be written without the leading slash."""
    return pattern if pattern.startswith(("/", "*")) else f"/{pattern}"


def main() -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(description="Serve a folder as an upstream.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 inside a container")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    arguments = parser.parse_args()
    server = HttpServer(
        DirectoryUpstream(arguments.directory), host=arguments.host, port=arguments.port
    )
    # The first line on standard output is a contract: scripts read the URL from it.
    print(server.url, flush=True)
    # A container's first process ignores SIGTERM unless it asks for it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
