"""Draws the rooms of the code into ``docs/architecture.md``, from the imports as they are.

    python -m docs.rooms

An arrow means "imports"; one that a longer way implies is left out. A test fails when the picture
and the imports disagree.
"""

from __future__ import annotations

from pathlib import Path

import grimp

PAGE = Path(__file__).resolve().parent / "architecture.md"
PROGRAMS = ("syncer", "indexer", "volume")
_BEGIN, _END = "<!-- begin: python -m docs.rooms -->\n", "<!-- end -->"


def rooms() -> dict[str, set[str]]:
    """Each room and the rooms that it imports, as ``program.room``; ``volume`` is one room."""
    graph = grimp.build_graph(*PROGRAMS, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        room = _room(module)
        if room is None:
            continue
        imported = {_room(name) for name in graph.find_modules_directly_imported_by(module)}
        found.setdefault(room, set()).update(name for name in imported if name not in {None, room})
    return found


def _room(module: str) -> str | None:
    """The room of a module, or None for what stands outside of them (``__main__``, ``errors``)."""
    program, *rest = module.split(".")
    if program == "volume":
        return "volume"
    folder = Path(__file__).resolve().parents[1] / program / rest[0] if rest else None
    return f"{program}.{rest[0]}" if folder is not None and folder.is_dir() else None


def reduced(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same without the arrows that a longer way implies."""

    def reach(room: str) -> set[str]:
        direct = imports[room]
        return direct.union(*(reach(below) for below in direct))

    return {
        room: {to for to in below if not any(to in reach(other) for other in below - {to})}
        for room, below in imports.items()
    }


def mermaid() -> str:
    """The picture, as Mermaid draws it."""
    arrows = reduced(rooms())
    lines = ["```mermaid", "flowchart TD"]
    for program in PROGRAMS[:2]:
        lines.append(f"    subgraph {program}")
        lines += [
            f"        {room}[{room.partition('.')[2]}/]"
            for room in sorted(arrows)
            if room.startswith(f"{program}.")
        ]
        lines.append("    end")
    lines.append("    volume[volume/]")
    lines += [f"    {room} --> {to}" for room in sorted(arrows) for to in sorted(arrows[room])]
    return "\n".join([*lines, "```", ""])


def page() -> str:
    """The text of the page with the picture as it must be."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{mermaid()}{_END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
