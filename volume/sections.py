"""The sections of repodata that list artifacts, and the keys in them (CEP 36, 48, draft 145). Pure.

A record is identified by (subdir, section, key), an artifact by (subdir, filename). In ``packages``
and ``packages.conda`` the key is the filename; below ``v3`` it is the filename without its
extension. One artifact may have a record in each revision: bytes are stored once, and each record
is published where upstream has it.
"""

from __future__ import annotations

from volume.names import EXTENSIONS, WHEEL

V3 = "v3"
"""The top-level key that holds the sections of revision 3, by extension without its dot."""

OLD_SECTIONS = {"packages": ".tar.bz2", "packages.conda": ".conda"}
WHEELS = "v3.whl"
"""The section of wheels, which are in no old one."""
V3_SECTIONS = {"v3.tar.bz2": ".tar.bz2", "v3.conda": ".conda", WHEELS: WHEEL}

SECTIONS = OLD_SECTIONS | V3_SECTIONS
"""The extension of the artifacts that a section lists, by the section's name, in their order."""

_OLD_OF = {extension: section for section, extension in OLD_SECTIONS.items()}
_V3_OF = {extension: section for section, extension in V3_SECTIONS.items()}


def extension_of(filename: str) -> str:
    """The extension of an artifact's filename, as ``parse_artifact`` takes it."""
    return next(one for one in EXTENSIONS if filename.endswith(one))


def is_wheel(filename: str) -> bool:
    """Whether an artifact of this name is a wheel."""
    return filename.endswith(WHEEL)


IS_WHEEL = f"(substr(filename, {-len(WHEEL)}) = '{WHEEL}')"
"""The SQL of the same, of a column ``filename``."""


def old_section_of(filename: str) -> str:
    """The section of the first revision for an artifact of this name, which is no wheel."""
    return _OLD_OF[extension_of(filename)]


def v3_section_of(filename: str) -> str:
    """The section of revision 3 for an artifact of this name."""
    return _V3_OF[extension_of(filename)]


def key_of(section: str, filename: str) -> str:
    """The key that an artifact has in a section."""
    extension = V3_SECTIONS.get(section)
    return filename if extension is None else filename.removesuffix(extension)


def filename_of(section: str, key: str) -> str:
    """The artifact that a key of a section lists; not checked."""
    return key + V3_SECTIONS.get(section, "")
