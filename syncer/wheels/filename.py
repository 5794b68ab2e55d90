"""What a wheel's or an sdist's filename says. Pure."""

from __future__ import annotations

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from volume.wheels import PROJECT


def parse(filename: str) -> tuple[str, str]:
    """The normalised name of the project (PEP 503), and the version (PEP 440).

    Raises:
        ValueError: no installer would take it for a wheel (PEP 427) or an sdist (PEP 625).
    """
    try:
        if filename.endswith(".whl"):
            project, version, _, _ = parse_wheel_filename(filename)
        else:
            project, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise ValueError(f"{filename} is no name of a wheel or an sdist: {error}") from error
    if not PROJECT.fullmatch(project):
        raise ValueError(f"{filename} is no name of a wheel or an sdist: {project!r} is no project")
    return str(project), str(version)
