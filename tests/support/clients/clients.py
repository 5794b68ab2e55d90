"""Real conda clients, each with nothing but the channel it is given.

Guaranteed: caches are cold (or those that the caller passes), the user's configuration is not
read, and no other host is reached: a request for one goes to a proxy that isn't there. A failure is
a value with the client's own words, as many tests want one. Not guaranteed: the speed of a warm
client.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.support.upstream.packages import Record

REPOSITORY = Path(__file__).resolve().parents[3]
CONDA_CLIENT = Path("~/.cache/conda-lan-mirror/conda/bin/conda").expanduser()
CLIENT_SECONDS = 300

Variant = Literal["shards", "zst", "bz2", "json"]
"""Which index variant a client asks for first; it falls back from left to right."""


@dataclass(frozen=True, slots=True)
class ClientResult:
    """What a client did: the artifacts it chose, or its words of failure.

    `records` are those that it saw, as it understands them, if that was the question.
    """

    files: tuple[str, ...]
    error: str | None
    records: tuple[Record, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.error is None


def conda_client() -> Path | None:
    """The conda of this machine, if it has one."""
    return CONDA_CLIENT if CONDA_CLIENT.exists() else None


def isolated_environment(home: Path, channel_url: str) -> dict[str, str]:
    """An environment in which only the channel's host can be reached."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("CONDA", "MAMBA", "PIXI", "RATTLER"))
        and not name.lower().endswith("_proxy")
    }
    nowhere = "http://127.0.0.1:9"
    own = urlsplit(channel_url).hostname or ""
    return {
        **environment,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), nowhere),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), own),
    }


def rattler_records(
    channel_url: str, subdir: str, names: Sequence[str], *, variant: Variant
) -> ClientResult:
    """All that py-rattler finds of these names, but for URLs and the channel's."""
    return _rattler(
        channel_url, subdir, names, variant=variant, cache=None, prefix=None, is_query=True
    )


def rattler_addresses(
    channel_url: str, subdir: str, names: Sequence[str], *, variant: Variant
) -> ClientResult:
    """The same, with the URLs that it would ask."""
    return _rattler(
        channel_url, subdir, names, variant=variant, cache=None, prefix=None, is_query=True,
        with_addresses=True,
    )  # fmt: skip


def rattler_attestations(channel_url: str, subdir: str, names: Sequence[str]) -> dict[str, str]:
    """What py-rattler finds wrong with the attestations of these names, by filename."""
    found = _rattler(
        channel_url, subdir, names, variant="zst", cache=None, prefix=None, checks=True
    )
    assert found.error is None, found.error
    return {one["file"]: "; ".join(one["said"]) for one in found.records}


def rattler_solve(
    channel_url: str,
    subdir: str,
    specs: Sequence[str],
    *,
    variant: Variant = "shards",
    cache: Path | None = None,
    exclude_newer: float | None = None,
) -> ClientResult:
    """Solve with py-rattler, as pixi does.

    ``exclude_newer``: no artifact that was published later, in seconds since the epoch, or that
    does not say when.
    """
    return _rattler(
        channel_url, subdir, specs, variant=variant, cache=cache, prefix=None,
        exclude_newer=exclude_newer,
    )  # fmt: skip


def rattler_install(
    channel_url: str,
    subdir: str,
    specs: Sequence[str],
    prefix: Path,
    *,
    variant: Variant = "shards",
    cache: Path | None = None,
    mirrors: Mapping[str, list[str]] | None = None,
) -> ClientResult:
    """Solve and install with py-rattler into a prefix; ``mirrors`` as in pixi's configuration."""
    return _rattler(
        channel_url, subdir, specs, variant=variant, cache=cache, prefix=prefix, mirrors=mirrors
    )


def _rattler(
    channel_url: str,
    subdir: str,
    specs: Sequence[str],
    *,
    variant: Variant,
    cache: Path | None,
    prefix: Path | None,
    mirrors: Mapping[str, list[str]] | None = None,
    is_query: bool = False,
    checks: bool = False,
    with_addresses: bool = False,
    exclude_newer: float | None = None,
) -> ClientResult:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rattler-")))
        request = {
            "channel": channel_url,
            "subdir": subdir,
            "specs": list(specs),
            "variant": variant,
            "cache": str(cache or home / "cache"),
            "prefix": None if prefix is None else str(prefix),
            "mirrors": dict(mirrors or {}),
            "is_query": is_query,
            "checks": checks,
            "with_addresses": with_addresses,
            "exclude_newer": exclude_newer,
        }
        process = subprocess.run(
            [sys.executable, "-m", "tests.support.clients.rattler_client"],
            input=json.dumps(request),
            check=False,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=isolated_environment(home, _asked(channel_url, mirrors)),
            timeout=CLIENT_SECONDS,
        )
    # The answer counts, not the exit code: see rattler_client.
    if not process.stdout.startswith("{"):
        return ClientResult((), f"no answer (exit {process.returncode}): {process.stderr[-4000:]}")
    answer = json.loads(process.stdout)
    records = sorted(answer.get("records", ()), key=json.dumps)
    return ClientResult(tuple(answer["files"]), answer["error"], tuple(records))


def _asked(channel_url: str, mirrors: Mapping[str, list[str]] | None) -> str:
    """A URL of the host that is asked in the end."""
    return next((urls[0] for urls in (mirrors or {}).values()), channel_url)


def conda_create(
    conda: Path,
    channel_url: str,
    specs: Sequence[str],
    prefix: Path,
    *,
    variant: Variant = "zst",
    subdir: str | None = None,
) -> ClientResult:
    """`conda create` with the real conda (classic solver, which knows no shards)."""
    with tempfile.TemporaryDirectory(prefix="conda-") as folder:
        home = Path(folder)
        environment = {
            **isolated_environment(home, channel_url),
            "CONDA_SOLVER": "classic",
            "CONDA_PKGS_DIRS": str(home / "pkgs"),
            "CONDA_ENVS_DIRS": str(home / "envs"),
            "CONDA_REPODATA_USE_ZST": str(variant == "zst").lower(),
            "CONDA_NOTIFY_OUTDATED_CONDA": "false",
            "CONDA_REMOTE_MAX_RETRIES": "1",
            **({"CONDA_SUBDIR": subdir} if subdir else {}),
        }
        command = [str(conda), "create", "--yes", "--quiet", "--prefix", str(prefix)]
        process = subprocess.run(
            [*command, "--override-channels", "--channel", channel_url, *specs],
            check=False,
            capture_output=True,
            text=True,
            cwd=home,
            env=environment,
            timeout=CLIENT_SECONDS,
        )
    if process.returncode != 0:
        return ClientResult((), process.stdout[-4000:] + process.stderr[-4000:])
    installed = (json.loads(path.read_text()) for path in (prefix / "conda-meta").glob("*.json"))
    return ClientResult(tuple(sorted(record["fn"] for record in installed)), None)
