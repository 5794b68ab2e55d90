"""Whatever mix of sections upstream lists artifacts in, each record is here as it is, or named."""

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncer.sync.run import ChannelResult
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes, broken_promises
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import Package, package
from tests.support.upstream.simulator import ChannelSimulator

SUBDIR = "linux-64"
STAYS = "stays"  # a plain artifact, so that the channel is never empty
Listing = dict[tuple[str, str], str]
"""The text of each record by section and key."""


@functools.cache
def built(name: str, extension: str) -> Package:
    return package(name, extension=extension, run_exports={"weak": [name]})


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
# What a record says otherwise than its artifact is; most say nothing otherwise.
CHANGES = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(["flags", "when", "x", "é", "attestations"]), ODD, max_size=2),
    st.sampled_from(
        [
            {"sha256": "0" * 64}, {"size": 1}, {"md5": "0" * 32}, {"sha256": None},
            {"sha256": None, "md5": None}, {"size": "7"}, {"build": 3}, {"depends": ["(" * 40]},
            {"name": "else"},
        ]
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """How one artifact is listed; None: not in that revision."""

    old: dict[str, Any] | None
    v3: dict[str, Any] | None


ARTIFACTS = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from([".conda", ".tar.bz2"])),
    st.builds(Listed, st.none() | CHANGES, st.none() | CHANGES),
    max_size=5,
)
# Extensions and keys that nothing here is listed by.
STRANGE = st.dictionaries(
    st.sampled_from(["whl", "zip", "", "CONDA", "conda.zst"]),
    st.dictionaries(st.sampled_from(["w-1", "../w", "w-1-0.conda"]), ODD, max_size=2) | ODD,
    max_size=2,
)
KEYS = st.dictionaries(
    st.sampled_from(["d-1-0.conda", "../d-1-0", "d", "", "d-1-0.tar.bz2"]), ODD, max_size=2
)


@dataclass(frozen=True)
class State:
    """All that a channel says at one moment."""

    artifacts: dict[tuple[str, str], Listed]
    strange: dict[str, Any]
    keys: dict[str, Any]

    def put(self, channel: Channel) -> None:
        """Let the channel say just this."""
        with channel.editing():
            channel.put_info(SUBDIR)
            state = channel.subdirs[SUBDIR]
            state.records = {"packages": {}, "packages.conda": {}}
            state.v3 = {"conda": dict(self.keys), **self.strange}
            channel.publish(built(STAYS, ".conda"))
            for (name, extension), listed in self.artifacts.items():
                one = built(name, extension)
                channel.put_artifact(SUBDIR, one.filename, one.data)
                if listed.old is not None:
                    channel.put_record(SUBDIR, one.filename, {**one.record, **listed.old})
                if listed.v3 is not None:
                    channel.put_v3(SUBDIR, one.filename, {**one.record, **listed.v3})


STATES = st.builds(State, ARTIFACTS, STRANGE, KEYS)


def texts(channel: Channel) -> Listing:
    """What the channel's repodata.json lists, as the texts that stand in it."""
    resource = channel.document(f"{SUBDIR}/repodata.json")
    assert resource is not None and isinstance(resource.body, bytes)
    document = msgspec.json.decode(resource.body, type=dict[str, msgspec.Raw])
    sections = {name: document[name] for name in ("packages", "packages.conda")}
    for extension, raw in msgspec.json.decode(document["v3"], type=dict[str, msgspec.Raw]).items():
        sections[f"v3.{extension}"] = raw
    found = {}
    for section, raw in sections.items():
        value = msgspec.json.decode(raw)
        records = msgspec.json.decode(raw, type=dict[str, msgspec.Raw]) if isinstance(
            value, dict
        ) else {}  # fmt: skip
        found.update({(section, key): bytes(one).decode() for key, one in records.items()})
    return found


def committed(volumes: Volumes) -> Listing:
    found = {}
    with volumes.ledger() as ledger:
        assert ledger.unproven() == []
        for row in ledger.artifacts(SUBDIR):
            extension = "conda" if row.filename.endswith(".conda") else "tar.bz2"
            stem, in_v3 = row.filename.removesuffix(f".{extension}"), f"v3.{extension}"
            found[(row.section, stem if row.section == in_v3 else row.filename)] = row.record
            if row.twin is not None:
                found[(in_v3, stem)] = row.twin
    return found


def is_named(section: str, key: str, result: ChannelResult) -> bool:
    """Whether a run said of a record that it is left out."""
    extension = section.removeprefix("v3.")
    names = {key, ascii(key), f"{key}.{extension}", ascii(f"{key}.{extension}"), section}
    return any(one.filename in names for one in result.failures)


def look(channel: Channel, volumes: Volumes, result: ChannelResult) -> None:
    """Hold what is committed against what upstream lists."""
    assert result.status == ("partial" if result.failures else "success"), result
    upstream, ours = texts(channel), committed(volumes)
    for (section, key), text in upstream.items():
        assert ours.get((section, key)) == text or is_named(section, key, result), (section, key)
    for section, key in ours.keys() - upstream.keys():
        # What is here stays while what upstream says of it can't be used.
        assert is_named(section, key, result), (section, key)
    for (section, key), text in ours.items():
        assert upstream.get((section, key), text) == text or is_named(section, key, result)
    assert broken_promises(volumes) == []


@given(first=STATES, then=STATES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_record_is_here_as_upstream_has_it_or_is_named(
    simulator: ChannelSimulator, first: State, then: State
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        volumes = Volumes(Path(folder) / "mirror", Path(folder) / "state")
        volumes.mirror_dir.mkdir()
        volumes.state_dir.mkdir()
        syncer = Syncer(simulator, volumes, {"WIPE_GUARD_PERCENT": "100"})
        channel = simulator.channel("conda-forge")
        for state in (first, then):
            state.put(channel)
            result = syncer.channel()
            look(channel, volumes, result)
            again = syncer.channel()  # and a run that has nothing to do says the same
            assert again.status == result.status
            assert sorted(again.left_out()) == sorted(set(result.left_out()))
