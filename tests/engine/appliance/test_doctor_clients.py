"""The doctor looks through the real nginx, as a client does."""

import json
import time
from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from syncer.ops.doctor.client_checks import WebServer, look
from syncer.ops.doctor.finding import Finding
from tests.support.clients.nginx import Nginx, Tls, serving
from tests.support.mirror.sync_harness import Syncer
from tests.support.mirror.tree import Volumes, publish
from tests.support.upstream.certificates import authority, openssl
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator
from volume import generations
from volume.generations import Published

ZLIB = package("zlib", "1.3")


@pytest.fixture
def served(simulator: ChannelSimulator, mirror_dir: Path, state_dir: Path) -> Volumes:
    """A synced and published channel, and a status.json that says so."""
    simulator.channel("conda-forge").publish(ZLIB)
    volumes = Volumes(mirror_dir, state_dir)
    assert Syncer(simulator, volumes).run().status == "success"
    number = publish(volumes, created=time.time())
    generation = generations.read(volumes.mirror, "conda-forge", number)
    assert generation is not None
    listed = {"linux-64": Published(1, len(ZLIB.data))}
    generations.write(volumes.mirror, "conda-forge", replace(generation, subdirs=listed))
    index = volumes.mirror.generation("conda-forge", number) / "linux-64" / "repodata.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text('{"packages.conda": {}}')
    show_status(volumes, number)
    return volumes


def show_status(volumes: Volumes, generation: int, name: str = "conda-forge") -> None:
    document = {"channels": [{"name": name, "generation": generation}]}
    (volumes.mirror_dir / "site" / "status.json").write_text(json.dumps(document))


def view(volumes: Volumes, url: str, ca_bundle: str = certifi.where()) -> list[Finding]:
    client = WebServer(url, ca_bundle)
    return list(look(client, volumes.mirror, volumes.state, ("conda-forge",)))


def states(found: list[Finding]) -> list[str]:
    return [one.state for one in found]


def test_what_is_served_is_what_is_on_the_volume(served: Volumes, nginx: Nginx) -> None:
    found = view(served, nginx.url)
    assert states(found) == ["ok", "ok", "ok"]
    assert found[2].fact == f"linux-64/repodata.json and {ZLIB.filename} are served whole"


def test_an_artifact_or_index_that_is_not_served(served: Volumes, nginx: Nginx) -> None:
    artifact = served.mirror_dir / "channels/conda-forge/linux-64" / ZLIB.filename
    artifact.write_bytes(artifact.read_bytes()[:-1])
    (found,) = [one for one in view(served, nginx.url) if one.state == "failed"]
    assert f"has {len(ZLIB.data) - 1} bytes for clients and" in found.fact
    artifact.unlink()
    (found,) = [one for one in view(served, nginx.url) if one.state == "failed"]
    assert (found.subject, "answered 404" in found.fact) == ("conda-forge for clients", True)


def test_another_mirror_and_a_late_or_broken_status(served: Volumes, nginx: Nginx) -> None:
    show_status(served, 7, "bioconda")
    assert "shows none of the channels" in view(served, nginx.url)[1].fact
    show_status(served, 0)
    assert "behind for conda-forge" in view(served, nginx.url)[1].fact
    (served.mirror_dir / "site" / "status.json").write_text("<html>")
    assert "can't be understood" in view(served, nginx.url)[1].fact
    (served.mirror_dir / "site" / "status.json").unlink()
    assert "answered 404" in view(served, nginx.url)[1].fact


def test_before_anything_is_published(mirror_dir: Path, state_dir: Path, nginx: Nginx) -> None:
    assert states(view(Volumes(mirror_dir, state_dir), nginx.url)) == ["ok", "skipped"]


def test_a_web_server_that_is_not_there(served: Volumes) -> None:
    (found,) = view(served, "http://127.0.0.1:9")
    assert (found.state, "can't be reached" in found.fact) == ("failed", True)


def test_over_tls(served: Volumes, tmp_path: Path) -> None:
    if openssl() is None:
        pytest.skip("no openssl on this machine: apt-get install openssl")
    ca = authority(tmp_path)
    folder = served.mirror_dir / "tls"  # where nginx's user may look
    ca.issue(folder)
    with serving(served.mirror_dir, tls=Tls(folder, redirect="yes")) as nginx:
        secure = f"https://127.0.0.1:{nginx.tls_port}"
        assert states(view(served, secure, str(ca.certificate))) == ["ok", "ok", "ok"]
        (found,) = view(served, secure)
        assert (found.state, "TLS failed" in found.fact) == ("failed", True)
        assert "REQUESTS_CA_BUNDLE" in found.step
        redirected = view(served, nginx.url)
        assert states(redirected) == ["ok", "warning"]
        assert "set MIRROR_URL" in redirected[1].step
