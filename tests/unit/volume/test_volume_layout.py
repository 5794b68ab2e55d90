"""Channels and paths correspond one to one."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from volume.errors import NameRefusedError
from volume.layout import Mirror, State, channel_of, slug

SEGMENTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)


@given(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join))
def test_a_slug_is_one_segment_and_gives_the_channel_back(channel: str) -> None:
    try:
        name = slug(channel)
    except NameRefusedError:
        return
    assert "/" not in name
    assert channel_of(name) == channel


@given(st.lists(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), unique=True, max_size=6))
def test_two_channels_share_no_state_folder(channels: list[str]) -> None:
    state = State(Path("/s"))
    folders = []
    for channel in channels:
        try:
            folders.append(state.channel(channel))
        except NameRefusedError:
            continue
    assert len(set(folders)) == len(folders)


def test_paths_are_those_of_the_protocol() -> None:
    mirror, state = Mirror(Path("/m")), State(Path("/s"))
    assert str(mirror.artifacts("pkgs/main", "noarch")) == "/m/channels/pkgs/main/noarch"
    assert str(mirror.local("pkgs/main", "noarch")) == "/m/local/pkgs/main/noarch"
    assert str(mirror.local_folder("pkgs/main")) == "/m/local/pkgs/main"
    assert str(mirror.retired("pkgs/main", "noarch")) == "/m/retired/pkgs/main/noarch"
    assert str(mirror.replaced("c", "noarch", "ab")) == "/m/replaced/c/noarch/ab"
    assert str(mirror.staging("c", "noarch")) == "/m/staging/c/noarch"
    assert str(mirror.generation("c", 42)) == "/m/index/c/gen-000042"
    assert str(mirror.current("c")) == "/m/index/c/current"
    assert str(mirror.installers("archive").generation(7)) == "/m/installers/archive/gen-000007"
    assert str(mirror.installers("archive").current) == "/m/installers/archive/current"
    assert str(mirror.installers("archive").staging) == "/m/staging/installers/archive"
    assert str(mirror.installers("archive").quarantine) == "/m/quarantine/installers/archive"
    assert str(state.installers("archive")) == "/s/installers/archive.json"
    assert str(state.channel_lock("pkgs/main")) == "/s/locks/channel-pkgs~main.lock"
    assert str(state.ledger("pkgs/main")) == "/s/channels/pkgs~main/ledger.db"
    assert str(mirror.generation_document("c", 42)) == "/m/index/c/gen-000042/.generation.json"
    assert str(mirror.rollback("c")) == "/m/index/c/.hold.json"
