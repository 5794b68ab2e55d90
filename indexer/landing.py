"""The landing page: what is here, how fresh it is, and what to paste. Pure; one file, no scripts.

It must be readable on a phone, in light and dark, without anything from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from indexer import clients
from volume.sizes import amount

if TYPE_CHECKING:
    from indexer.site import Channel, Sync

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2b22; --soft: #5c6b62; --line: #d8e0da; --card: #fff;
  --back: #f4f7f5; --accent: #1f7a4d; --warn: #9a5b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4ece7; --soft: #9aaba1; --line: #2c3a32;
  --card: #18211c; --back: #101713; --accent: #5fce96; --warn: #f0b354; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.2rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; line-height: 1.2; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .7rem; }
p { margin: .4rem 0; } .soft { color: var(--soft); } .warn { color: var(--warn); }
a { color: var(--accent); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem 1.1rem; margin: 0 0 .8rem; }
.card h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; color: var(--soft); font-size: .93rem; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; font-size: .93rem; }
th { text-align: left; font-weight: 500; color: var(--soft); }
td, th { padding: .2rem .6rem .2rem 0; border-top: 1px solid var(--line); }
td.n, th.n { text-align: right; padding-right: 0; font-variant-numeric: tabular-nums; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .8rem 1rem; overflow-x: auto; font-size: .86rem; line-height: 1.5; margin: .4rem 0; }
details { margin: .5rem 0; } summary { cursor: pointer; font-weight: 500; }
footer { margin-top: 2.5rem; font-size: .9rem; color: var(--soft); }
"""


def page(channels: Sequence[Channel], sync: Sync | None) -> str:
    """The whole page."""
    names = [channel.name for channel in channels]
    records = sum(channel.records for channel in channels)
    size = sum(channel.size for channel in channels)
    address = clients.ADDRESS
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conda mirror</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Conda mirror</h1>
<p class="soft">{_count(len(names), "channel")}, {_count(records, "package")},
{amount(size)}. {_freshness(sync)}</p>

<h2>Use it</h2>
<p>For conda and mamba, once per user (this replaces an existing <code>~/.condarc</code>):</p>
<pre>curl -fsS {address}/condarc -o ~/.condarc</pre>
<p>For pixi, likewise:</p>
<pre>mkdir -p ~/.pixi &amp;&amp; curl -fsS {address}/pixi.toml -o ~/.pixi/config.toml</pre>
<p>Or for a single command:</p>
<pre>{_single_command(channels)}</pre>
<details><summary>What these files say</summary>
<p class="soft"><a href="/condarc">condarc</a></p>
<pre>{escape(clients.condarc(names))}</pre>
<p class="soft"><a href="/mambarc">mambarc</a> (optional)</p>
<pre>{escape(clients.mambarc(names))}</pre>
<p class="soft"><a href="/pixi.toml">pixi.toml</a></p>
<pre>{escape(clients.pixi(names))}</pre>
</details>

<h2>Channels</h2>
{"".join(_card(channel) for channel in channels)}
<footer>For machines: <a href="/status.json">status.json</a>. An index as it was at a time:
<code>/snapshots/&lt;time&gt;/&lt;channel&gt;</code>.</footer>
</main>
</body>
</html>
"""


def _single_command(channels: Sequence[Channel]) -> str:
    address = f"{clients.ADDRESS}{channels[0].path}" if channels else clients.ADDRESS
    return f"conda create -n work --override-channels -c {escape(address)} python"


def _freshness(sync: Sync | None) -> str:
    if sync is None:
        return ""
    if sync.status == "running":
        return "A sync is running."
    if sync.finished is None:
        return ""
    text = f"Last sync {_moment(sync.finished)}"
    if sync.status == "success":
        return f"{text}."
    good = f"; the last complete one {_moment(sync.last_success)}" if sync.last_success else ""
    return f'<span class="warn">{text}: {escape(sync.status)}{good}.</span>'


def _card(channel: Channel) -> str:
    generation = channel.generation
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="n">{published.records:,}</td>'
        f'<td class="n">{amount(published.size)}</td></tr>'
        for name, published in generation.subdirs.items()
    )
    notes = ""
    if channel.is_held:
        notes += '<p class="warn">Rolled back to this generation by an administrator.</p>'
    if channel.status == "failed":
        notes += '<p class="warn">The last attempt to renew the index failed.</p>'
    if generation.left_out:
        left_out = _count(len(generation.left_out), "file")
        notes += f'<p class="warn">{left_out} could not be indexed.</p>'
    return f"""<section class="card">
<h3>{escape(channel.name)}</h3>
<div class="facts"><span>{_count(channel.records, "package")}</span>
<span>{amount(channel.size)}</span><span>index of {_moment(generation.created)}</span>
<span><code>{escape(channel.path)}</code></span></div>
{notes}<table><tr><th>subdir</th><th class="n">packages</th><th class="n">size</th></tr>
{rows}</table>
</section>
"""


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
