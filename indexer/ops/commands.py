"""The commands: each does one thing and prints it, for people or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from indexer import site
from indexer.base.channels import discover
from indexer.base.errors import PARTIAL
from indexer.base.settings import Settings
from indexer.base.volumes import Volumes
from indexer.generations import chosen, difference, rolled_back
from indexer.ops.loop import HEARTBEAT_LIMIT
from indexer.ops.round import index_all
from indexer.records.local import SETTLED_SECONDS
from indexer.site.gather import promised
from indexer.story.index import has_work
from indexer.story.index_run import ChannelReport
from indexer.story.index_run import read as read_reports
from volume import generations as volume_generations
from volume import identity, snapshots, unclaimed
from volume.errors import ConfigError, MirrorError
from volume.layout import Mirror, State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Standing
from volume.names import check_channel
from volume.program import settings as define
from volume.program.sizes import amount

_HELD = "rolled back; 'indexer rollback --release' publishes the newest again"


def once(volumes: Volumes, options: argparse.Namespace) -> int:
    """Index every channel that has work, or the named ones."""
    known = discover(volumes.mirror, volumes.state)
    chosen = [check_channel(name) for name in options.channel or known]
    if missing := [name for name in chosen if name not in known]:
        raise ConfigError([_unknown(name, known) for name in missing])
    reports, code = index_all(volumes, chosen, wait_seconds=options.wait)
    if unsettled := [item.channel for item in reports if item.pending]:
        # Files that were copied just now: give them the time to prove that they are complete.
        volumes.stop.wait(SETTLED_SECONDS)
        again, code = index_all(volumes, unsettled, wait_seconds=options.wait, before=code)
        reports = [item for item in reports if not item.pending] + again
    if options.json:
        print(json.dumps({"exit_code": code, "channels": [asdict(item) for item in reports]}))
        return code
    for item in reports:
        print(_line(item))
        if (held := rolled_back.read(volumes.mirror, item.channel)) is not None:
            print(f"  generation {held.generation} is published: {_HELD}")
        _print_left_out(volumes, item.channel)
    if not reports:
        print("There is no channel on the mirror volume yet.")
    nobodys = unclaimed.find(volumes.mirror, volumes.state)
    for one in nobodys:
        print(f"{one}; {one.step}")
    return code or (PARTIAL if nobodys else 0)


def _line(item: ChannelReport) -> str:
    if item.error is not None:
        return f"{item.channel}: failed: {item.error}"
    if item.generation == 0:
        return f"{item.channel}: nothing is committed yet"
    verb = f"indexed in {item.seconds:.1f} s" if item.is_new else "is up to date"
    text = f"{item.channel}: generation {item.generation} {verb}, {item.artifacts:,} packages"
    return f"{text}, {amount(item.size)}"


def _print_left_out(volumes: Volumes, channel: str) -> None:
    kept = volume_generations.kept(volumes.mirror, channel)
    for file in kept[-1].left_out if kept else ():
        print(f"  left out: {file.subdir}/{file.filename}: {file.reason}")


def generations(volumes: Volumes, only: str | None, *, as_json: bool) -> int:
    """List what is kept."""
    rows: list[dict[str, Any]] = []
    for channel in _choose(volumes, only):
        current = volume_generations.current_number(volumes.mirror, channel)
        rollback = rolled_back.read(volumes.mirror, channel)
        for item in volume_generations.kept(volumes.mirror, channel):
            waiting = _waiting(volumes, channel, item) if item.number == current else None
            rows.append(
                {
                    "channel": channel,
                    "generation": item.number,
                    "snapshot": item.snapshot,
                    "created": item.created,
                    "serial": item.serial,
                    "artifacts": sum(one.artifacts for one in item.subdirs.values()),
                    "records": sum(one.records for one in item.subdirs.values()),
                    "size": sum(one.size for one in item.subdirs.values()),
                    "promised": waiting.count if waiting else None,
                    "promised_size": waiting.size if waiting else None,
                    "published": item.number == current,
                    "held": rollback is not None and rollback.generation == item.number,
                    "pinned": item.pinned,
                    "left_out": len(item.left_out),
                }
            )
    if as_json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        marks = [name for name in ("published", "held", "pinned") if row[name]]
        moment = datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        print(
            f"{row['channel']}  {row['generation']:>5}  {moment}  {row['artifacts']:>9,} packages"
            f"  {amount(row['size']):>9}  {' '.join(marks)}{_promised(row)}".rstrip()
        )
    return 0


def _waiting(volumes: Volumes, channel: str, published: volume_generations.Generation) -> Standing:
    """What the published generation lists and is not here."""
    found = promised(volumes.state, channel, published).values()
    return Standing(sum(one.count for one in found), sum(one.size for one in found))


def _promised(row: Mapping[str, Any]) -> str:
    if not row["promised"]:
        return ""
    size = amount(row["promised_size"])
    return f"; of these {row['promised']:,}, {size}, are fetched when asked for"


def status(volumes: Volumes, only: str | None, *, as_json: bool) -> int:
    """Show each channel's published and committed state."""
    reports = read_reports(volumes.state)
    rows, unread = [], {}
    for channel in _choose(volumes, only):
        try:
            rows.append(_status_of(volumes, channel, reports.get(channel)))
        except MirrorError as error:
            unread[channel] = str(error)
    if as_json:
        print(json.dumps({"channels": rows, "unread": unread}))
        return 1 if unread else 0
    for channel, reason in unread.items():
        print(f"{channel}: can't be read: {reason}")
    for row in rows:
        published = f"generation {row['generation']}" if row["generation"] else "nothing published"
        listed = f"{row['artifacts']:,} packages, {amount(row['size'])}"
        print(f"{row['channel']}: {published}, {listed}{_promised(row)}")
        for span in row["snapshots"]:
            print(f"  /snapshots: from {span['since']} until {span['until'] or 'now'}")
        if row["held"]:
            print(f"  {_HELD}")
        if row["work"]:
            print(f"  to do: {row['work']}")
        if row["error"]:
            print(f"  last failure: {row['error']}")
        for file in row["left_out"]:
            print(f"  left out: {file['subdir']}/{file['filename']}: {file['reason']}")
    for one in unclaimed.find(volumes.mirror, volumes.state):
        print(f"{one}; {one.step}")
    return 1 if unread else 0


def _status_of(volumes: Volumes, channel: str, report: ChannelReport | None) -> dict[str, Any]:
    published = volume_generations.published(volumes.mirror, channel)
    try:
        work = has_work(volumes, channel)
    except MirrorError as error:
        work = str(error)
    ledger = Ledger.read(volumes.state.ledger(channel))
    serial = None
    if ledger is not None:
        with ledger:
            serial = ledger.serial
    subdirs = published.subdirs.values() if published else ()
    waiting = _waiting(volumes, channel, published) if published else Standing()
    return {
        "channel": channel,
        "generation": published.number if published else None,
        "created": published.created if published else None,
        "published_serial": published.serial if published else None,
        "committed_serial": serial,
        "artifacts": sum(one.artifacts for one in subdirs),
        "records": sum(one.records for one in subdirs),
        "size": sum(one.size for one in subdirs),
        "promised": waiting.count,
        "promised_size": waiting.size,
        "held": rolled_back.read(volumes.mirror, channel) is not None,
        "snapshots": [
            {"generation": span.generation, "since": span.first, "until": span.end}
            for span in snapshots.spans(volume_generations.kept(volumes.mirror, channel))
        ],
        "work": work,
        "left_out": [asdict(file) for file in published.left_out] if published else [],
        "status": report.status if report else None,
        "error": report.error if report else None,
    }


def rollback(volumes: Volumes, options: argparse.Namespace) -> int:
    """Publish an older generation, or the newest again."""
    if options.release and options.to is not None:
        raise ConfigError(["--to and --release exclude each other"])
    channel = _choose_one(volumes, options.only, "to roll back")
    if options.release:
        now = chosen.release(volumes, channel, wait_seconds=options.wait)
    else:
        now = chosen.rollback(volumes, channel, to=options.to, wait_seconds=options.wait)
    site.write(volumes)
    if options.json:
        print(json.dumps({"channel": channel, "generation": now.number}))
    else:
        print(f"{channel}: generation {now.number} is published")
    return 0


def diff(volumes: Volumes, options: argparse.Namespace) -> int:
    """Show what two generations do not share."""
    channel = _choose_one(volumes, options.only, "with --channel")
    kept = volume_generations.kept(volumes.mirror, channel)
    current = volume_generations.current_number(volumes.mirror, channel)
    if options.newer is None:
        if current is None:
            raise ConfigError([f"{channel} has no generation yet"])
        newer = chosen.named(channel, kept, current)
    else:
        newer = chosen.named(channel, kept, options.newer)
    if options.older is None:
        older = chosen.before(channel, kept, newer.number)
    else:
        older = chosen.named(channel, kept, options.older)
    found = difference.compare(volumes.mirror, channel, older, newer)
    if options.json:
        ends = {
            name: {"generation": one.number, "snapshot": one.snapshot}
            for name, one in (("older", older), ("newer", newer))
        }
        print(json.dumps({"channel": channel, **ends, "subdirs": [asdict(one) for one in found]}))
        return 0
    print(f"{channel}: from generation {older.number} ({older.snapshot})", end="")
    print(f" to generation {newer.number} ({newer.snapshot})")
    for one in found:
        print(difference.describe(one))
    return 0


def pin_generation(volumes: Volumes, options: argparse.Namespace) -> int:
    """Keep a generation, or no longer."""
    channel = _choose_one(volumes, options.only, "to pin")
    now = chosen.pin(
        volumes, channel, options.generation, release=options.release, wait_seconds=options.wait
    )
    if options.json:
        told = {"generation": now.number, "snapshot": now.snapshot, "pinned": now.pinned}
        print(json.dumps({"channel": channel, **told}))
    elif now.pinned:
        print(f"{channel}: generation {now.number} is pinned, as /snapshots/{now.snapshot}")
    else:
        print(f"{channel}: generation {now.number} is pinned no more")
    return 0


def config(settings: Settings, *, as_json: bool) -> int:
    """Print the settings in force."""
    values = define.effective(settings)
    print(json.dumps(values) if as_json else "\n".join(f"{k}={v}" for k, v in values.items()))
    return 0


def health(mirror: Mirror, state: State, now: float) -> int:
    """Whether the volumes belong together, and the loop has given a sign of life lately."""
    try:
        identity.check(mirror, state)
    except MirrorError as error:
        print(error)
        return 1
    try:
        age = now - state.index_heartbeat.stat().st_mtime
    except FileNotFoundError:
        print("the indexer has not started yet")
        return 1
    if age > HEARTBEAT_LIMIT:
        print(f"no sign of life for {age:.0f} s; see 'docker compose logs indexer'")
        return 1
    failing = [name for name, item in read_reports(state).items() if item.status == "failed"]
    print(f"ok, but failing: {' '.join(failing)}" if failing else "ok")
    return 0


def _choose(volumes: Volumes, only: str | None) -> list[str]:
    known = discover(volumes.mirror, volumes.state)
    if only is None:
        return known
    if only not in known:
        raise ConfigError([_unknown(only, known)])
    return [only]


def _choose_one(volumes: Volumes, only: str | None, why: str) -> str:
    channels = _choose(volumes, only)
    if len(channels) != 1:
        raise ConfigError([f"name the channel {why}: {' '.join(channels) or 'none here'}"])
    return channels[0]


def _unknown(name: str, known: list[str]) -> str:
    return f"there is no channel {name!r} here; there are: {' '.join(known) or 'none'}"
