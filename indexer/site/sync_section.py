"""The page's part on the sync: what runs now and how far it is, or how the last one ended. Pure."""

from __future__ import annotations

from indexer.site.facts import ChannelRun, Site, Sync
from indexer.site.markup import code, count, duration, items, moment, size, text
from volume.run_document import Facts

_SHOWN_FAILURES = 20

_OUTCOMES = {
    "success": "Complete",
    "partial": "Not everything came",
    "failed": "Failed",
    "stopped": "Stopped",
}


def section(site: Site) -> str:
    """The whole part."""
    return f"""<section id="sync" class="card" aria-labelledby="sync-title">
<h2 id="sync-title">{_title(site.sync)}</h2>
{_body(site.sync)}{_index_problems(site)}</section>
"""


def _title(sync: Sync | None) -> str:
    if sync is None:
        return "Sync"
    return "Sync is running" if _is_running(sync) else "Last sync"


def _is_running(sync: Sync) -> bool:
    return sync.finished is None and sync.status == "running"


def _body(sync: Sync | None) -> str:
    if sync is None:
        return (
            '<p>Nothing was synced yet.</p><p class="soft">On the machine that runs the mirror:'
            f" {code('docker compose logs -f syncer')}</p>"
        )
    parts = [_headline(sync)]
    parts += [_run(run, is_current=_is_current(sync, run)) for run in sync.runs]
    parts.append(
        items(
            (
                f"{code(one.name)} can't be installed on {text(one.subdir)}: {text(one.why)}"
                for one in sync.canaries
            ),
            "problems",
        )
    )
    if sync.error:
        parts.append(f'<p class="problem">{text(sync.error)}</p>')
    if sync.last_success is not None and (sync.status != "success" or _is_running(sync)):
        parts.append(
            f'<p class="soft">The last complete sync ended {moment(sync.last_success)}.</p>'
        )
    elif sync.last_success is None and not _is_running(sync):
        parts.append('<p class="soft">No sync has been complete yet.</p>')
    return "".join(parts)


def _headline(sync: Sync) -> str:
    if _is_running(sync):
        began = f"Began {moment(sync.started)}" if sync.started is not None else "Began"
        return f'<p class="soft">{began}; packages are published in portions while they arrive.</p>'
    outcome = _OUTCOMES.get(sync.status, sync.status)
    if sync.finished is None:
        return f"<p>{text(outcome)}.</p>"
    took = ""
    if sync.started is not None:
        took = f" (took {duration(sync.finished - sync.started)})"
    kind = "" if sync.status == "success" else ' class="problem"'
    return f"<p><span{kind}>{text(outcome)}</span>, {moment(sync.finished)}{took}.</p>"


def _is_current(sync: Sync, run: ChannelRun) -> bool:
    return _is_running(sync) and run is sync.runs[-1]


def _run(run: ChannelRun, *, is_current: bool) -> str:
    if run.error:
        said = f'<span class="problem">{text(run.error)}</span>'
    elif is_current and run.progress:
        said = _progress(run.name, run.progress)
    elif is_current:
        said = "in work" if run.downloaded else "looking for what is new"
    else:
        said = _result(run)
    parts = [f'<p class="run"><b>{text(run.name)}</b> {said}</p>']
    parts.append(_failures(run))
    parts.append(items((text(warning) for warning in run.warnings), "notes"))
    return "".join(parts)


def _result(run: ChannelRun) -> str:
    words = []
    if run.downloaded:
        words.append(f"{count(run.downloaded, 'new package')} ({size(run.downloaded_size)})")
    if run.retired:
        words.append(f"{count(run.retired, 'package')} left the index")
    if run.failed:
        words.append(f'<span class="problem">{run.failed:,} left out</span>')
    return ", ".join(words) or "nothing new"


def _progress(name: str, progress: Facts) -> str:
    share = min(progress.received / progress.size, 1.0) if progress.size > 0 else 0.0
    left = progress.seconds_left
    words = [
        f"{progress.artifacts:,} of {count(progress.artifacts_total, 'package')}",
        f"{size(progress.received)} of {size(progress.size)}",
    ]
    if progress.rate > 0:
        words.append(f"{size(progress.rate)}/s")
    if left is not None:
        words.append(f"about {duration(left)} left")
    return (
        f"{share:.0%}"
        f'<progress max="1" value="{share:.4f}" aria-label="{text(name)}"></progress>'
        f'<span class="soft">{", ".join(words)}</span>'
    )


def _failures(run: ChannelRun) -> str:
    if not run.failures:
        return ""
    rows = [
        f"<li>{code(f'{one.subdir}/{one.filename}')} <span>{text(one.reason)}</span></li>"
        for one in run.failures[:_SHOWN_FAILURES]
    ]
    more = run.failed - len(rows)
    if more > 0:
        rows.append(f"<li>and {more:,} more: see {code('status.json')} and the syncer's log</li>")
    return (
        f'<details class="failures" id="failures-{text(run.name)}" open>'
        "<summary>Which, and why</summary>"
        f"<ul>{''.join(rows)}</ul></details>"
    )


def _index_problems(site: Site) -> str:
    found = []
    for channel in site.channels:
        name = text(channel.name)
        if channel.status == "failed":
            why = f": {text(channel.error)}" if channel.error else ""
            found.append(f"{name}: the last attempt to renew the index failed{why}")
        if channel.is_held:
            number = channel.generation.number
            found.append(f"{name}: rolled back to generation {number} by an administrator")
        if channel.generation.left_out:
            left_out = count(len(channel.generation.left_out), "file")
            found.append(f"{name}: {left_out} could not be indexed")
    return items(found, "problems")
