"""Writes what each image holds, as CycloneDX: one document for each, ``NAME.cdx.json``.

    python3 -m docs.sbom [FOLDER]        (default: sbom)

IMAGE_PREFIX and VERSION name the images as for Compose; of the environment, `.env` is not read.

Guaranteed: every package that dpkg, conda or Python's own metadata knows in the image, with its
version and a package URL, conda's with their hashes; the same image gives the same document. Not
guaranteed: files that no package brought; what the base image's makers left out of their databases.
Needs Docker and Python's standard library. Of an image only ``sh``, ``dpkg-query``, ``find`` and
``sed`` are run, without a network.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROGRAMS = ("syncer", "indexer", "nginx")

# One line for each package: kind, name, version, architecture or file, with tabs between.
_COLLECT = r"""
. /etc/os-release
dpkg-query -W -f "deb\t\${Package}\t\${Version}\t\${Architecture}\t$ID\n"
find / -xdev \( -path '*.dist-info/METADATA' -o -path '*.egg-info/PKG-INFO' \) |
while read -r file; do
    sed -n '/^$/q; s/^Name: //p; s/^Version: //p' "$file" | tr -d '\t\r' | paste -s -d '\t' |
        sed 's/^/python\t/'
done
find / -xdev -path '*/conda-meta/*.json' | while read -r file; do
    printf 'conda\t%s\n' "$(tr -d '\n' <"$file")"
done
"""


class SbomError(Exception):
    """An image is not there, or does not tell what it holds."""


def main(words: list[str]) -> int:
    folder = Path(words[0] if words else "sbom")
    prefix, tag = os.environ.get("IMAGE_PREFIX", "conda-mirror"), os.environ.get("VERSION", "dev")
    folder.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        image = f"{prefix}/{program}:{tag}"
        try:
            made = document(image, _inspected(image), collected(image))
        except SbomError as error:
            print(f"sbom: {error}", file=sys.stderr)
            return 1
        path = folder / f"{program}.cdx.json"
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(made['components'])} components")
    return 0


def collected(image: str) -> str:
    """What an image says of its packages, a line for each.

    Raises:
        SbomError: it could not be asked.
    """
    command = ["docker", "run", "--rm", "--network", "none", "--user", "0", "--read-only"]
    return _run([*command, "--entrypoint", "sh", image, "-c", _COLLECT], image)


def _inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(["docker", "image", "inspect", image], image))[0]
    return found


def _run(command: list[str], image: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SbomError(
            f"{image}: {done.stderr.strip() or 'no answer'}; docker compose build makes the images;"
            " IMAGE_PREFIX and VERSION of .env must be in the environment here"
        )
    return done.stdout


def document(image: str, inspected: dict[str, Any], lines: str) -> dict[str, Any]:
    """The CycloneDX document (ECMA-424, version 1.6) of an image. Pure."""
    digest = str(inspected["Id"])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": re.sub(r"\.\d+", "", str(inspected["Created"])),
            "component": {
                "bom-ref": image,
                "type": "container",
                "name": image,
                "version": digest,
                "properties": [
                    {"name": name, "value": value}
                    for name, value in sorted((inspected["Config"].get("Labels") or {}).items())
                ],
            },
        },
        "components": components(lines.splitlines()),
    }


def components(lines: Iterable[str]) -> list[dict[str, Any]]:
    """A component for each line, each package once, sorted. Pure."""
    found = {}
    for line in lines:
        made = _component(line)
        if made is not None:
            found[made["bom-ref"]] = made
    return [found[reference] for reference in sorted(found)]


def _component(line: str) -> dict[str, Any] | None:
    kind, _, rest = line.partition("\t")
    fields = rest.split("\t")
    if kind == "deb" and len(fields) == 4:
        name, version, architecture, system = fields
        purl = f"pkg:deb/{_q(system)}/{_q(name)}@{_q(version)}?arch={_q(architecture)}"
        return _made(name, version, purl)
    if kind == "python" and len(fields) == 2:
        name, version = fields
        plain = re.sub(r"[-_.]+", "-", name).lower()  # PEP 503
        return _made(name, version, f"pkg:pypi/{_q(plain)}@{_q(version)}")
    if kind == "conda":
        record = json.loads(rest)
        subdir, channel = record.get("subdir", ""), str(record.get("channel", ""))
        purl = (
            f"pkg:conda/{_q(record['name'])}@{_q(record['version'])}"
            f"?build={_q(record.get('build', ''))}&subdir={_q(subdir)}"
        )
        made = _made(record["name"], record["version"], purl)
        hashes = [
            {"alg": algorithm, "content": record[key]}
            for algorithm, key in (("MD5", "md5"), ("SHA-256", "sha256"))
            if record.get(key)
        ]
        if hashes:
            made["hashes"] = hashes
        if channel:
            made["properties"] = [{"name": "conda:channel", "value": channel}]
        return made
    return None


def _made(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl}


def _q(text: str) -> str:
    return quote(text, safe="+")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
