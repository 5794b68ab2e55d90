"""volume-init.sh makes the folders that volume/layout.py names, and no others."""

from __future__ import annotations

import re

from docs.generate import REPOSITORY
from volume.layout import MIRROR_FOLDERS, STATE_FOLDERS


def test_volume_init_makes_the_folders_of_the_layout() -> None:
    script = (REPOSITORY / "syncer" / "volume-init.sh").read_text()
    assert set(re.findall(r'"\$mirror/(\w+)"', script)) == set(MIRROR_FOLDERS)
    assert set(re.findall(r'"\$state/(\w+)"', script)) == set(STATE_FOLDERS)
