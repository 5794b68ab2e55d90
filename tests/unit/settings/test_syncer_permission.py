"""What an admin is told whose files the syncer may not read."""

import errno
import os
from pathlib import Path

import pytest

from syncer.planning.environments import spec_file
from syncer.settings import mirror_toml
from syncer.settings.policy import Policy
from volume.errors import ConfigError


@pytest.fixture
def nobody_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user id that the folder is closed for; root, who may run this, reads everything."""

    def refuse(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "stat", refuse)


def test_the_next_step_names_user_and_folder(nobody_may_read: None) -> None:
    folder = Path("/etc/conda-mirror")
    (problem,) = mirror_toml.read(folder, Policy()).problems
    assert problem.startswith(f"{folder}/mirror.toml can't be read: Permission denied for the user")
    assert f"user id {os.getuid()} that the syncer runs as (PUID)" in problem
    assert f"let others read {folder} (chmod -R a+rX" in problem
    with pytest.raises(ConfigError, match=r"a\.yml can't be read .*chmod -R a\+rX"):
        spec_file.read(folder, ["a.yml"], subdirs=("linux-64",), channels={})
