"""The page's part on pointing clients here: commands to copy, in tabs that need no script. Pure."""

from __future__ import annotations

from indexer.site import clients
from indexer.site.facts import Channel, Site
from indexer.site.markup import code, command

_TABS = ("conda", "mamba", "pixi")
_PIXI_ON_WINDOWS = "%USERPROFILE%\\.pixi\\config.toml"
_PACKAGE = "PACKAGE"  # when nothing is known that could be installed


def section(site: Site) -> str:
    """The whole part."""
    choices = "".join(
        f'<input type="radio" name="client" id="client-{tab}" value="{tab}"'
        f"{' checked' if tab == _TABS[0] else ''}>"
        f'<label for="client-{tab}">{tab}</label>'
        for tab in _TABS
    )
    panels = "".join(
        f'<div class="panel" data-client="{tab}">{_panel(tab, site)}</div>' for tab in _TABS
    )
    return f"""<section id="setup" class="card" aria-labelledby="setup-title">
<h2 id="setup-title">Use this mirror</h2>
<div class="tabs" role="group" aria-label="Client">{choices}{panels}</div>
</section>
"""


def example_command(tool: str, site: Site) -> str:
    """Something that works once the client is set up."""
    channel = _first(site)
    package = (channel and channel.example) or _PACKAGE
    if tool == "pixi":
        return f"pixi init try && cd try && pixi add {package}"
    return f"{tool} create -n try {package}"


def _first(site: Site) -> Channel | None:
    """The channel that clients search first, of those that hold anything."""
    known = {channel.name: channel for channel in site.channels}
    ordered = clients.ranked(site.names)
    with_example = (known[name] for name in ordered if known[name].example)
    return next(with_example, known[ordered[0]] if ordered else None)


def _panel(tool: str, site: Site) -> str:
    address = clients.ADDRESS
    script = f"curl -fsS {address}/setup.sh | sh"
    return f"""<p>See what would change, then do it. Nothing of yours is overwritten,
and {code("--undo")} takes it back.</p>
{command(f"{script} -s -- --dry-run")}
{command(script)}
<p>Then, for example:</p>
{command(example_command(tool, site))}
{_once(tool, site)}
<details><summary>By hand, or on Windows</summary>{_by_hand(tool, site)}</details>
"""


def _once(tool: str, site: Site) -> str:
    channel = _first(site)
    if channel is None:
        return ""
    package = channel.example or _PACKAGE
    url = f"{clients.ADDRESS}{channel.path}"
    if tool == "pixi":
        line = f"pixi exec -c {url} {package} --version"
    else:
        line = f"{tool} create -n try --override-channels -c {url} {package}"
    return f"<p>For one command, without any set-up:</p>{command(line)}"


def _by_hand(tool: str, site: Site) -> str:
    address = clients.ADDRESS
    if tool == "pixi":
        return f"""<p>If there is no {code("~/.pixi/config.toml")} yet, save
<a href="/pixi.toml">pixi.toml</a> under that name (on Windows {code(_PIXI_ON_WINDOWS)}); else
add its lines to yours. Lock files keep upstream's URLs and work anywhere.</p>
{command(clients.pixi(site.names))}"""
    place = clients.CONDARC_PLACE
    windows = "%USERPROFILE%\\" + place.replace("/", "\\")
    mamba = ""
    if tool == "mamba":
        mamba = f"""<p>Optional, for {code("~/.mambarc")}: <a href="/mambarc">mambarc</a> saves
mamba a question for each channel and renews the index every hour instead of daily.</p>"""
    return f"""<p>Save <a href="/condarc">condarc</a> as {code(f"~/{place}")} (on Windows
{code(windows)}), a file of its own beside your {code(".condarc")}:</p>
{command(f"curl -fsS --create-dirs {address}/condarc -o ~/{place}")}
{command(clients.condarc(site.names))}{mamba}"""
