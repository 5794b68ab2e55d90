"""The landing page. Pure; what it looks like is in ``templates``, style and script in ``assets``.

Readable without the script, on a phone, in light and dark, and without anything from outside. The
script adds what needs a clock or a keyboard: the badge, `2 h ago`, the search, buttons to copy. It
fetches this page again now and then and takes over the parts with ``data-live``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.site import assets, clients, templates
from indexer.site.facts import Channel, Site
from volume.usage import Asked

_SHOWN_FAILURES = 20
_SHOWN_PACKAGES = 8

_OUTCOMES = {
    "success": "Complete",
    "partial": "Not everything came",
    "failed": "Failed",
    "stopped": "Stopped",
}


@dataclass(frozen=True, slots=True)
class _Tool:
    """One client: what to try once it is set up, and what works without."""

    name: str
    example: str
    once: str


def page(site: Site) -> str:
    """The whole page."""
    channels = _ranked(site)
    return templates.render(
        "page.html",
        style=assets.style_name(),
        script=assets.script_name(),
        address=clients.ADDRESS,
        sync=site.sync,
        installers=site.installers,
        wheels=site.wheels,
        channels=channels,
        tools=_tools(channels),
        place=clients.CONDARC_PLACE,
        condarc=clients.condarc(site.names),
        pixi=clients.pixi(
            site.names, maps_names=site.maps_names, with_wheels=site.wheels is not None
        ),
        outcomes=_OUTCOMES,
        shown_failures=_SHOWN_FAILURES,
        problems=_problems(site),
        usage=site.usage,
        most_used=_most(one.used for one in site.usage.channels) if site.usage else [],
        most_missing=_most(one.missing for one in site.usage.channels) if site.usage else [],
    )


def _most(found: Iterable[Sequence[Asked]]) -> list[Asked]:
    """The packages that were asked for most, of all channels."""
    everything = [one for of_channel in found for one in of_channel]
    return sorted(everything, key=lambda one: -one.requests)[:_SHOWN_PACKAGES]


def snapshots_page(site: Site) -> str:
    """Which times there are below ``/snapshots/``."""
    return templates.render(
        "snapshots.html",
        style=assets.style_name(),
        address=clients.ADDRESS,
        channels=_ranked(site),
    )


def example_command(tool: str, site: Site) -> str:
    """Something that works once the client is set up."""
    channel = _first(_ranked(site))
    return clients.example_command(tool, channel.example if channel else None)


def _ranked(site: Site) -> list[Channel]:
    """The channels, those first that clients search first."""
    known = {channel.name: channel for channel in site.channels}
    return [known[name] for name in clients.ranked(site.names)]


def _first(channels: Sequence[Channel]) -> Channel | None:
    """The channel that clients search first, of those that hold anything."""
    with_example = (channel for channel in channels if channel.example)
    return next(with_example, channels[0] if channels else None)


def _tools(channels: Sequence[Channel]) -> list[_Tool]:
    first = _first(channels)
    if first is None:
        return []
    return [
        _Tool(
            tool,
            clients.example_command(tool, first.example),
            clients.single_command(tool, first.path, first.example),
        )
        for tool in clients.TOOLS
    ]


def _problems(site: Site) -> list[str]:
    """What is wrong with the indexes."""
    found = []
    for channel in site.channels:
        if channel.status == "failed":
            why = f": {channel.error}" if channel.error else ""
            found.append(f"{channel.name}: the last attempt to renew the index failed{why}")
        if channel.is_held:
            number = channel.generation.number
            found.append(f"{channel.name}: rolled back to generation {number} by an administrator")
        for one in channel.relations.missing({*site.names}):
            found.append(f"{channel.name}: {one}, which is not on this mirror")
        if channel.generation.left_out:
            left_out = templates.count(len(channel.generation.left_out), "file")
            found.append(f"{channel.name}: {left_out} could not be indexed")
    return found
