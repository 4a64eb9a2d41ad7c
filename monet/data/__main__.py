"""``python -m monet.data``: lists data sets, downloads genuine data, stores generated scenes or your own pictures."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from pathlib import Path
from typing import get_args

from PIL import ImageColor
from tqdm import tqdm

from monet.data import DATASETS, Unavailable
from monet.data.processes import generate
from monet.data.seeds import TEST, TRAIN, VALIDATE
from monet.data.stored import store
from monet.data.stored.download import DownloadError, download
from monet.data.stored.own import AddError, add
from monet.data.stored.sources import SOURCES
from monet.data.stored.store import About, Stored, StoreError
from monet.data.stored.tfrecord import RecordError
from monet.errors import sentence
from monet.pictures import How

_GENERATED = "_generated"
"""Suffix of generated stores, so that they do not replace genuine data of the same name."""
_SPLITS = {"train": TRAIN, "validate": VALIDATE, "test": TEST}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.data", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="list the generated, genuine and stored data sets")
    _add_folder(command)
    command.set_defaults(run=_list)

    command = commands.add_parser(
        "download",
        help="download the first scenes of a genuine data set",
        description="Downloads only as much of DeepMind's file as the first N scenes need. Repeat an interrupted "
        "command to resume it. The data belongs to DeepMind: do not redistribute it.",
    )
    command.add_argument("name", metavar="NAME", choices=SOURCES, help=", ".join(SOURCES))
    command.add_argument("--count", metavar="N", type=_positive, required=True, help="number of scenes")
    _add_folder(command)
    command.add_argument("--from", metavar="PATH", dest="source", help="read this local file or address instead")
    command.set_defaults(run=_download)

    command = commands.add_parser(
        "generate",
        help="store generated scenes",
        description=f"Stores generated scenes as NAME{_GENERATED}. The same seed gives the same scenes, with any "
        "number of processes. The store appears when it is complete; an interrupted command starts over.",
    )
    command.add_argument("name", metavar="NAME", choices=DATASETS, help=", ".join(DATASETS))
    command.add_argument("--count", metavar="N", type=_positive, required=True, help="number of scenes")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", metavar="S", type=_seed, help="0 or more; 0, 1, 2: the train, validate, test split")
    which.add_argument(
        "--split",
        dest="seed",
        type=_split,
        metavar="SPLIT",
        help="train, validate or test: the split that training uses for that purpose",
    )
    command.add_argument(
        "--processes",
        metavar="P",
        type=_positive,
        default=os.cpu_count() or 1,
        help="number of worker processes (%(default)s)",
    )
    _add_folder(command)
    command.set_defaults(run=_generate)

    command = commands.add_parser(
        "add",
        help="store pictures of your own",
        description="Stores a folder or ZIP file of pictures (PNG, JPEG, WebP, BMP, GIF, TIFF), or an .npy, .npz or "
        ".h5 file, as NAME, with the labels found beside them or in --masks. The store appears when it is complete.",
    )
    command.add_argument("path", metavar="PATH", type=Path, help="a folder, .zip, .npy, .npz or .h5")
    command.add_argument("name", metavar="NAME", help="name of the store")
    command.add_argument("--masks", metavar="PATH", type=Path, help="folder or file of labels")
    command.add_argument(
        "--background",
        metavar="LABELS",
        type=_labels,
        default=(0,),
        help="comma-separated labels that are not objects; write a colour as 0xRRGGBB (default: 0)",
    )
    command.add_argument(
        "--fit", choices=get_args(How), default="crop", help="how to make pictures square (default: %(default)s)"
    )
    command.add_argument(
        "--size", metavar="PIXELS", type=_positive, default=64, help="side of stored pictures (default: %(default)s)"
    )
    command.add_argument(
        "--ground",
        metavar="COLOUR",
        type=_colour,
        default="white",
        help="colour shown through transparent pixels (default: %(default)s)",
    )
    command.add_argument("--replace", action="store_true", help="replace stored data of that name")
    _add_folder(command)
    command.set_defaults(run=_add)

    options = parser.parse_args()
    try:
        options.run(options)
    except OSError as error:
        parser.exit(1, f"{sentence(error)}\n")
    except (AddError, DownloadError, RecordError, StoreError, Unavailable) as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "Interrupted. Repeat the command to resume a download.\n")


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--to", metavar="FOLDER", type=Path, default=store.default_folder(), help="folder of the stores (%(default)s)"
    )


def _list(options: argparse.Namespace) -> None:
    on_disk = store.stores(options.to)
    rows = [("NAME", "GENERATED", "GENUINE", "ON DISK")]
    for name in dict.fromkeys([*DATASETS, *SOURCES, *on_disk]):
        generated = "unlimited" if name in DATASETS else "-"
        genuine = f"{SOURCES[name].records:,} records" if name in SOURCES else "-"
        rows.append((name, generated, genuine, _disk_state(name, options.to, on_disk)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _disk_state(name: str, folder: Path, on_disk: dict[str, Path]) -> str:
    if name in on_disk:
        try:
            return f"{len(store.load(on_disk[name])):,} scenes in {on_disk[name]}"
        except StoreError as error:
            return str(error)
    return "interrupted, can be resumed" if (folder / f"{name}.part").is_dir() else "-"


def _download(options: argparse.Namespace) -> None:
    result = download(options.name, options.count, options.to, options.source)
    _report(result)
    if len(result) < options.count:
        print("The file holds no more scenes.")
    print(f"Licence: {result.about.licence}. Cite: {result.about.citation}")


def _generate(options: argparse.Namespace) -> None:
    dataset = DATASETS[options.name]
    path = options.to / f"{dataset.name}{_GENERATED}"
    about = About(
        name=path.name,
        title=f"{dataset.title}, generated with seed {options.seed}",
        source=f"python -m monet.data generate {dataset.name} --count {options.count} --seed {options.seed}",
        background=dataset.background,
        licence=dataset.licence,
        citation=dataset.citation,
    )

    with (
        store.workshop(path) as work,
        closing(generate(dataset.name, options.seed, options.count, options.processes)) as scenes,
    ):
        bar = tqdm(scenes, dataset.name, options.count, unit=" scenes", dynamic_ncols=True, mininterval=0.5)
        _report(store.write(work, path, about, bar))


def _add(options: argparse.Namespace) -> None:
    bar: tqdm[None] | None = None

    def progress(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(desc=options.name, total=total, unit=" pictures", dynamic_ncols=True, mininterval=0.5)
        bar.update(done - bar.n)

    try:
        report = add(
            options.path,
            options.name,
            masks=options.masks,
            background=options.background,
            fit=options.fit,
            size=options.size,
            ground=options.ground,
            folder=options.to,
            replace=options.replace,
            progress=progress,
        )
    finally:
        if bar is not None:
            bar.close()
    print(report)


def _report(result: Stored) -> None:
    print(f"{len(result):,} scenes of {result.about.title} are in {result.path}")


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _labels(text: str) -> tuple[int, ...]:
    return tuple(int(label, 0) for label in text.split(","))


def _colour(text: str) -> tuple[int, ...]:
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not a colour: write a name such as white, or #RRGGBB") from error


def _seed(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return number


def _split(text: str) -> int:
    if text not in _SPLITS:
        raise argparse.ArgumentTypeError(f"{text} is not one of {', '.join(_SPLITS)}")
    return _SPLITS[text]


if __name__ == "__main__":
    main()
