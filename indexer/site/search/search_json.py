"""``search.json``: which search data each channel has now. The page reads it first. Pure.

It is also the indexer's own memory of what was left behind and may be removed a day later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from indexer.site import clients
from indexer.site.search.buckets import FORMAT
from indexer.site.search.search_writer import Search
from volume.layout import slug


def text(found: Mapping[str, Search]) -> str:
    """The document; channels in the order in which clients search them."""
    names = sorted(found)
    first = clients.first_channels(names)
    document = {
        "schema": FORMAT,
        "channels": [
            {
                "name": name,
                "path": clients.url_path(name),
                "install": clients.channel_word(name, first),
                "pixi": clients.pixi_channel_word(name, names),
                "folder": f"/site/search/{slug(name)}/",
                "file": one.file,
                "generation": one.generation,
                "snapshot": one.snapshot,
                "names": one.names,
                "example": one.example,
                "left": dict(one.left),
            }
            for name, one in ((name, found[name]) for name in clients.ranked(names))
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def read(data: bytes) -> dict[str, Search]:
    """What the document says by channel; empty if it is of another version or damaged."""
    try:
        document = json.loads(data)
        if document["schema"] != FORMAT:
            return {}
        return {str(one["name"]): _search(one) for one in document["channels"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _search(found: Mapping[str, Any]) -> Search:
    return Search(
        generation=int(found["generation"]),
        snapshot=str(found["snapshot"]),
        file=str(found["file"]),
        names=int(found["names"]),
        example=found["example"],
        left={str(file): float(since) for file, since in found["left"].items()},
    )
