"""What is inside an artifact: whole or not, what its info/ folder says, and whether it fits.

Packages are untrusted: every read is bounded in memory and in what is unpacked, nothing is written,
and no member's name becomes a path.
Guaranteed by ``damage``: a file cut short is noticed, whichever format, wherever the cut.
Guaranteed by ``refusal``: what passes can be opened in bounded memory, and is what its name says;
a small file is not unpacked for hours, and who wants to stop is asked all along.
Not guaranteed: that a package installs; only that its container is whole.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import zstandard

from indexer.records.members import Member, Stream, TooLargeError, members
from volume import limits

_BLOCK = 1 << 20
_LARGEST_WINDOW = 1 << 27  # zstd --ultra -22 needs no more
_PARTS = 16  # members of the zip that a .conda is: metadata.json, info-*, pkg-*, signatures
_INDEX = "info/index.json"
_RUN_EXPORTS = "info/run_exports.json"
# A line for each file; the documents of info/ else are short.
_LISTS = frozenset({"info/paths.json", "info/files", "info/has_prefix", "info/no_link"})
_MALFORMED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    NotImplementedError,  # a zip with an unknown compression
    RecursionError,
)


class _DamagedError(ValueError):
    """The container is not whole."""


class _RefusedError(ValueError):
    """Whole, and yet not what it must be."""


Beat = Callable[[], None]
"""Called for every MiB or less; what it raises ends the reading."""


def damage(path: Path, beat: Beat = lambda: None) -> str | None:
    """Why the artifact at ``path`` is not whole, or None if it is. Reads all of it."""
    return _reason(_check_conda if path.name.endswith(".conda") else _check_bzip2, path, beat)


def refusal(path: Path, beat: Beat = lambda: None) -> str | None:
    """Why the artifact at ``path`` can't be taken, or None if it can. Reads all of it.

    It is not whole, or breaks a limit, or is not the package that its filename says.
    """
    check = _look_into_conda if path.name.endswith(".conda") else _look_into_bzip2
    return _reason(check, path, beat)


def _reason(check: Callable[[Path, Beat], None], path: Path, beat: Beat) -> str | None:
    try:
        check(path, beat)
    except FileNotFoundError:
        return "it is gone"
    except (_DamagedError, _RefusedError, TooLargeError) as error:
        return str(error)
    except _MALFORMED as error:
        return f"it is damaged: {error or type(error).__name__}"
    return None


# -- .tar.bz2 --------------------------------------------------------------------------------------


def _check_bzip2(path: Path, beat: Beat) -> None:
    with _unpacking(path, beat) as stream:
        while stream.take(_BLOCK):
            pass


def _look_into_bzip2(path: Path, beat: Beat) -> None:
    with _unpacking(path, beat) as stream:
        _look_into(stream, path.name.removesuffix(".tar.bz2"))
        while stream.take(_BLOCK):
            pass


@contextlib.contextmanager
def _unpacking(path: Path, beat: Beat) -> Iterator[Stream]:
    most = limits.package_size(path.stat().st_size)

    def passed(count: int) -> None:
        beat()
        _package_size(count, most)

    with path.open("rb") as file:
        yield Stream(_Bzip2(file).read, passed)


def _package_size(passed: int, most: int = limits.PACKAGE_SIZE) -> None:
    if passed > most:
        raise TooLargeError(f"it unpacks to more than {_amount(most)}")


class _Bzip2:
    """Unpacks, and notices what ``bz2`` and ``conda index`` do not: a stream without an end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decompressor = bz2.BZ2Decompressor()
        self._has_ended = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        while not self._has_ended:
            needs = self._decompressor.needs_input
            block = self._file.read(_BLOCK) if needs else b""
            if needs and not block:
                raise _DamagedError("it is cut short: the bzip2 stream has no end")
            data = self._decompressor.decompress(block, max_length=size)
            if self._decompressor.eof:
                self._go_on()
            if data:
                return data
        return b""

    def _go_on(self) -> None:
        rest = self._decompressor.unused_data or self._file.read(_BLOCK)
        if not rest:
            self._has_ended = True
        elif not rest.startswith(b"BZh"):
            raise _DamagedError("there is something behind the end of its bzip2 stream")
        else:
            self._file.seek(-len(rest), io.SEEK_CUR)  # several streams, as pbzip2 writes them
            self._decompressor = bz2.BZ2Decompressor()


# -- .conda ----------------------------------------------------------------------------------------


def _check_conda(path: Path, beat: Beat) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        for kind in ("info-", "pkg-"):
            found = [one.filename for one in parts if _is_part(one.filename, kind)]
            if len(found) != 1:
                raise _RefusedError(
                    f"it has no {kind}*.tar.zst" if not found else f"it has several {kind}*.tar.zst"
                )
        if len(parts) > _PARTS:
            raise TooLargeError(f"it has {len(parts):,} parts, and {_PARTS} are the most")
        if any(one.compress_type != zipfile.ZIP_STORED for one in parts):
            raise _RefusedError("its parts are compressed once more; a .conda stores them as is")
        _package_size(sum(one.file_size for one in parts))
        for part in parts:
            _check_part(archive, part, beat)


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, beat: Beat) -> None:
    try:
        with archive.open(part) as content:
            while content.read(_BLOCK):
                beat()
    except zipfile.BadZipFile as error:
        raise _RefusedError(f"its {part.filename} is damaged") from error


def _look_into_conda(path: Path, beat: Beat) -> None:
    _check_conda(path, beat)
    stem = path.name.removesuffix(".conda")
    with zipfile.ZipFile(path) as archive:
        for part in ("info-", "pkg-"):
            (name,) = (one for one in archive.namelist() if _is_part(one, part))
            if name != f"{part}{stem}.tar.zst":
                raise _misnamed(name.removeprefix(part).removesuffix(".tar.zst"))
    with _reading_info(path) as stream:
        if stream is not None:
            _look_into(stream, stem)


def _is_part(name: str, part: str) -> bool:
    return name.startswith(part) and name.endswith(".tar.zst")


@contextlib.contextmanager
def _reading_info(path: Path) -> Iterator[Stream | None]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _is_part(name, "info-"):
                decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
                with archive.open(name) as part, decompressor.stream_reader(part) as reader:
                    yield Stream(reader.read, _info_size)
                return
        yield None


def _info_size(passed: int) -> None:
    if passed > limits.INFO_SIZE:
        raise TooLargeError(f"its info/ unpacks to more than {_amount(limits.INFO_SIZE)}")


# -- info/ -----------------------------------------------------------------------------------------


def _look_into(stream: Stream, stem: str) -> None:
    count = size = 0
    has_index = False
    for member in members(stream):
        if not member.name.startswith("info/"):
            continue
        count += 1
        size += member.size
        _info_size(size)
        if count > limits.INFO_MEMBERS:
            raise TooLargeError(f"its info/ has more than {limits.INFO_MEMBERS:,} files")
        most = limits.INFO_PATHS if member.name in _LISTS else limits.INFO_DOCUMENT
        is_document = member.name in _LISTS or member.name.endswith((".json", ".yaml", ".rendered"))
        if is_document and member.size > most:
            raise TooLargeError(
                f"its {member.name} has {_amount(member.size)}, and {_amount(most)} are the most"
            )
        if member.name == _INDEX:
            has_index = True
            _check_index(_small(member), stem)
    if not has_index:
        raise _RefusedError(f"it has no {_INDEX}")


def _check_index(data: bytes, stem: str) -> None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(f"its {_INDEX} is malformed: {error}") from error
    if not isinstance(found, dict):
        raise _RefusedError(f"its {_INDEX} is malformed: it is not an object")
    identity = [found.get(key) for key in ("name", "version", "build")]
    if not all(isinstance(value, str) for value in identity):
        raise _RefusedError(f"its {_INDEX} is malformed: it lacks a name, a version or a build")
    inner = "-".join(str(value) for value in identity)
    if inner != stem:
        raise _misnamed(inner)
    for key in ("depends", "constrains"):
        _check_specs(key, found.get(key, []))
    if problem := limits.version_problem(str(found["version"])):
        raise TooLargeError(f"its version {problem}")


def _check_specs(key: str, specs: Any) -> None:
    if not isinstance(specs, list) or not all(isinstance(spec, str) for spec in specs):
        raise _RefusedError(f"its {_INDEX} is malformed: {key} is not a list of texts")
    if len(specs) > limits.DEPENDENCIES:
        raise TooLargeError(f"its {key} has {len(specs):,} entries")
    for spec in specs:
        if problem := limits.spec_problem(spec):
            raise TooLargeError(f"its {key}: {problem}")


def _misnamed(inner: str) -> _RefusedError:
    return _RefusedError(f"its name does not match what is inside: {inner[:220]!a}; rename it")


def _small(member: Member) -> bytes:
    if not member.is_file or member.size > limits.INFO_DOCUMENT:
        raise _RefusedError(f"{member.name} is not a small regular file")
    return member.read()


def _amount(size: int) -> str:
    return f"{size >> 30:,} GiB" if size >= 1 << 30 else f"{size >> 20:,} MiB"


# -- run_exports -----------------------------------------------------------------------------------


def run_exports(path: Path) -> str | None:
    """The run_exports of the artifact at ``path`` as a JSON text, or None if it has none.

    Raises:
        ValueError: what is there can't be read.
    """
    read = _read_conda if path.name.endswith(".conda") else _read_bzip2
    try:
        data = read(path)
        return None if data is None else _checked(json.loads(data))
    except _MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _checked(document: Any) -> str:
    if isinstance(document, list):  # the oldest form: a list of weak ones
        document = {"weak": document}
    if not isinstance(document, dict) or not all(
        isinstance(specs, list) and all(isinstance(spec, str) for spec in specs)
        for specs in document.values()
    ):
        raise ValueError(f"{_RUN_EXPORTS} is not an object of lists of strings")
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _read_conda(path: Path) -> bytes | None:
    with _reading_info(path) as stream:
        return None if stream is None else _find(stream, is_info_only=True)


def _read_bzip2(path: Path) -> bytes | None:
    with bz2.open(path) as reader:
        return _find(Stream(reader.read, _begin_size), is_info_only=False)


def _begin_size(passed: int) -> None:
    if passed > limits.INFO_SIZE:
        raise TooLargeError(f"info/ is not within the first {_amount(limits.INFO_SIZE)}")


def _find(stream: Stream, *, is_info_only: bool) -> bytes | None:
    has_seen_info = False
    for member in members(stream):
        if member.name == _RUN_EXPORTS:
            return _small(member)
        if member.name.startswith("info/"):
            has_seen_info = True
        elif has_seen_info and not is_info_only:
            return None  # info/ comes in one piece, and first: the payload need not be unpacked
    return None
