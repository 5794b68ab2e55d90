"""A mirror as 0.1.0 left it: what people added lies in ``channels/``, and generations link to it.

Guaranteed: bytes, times and links are those of 0.1.0. Not guaranteed: its documents (see
``test_volume_former``).
"""

from __future__ import annotations

import os

from tests.support.mirror.committed import CommittedMirror


def put_back(committed: CommittedMirror) -> list[str]:
    """Move what people added to where it was, one inode with what is published; its names."""
    names = []
    for path in sorted(committed.mirror.local_folder(committed.channel).glob("*/*")):
        subdir = path.parent.name
        target = committed.artifacts(subdir) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        published = committed.current / subdir / path.name
        if published.exists():
            os.link(published, target)
            path.unlink()
        else:
            path.rename(target)
        names.append(path.name)
    return names
