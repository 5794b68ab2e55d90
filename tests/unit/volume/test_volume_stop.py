"""A request to stop is heard by everybody, and at every moment."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from volume.errors import InterruptedRunError
from volume.program.stop import Stop

# The signal comes at one line of all that a wait executes, in whatever module; the next run takes
# the line after it, until a wait ends before its line comes.
SIGNALLED = """
import signal, sys
from volume.program.stop import Stop

def wait(at: int) -> bool:
    stop, seen = Stop(), 0
    stop.install()

    def trace(frame, event, argument):
        nonlocal seen
        if frame.f_code is Stop.request.__code__:
            return None
        seen += 1
        if seen == at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGTERM)
        return trace

    sys.settrace(trace)
    stop.wait(0.001)
    sys.settrace(None)
    assert stop.requested is (seen >= at), at
    return seen >= at

at = 1
while wait(at):
    at += 1
print(at)
"""


def test_a_signal_is_heard_at_every_line_of_a_wait() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 3


def test_all_who_wait_hear_one_request() -> None:
    stop = Stop()
    threads = [threading.Thread(target=stop.wait, args=(30,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    stop.request(signal.SIGTERM)
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    with pytest.raises(InterruptedRunError):
        stop.sleep(0)


def test_without_a_request_a_wait_ends_by_itself() -> None:
    beats = []
    stop = Stop(beat=lambda: beats.append(1))
    stop.sleep(0.001)
    stop.wait(-1)
    assert not stop.requested
    assert beats == [1]
