"""Headless Chromium, driven over a pipe (`--remote-debugging-pipe`, the DevTools protocol).

Guaranteed: the browser reaches no host but this machine, has a profile of its own, and what it
requested, logged and refused is on record. Not guaranteed: anything about other browsers.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SECONDS = 60
KEYS = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "Tab": 9, "/": 191}


def executable() -> str | None:
    """The Chromium of this machine, if it has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Pipe:
    """The DevTools protocol: JSON messages that end with a zero byte."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._rest = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command; return its result.

        Raises:
            RuntimeError: the browser refused it, or said nothing in time.
        """
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.receive(deadline)
            if found.get("id") == self._last:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                result: dict[str, Any] = found["result"]
                return result

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message; an event is kept as well."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._reading], [], [], deadline - time.monotonic())
            data = os.read(self._reading, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError(f"the browser said nothing for {SECONDS} s, or has ended")
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message


class Page:
    """One tab."""

    def __init__(self, pipe: Pipe, session: str) -> None:
        self._pipe = pipe
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._pipe.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        """Load a page, with all that it loads at first."""
        self._load("Page.navigate", url=url)

    def open_by(self, expression: str) -> None:
        """Load what an expression makes the browser load. Its value goes with the old page."""
        self._load("Runtime.evaluate", expression=f"void {expression}")

    def _load(self, method: str, **parameters: Any) -> None:
        self._pipe.events.clear()
        self.call(method, **parameters)
        deadline = time.monotonic() + SECONDS
        while not any(one["method"] == "Page.loadEventFired" for one in self._pipe.events):
            self._pipe.receive(deadline)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; promises are awaited.

        Raises:
            RuntimeError: it threw.
        """
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,  # as if a person had asked: copying needs that
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page.

        Raises:
            RuntimeError: it never was.
        """
        self.evaluate(
            f"""new Promise((resolve, reject) => {{
                const deadline = Date.now() + {SECONDS * 500};
                const look = () => {{
                    if ({expression}) resolve();
                    else if (Date.now() > deadline) reject(new Error({json.dumps(expression)}));
                    else setTimeout(look, 10);
                }};
                look();
            }})"""
        )

    def press(self, key: str) -> None:
        """Press and release one key."""
        event = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, 0)}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self.call(
            "Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {})
        )
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def view(
        self, width: int, height: int, *, is_dark: bool = False, is_phone: bool = False
    ) -> None:
        """Show pages as on a screen of this size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if is_phone else 1, mobile=is_phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        """Write a picture of what is in view."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    # -- what happened since `open` --------------------------------------------------------------

    @property
    def requests(self) -> list[str]:
        """The URLs that were requested over the network."""
        urls = (one["request"]["url"] for one in self._of("Network.requestWillBeSent"))
        return [url for url in urls if urlsplit(url).scheme not in {"data", "blob"}]

    @property
    def received(self) -> int:
        """Bytes that came over the network, headers included."""
        return sum(int(one["encodedDataLength"]) for one in self._of("Network.loadingFinished"))

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings: thrown, logged, or about what the page's policy forbids."""
        thrown = [
            json.dumps(one["exceptionDetails"]) for one in self._of("Runtime.exceptionThrown")
        ]
        said = [
            json.dumps(one["args"])
            for one in self._of("Runtime.consoleAPICalled")
            if one["type"] in {"error", "warning", "assert"}
        ]
        logged = [
            one["entry"]["text"]
            for one in self._of("Log.entryAdded")
            if one["entry"]["level"] in {"error", "warning"}
        ]
        return thrown + said + logged

    def _of(self, method: str) -> list[dict[str, Any]]:
        self.call("Runtime.evaluate", expression="0")  # takes in what is still in the pipe
        return [one["params"] for one in self._pipe.events if one["method"] == method]


@contextmanager
def browser() -> Iterator[Callable[[], Page]]:
    """Run Chromium; yields what opens a new tab.

    Raises:
        FileNotFoundError: this machine has none.
    """
    program = executable()
    if program is None:
        raise FileNotFoundError("chromium")
    to_read, its_end = os.pipe()
    its_input, to_write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        # The browser's ends must be its descriptors 3 and 4, whatever ours are.
        shell = f'exec "$@" 3<&{its_input} 4>&{its_end}'
        process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command],
            pass_fds=(its_input, its_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_input)
        os.close(its_end)
        pipe = Pipe(to_read, to_write)

        def tab() -> Page:
            target = pipe.call("Target.createTarget", url="about:blank")["targetId"]
            attached = pipe.call("Target.attachToTarget", targetId=target, flatten=True)
            return Page(pipe, attached["sessionId"])

        try:
            yield tab
        finally:
            process.terminate()
            process.wait(timeout=SECONDS)
            os.close(to_read)
            os.close(to_write)
