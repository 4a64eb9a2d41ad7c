"""Finds the pictures of a folder and pairs them with their label files.

Labels lie in a given folder, in a folder such as ``masks`` beside one such as ``images``, or among the pictures as
``NAME_mask.png`` and the like. A label file belongs to the picture of the same name, else to the picture that its
folder is named after (``NAME/3.png``), else to the one whose name it begins with (``NAME_3.png``), else to the only
picture in its folder. One file is a label map; several are one mask per object.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_IMAGES = {"images", "image", "imgs", "img", "pictures", "rgb"}
_MASKS = {"masks", "mask", "labels", "label", "segmentation", "segmentations", "annotations"}
_LABELLED = re.compile(
    r"(.+)[._-](?:flat|masks?|labels?|seg|segmentations?|instances?|annotations?|gt)(?:[._-]?\d+)?", re.I
)
_PICTURED = re.compile(r"(.+)[._-](?:image|img|picture|rgb)", re.I)
_WORD = re.compile(r"[._-][^._-]*$")

Key = tuple[str, ...]
"""Folders and name, without the ending and without words such as ``images`` and ``mask``."""


@dataclass(frozen=True)
class Found:
    """A picture of a folder.

    Attributes:
        name: its path inside the folder, for messages.
        picture: the file.
        labels: its label map, or one mask per object; empty if it has no labels.
    """

    name: str
    picture: Path
    labels: tuple[Path, ...]


def find(folder: Path, masks: Path | None = None) -> tuple[list[Found], list[tuple[str, str]]]:
    """Finds the pictures of a folder and its subfolders in natural order (2 before 10).

    Hidden files are skipped. If labels were found for fewer than half of the pictures, all pictures are used without
    labels. Otherwise, and if ``masks`` is given, pictures without labels are left out.

    Args:
        folder: folder of pictures.
        masks: folder of their labels; if None, labels are looked for in ``folder``.

    Returns:
        pictures, all with labels or all without; and the other files with the reason why they were left out.

    Raises:
        OSError: a folder does not exist or cannot be read.
    """
    pictures, labels = _one_folder(folder) if masks is None else _two_folders(folder, masks)
    owned, left_out = _owners(pictures, labels)
    found = [
        (Found(str(path.relative_to(folder)), path, tuple(owned.get(key, ()))), _beginning(key, owned))
        for path, key in pictures.items()
    ]
    labelled = [picture for picture, _ in found if picture.labels]
    if masks is not None:
        left_out += [(picture.name, f"has no labels in {masks}") for picture, _ in found if not picture.labels]
        return labelled, left_out
    # Excludes other renderings of a labelled scene: NAME_depth.png beside NAME.png and NAME_mask.png.
    plain = [picture for picture, begins in found if not picture.labels and not begins]
    if len(labelled) < len(plain) or not labelled:
        left_out += [
            (str(path), "looks like labels, but most pictures have none") for ps in owned.values() for path in ps
        ]
        return [Found(picture.name, picture.picture, ()) for picture, _ in found], left_out
    left_out += [(picture.name, "has no labels") for picture in plain]
    left_out += [
        (picture.name, f"is another picture of {'/'.join(begins)}, without labels")
        for picture, begins in found
        if begins and not picture.labels
    ]
    return labelled, left_out


def _two_folders(folder: Path, masks: Path) -> tuple[dict[Path, Key], dict[Path, Key]]:
    labels = {path: _key(path.relative_to(masks), _MASKS, _LABELLED) for path in _files(masks)}
    pictures = {path: _key(path.relative_to(folder), _IMAGES, _PICTURED) for path in _files(folder)}
    return {path: key for path, key in pictures.items() if path not in labels}, labels


def _one_folder(folder: Path) -> tuple[dict[Path, Key], dict[Path, Key]]:
    files = [path.relative_to(folder) for path in _files(folder)]
    folders = {tuple(part.lower() for part in parent.parts) for file in files for parent in file.parents}
    names = {(*file.parts[:-1], file.stem) for file in files}
    pictures, labels = {}, {}
    for file in files:
        *above, name = (*file.parts[:-1], file.stem)
        base = _LABELLED.fullmatch(name)
        beside = base and any((*above, base[1] + end) in names for end in ("", "_image", "_img", "_rgb"))
        if beside or _has_sibling(file, _MASKS, _IMAGES, folders):
            labels[folder / file] = _key(file, _MASKS, _LABELLED)
        else:
            paired = _has_sibling(file, _IMAGES, _MASKS, folders)
            pictures[folder / file] = _key(file, _IMAGES if paired else set(), _PICTURED)
    return pictures, labels


def _has_sibling(file: Path, own: set[str], other: set[str], folders: Collection[Key]) -> bool:
    """Tests whether a folder of the path is named as in ``own`` and has a sibling named as in ``other``."""
    parts = tuple(part.lower() for part in file.parts[:-1])
    return any(part in own and any((*parts[:n], o) in folders for o in other) for n, part in enumerate(parts))


def _key(file: Path, words: set[str], ending: re.Pattern[str]) -> Key:
    stripped = ending.fullmatch(file.stem)
    folders = (part for part in file.parts[:-1] if part.lower() not in words)
    return (*folders, stripped[1] if stripped else file.stem)


def _owners(pictures: dict[Path, Key], labels: dict[Path, Key]) -> tuple[dict[Key, list[Path]], list[tuple[str, str]]]:
    """Returns the labels of each picture, and the labels that belong to no picture, with the reason."""
    keys = set(pictures.values())
    alone = Counter(key[:-1] for key in keys)
    only = {key[:-1]: key for key in keys if alone[key[:-1]] == 1}
    owned: dict[Key, list[Path]] = defaultdict(list)
    homeless = []
    for path, key in labels.items():
        owner = key if key in keys else key[:-1] if key[:-1] in keys else _beginning(key, keys) or only.get(key[:-1])
        if owner:
            owned[owner].append(path)
        else:
            homeless.append((str(path), "belongs to no picture"))
    return owned, homeless


def _beginning(key: Key, keys: Collection[Key]) -> Key | None:
    """Returns the longest key that the name continues after a dot, a hyphen or an underscore, or None."""
    *above, name = key
    while (shorter := _WORD.sub("", name)) != name:
        name = shorter
        if (*above, name) in keys:
            return (*above, name)
    return None


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    found = (
        Path(above, name)
        for above, folders, names in os.walk(folder, onerror=fail)
        for name in names
        if not any(part.startswith((".", "__MACOSX")) for part in Path(above, name).relative_to(folder).parts)
    )
    yield from sorted(found, key=_natural_order)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]
