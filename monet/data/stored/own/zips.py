"""Unpacks untrusted ZIP files of pictures."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from monet import pictures
from monet.pictures import PictureError

MAX_FILES = 20_000
MAX_BYTES = 2**31
"""Largest total size of the unpacked files."""
MAX_PIXELS = 10**10
"""Largest total number of pixels: about two minutes of decoding."""
MAX_RATIO = 100
"""Largest ratio of unpacked to packed bytes of all files together; picture formats are compressed already."""
_SPARED = 2**25
"""Unpacked bytes below which the ratio is not checked, because small flat masks compress much better."""
_DIRECTORY = 2**23
"""Largest size of the central directory in bytes, which is read in one piece."""
_OUTSIDE = re.compile(r"^[/\\]|^[a-zA-Z]:|(^|[/\\])\.\.([/\\]|$)|\0")


class ZipError(ValueError):
    """A ZIP file was rejected as a whole. The message is one sentence for the user."""


def open_zip(source: str | os.PathLike[str] | bytes, folder: Path) -> list[tuple[str, str]]:
    """Unpacks the pictures of a ZIP file with their folders; hidden files are skipped.

    The central directory is checked before anything is unpacked. Nothing is written outside ``folder``, and no link is
    created.

    Args:
        source: path or bytes.
        folder: target folder, created if needed; unpacked files stay there if an error is raised.

    Returns:
        name and reason of every file that was left out.

    Raises:
        ZipError: not a ZIP file, a damaged or encrypted one, links, names that lead out of the folder, or more than
            `MAX_FILES` files, `MAX_BYTES`, `MAX_PIXELS` or `MAX_RATIO`.
        OSError: the disk is full or cannot be written.
    """
    try:
        with open(source, "rb") if not isinstance(source, bytes) else io.BytesIO(source) as file:
            size = _check_end(file)
            with zipfile.ZipFile(file) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                _check(members, size)
                return _unpack(archive, members, folder)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError) as error:
        raise ZipError("The file is not a ZIP file, damaged, or packed in an unusual way: pack it again.") from error


def _check_end(file: BinaryIO) -> int:
    """Rejects an oversized central directory; returns the size of the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2**16 - 22))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) < at + 22:
        raise zipfile.BadZipFile
    if int.from_bytes(end[at + 12 : at + 16], "little") > _DIRECTORY:  # also catches ZIP64
        raise ZipError(f"The ZIP file has too many files: at most {MAX_FILES:,} are unpacked.")
    return size


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    if len(members) > MAX_FILES:
        raise ZipError(f"The ZIP file has {len(members):,} files: at most {MAX_FILES:,} are unpacked.")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_BYTES:
        raise ZipError(f"The ZIP file holds {unpacked / 2**30:.1f} GB: at most {MAX_BYTES / 2**30:.0f} are unpacked.")
    packed = sum(member.compress_size for member in members)
    if packed > size or unpacked > max(_SPARED, MAX_RATIO * packed):
        raise ZipError("The ZIP file is compressed too much to hold pictures only: pack the pictures alone.")
    for member in members:
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ZipError(f"The ZIP file holds a link ({member.filename}): pack the pictures themselves.")
        if _OUTSIDE.search(member.orig_filename):
            raise ZipError(f"The ZIP file names a path outside its folder ({member.filename!r}): pack it again.")
        if member.flag_bits & 1:
            raise ZipError("The ZIP file is encrypted: pack it without a password.")


def _unpack(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path) -> list[tuple[str, str]]:
    left_out, pixels = [], 0
    for member in members:
        parts = [part for part in re.split(r"[/\\]", member.filename) if part not in ("", ".")]
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        try:
            with archive.open(member) as packed:
                content = packed.read(pictures.MAX_BYTES + 1)
            with pictures.open_safely(content, pictures.OWN_FORMATS) as image:
                pixels += image.width * image.height
        except PictureError as error:
            left_out.append((member.filename, str(error)))
            continue
        if pixels > MAX_PIXELS:
            raise ZipError(f"The ZIP file holds more than {MAX_PIXELS // 10**6:,} megapixels: pack fewer at once.")
        target = folder.joinpath(*parts)
        if not parts or len(str(target)) > 1000 or any(len(part.encode()) > 200 for part in parts):
            left_out.append((member.filename[:50], "its name is too long."))
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            left_out.append((member.filename, "another file has the same name."))
    return left_out
