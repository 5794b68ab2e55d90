"""A dry run: what a sync would do, what would keep it from that, and why. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from syncer.artifacts import history
from syncer.errors import NoSpaceError
from syncer.ops import once, presence
from syncer.planning.guard import check_space
from syncer.planning.on_demand.eviction import Evictions
from syncer.planning.plan import Amount
from syncer.planning.selection.explain import Explanation, lines
from syncer.planning.survey import free_space
from syncer.settings.settings import Settings
from syncer.sync.channel.channel import ChannelSync
from syncer.sync.evicting import Evicting, Needed
from syncer.sync.report import left_out_lines, nothing_approved, plan_table
from syncer.sync.session import Options, tools
from syncer.sync.work import Work
from volume.errors import InterruptedRunError, MirrorError, StateError, VolumeError
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger
from volume.program.durations import moment
from volume.program.stop import Stop
from volume.run_document import FailedArtifact, Totals, named


@dataclass(frozen=True, slots=True)
class Preview:
    """The plans, and what a person should know. Sizes in bytes, times since the epoch."""

    plans: tuple[Totals, ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    left_out: tuple[FailedArtifact, ...]
    free: int | None
    full_on: float | None

    def document(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "plan": [asdict(plan) for plan in self.plans],
            "warnings": list(self.warnings),
            "problems": list(self.problems),
            "left_out": [asdict(one) for one in self.left_out],
            "explained": [asdict(one) for found in self.explanations for one in found.artifacts],
            "free": self.free,
            "full_on": self.full_on,
        }

    def text(self) -> str:
        """The same for people; problems are for the error output."""
        full_on = moment(self.full_on).partition(" ")[0] if self.full_on is not None else None
        parts = [plan_table(self.plans, self.free, full_on=full_on)] if self.plans else []
        parts += [f"warning: {warning}" for warning in self.warnings]
        parts += left_out_lines(self.left_out, "the answer with --json")
        if self.explanations:
            parts.append("")
            parts += [line for found in self.explanations for line in lines(found)]
        return "\n".join(parts)


def preview(settings: Settings, options: Options, stop: Stop) -> Preview:
    """Look at every channel and every collection beside them.

    Raises:
        ConfigError: secrets, a proxy, the CA bundle or a spec file can't be used.
        InterruptedRunError: it was stopped.
    """
    shared = tools(settings, options, stop, show_plan=lambda plans: None, writes=False)
    shared.selections.unused.trust()  # counted minutes ago, as scheduled; a dry run writes nothing
    plans: list[Totals] = []
    warnings: list[str] = []
    problems: list[str] = []
    explanations: list[Explanation] = []
    left_out: list[FailedArtifact] = []
    looked: dict[str, Needed] = {}
    for channel in settings.channels:
        work = ChannelSync(shared, channel, allow_wipe=channel in options.allow_wipe)
        if _look(work, plans, problems):
            looked[channel] = work.needed
        warnings += [named(channel, warning) for warning in work.result.warnings]
        if options.explain:
            explanations += work.explain(options.explain)
        left_out += work.result.failures
    evictions, told = Evicting(shared, options.allow_wipe).plan(looked)
    plans = with_evictions(plans, evictions)
    warnings += [named(one.channel, one.text) for one in told]
    for name, one in once.collections(settings).items():
        collected = one.make(shared, name, allow_wipe=name in options.allow_wipe)
        _look(collected, plans, problems)
        warnings += [named(name, warning) for warning in collected.result.warnings]
        left_out += collected.result.failures
    free = _free(settings)
    if why := presence.unwritable(settings):
        problems.append(why)
    if not problems:
        problems += nothing_approved(shared.selections.unmet)
        problems += too_much(plans, free, settings.min_free)
    rate = history.bytes_per_day(_growths(settings))
    room = (free or 0) - sum(plan.download_size for plan in plans)
    return Preview(
        plans=tuple(plans),
        warnings=tuple(warnings),
        problems=tuple(problems),
        explanations=tuple(explanations),
        left_out=tuple(left_out),
        free=free,
        full_on=history.full_on(rate, room - settings.min_free, time.time()) if free else None,
    )


def with_evictions(plans: Sequence[Totals], evictions: Evictions) -> list[Totals]:
    """The plans with what gives up its bytes after them."""
    amounts = evictions.amounts()
    found = []
    for plan in plans:
        gone = amounts.get((plan.channel, plan.subdir), Amount())
        found.append(replace(plan, evicted=gone.count, evicted_size=gone.size))
    return found


def _look(work: Work, plans: list[Totals], problems: list[str]) -> bool:
    """Look at a work's plan; return whether it would be carried out."""
    try:
        plans.extend(work.preview())
        return True
    except MirrorError as error:
        if isinstance(error, InterruptedRunError):
            raise
        plans.extend(work.result.plan)
        problems.append(named(work.result.channel, str(error)))
        return False


def too_much(plans: Sequence[Totals], free: int | None, reserve: int) -> list[str]:
    """Each channel was found to fit by itself; all together must.

    Args:
        free, reserve: bytes free, and bytes that must stay free.
    """
    if free is None:
        return []
    try:
        check_space(sum(plan.download_size for plan in plans), free, reserve)
    except NoSpaceError as error:
        return [f"all channels together: {error}"]
    return []


def _growths(settings: Settings) -> list[history.Growth]:
    found = []
    state = State(settings.state_dir)
    for channel in settings.channels:
        try:
            ledger = Ledger.read(state.ledger(channel))
        except (StateError, VolumeError):
            continue  # the channel's own preview says what is wrong with it
        if ledger is not None:
            with ledger:
                found.append(history.measure(ledger, time.time()))
    return found


def _free(settings: Settings) -> int | None:
    try:
        return free_space(Mirror(settings.mirror_dir))
    except VolumeError:
        return None
