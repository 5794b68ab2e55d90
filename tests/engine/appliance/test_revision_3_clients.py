"""Revision 3 from upstream to a client: py-rattler sees here what it sees there (CEP 48)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients.clients import Variant, rattler_install, rattler_records, rattler_solve
from tests.support.clients.faithful_reader import FaithfulReader
from tests.support.clients.nginx import executable, serving
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.channel import Channel
from tests.support.upstream.packages import hotfixed, package
from tests.support.upstream.simulator import ChannelSimulator

SUBDIR = "linux-64"
VARIANTS: tuple[Variant, ...] = ("shards", "zst", "json")
NAMES = ["old", "both", "only", "packed", "noarchy"]


def publish(channel: Channel) -> None:
    channel.serves_shards = True
    channel.shard_info["created_at"] = "2026-01-01T00:00:00Z"  # as rattler wants it
    old, both = package("old", run_exports={"weak": ["old"]}), package("both")
    channel.publish(old, both, package("both", "0.9", extension=".tar.bz2"))
    rich = {
        "depends": ['old[version=">=1"]', 'only[when="__win"]'],
        "extra_depends": {"test": ["packed"]},
        "flags": ["cuda", "blas:mkl"],
        "indexed_timestamp": 1_790_000_000_000,
    }
    channel.twin(SUBDIR, both.filename, **rich)
    only = package("only", run_exports={"strong": ["only"]})
    channel.publish(
        hotfixed(only, depends=['packed[version=">=1",extras=[test]]'], indexed_timestamp=5),
        hotfixed(package("packed", extension=".tar.bz2"), extra_depends={"test": ["old"]}),
        package("noarchy", subdir="noarch"),
        revision=3,
    )
    channel.put_info(
        SUBDIR,
        repodata_revisions={"v3": {"message": "hello", "n_packages": 99}},
        channel_relations={"base": "../other"},
    )


@pytest.fixture(scope="module", params=["own", "conda-index"])
def served(
    request: pytest.FixtureRequest, conda_exe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The channel at upstream, and here."""
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with ChannelSimulator() as upstream, tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        publish(upstream.channel("conda-forge"))
        mirror = Path(folder)
        mirror.chmod(0o755)
        appliance = Appliance(
            mirror, tmp_path_factory.mktemp("state"), upstream.url, conda_exe,
            {"SUBDIRS": SUBDIR, "INDEX_ENGINE": request.param},
        )  # fmt: skip
        appliance.update()
        with serving(mirror) as nginx:
            yield f"{upstream.url}/conda-forge", f"{nginx.url}/conda-forge"


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_record_is_the_same(served: tuple[str, str], variant: Variant) -> None:
    there, here = (rattler_records(url, SUBDIR, NAMES, variant=variant) for url in served)
    assert (there.error, here.error) == (None, None)
    assert {record["name"] for record in here.records} == set(NAMES)
    assert here.records == there.records


def test_what_only_revision_3_lists_is_installed(served: tuple[str, str], tmp_path: Path) -> None:
    # Not with an artifact that has two records: py-rattler 0.28 solves nothing with one.
    done = rattler_install(served[1], SUBDIR, ["only"], tmp_path / "prefix")
    assert done.error is None
    assert done.files == (
        "old-1.0-0.conda", "only-1.0-0.conda", "packed-1.0-0.tar.bz2",
    )  # fmt: skip


def test_two_records_of_one_artifact_are_as_good_here_as_there(served: tuple[str, str]) -> None:
    there, here = (rattler_solve(url, SUBDIR, ["both"], variant="json") for url in served)
    assert here == there


def test_every_variant_agrees_and_every_record_resolves(served: tuple[str, str]) -> None:
    url, _, channel = served[1].rpartition("/")
    reader = FaithfulReader(url)
    with reader.session:
        index = reader.read(channel, SUBDIR)
        assert {"v3/both-1.0-0.conda", "both-1.0-0.conda"} <= index.records.keys()
        assert reader.check_artifacts(index) == 6
