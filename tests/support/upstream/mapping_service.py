"""The service that pixi asks for names on PyPI, as the simulated upstream has it.

Guaranteed: its answers have the form of the real ones; what it was asked for is in the log of the
simulator.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.upstream.packages import Package
from tests.support.upstream.simulator import ChannelSimulator

FOLDER = "/mapping-service"
NAMES = f"{FOLDER}/compressed-v0/compressed_mapping.json"


def sha256_of(package: Package) -> str:
    return str(package.record["sha256"])


def of_artifact(package: Package, *names: str) -> dict[str, Any]:
    """What the service says of an artifact."""
    return {
        "pypi_normalized_names": list(names) or None,
        "versions": dict.fromkeys(names, "1.0") or None,
        "conda_name": package.record["name"],
        "package_name": package.filename,
        "direct_url": None,
    }


@dataclass
class MappingService:
    """`put` what it maps; `asked` is what it was asked for."""

    upstream: ChannelSimulator
    mapped: dict[str, str | None] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.upstream.url}{FOLDER}"

    def put_names(self, **names: Any) -> None:
        self.mapped.update(names)
        self.put_body(NAMES, json.dumps(self.mapped).encode())

    def put(self, package: Package, *names: str) -> None:
        body = json.dumps(of_artifact(package, *names)).encode()
        self.put_body(self.path(package), body)

    def put_body(self, path: str, body: bytes) -> None:
        self.upstream.put_file(path, body)

    def path(self, package: Package) -> str:
        return f"{FOLDER}/hash-v0/{sha256_of(package)}"

    def asked(self) -> list[str]:
        """The artifacts that it was asked for."""
        prefix = f"{FOLDER}/hash-v0/"
        return [
            one.path.removeprefix(prefix)
            for one in self.upstream.log
            if one.path.startswith(prefix)
        ]

    def asked_for(self, packages: Iterable[Package]) -> bool:
        return sorted(self.asked()) == sorted(sha256_of(one) for one in packages)
