"""The landing page. Pure; the style and the script are files of their own (``assets``).

Readable without the script, on a phone, in light and dark, and without anything from outside. The
script adds what needs a clock or a keyboard: the badge, `2 h ago`, the search, buttons to copy. It
fetches this page again now and then and takes over the parts with ``data-live``.
"""

from __future__ import annotations

from indexer.site import assets, clients, setup_section, sync_section
from indexer.site.facts import Channel, Site
from indexer.site.markup import code, count, moment, size, text
from indexer.site.setup_section import example_command

__all__ = ["example_command", "page"]


def page(site: Site) -> str:
    """The whole page."""
    # Without the script, a page on which nothing is to be read or copied yet looks again by itself.
    again = "" if site.channels else '<noscript><meta http-equiv="refresh" content="30"></noscript>'
    main = _filled(site) if site.channels else _empty(site)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Conda mirror</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/site/{assets.style_name()}">
<script defer src="/site/{assets.script_name()}"></script>
{again}</head>
<body>
<main>
<header>
<div><h1><a href="/">Conda mirror</a></h1><p class="address">{clients.ADDRESS}</p></div>
<p id="badge" class="badge" role="status" data-level="unknown">{_freshness(site)}</p>
</header>
<p id="summary" class="summary" data-live>{_summary(site)}</p>
{main}
<footer><a href="/status.json">status.json</a> and <a href="/metrics">metrics</a> are for machines.
An index as it was at a time: {code("/snapshots/TIME/CHANNEL")}.</footer>
</main>
</body>
</html>
"""


def _filled(site: Site) -> str:
    return f"""<form id="search" role="search" hidden>
<label for="query" class="unseen">Search packages</label>
<input id="query" type="search" placeholder="Search packages" autocomplete="off"
 autocapitalize="off" spellcheck="false" role="combobox" aria-expanded="false"
 aria-controls="results" aria-autocomplete="list"><kbd aria-hidden="true">/</kbd>
</form>
<section id="found" aria-label="Search results" hidden>
<p id="found-count" class="soft" role="status"></p>
<ul id="results" role="listbox" aria-label="Packages"></ul>
<article id="package" aria-live="polite" hidden></article>
</section>
<div id="home">
<div class="columns">
{setup_section.section(site)}
<div id="live-sync" data-live>{sync_section.section(site)}{_installers(site)}</div>
</div>
<div id="live-channels" data-live>{_channels(site)}</div>
</div>
"""


def _empty(site: Site) -> str:
    return f"""<div id="home" class="first">
<div id="live-sync" data-live>{sync_section.section(site)}</div>
<p class="soft">As soon as the first channel is published, this page shows the channels and the
set-up for conda, mamba and pixi. It looks again by itself. To see more, on the machine that runs
the mirror:</p>
<pre class="command"><code>docker compose logs -f syncer</code></pre>
<div id="live-channels" data-live>{_installers(site)}</div>
</div>
"""


def _freshness(site: Site) -> str:
    """What the badge says where no script looks at the clock."""
    sync = site.sync
    if sync is None:
        return "Never synced"
    if sync.last_sync is None:
        return "First sync" if sync.finished is None else "No sync has succeeded yet"
    return f"Last good sync {moment(sync.last_sync)}"


def _summary(site: Site) -> str:
    if not site.channels:
        return "Nothing is published yet."
    records = sum(channel.records for channel in site.channels)
    total = sum(channel.size for channel in site.channels)
    words = [
        count(len(site.channels), "channel"),
        count(records, "package"),
        size(total),
    ]
    return " · ".join(words)


def _channels(site: Site) -> str:
    return f"""<section id="channels" class="card" aria-labelledby="channels-title">
<h2 id="channels-title">Channels</h2>
<div class="wide"><table>
<thead><tr><th scope="col">channel and subdirs</th><th scope="col" class="n">packages</th>
<th scope="col" class="n">size</th><th scope="col">upstream changed</th>
<th scope="col">published</th></tr></thead>
{"".join(map(_channel, _ranked(site)))}</table></div>
</section>
"""


def _ranked(site: Site) -> list[Channel]:
    """The channels, those first that clients search first."""
    known = {channel.name: channel for channel in site.channels}
    return [known[name] for name in clients.ranked(site.names)]


def _channel(channel: Channel) -> str:
    changed = channel.upstream_changed
    subdirs = "".join(
        f'<tr><th scope="row">{text(name)}</th><td class="n">{published.records:,}</td>'
        f'<td class="n">{size(published.size)}</td><td>{_when(channel.upstream.get(name))}</td>'
        "<td></td></tr>"
        for name, published in channel.generation.subdirs.items()
    )
    return (
        f'<tbody><tr class="channel"><th scope="rowgroup">{text(channel.name)}'
        f" {code(channel.path)}</th>"
        f'<td class="n">{channel.records:,}</td><td class="n">{size(channel.size)}</td>'
        f"<td>{_when(changed)}</td><td>{moment(channel.generation.created)}</td></tr>"
        f"{subdirs}</tbody>\n"
    )


def _when(seconds: float | None) -> str:
    return "" if seconds is None else moment(seconds)


def _installers(site: Site) -> str:
    if not site.installers:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><a href="/{text(one.kind)}/">{text(one.kind)}</a></th>'
        f'<td class="n">{one.count:,}</td><td class="n">{size(one.size)}</td></tr>'
        for one in site.installers
    )
    return f"""<section id="installers" class="card" aria-labelledby="installers-title">
<h2 id="installers-title">Installers</h2>
<table><thead><tr><th scope="col">folder</th><th scope="col" class="n">files</th>
<th scope="col" class="n">size</th></tr></thead><tbody>{rows}</tbody></table>
</section>
"""
