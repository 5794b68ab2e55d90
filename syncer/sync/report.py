"""What the syncer says to people: the plan before a run, the outcome after it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncer.sync.run import ChannelResult, Run
from volume.program.durations import duration
from volume.program.sizes import amount, counted
from volume.run_document import FailedArtifact, Totals, named, unnamed

_HEAD = (
    "channel", "subdir", "kept", "new", "replaced", "hotfixed", "retired",
    "promised", "unused", "evicted", "locked", "kept anyway", "held back", "denied", "left out",
)  # fmt: skip
_SHOWN_FAILURES = 20
_ALWAYS = 7  # columns; the others are there when they say something


def plan_table(plans: Sequence[Totals], free: int | None, *, full_on: str | None = None) -> str:
    """A table of what a run will do, with sums and the disk's answer.

    Args:
        full_on: the date on which the volume will be full at the rate so far, if that is known.
    """
    rows = [_HEAD, *map(_row, plans)]
    shown = [
        column
        for column in range(len(_HEAD))
        if column < _ALWAYS or any(row[column] != "0" for row in rows[1:])
    ]
    rows = [tuple(row[column] for column in shown) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(shown))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    count = sum(plan.downloads for plan in plans)
    size = sum(plan.download_size for plan in plans)
    lines.append("")
    if twins := sum(plan.twins for plan in plans):
        lines.append(
            f"Upstream lists {counted(twins, 'artifact')} with two records, one in each revision"
            " of repodata."
        )
    summary = f"To download: {count:,} artifacts, {amount(size)}."
    if staged := sum(plan.staged for plan in plans):
        here = amount(sum(plan.staged_size for plan in plans))
        summary += f" Here already, from a sync that was stopped: {staged:,} artifacts, {here}."
    if free is not None:
        summary += f" Free on the mirror volume: {amount(free)}."
    if full_on is not None:
        summary += f" At this rate it is full on {full_on}."
    lines.append(summary)
    return "\n".join(lines)


def _row(plan: Totals) -> tuple[str, ...]:
    return (
        plan.channel,
        plan.subdir,
        _cell(plan.kept, plan.kept_size),
        _cell(plan.new, plan.new_size),
        _cell(plan.replaced, plan.replaced_size),
        f"{plan.hotfixed:,}",
        _cell(plan.retired, plan.retired_size),
        _cell(plan.standing, plan.standing_size),
        _cell(plan.unused, plan.unused_size),
        _cell(plan.evicted, plan.evicted_size),
        _cell(plan.locked, plan.locked_size),
        f"{plan.kept_anyway:,}",
        _cell(plan.held, plan.held_size),
        _cell(plan.denied, plan.denied_size),
        f"{plan.refused:,}",
    )


def _cell(count: int, size: int) -> str:
    return f"{count:,} ({amount(size)})" if count else "0"


def outcome(run: Run, left_out: Path) -> str:
    """What a run did, in a few lines; ``left_out`` is the file that names all that it left out."""
    lines = [line for result in run.channels for line in _channel(result, left_out)]
    lines += [
        line
        for result in run.installers
        for line in _channel(result, left_out, "installers fetched")
    ]
    lines += [
        line for result in run.wheels for line in _channel(result, left_out, "wheels fetched")
    ]
    lines += [
        line
        for result in run.name_mapping
        for line in _channel(result, left_out, "documents fetched")
    ]
    lines.extend(
        f"canary: {one.name} can't be installed on {one.subdir} from this mirror"
        for one in run.canaries
    )
    lines.extend(f"let in before its cooldown ended, by --approve: {one}" for one in run.approved)
    lines.extend(nothing_approved(run.unmet))
    seconds = (run.finished or run.started) - run.started
    lines.append(f"Sync ended: {run.status}, after {duration(seconds)}.")
    if run.error:
        lines.append(f"  {run.error}")
    return "\n".join(lines)


def nothing_approved(unmet: Sequence[str]) -> list[str]:
    """What to say of ``--approve`` where it matches nothing."""
    return [
        f"--approve {one} matches nothing that any channel lists, so it let nothing in: is it spelt"
        " right?"
        for one in unmet
    ]


def _channel(result: ChannelResult, left_out: Path, word: str = "artifacts committed") -> list[str]:
    if result.error:
        return [
            *(f"{result.channel}: warning: {warning}" for warning in result.warnings),
            named(result.channel, f"{result.status}: {unnamed(result.channel, result.error)}"),
        ]
    if result.unchanged:
        lines = [f"{result.channel}: nothing changed upstream."]
    else:
        lines = [
            f"{result.channel}: {result.downloaded:,} {word}"
            f" ({amount(result.downloaded_size)}), {result.retired:,} retired,"
            f" {result.failed:,} left out."
        ]
        if promised := sum(plan.standing for plan in result.plan):
            size = amount(sum(plan.standing_size for plan in result.plan))
            lines.append(
                f"  on demand: {promised:,} more are listed ({size}), fetched when asked for"
            )
    if result.evicted:
        lines.append(
            f"  evicted: {counted(result.evicted, 'artifact')} ({amount(result.evicted_size)}) that"
            " nobody has asked for lately; listed still, and fetched when asked for"
        )
    lines.extend(f"  warning: {warning}" for warning in result.warnings)
    return [*lines, *left_out_lines(result.failures, left_out)]


def left_out_lines(failures: Sequence[FailedArtifact], where: Path | str) -> list[str]:
    """The first artifacts that are left out; ``where`` says what names the others."""
    lines = [f"  left out: {one.said}" for one in failures[:_SHOWN_FAILURES]]
    if len(failures) > _SHOWN_FAILURES:
        lines.append(f"  ... and {len(failures) - _SHOWN_FAILURES:,} more: all are in {where}")
    return lines
