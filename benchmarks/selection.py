"""Selection at size: parse, select and plan a channel of 78,000 records, then a closure.

    .venv/bin/python -m benchmarks.selection

Uses the real records of ten channels beside the project (``../shared/realdata``), else an index of
the same size that it makes up. The limits are those of the project: 4 s and 600 MB for parse,
select and plan, 10 s for the closure of ``python numpy``; exit code 1 beyond them. Seconds are of
CPU time: it is one thread, and so a busy machine does not change the figures much.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import zstandard

from syncer.conda.repodata import parse
from syncer.planning.plan import plan_subdir
from syncer.planning.selection.closure import close
from syncer.planning.selection.select import Selector
from syncer.settings.policy import Policy
from volume.program import settings

REAL = Path(__file__).resolve().parents[2] / "shared/realdata/repodata/composite/linux-64"
RECORDS = 77_954
SECONDS, MEGABYTES, CLOSURE_SECONDS = 4.0, 600.0, 10.0
POLICIES = {
    "include, exclude, newest 3, python pins": {
        "INCLUDE": "python numpy scipy pandas lib* r-* py* *-cpp c* s*",
        "EXCLUDE": "libx* *-static numpy<1.10",
        "NEWEST_VERSIONS": "3",
        "PINS": "python=3.8,3.9,3.10,3.11",
    },
    "everything, newest 3, python pins": {
        "NEWEST_VERSIONS": "3",
        "PINS": "python=3.8,3.9,3.10,3.11",
    },
    "licences, size, age, cooldown": {
        "LICENSES": "MIT BSD* Apache* ISC",
        "MAX_SIZE": "50MB",
        "NEWER_THAN": "2019-01-01",
        "COOLDOWN_DAYS": "7",
        "PREFER_CONDA": "yes",
    },
    "names only": {"INCLUDE": "python numpy lib*", "EXCLUDE": "libx*"},
}


def repodata() -> tuple[bytes, str]:
    """An index, and where it is from."""
    if REAL.is_dir():
        packed = (REAL / "repodata.json.zst").read_bytes()
        return zstandard.ZstdDecompressor().decompressobj().decompress(packed), "real records"
    return made_up(), "made-up records"


def made_up() -> bytes:
    """As many records as the real index has: names, versions, pythons."""
    records: dict[str, object] = {}
    pythons = ("3.8", "3.9", "3.10", "3.11")
    for number in range(RECORDS):
        place, python = number // 4, pythons[number % 4]
        name = ("python", "numpy")[place % 5000] if place % 5000 < 2 else f"lib{place % 5000}"
        version = f"{place // 5000 + 1}.{place % 7}" if name != "python" else f"{python}.{place}"
        low, high = python, f"3.{int(python[2:]) + 1}"
        depends = [f"python >={low},<{high}.0a0", f"lib{(place * 7) % 4998 + 2} >=1"]
        build = f"py{python.replace('.', '')}h{number:07x}_0"
        records[f"{name}-{version}-{build}.conda"] = {
            "build": build, "build_number": 0, "depends": [] if name == "python" else depends,
            "license": "MIT", "md5": f"{number:032x}", "name": name, "sha256": f"{number:064x}",
            "size": number + 1, "subdir": "linux-64", "timestamp": 1_600_000_000_000 + number,
            "version": version,
        }  # fmt: skip
    return json.dumps({"info": {"subdir": "linux-64"}, "packages.conda": records}).encode()


def measure(data: bytes, written: dict[str, str]) -> tuple[float, float, float, int]:
    """Seconds to parse, select and plan; and how many artifacts are wanted."""
    policy = settings.read(Policy, written)
    started = time.process_time()
    index = parse(data, "linux-64")
    parsed = time.process_time()
    selector = Selector(policy, "conda-forge", {"linux-64": index}, now=1_800_000_000.0)
    selection = selector.select().by_subdir["linux-64"]
    chosen = time.process_time()
    plan_subdir(index, {}, selection=selection)
    planned = time.process_time()
    return parsed - started, chosen - parsed, planned - chosen, len(selection.wanted)


def closure(data: bytes) -> tuple[float, int]:
    """Seconds for parse and the closure of ``python numpy``; and how many artifacts are in it."""
    started = time.process_time()
    index = {"linux-64": parse(data, "linux-64")}
    selector = Selector(settings.read(Policy, {}), "conda-forge", index, now=1_800_000_000.0)
    selected = close(selector.permitted(), ["python", "numpy"]).selected
    return time.process_time() - started, len(selected)


def main() -> int:
    """Print the figures; 1 if a limit is passed."""
    data, source = repodata()
    print(f"{source}, {len(data) / 1e6:.0f} MB of JSON")
    worst = 0.0
    for name, written in POLICIES.items():
        parsed, chosen, planned, wanted = measure(data, written)
        total = parsed + chosen + planned
        worst = max(worst, total)
        print(
            f"{name}: parse {parsed:.2f} + select {chosen:.2f} + plan {planned:.2f} = {total:.2f} s"
            f" ({total / SECONDS:.0%} of the limit), {wanted:,} wanted"
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    seconds, records = closure(data)
    print(f"peak memory {memory:.0f} MB ({memory / MEGABYTES:.0%} of the limit)")
    print(
        f"closure of python numpy, parse included: {seconds:.2f} s"
        f" ({seconds / CLOSURE_SECONDS:.0%} of the limit), {records:,} records"
    )
    return int(worst > SECONDS or memory > MEGABYTES or seconds > CLOSURE_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
