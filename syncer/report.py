"""What the syncer says to people: the plan before a run, the outcome after it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from syncer.plan import Totals
from syncer.run import ChannelResult, Run
from volume.sizes import amount

_HEAD = ("channel", "subdir", "kept", "new", "replaced", "hotfixed", "retired", "left out")


def plan_table(plans: Sequence[Totals], free: int | None) -> str:
    """A table of what a run will do, with sums and the disk's answer."""
    rows = [_HEAD]
    for plan in plans:
        rows.append(
            (
                plan.channel,
                plan.subdir,
                _cell(plan.kept, plan.kept_size),
                _cell(plan.new, plan.new_size),
                _cell(plan.replaced, plan.replaced_size),
                f"{plan.hotfixed:,}",
                _cell(plan.retired, plan.retired_size),
                f"{plan.refused:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    count = sum(plan.new + plan.replaced for plan in plans)
    size = sum(plan.new_size + plan.replaced_size for plan in plans)
    lines.append("")
    summary = f"To download: {count:,} artifacts, {amount(size)}."
    if free is not None:
        summary += f" Free on the mirror volume: {amount(free)}."
    lines.append(summary)
    return "\n".join(lines)


def _cell(count: int, size: int) -> str:
    return f"{count:,} ({amount(size)})" if count else "0"


def outcome(run: Run) -> str:
    """What a run did, in a few lines."""
    lines = [line for result in run.channels for line in _channel(result)]
    seconds = (run.finished or run.started) - run.started
    lines.append(f"Sync ended: {run.status}, after {duration(seconds)}.")
    if run.error:
        lines.append(f"  {run.error}")
    return "\n".join(lines)


def _channel(result: ChannelResult) -> list[str]:
    if result.error:
        return [f"{result.channel}: {result.status}: {result.error}"]
    if result.unchanged:
        lines = [f"{result.channel}: nothing changed upstream."]
    else:
        lines = [
            f"{result.channel}: {result.downloaded:,} artifacts committed"
            f" ({amount(result.downloaded_size)}), {result.retired:,} retired,"
            f" {result.failed:,} left out."
        ]
    lines.extend(f"  warning: {warning}" for warning in result.warnings)
    lines.extend(
        f"  left out: {failure['subdir']}/{failure['filename']}: {failure['reason']}"
        for failure in result.failures[:20]
    )
    if result.failed > 20:
        lines.append(f"  ... and {result.failed - 20:,} more; see 'syncer status --json'")
    return lines


def duration(seconds: float) -> str:
    """``3725`` -> ``1 h 2 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"
