"""./demo without Docker: upstream, syncer, indexer and nginx as processes of this host."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clients.clients import conda_create
from tests.support.clients.nginx import serving


def run(program: str, *arguments: str, environment: dict[str, str]) -> None:
    """Run one of the two programs, as a person would."""
    print(f"\n$ python -m {program} {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", program, *arguments]
    subprocess.run(command, env=environment, check=True)


@contextmanager
def upstream() -> Iterator[str]:
    """The demo's upstream; its URL."""
    command = [sys.executable, "-m", "tests.stack.upstream"]
    environment = {**os.environ, "UPSTREAM_LISTEN": "127.0.0.1:0"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            # A thread keeps reading what it logs: a full pipe would stop it.
            url = process.stdout.readline().strip()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield url
        finally:
            process.terminate()


def main() -> int:
    """Sync, index, serve, install, execute."""
    with tempfile.TemporaryDirectory(prefix="conda-mirror-demo-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # nginx runs as another user
        mirror = home / "mirror"
        mirror.mkdir()
        (home / "state").mkdir()
        with upstream() as upstream_url, serving(mirror) as nginx:
            environment = {
                **os.environ,
                "MIRROR_DIR": str(mirror),
                "STATE_DIR": str(home / "state"),
                "CHANNELS": "conda-forge",
                "SUBDIRS": "linux-64",
                "INCLUDE": "*",
                "CONDA_CLOUD_URL": upstream_url,
                "CONDA_REPO_URL": upstream_url,
            }
            run("syncer", "--once", "--dry-run", environment=environment)
            run("syncer", "--once", environment=environment)
            run("indexer", "--once", environment=environment)
            channel = f"{nginx.url}/cloud/conda-forge"
            print(f"\n$ conda create --channel {channel} hello-mirror", flush=True)
            conda = Path(os.environ["CONDA_EXE"])
            result = conda_create(conda, channel, ["hello-mirror"], home / "env")
            if result.error:
                print(result.error, file=sys.stderr)
                return 1
            print(*result.files, sep="\n")
            print("\n$ hello-mirror", flush=True)
            return subprocess.run([home / "env/bin/hello-mirror"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
