"""Transfers at the same time leave MIN_FREE together, not each for itself."""

import pytest

from syncer.demand.room import Room
from syncer.errors import NoSpaceError


class Disk:
    """A volume of 100 bytes, of which some are taken."""

    def __init__(self) -> None:
        self.used = 0

    def free(self) -> int:
        return 100 - self.used


def test_what_is_on_its_way_counts_and_what_is_here_counts_once() -> None:
    disk = Disk()
    room = Room(disk.free, reserve=20)
    with room.taken(50, lambda: disk.used):
        with (
            pytest.raises(NoSpaceError, match=r"50 B are on their way.*MIN_FREE"),
            room.taken(40, lambda: 0),
        ):
            pass
        disk.used = 50  # all of it has come
        with room.taken(30, lambda: 0):
            pass
        with pytest.raises(NoSpaceError), room.taken(31, lambda: 0):
            pass
    with pytest.raises(NoSpaceError), room.taken(31, lambda: 0):
        pass
    disk.used = 0
    with room.taken(80, lambda: 0):
        pass


def test_a_transfer_that_fails_gives_its_room_back() -> None:
    room = Room(Disk().free, reserve=0)
    with pytest.raises(ZeroDivisionError), room.taken(100, lambda: 10):
        raise ZeroDivisionError
    with room.taken(100, lambda: 0):
        pass


def test_more_bytes_than_were_told_make_no_room() -> None:
    room = Room(Disk().free, reserve=0)
    with (
        room.taken(10, lambda: 1000),
        pytest.raises(NoSpaceError),
        room.taken(101, lambda: 0),
    ):
        pass
