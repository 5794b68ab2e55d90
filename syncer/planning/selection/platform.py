"""Which virtual packages a client of a platform has, or may have. Pure.

A client tells them of its machine, so most can't be known here. What is known is of which operating
system a machine is: that of the subdir it asks for.
"""

from __future__ import annotations

from collections.abc import Mapping

# What a client of a somewhat older machine has: https://conda.io's "Managing virtual packages".
_FAMILIES: Mapping[str, Mapping[str, str]] = {
    "linux": {"__unix": "0", "__linux": "4.18", "__glibc": "2.28"},
    "osx": {"__unix": "0", "__osx": "13.0"},
    "win": {"__win": "10.0"},
}
_OF_A_FAMILY = frozenset(name for family in _FAMILIES.values() for name in family)
_PROCESSORS = {"64": "x86_64", "32": "x86", "osx-arm64": "m1"}


def virtual_packages(subdir: str, **more: str) -> dict[str, str]:
    """The virtual packages that a client of ``subdir`` can be expected to have.

    Linux is one with glibc 2.28 (RHEL 8, Debian 10) and a kernel 4.18, macOS is 13. There is no
    ``__cuda`` unless ``more`` says so: ``virtual_packages("linux-64", __cuda="12.4")``.
    """
    family, _, processor = subdir.partition("-")
    return {**_FAMILIES.get(family, {}), **_processor(family, processor), **more}


def may_have(subdir: str, name: str) -> bool:
    """Whether some client of ``subdir`` may have a virtual package, in whichever version.

    None of linux-64 has ``__win``. Of noarch alone, or another operating system, nothing is known.
    """
    family = _FAMILIES.get(subdir.partition("-")[0])
    return family is None or name in family or name not in _OF_A_FAMILY


def _processor(family: str, processor: str) -> dict[str, str]:
    """CEP 30: the processor is ``__archspec``'s build."""
    if family not in _FAMILIES:
        return {}
    name = _PROCESSORS.get(f"{family}-{processor}", _PROCESSORS.get(processor, processor))
    return {"__archspec": f"1={name}"}
