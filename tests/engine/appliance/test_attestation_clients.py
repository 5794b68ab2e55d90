"""A client that requires attestations finds on the mirror what it finds upstream (CEP 50)."""

import hashlib
import json
from pathlib import Path

from tests.support.clients.clients import rattler_attestations
from tests.support.clients.nginx import serving
from tests.support.mirror.appliance import Appliance
from tests.support.upstream.packages import package
from tests.support.upstream.simulator import ChannelSimulator

# A bundle with all that must be there, signed by nobody: read whole, and then found wanting.
BUNDLE = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"certificate": {"rawBytes": "AA=="}, "tlogEntries": []},
    "dsseEnvelope": {
        "payload": "e30=",
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "AA=="}],
    },
}


def test_a_client_reads_them_as_upstream_has_them(
    mirror_dir: Path, state_dir: Path, simulator: ChannelSimulator, conda_exe: Path
) -> None:
    channel = simulator.channel("conda-forge")
    signed, later, lacking, plain = map(package, ("signed", "later", "lacking", "plain"))
    channel.publish(signed, later, lacking, plain)
    names = ["signed", "later", "lacking", "plain"]
    appliance = Appliance(mirror_dir, state_dir, simulator.url, conda_exe)
    bundles = json.dumps([BUNDLE]).encode()
    digest = hashlib.sha256(bundles).hexdigest()

    def sign(filename: str, *, is_served: bool = True) -> None:
        if is_served:
            channel.put_artifact("linux-64", f"{filename}.sigs.{digest}", bundles)
        channel.hotfix("linux-64", filename, attestations_sha256=digest)

    def compare() -> dict[str, str]:
        with serving(mirror_dir) as nginx:
            ours = rattler_attestations(f"{nginx.url}/conda-forge", "linux-64", names)
            ours = {name: said.replace(nginx.url, simulator.url) for name, said in ours.items()}
        assert ours == rattler_attestations(f"{simulator.url}/conda-forge", "linux-64", names)
        return ours

    sign(signed.filename)
    sign(lacking.filename, is_served=False)
    answer = appliance.syncer("--once")
    assert answer.code == 3
    assert f"{lacking.filename}.sigs.{digest}" in answer.out
    assert appliance.indexer("--once").code == 0
    said = compare()
    assert "404" in said[lacking.filename]
    assert "404" not in said[signed.filename]
    for one in (plain, later):
        assert said[one.filename] == f"no attestations are advertised for {one.filename}"
    assert "advertised" not in said[signed.filename]
    sign(later.filename)
    channel.put_artifact("linux-64", f"{lacking.filename}.sigs.{digest}", bundles)
    appliance.update()
    said = compare()
    assert not any("404" in one for one in said.values())
    assert "advertised" not in said[later.filename]
    print(said)
