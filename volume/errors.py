"""The root of the exception tree, and the exit code that each kind ends a program with.

    MirrorError                    1
    +-- ConfigError                2   usage or configuration
    +-- VolumeError                1   the volume refuses: full, read-only, not permitted
    |   +-- WrongVolumeError      10   the volume belongs to another appliance, or is not mounted
    +-- StateError                 1   a state document can't be understood
    +-- NameRefusedError           1   a name that must not become a path
    +-- LockBusyError             11   somebody else is at work
    +-- InterruptedRunError      130   somebody stopped the run; what is committed stays

The syncer and the indexer add their own branches. Every message names the thing, the fact and the
next step.
"""

from __future__ import annotations

from typing import ClassVar


class MirrorError(Exception):
    """Anything the appliance reports to a person instead of a traceback."""

    exit_code: ClassVar[int] = 1


class ConfigError(MirrorError):
    """Usage or configuration is wrong; ``problems`` lists everything found, not just the first."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


class VolumeError(MirrorError):
    """A volume refused an operation."""


class WrongVolumeError(VolumeError):
    """The mirror and the state volume do not belong together."""

    exit_code: ClassVar[int] = 10


class StateError(MirrorError):
    """A document on the state volume can't be understood."""


class DamagedDocumentError(StateError):
    """A document is not what any version wrote."""


class NameRefusedError(MirrorError):
    """A channel, subdir or artifact name that CEP 26 does not allow, so no path is made of it."""


class LockBusyError(MirrorError):
    """A lock is held by somebody else; ``holder`` is their own note, for people."""

    exit_code: ClassVar[int] = 11

    def __init__(self, name: str, holder: str) -> None:
        super().__init__(name, holder)
        self.name = name
        self.holder = holder

    def __str__(self) -> str:
        return (
            f"{self.name} is held by {self.holder}; "
            "wait for it to finish, or use --wait to queue behind it"
        )


class InterruptedRunError(MirrorError):
    """Somebody stopped the run; what was committed and published stays."""

    exit_code: ClassVar[int] = 130
