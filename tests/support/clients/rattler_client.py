"""py-rattler as a client: one query, one solve, or one solve and install, in a process of its own.

Reads a JSON request on standard input, writes a JSON answer on standard output. Started by
`clients.rattler_records`, `rattler_solve` and `rattler_install`, as py-rattler can crash at
interpreter exit after success, and keeps state in its process that the next test would see.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rattler import (
    BuildString,
    Channel,
    Gateway,
    GenericVirtualPackage,
    PackageName,
    SourceConfig,
    Version,
    install,
    solve,
)
from rattler.networking import Client, MirrorMiddleware
from rattler.sigstore import TrustedRoot, VerificationPolicy, verify_attestation

# What a client on linux has; of no consequence for other subdirs.
VIRTUAL_PACKAGES = (("__glibc", "2.36"), ("__linux", "6.1"), ("__unix", "0"))


async def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what the request says; errors are part of the answer."""
    cache = Path(request["cache"])
    mirrors = request.get("mirrors") or {}
    client = Client([MirrorMiddleware(mirrors)]) if mirrors else None
    gateway = Gateway(
        cache_dir=cache / "repodata",
        client=client,
        default_config=SourceConfig(
            sharded_enabled=request["variant"] == "shards",
            zstd_enabled=request["variant"] in ("shards", "zst"),
            bz2_enabled=request["variant"] in ("shards", "zst", "bz2"),
        ),
    )
    platforms = [request["subdir"], "noarch"]
    try:
        if request["checks"]:
            return await _checked(gateway, request, platforms)
        if request["is_query"]:
            return await _records(gateway, request, platforms)
        records = await solve(
            [Channel(request["channel"])],
            request["specs"],
            platforms=platforms,
            virtual_packages=[
                GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
                for name, version in VIRTUAL_PACKAGES
            ],
            gateway=gateway,
            **_cooldown(request["exclude_newer"]),
        )
        if request["prefix"] is not None:
            await install(
                records,
                request["prefix"],
                cache_dir=cache / "packages",
                client=client,
                show_progress=False,
            )
    except Exception as error:  # noqa: BLE001 - rattler has many, and the test reads the message
        return {"error": f"{type(error).__name__}: {error}", "files": []}
    return {"error": None, "files": sorted(record.file_name for record in records)}


def _cooldown(moment: float | None) -> dict[str, Any]:
    if moment is None:
        return {}
    newest = datetime.fromtimestamp(moment, UTC)
    return {"exclude_newer": newest, "timestamp_policy": "require-indexed-timestamp"}


async def _records(
    gateway: Gateway, request: dict[str, Any], platforms: list[Any]
) -> dict[str, Any]:
    """Every record of these names, but for where it came from."""
    found = await gateway.query(
        [Channel(request["channel"])],
        platforms,
        request["specs"],
        recursive=False,
        channel_relations="disabled",
    )
    records = [json.loads(record.to_json()) for one in found for record in one]
    for record in () if request["with_addresses"] else records:
        del record["url"], record["channel"]
    return {"error": None, "files": [], "records": records}


async def _checked(
    gateway: Gateway, request: dict[str, Any], platforms: list[Any]
) -> dict[str, Any]:
    """What the client says of the attestations of every record of these names."""
    found = await gateway.query(
        [Channel(request["channel"])],
        platforms,
        request["specs"],
        recursive=False,
        channel_relations="disabled",
    )
    root = TrustedRoot.embedded()  # the newest one would be asked for elsewhere
    said = []
    for record in (record for one in found for record in one):
        outcome = await verify_attestation(record, VerificationPolicy.warn(), trusted_root=root)
        said.append({"file": record.file_name, "said": outcome.warnings})
    return {"error": None, "files": [], "records": said}


if __name__ == "__main__":
    result = asyncio.run(answer(json.load(sys.stdin)))
    print(json.dumps(result), flush=True)
    os._exit(0)
