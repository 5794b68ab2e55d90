"""The whole examination: every area side by side, each with a limit on its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from syncer.ops.doctor import (
    client_checks,
    configuration_checks,
    disk_checks,
    finding,
    mapping_checks,
    upstream_checks,
    volume_checks,
    wheel_checks,
)
from syncer.ops.doctor.finding import FAILED, Finding, failed
from syncer.settings.settings import Settings
from syncer.transport import network as environment
from syncer.transport.network import Network
from volume.errors import ConfigError, MirrorError
from volume.layout import Mirror, State

AREA_SECONDS = 60.0


@dataclass(slots=True)
class _Area:
    """One area and what was found in it so far."""

    name: str
    look: Callable[[], Iterable[Finding]]
    found: list[Finding] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        # Not one of a pool: the process must be able to end although this hangs.
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for one in self.look():
                self.found.append(one)
        except (MirrorError, OSError) as error:
            self.found.append(
                failed(self.name, f"the look at it ended early: {error}", "see the lines above")
            )


def examine(settings: Settings, seconds: float = AREA_SECONDS) -> list[Finding]:
    """Look at everything; takes ``seconds`` at most, whatever hangs."""
    mirror, state = Mirror(settings.mirror_dir), State(settings.state_dir)
    now = time.time()
    areas = [
        _Area("settings", lambda: configuration_checks.look(settings)),
        _Area("disk", lambda: disk_checks.look(mirror, state, settings.min_free)),
        _Area("volumes", lambda: volume_checks.look(settings, mirror, state, now)),
    ]
    findings: list[Finding] = []
    clocks: list[float] = []
    try:
        network = environment.read(settings)
    except ConfigError as error:
        step = "until then no upstream can be asked"
        findings = [failed("network settings", problem, step) for problem in error.problems]
    else:
        areas += _network_areas(settings, network, state, now, clocks)
        areas.append(
            _Area("name mapping", lambda: mapping_checks.look(settings, mirror, network, now))
        )
        areas.append(_Area("wheels", lambda: wheel_checks.look(settings, mirror, network)))
        client = client_checks.WebServer(settings.mirror_url, network.ca_bundle)
        areas.append(
            _Area("clients", lambda: client_checks.look(client, mirror, state, settings.channels))
        )
    for area in areas:
        area.start()
    deadline = time.monotonic() + seconds
    for area in areas:
        findings += _collect(area, deadline, seconds)
    findings.append(upstream_checks.clock(min(clocks, key=abs) if clocks else None))
    return findings


def _network_areas(
    settings: Settings, network: Network, state: State, now: float, clocks: list[float]
) -> list[_Area]:
    def area(one: upstream_checks.Asked) -> _Area:
        def look() -> Iterator[Finding]:
            found, difference = upstream_checks.look(settings, network, state, one, now)
            if difference is not None:
                clocks.append(difference)
            yield found

        return _Area(one.subject, look)

    areas = [area(one) for one in upstream_checks.all_of(settings)]
    return [
        *areas,
        _Area("secrets", lambda: upstream_checks.spare_secrets(settings, network)),
        _Area("secrets", lambda: upstream_checks.open_secrets(network)),
    ]


def _collect(area: _Area, deadline: float, seconds: float) -> list[Finding]:
    area.thread.join(max(0.0, deadline - time.monotonic()))
    found = list(area.found)
    if area.thread.is_alive():
        step = "a disk, a mount or a name server that does not answer: look at the host's log"
        found.append(failed(area.name, f"no answer for {seconds:g} s", step))
    return found


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if anything failed."""
    return int(any(one.state == FAILED for one in findings))


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """For machines."""
    return {"exit_code": exit_code(findings), "findings": [asdict(one) for one in findings]}


def describe(findings: Sequence[Finding]) -> str:
    """For people."""
    return "\n".join([*(one.line for one in findings), finding.summary(findings)])
