"""Whose volume this is: one appliance, one mirror volume, one state volume.

The id is written to both. A mirror with another id belongs to another appliance. A mirror with no
id beside a state that remembers one is most often a disk that is not mounted: writing there would
fill the wrong disk and retire nothing, so it is refused until a person says that it is new.
A state that was lost is rebuilt: it takes the mirror's id, and the next sync hashes what is there.
"""

from __future__ import annotations

import secrets

from volume.disk import documents
from volume.disk.files import make_directory, remove_tree
from volume.errors import WrongVolumeError
from volume.former import take_over
from volume.layout import MIRROR_FOLDERS, STATE_FOLDERS, Mirror, State
from volume.locks import Held, check_local


def claim(mirror: Mirror, state: State, *, accept_new_mirror: bool = False) -> str:
    """Make sure that the two volumes belong together, and return their id.

    Args:
        accept_new_mirror: the mirror volume may be empty although the state is not; what the state
            remembers of channels is then dropped.

    Raises:
        WrongVolumeError: they belong to different appliances, or the mirror is not mounted.
        VolumeError: a volume can't be written.
        StateError: the state volume is on a network filesystem.
    """
    make_directory(state.root)
    check_local(state.root)
    make_directory(state.identity_lock.parent)
    # The syncer and the indexer start together: they must not invent two ids.
    with Held(state.identity_lock, role="start", wait_seconds=60.0):
        return _claim(mirror, state, accept_new_mirror)


def _claim(mirror: Mirror, state: State, accept_new_mirror: bool) -> str:
    ours = documents.read(state.instance)
    theirs = documents.read(mirror.owner)
    if ours is not None and theirs is None and not accept_new_mirror:
        raise WrongVolumeError(
            f"{mirror.root} carries no owner.json, but the state volume remembers a mirror:"
            " is the disk mounted? If the volume is new on purpose, run"
            " 'syncer --once --accept-new-mirror'"
        )
    if ours is not None and theirs is not None and ours["id"] != theirs["id"]:
        raise WrongVolumeError(
            f"{mirror.root} belongs to appliance {theirs['id']}, this one is {ours['id']};"
            " two appliances must not share a mirror volume"
        )
    is_new_mirror = ours is not None and theirs is None
    known = None if is_new_mirror else theirs or ours
    identity = str(known["id"]) if known else secrets.token_hex(8)
    for folder in MIRROR_FOLDERS:
        make_directory(mirror.root / folder)
    for folder in STATE_FOLDERS:
        make_directory(state.root / folder)
    if is_new_mirror:
        # What we remember speaks of files that are not here. A new id, so that the old disk is
        # refused if it comes back; ours first, so that a crash in between is asked about again.
        for remembered in sorted(state.channels.iterdir()):
            remove_tree(remembered)
        documents.write(state.instance, {"id": identity})
    if theirs is None:
        documents.write(mirror.owner, {"id": identity})
    if ours is None:
        documents.write(state.instance, {"id": identity})
    take_over(mirror, state)
    return identity
