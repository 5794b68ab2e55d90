"""Wheels: whether lock files name any, whether their hosts may be asked, and what is published.

Lock files in the settings' folder are read; nothing is asked for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from syncer.errors import RefusedAddressError
from syncer.ops.doctor.finding import Finding, failed, ok, warning
from syncer.planning.environments.locked_wheel import LockedWheel
from syncer.settings.settings import Settings
from syncer.transport.network import Network
from volume import wheels
from volume.errors import ConfigError, StateError
from volume.layout import Mirror
from volume.program.sizes import amount


def look(settings: Settings, mirror: Mirror, connection: Network) -> Iterator[Finding]:
    """Look at the wheels' side, if wheels are mirrored."""
    if not settings.mirrors_wheels:
        return
    if not any(one.spec_files for one in settings.environments):
        yield warning(
            "wheels", "WHEELS=locked, and no file is named that could lock any",
            "name a pixi.lock or conda-lock.yml in SPEC_FILES",
        )  # fmt: skip
    hosts: dict[str, LockedWheel] = {}
    for one in _locked(settings):
        hosts.setdefault(_host(one), one)
    for host, one in sorted(hosts.items()):
        try:
            connection.egress.check(one.url)
        except RefusedAddressError as error:
            yield failed(f"wheels from {host}", str(error), "else take them out of the lock file")
        else:
            yield ok(f"wheels from {host}", "its address may be asked for")
    try:
        here = wheels.listed(wheels.read(mirror).values())
    except StateError as error:
        yield failed("wheels", str(error), "run 'syncer --once'")
    else:
        size = amount(sum(one.size for one in here))
        yield ok("wheels", f"{len(here):,} are published, {size}")


def _host(one: LockedWheel) -> str:
    return urlsplit(one.url).netloc.rpartition("@")[2].lower()


def _locked(settings: Settings) -> Iterator[LockedWheel]:
    """What lock files beside ``mirror.toml`` name; what is wrong with one is the settings' area."""
    from syncer.planning.environments import spec_file

    channels = {channel: settings.channel_addresses(channel) for channel in settings.channels}
    for environment in settings.environments:
        names = [name for name in environment.spec_files if "://" not in name]
        with contextlib.suppress(ConfigError):
            for request in spec_file.read(
                Path(settings.config_dir), names, subdirs=environment.subdirs, channels=channels
            ):
                yield from request.wheels
