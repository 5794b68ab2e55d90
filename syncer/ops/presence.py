"""Whether the volumes are the right ones, and there: asked by whatever reads what they say.

A ledger speaks of files; beside a mirror that is not mounted, or another one, what it says is not
true. Changes nothing.
"""

from __future__ import annotations

from syncer.settings.settings import Settings
from volume import identity
from volume.disk.files import check_writable
from volume.errors import MirrorError, VolumeError, WrongVolumeError
from volume.layout import Mirror, State


def check(settings: Settings) -> None:
    """Make sure that the two volumes belong together, and that the mirror is not an empty one.

    Raises:
        WrongVolumeError: they do not, or it is; the message has the next step.
        StateError: a document or ledger can't be read.
    """
    mirror, state = Mirror(settings.mirror_dir), State(settings.state_dir)
    if not mirror.root.is_dir():
        raise WrongVolumeError(f"the mirror volume {mirror.root} is not there: mount it")
    identity.check(mirror, state)
    identity.check_present(mirror, state, settings.channels)


def unwritable(settings: Settings) -> str | None:
    """Why a volume can't be written to, if it can't."""
    for root in (settings.mirror_dir, settings.state_dir):
        try:
            check_writable(root)
        except VolumeError as error:
            return str(error)
    return None


def trouble(settings: Settings) -> str | None:
    """What is wrong with the volumes, if anything is: the first thing found."""
    try:
        check(settings)
    except MirrorError as error:
        return str(error)
    return unwritable(settings)
