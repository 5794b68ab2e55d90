"""The demo's upstream: a small conda-forge with a program that can be installed and run.

Guaranteed: `hello-mirror` can be solved and installed with the published records, prints a greeting
that comes from its two dependencies, and has no solution on an index that was rebuilt from the
packages themselves: a hotfix, as upstreams publish them, removed an impossible requirement.
"""

import bz2
from collections import defaultdict
from pathlib import Path

from tests.support.upstream.channel import compress_zst, dump, repodata_document
from tests.support.upstream.packages import Package, Record, hotfixed, package

PROGRAM = b"""#!/bin/sh
# Both words come from the dependencies: this runs only if the whole installation is right.
here=$(dirname "$0")
echo "$(cat "$here/../share/greeting/word") $(sh "$here/greeting-recipient")"
"""


def demo_packages(subdir: str = "linux-64") -> list[Package]:
    """About twenty packages: the program, its dependencies, and others in several versions."""
    phrases = package(
        "greeting",
        "2.0",
        subdir="noarch",
        files={"share/greeting/word": (b"Hello from\n", 0o644)},
    )
    recipient = package(
        "greeting-recipient",
        "1.1",
        subdir=subdir,
        # The mistake that the hotfix repairs: nobody ever published this version.
        depends=("greeting >=3",),
        run_exports={"weak": ["greeting-recipient >=1.1"]},
        files={"bin/greeting-recipient": (b"#!/bin/sh\necho 'your mirror!'\n", 0o755)},
    )
    program = package(
        "hello-mirror",
        "1.0",
        subdir=subdir,
        depends=("greeting >=2", "greeting-recipient >=1.1"),
        files={"bin/hello-mirror": (PROGRAM, 0o755)},
    )
    others = [
        package(
            f"demo-{name}",
            version,
            subdir=home,
            extension=extension,
            depends=depends,
            padding_bytes=20_000,
        )
        for name, home, extension, depends in (
            ("alpha", subdir, ".conda", ()),
            ("beta", subdir, ".tar.bz2", ("demo-alpha",)),
            ("gamma", "noarch", ".conda", ()),
            ("delta", "noarch", ".tar.bz2", ("demo-gamma >=1.1",)),
        )
        for version in ("1.0", "1.1", "1.2", "2.0")
    ]
    return [phrases, hotfixed(recipient, depends=["greeting >=2"]), program, *others]


def write_demo_upstream(directory: Path) -> None:
    """Write the demo's channel as an upstream server would hold it."""
    write_channel(directory / "conda-forge", demo_packages())


def write_channel(directory: Path, packages: list[Package]) -> None:
    """Write artifacts and repodata.json, .zst and .bz2 of a channel."""
    records: dict[str, dict[str, dict[str, Record]]] = defaultdict(
        lambda: {"packages": {}, "packages.conda": {}}
    )
    for each in packages:
        folder = directory / each.subdir
        folder.mkdir(parents=True, exist_ok=True)
        (folder / each.filename).write_bytes(each.data)
        records[each.subdir][each.section][each.filename] = each.record
    for subdir in {"noarch", *records}:
        folder = directory / subdir
        folder.mkdir(parents=True, exist_ok=True)
        repodata = dump(repodata_document(subdir, records[subdir], [], {}))
        (folder / "repodata.json").write_bytes(repodata)
        (folder / "repodata.json.zst").write_bytes(compress_zst(repodata))
        (folder / "repodata.json.bz2").write_bytes(bz2.compress(repodata))
