"""Whose volume this is, and whether it is there: one appliance, one mirror and one state volume.

The id stands on both: in the mirror's ``owner.json`` and in the state's ``instance.json``.

Guaranteed: of several appliances that claim a mirror without an owner, at the same moment and from
whatever hosts, exactly one gets it; a mirror with an owner goes to another appliance by a person's
word only. What is refused is left as it was, and a claim that a crash cut off is finished, or asked
about again, by the next one.
Not guaranteed: that a copy of a *state* volume is told from its original; both say the same id.

- A mirror with another id belongs to another appliance.
- A mirror with no id beside a state that remembers one is most often a disk that is not mounted:
  writing there would fill the wrong disk and retire nothing, so a person has to say that it is new.
- A new state beside a mirror with an id is a state that was lost, a copy of a mirror, or a second
  appliance on the first one's mirror: only a person knows. Who takes a mirror over gives it a new
  id: so a copy gets one of its own, and whoever had the mirror before is refused from then on.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from volume import former
from volume.disk import documents
from volume.disk.files import (
    check_writable,
    make_directory,
    remove_tree,
    rename,
    sync_directory,
    unlink,
)
from volume.errors import StateError, VolumeError, WrongVolumeError
from volume.layout import MIRROR_FOLDERS, STATE_FOLDERS, Mirror, State
from volume.ledger.ledger import Ledger
from volume.ledger.promises import Promises
from volume.locks import Held, check_local


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said about the volumes on the command line.

    ``accept_new_mirror``: the mirror volume is empty on purpose, although the state is not; what
    the state remembers of channels is dropped. ``take_over``: the mirror volume is this appliance's
    from now on, whoever had it before.
    """

    accept_new_mirror: bool = False
    take_over: bool = False


NOTHING_SAID = Word()


@dataclass(frozen=True, slots=True)
class _Instance:
    """What the state volume says; ``is_claimed`` is False while its mirror is still to be won."""

    id: str
    is_claimed: bool


def check(mirror: Mirror, state: State) -> None:
    """Make sure that the two volumes belong together, and change nothing.

    Raises:
        WrongVolumeError: they belong to different appliances, or the mirror is not mounted; the
            message says what to do.
        StateError: an id can't be read.
    """
    _check(mirror, state, _instance(state), _owner(mirror), NOTHING_SAID)


def check_present(mirror: Mirror, state: State, channels: Iterable[str]) -> None:
    """Make sure that a mirror is not empty where the ledgers have rows, and change nothing.

    Raises:
        WrongVolumeError: of a channel's committed artifacts not one is there.
        StateError: a ledger can't be read.
    """
    for channel in channels:
        if _has_file(mirror.channel_folder(channel)):
            continue
        ledger = Ledger.read(state.ledger(channel))
        if ledger is None:
            continue
        with ledger:
            elsewhere = (
                len(ledger.replaced()),
                *(one for one, _ in Promises(ledger).totals().values()),
            )
            count = sum(count for count, _ in ledger.totals().values()) - sum(elsewhere)
        if count:
            raise WrongVolumeError(
                f"{mirror.channel_folder(channel)} is empty, and {count:,} artifacts are committed"
                " there: is the disk mounted? Does MIRROR_DATA name the right folder? If the files"
                " are lost: 'syncer verify' fetches a few again; if they are many, move"
                f" {state.ledger(channel)} away and run 'syncer --once'"
            )


def _has_file(folder: Path) -> bool:
    return any(names for _, _, names in os.walk(folder))


def claim(mirror: Mirror, state: State, word: Word = NOTHING_SAID) -> str:
    """Make sure that the two volumes belong together, and return their id.

    Raises:
        WrongVolumeError: as ``check`` does, unless a person's word says otherwise; or another
            appliance claimed the mirror at this moment.
        VolumeError: a volume can't be written.
        StateError: the state volume is on a network filesystem, or an id can't be read.
    """
    make_directory(state.root)
    check_local(state.root)
    make_directory(state.identity_lock.parent)
    # The syncer and the indexer of one appliance start together: they must not invent two ids.
    with Held(state.identity_lock, role="start", wait_seconds=60.0):
        return _claim(mirror, state, word)


def _claim(mirror: Mirror, state: State, word: Word) -> str:
    ours, theirs = _instance(state), _owner(mirror)
    _check(mirror, state, ours, theirs, word)
    make_directory(mirror.root)
    check_writable(mirror.root)
    if ours is None or theirs != ours.id:
        ours = _begin(state, ours)
        if theirs is not None:
            _depose(mirror, theirs)
        _win(mirror, ours.id)
    for folder in MIRROR_FOLDERS:
        make_directory(mirror.root / folder)
    for folder in STATE_FOLDERS:
        make_directory(state.root / folder)
    if not ours.is_claimed:
        for taken in mirror.root.glob(f".{mirror.owner.name}.*.taken"):
            unlink(taken)
        documents.write(state.instance, {"id": ours.id})
    former.take_over(mirror, state)
    return ours.id


def _check(
    mirror: Mirror, state: State, ours: _Instance | None, theirs: str | None, word: Word
) -> None:
    remembers = ours is not None and ours.is_claimed
    if theirs is None:
        if remembers and not word.accept_new_mirror:
            raise WrongVolumeError(
                f"{mirror.root} carries no owner.json, but the state volume remembers a mirror:"
                " is the disk mounted? Does MIRROR_DATA name the right folder? If the volume is new"
                " on purpose, run 'syncer --once --accept-new-mirror'"
            )
    elif (ours is None or theirs != ours.id) and not word.take_over:
        if ours is not None and remembers:
            raise WrongVolumeError(
                f"{mirror.root} belongs to appliance {theirs}, this one is {ours.id}; two"
                " appliances must not share a mirror volume: mount the right disk. If this one"
                " is to have it from now on, stop the other one and run 'syncer --once --take-over'"
            )
        raise WrongVolumeError(
            f"{mirror.root} belongs to appliance {theirs}, and the state volume {state.root} is"
            " new. If the state was lost, or the mirror is a copy: run 'syncer --once"
            " --take-over', which hashes what is stored and takes it over. If another appliance"
            " still uses this mirror, give this one a mirror volume of its own"
        )


def _begin(state: State, ours: _Instance | None) -> _Instance:
    """Note the id that the mirror is to get; a crash from here on is asked about again.

    What is remembered speaks of files that are not on this mirror. The id is a new one, so that the
    old disk is refused if it comes back.
    """
    if ours is not None and not ours.is_claimed:
        return ours  # of a claim that was cut off, or lost
    if ours is not None:
        for remembered in sorted(state.channels.iterdir() if state.channels.is_dir() else ()):
            remove_tree(remembered)
    begun = _Instance(secrets.token_hex(8), is_claimed=False)
    documents.write(state.instance, {"id": begun.id, "claimed": False})
    return begun


def _depose(mirror: Mirror, theirs: str) -> None:
    """Take a mirror from its owner; of several who try at once one succeeds."""
    taken = mirror.owner.with_name(f".{mirror.owner.name}.{theirs}.taken")
    try:
        rename(mirror.owner, taken)
    except VolumeError as error:
        if mirror.owner.exists():
            raise
        raise _lost(mirror) from error
    sync_directory(mirror.root)


def _win(mirror: Mirror, identity: str) -> None:
    if not documents.create(mirror.owner, {"id": identity}, by=identity):
        raise _lost(mirror)


def _lost(mirror: Mirror) -> WrongVolumeError:
    return WrongVolumeError(
        f"{mirror.root} was claimed by another appliance at this moment ({_owner(mirror)}): give"
        " each appliance a mirror volume of its own"
    )


def _instance(state: State) -> _Instance | None:
    document = documents.read(state.instance)
    if document is None:
        return None
    claimed = document.get("claimed", True)
    if not isinstance(document.get("id"), str) or not isinstance(claimed, bool):
        raise StateError(f"{state.instance} names no id; restore it or remove it")
    return _Instance(document["id"], claimed)


def _owner(mirror: Mirror) -> str | None:
    document = documents.read(mirror.owner)
    if document is None:
        return None
    if not isinstance(document.get("id"), str):
        raise StateError(f"{mirror.owner} names no id; restore it or remove it")
    return str(document["id"])
