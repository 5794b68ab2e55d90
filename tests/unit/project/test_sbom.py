"""What an image holds, as CycloneDX; tests/stack asks real images."""

from __future__ import annotations

import json
import uuid

from docs.sbom import components, document

CONDA = {
    "name": "zstd", "version": "1.5.7", "build": "h1_2", "subdir": "linux-64",
    "sha256": "a" * 64, "md5": "b" * 32, "channel": "https://mirror.lan/cloud/conda-forge",
}  # fmt: skip
LINES = (
    "deb\tlibstdc++6\t14.2.0-19\tamd64\tdebian\n"
    "deb\tperl-base\t2:5.40\tamd64\tdebian\n"
    "python\tRuamel.YAML_x\t0.18\n"
    "python\tRuamel.YAML_x\t0.18\n"
    "python\tbroken\n"
    f"conda\t{json.dumps(CONDA)}\n"
    "something else\n"
)


def test_each_package_has_a_name_a_version_and_an_address() -> None:
    found = {one["purl"]: one for one in components(LINES.splitlines())}
    assert list(found) == [
        "pkg:conda/zstd@1.5.7?build=h1_2&subdir=linux-64",
        "pkg:deb/debian/libstdc++6@14.2.0-19?arch=amd64",
        "pkg:deb/debian/perl-base@2%3A5.40?arch=amd64",
        "pkg:pypi/ruamel-yaml-x@0.18",
    ]
    zstd = found["pkg:conda/zstd@1.5.7?build=h1_2&subdir=linux-64"]
    assert {one["alg"]: one["content"] for one in zstd["hashes"]} == {
        "SHA-256": "a" * 64, "MD5": "b" * 32,
    }  # fmt: skip
    assert (zstd["name"], zstd["version"], zstd["type"]) == ("zstd", "1.5.7", "library")


def test_the_same_image_gives_the_same_document() -> None:
    inspected = {
        "Id": "sha256:1234", "Created": "2026-11-28T10:00:00.123456789Z",
        "Config": {"Labels": {"org.opencontainers.image.version": "0.1.0"}},
    }  # fmt: skip
    found = document("conda-mirror/nginx:dev", inspected, LINES)
    shuffled = "\n".join(reversed(LINES.splitlines()))
    assert document("conda-mirror/nginx:dev", inspected, shuffled) == found
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["timestamp"] == "2026-11-28T10:00:00Z"
    assert uuid.UUID(found["serialNumber"].removeprefix("urn:uuid:"))
    assert (
        document("x", {**inspected, "Id": "sha256:5"}, LINES)["serialNumber"]
        != (found["serialNumber"])
    )
