"""A webhook's receiver on loopback: keeps what is posted, and answers as it is told.

Guaranteed: `notices` has the bodies in order; `status` may be changed at any time; a negative one
means that no answer comes while the receiver lives.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "services/T000/B000/a-long-secret"


@dataclass
class Webhook:
    """A running receiver."""

    url: str = ""
    status: int = 200
    notices: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    content_types: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def events(self) -> list[str]:
        return [notice["event"] for notice in self.notices]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Receive until the end of the block."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.requests += 1
            if hook.status < 0:
                hook.ended.wait(60)
                return
            if hook.status < 300:
                hook.content_types.append(self.headers["Content-Type"])
                hook.notices.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            if 300 <= hook.status < 400:
                self.send_header("Location", hook.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hook.url = f"http://127.0.0.1:{server.server_port}/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.ended.set()
        server.shutdown()
        server.server_close()
