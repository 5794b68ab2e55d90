"""The settings in force, for people and machines: ``syncer config``. Secrets are redacted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from syncer.settings.policy import Policy
from syncer.settings.settings import Settings
from syncer.transport import network as environment
from volume.program import log
from volume.program.settings import definitions, effective


def shown(settings: Settings) -> dict[str, Any]:
    """The settings by name, and below ``channels`` and ``environments`` what holds for each."""
    common = _redacted(effective(settings))
    per_policy = {definition.name for definition in definitions(Policy)}
    channels = {}
    for channel in settings.channels:
        own = _redacted(effective(settings.policy(channel)))
        channels[channel] = {
            "from": [log.redact(url) for url in settings.channel_urls(channel)],
            "policy": {
                name.lower(): value
                for name, value in own.items()
                if name in per_policy and value != common[name]
            },
        }
    environments = [asdict(one) for one in settings.environments]
    network = environment.read(settings)
    return {
        **common,
        "channels": channels,
        "environments": environments,
        "secrets": network.secrets.shown,
        "proxies": network.proxies,
    }


def text(settings: Settings) -> str:
    """The same as lines."""
    values = shown(settings)
    channels, environments = values.pop("channels"), values.pop("environments")
    secrets, proxies = values.pop("secrets"), values.pop("proxies")
    lines = [f"{name}={value}" for name, value in values.items()]
    for channel, found in channels.items():
        lines += ["", f"[channels.{channel}]", f"from: {' '.join(found['from'])}"]
        lines += [f"{name}: {value}" for name, value in found["policy"].items()]
    for found in environments:
        lines += ["", f"[environments.{found['name']}]"]
        for key in ("channels", "subdirs", "specs", "spec_files"):
            if found[key]:
                lines.append(f"{key}: {' '.join(found[key])}")
        lines.append(f"solve: {'yes' if found['solve'] else 'no'}")
    if secrets:
        lines += ["", "[secrets]", *(f"{host}: {' '.join(has)}" for host, has in secrets.items())]
    if proxies:
        lines += ["", "[proxies]", *(f"{name}={proxy}" for name, proxy in proxies.items())]
    return "\n".join(lines)


def _redacted(values: dict[str, str]) -> dict[str, str]:
    return {name: log.redact(value) for name, value in values.items()}
