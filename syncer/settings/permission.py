"""What to do where the admin's own files are not readable for the syncer."""

from __future__ import annotations

import os
from pathlib import Path


def refused(error: OSError, folder: Path) -> str:
    """Why a file in ``folder`` can't be read, with the next step where it is a permission."""
    if not isinstance(error, PermissionError):
        return str(error.strerror)
    return (
        f"{error.strerror} for the user id {os.getuid()} that the syncer runs as (PUID); let others"
        f" read {folder} (chmod -R a+rX on the folder that is mounted there), or give it to that id"
    )
