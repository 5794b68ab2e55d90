"""A wheel that a channel lists, from upstream to a client (draft CEP 145): py-rattler finds it here
as there, and what it is led to has the bytes, under the wheel's own name."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from rattler import Channel, PackageFormatSelection, SparseRepoData

from tests.support.clients.clients import rattler_addresses
from tests.support.clients.nginx import executable, serving
from tests.support.mirror.appliance import Appliance
from tests.support.mirror.indexed import unpack
from tests.support.upstream.packages import Record, package
from tests.support.upstream.simulator import ChannelSimulator
from tests.support.upstream.wheels import Index, wheel

ONE = wheel("one_word")
KEY = "one-word-1.0-py3_none_any_0"
WHERE = f"/conda-forge/noarch/{KEY}.whl/{ONE.filename}"


@pytest.fixture(scope="module", params=["own", "conda-index"])
def served(
    request: pytest.FixtureRequest, conda_exe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Upstream, and the mirror."""
    if executable() is None:
        pytest.skip("no nginx on this machine: apt-get install nginx-light")
    with ChannelSimulator() as upstream, tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        index = Index(upstream)
        index.put(ONE)
        channel = upstream.channel("conda-forge")
        channel.serves_shards = True
        channel.shard_info["created_at"] = "2026-01-01T00:00:00Z"  # as rattler wants it
        channel.publish(package("other", subdir="noarch"), revision=3)
        record = {
            "name": "one-word", "version": "1.0", "build": "py3_none_any_0", "build_number": 0,
            "depends": ["python >=3.8"], "subdir": "noarch", "noarch": "python",
            "fn": ONE.filename, "sha256": ONE.sha256, "size": len(ONE.data), "url": index.url(ONE),
        }  # fmt: skip
        channel.put_v3("noarch", f"{KEY}.whl", record)
        mirror = Path(folder)
        mirror.chmod(0o755)
        appliance = Appliance(
            mirror, tmp_path_factory.mktemp("state"), upstream.url, conda_exe,
            {**index.settings, "SUBDIRS": "linux-64", "INDEX_ENGINE": request.param},
        )  # fmt: skip
        appliance.update()
        with serving(mirror) as nginx:
            yield upstream.url, nginx.url


def seen(url: str, variant: str, folder: Path) -> list[Record]:
    """What py-rattler makes of the name: by default it takes wheels out of shards alone."""
    if variant == "shards":
        found = rattler_addresses(url, "linux-64", ["one-word"], variant="shards")
        assert found.error is None
        return list(found.records)
    answer = requests.get(f"{url}/noarch/repodata.json{variant}", timeout=10)
    path = Path(tempfile.mkdtemp(dir=folder)) / "repodata.json"
    path.write_bytes(unpack(answer.content) if variant else answer.content)
    sparse = SparseRepoData(Channel(url), "noarch", path)
    chosen = PackageFormatSelection.PREFER_CONDA_WITH_WHL
    return [json.loads(one.to_json()) for one in sparse.load_records("one-word", chosen)]


@pytest.mark.parametrize("variant", ["shards", ".zst", ""])
@pytest.mark.parametrize("below", ["", "/cloud", "/snapshots/{now:%Y-%m-%d}"])
def test_a_client_finds_the_record_and_the_bytes(
    served: tuple[str, str], variant: str, below: str, tmp_path: Path
) -> None:
    below = below.format(now=datetime.now(UTC))
    (expected,) = seen(f"{served[0]}/conda-forge", variant, tmp_path)
    (found,) = seen(f"{served[1]}{below}/conda-forge", variant, tmp_path)
    assert urlsplit(found["url"]).path == below + WHERE
    assert {**found, "url": 0, "channel": 0} == {**expected, "url": 0, "channel": 0}
    answer = requests.get(found["url"], timeout=10)
    assert (answer.status_code, answer.content) == (200, ONE.data)
    assert answer.headers["Cache-Control"] == "public, no-cache"
    part = requests.get(found["url"], headers={"Range": "bytes=-5"}, timeout=10)
    assert (part.status_code, part.content) == (206, ONE.data[-5:])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (WHERE.rpartition("/")[0], 200),
        (WHERE + "/x.whl", 404),
        (WHERE.replace("one-word", "none"), 404),
        ("/conda-forge/noarch/x/" + KEY + ".whl", 404),
        ("/conda-forge/noarch/..%2f..%2fowner.whl", 404),
    ],
)
def test_addresses(served: tuple[str, str], path: str, code: int) -> None:
    assert requests.get(served[1] + path, timeout=10).status_code == code
