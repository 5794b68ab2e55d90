"""Amounts for people: bytes with decimal units, as disks and networks are sold; and counts."""

from __future__ import annotations


def amount(size: float) -> str:
    """``1536`` -> ``1.5 kB``."""
    if abs(size) < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if abs(size) < 999.5:
            return f"{size:.1f} {unit}" if abs(size) < 99.95 else f"{size:.0f} {unit}"
    return f"{size / 1000:.2f} TB"


def counted(count: int, thing: str) -> str:
    """``1, "row"`` -> ``1 row``; ``2000, "row"`` -> ``2,000 rows``."""
    return f"{count:,} {thing if count == 1 else thing + 's'}"
