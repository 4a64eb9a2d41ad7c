"""``python -m monet.checkpoints``: lists, imports and downloads checkpoints, and exports them as ONNX."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from monet import checkpoints
from monet.checkpoints import CheckpointError, metadata, notebook, onnx
from monet.checkpoints.archive import printable
from monet.errors import exit_on_error
from monet.model import MONet


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monet.checkpoints", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="list all checkpoints and the reasons why some cannot be used")
    command.add_argument(
        "--folder", metavar="FOLDER", type=Path, default=checkpoints.FOLDER, help="folder to list (%(default)s)"
    )
    command.set_defaults(run=_list)

    command = commands.add_parser(
        "import",
        help="import weights of the reference notebook's network",
        description="Reads weights of the reference notebook's network that torch.save, Lightning or safetensors "
        "wrote: a whole model, a state dict or dictionaries around it, with any prefix. Nothing in the file is run. A "
        "file that names anything else than weights need is rejected with that name.",
    )
    command.add_argument("model", metavar="FILE", type=Path, help=".pt, .ckpt, .safetensors, ...")
    command.add_argument("to", metavar="NAME-OR-FOLDER", help="new checkpoint: a name under checkpoints/, or a folder")
    command.add_argument("--slots", metavar="K", type=int, help="slots (default: the file's; 7 for a state dict)")
    command.add_argument("--prefix", help="prefix of the weights, if the file holds several sets")
    command.add_argument(
        "--data", metavar="NAME", default="",
        help="the data set that it was trained on, generated or stored (default: unknown)",
    )  # fmt: skip
    command.add_argument("--title", help="display name (default: the checkpoint's name)")
    command.set_defaults(run=_import)

    command = commands.add_parser("download", help="download a checkpoint from the Hugging Face Hub")
    command.add_argument("model", metavar="ID", help="model id, OWNER/NAME")
    command.add_argument("to", metavar="NAME-OR-FOLDER", nargs="?", help="new checkpoint (default: the id's NAME)")
    command.set_defaults(run=_download)

    command = commands.add_parser(
        "export-onnx",
        help="export attention step, encoder and decoder as ONNX, checked against PyTorch",
        description="Writes attention_step.onnx, encoder.onnx and decoder.onnx with a dynamic batch size, and checks "
        f"with ONNX Runtime that each agrees with PyTorch to {onnx.TOLERANCE:.0e}.",
    )
    command.add_argument("model", metavar="NAME", help="name under checkpoints/, or a folder")
    command.add_argument("--out", metavar="DIR", type=Path, help="folder for the files (default: NAME.onnx)")
    command.set_defaults(run=_export_onnx)

    options = parser.parse_args()
    try:
        options.run(options)
    except CheckpointError as error:
        parser.exit(1, f"{error}\n")


def _list(options: argparse.Namespace) -> None:
    found, problems = checkpoints.find(options.folder)
    rows = [("NAME", "TITLE", "DATA", "SLOTS", "PIXELS")]
    for checkpoint in found:
        config = checkpoint.config
        pixels = f"{config.resolution} x {config.resolution}"
        rows.append((checkpoint.name, checkpoint.title, checkpoint.data or "-", f"{config.num_slots}", pixels))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in problems:
        print(f"unusable: {problem}")


def _import(options: argparse.Namespace) -> None:
    folder = _new(options.to)
    model = notebook.load(options.model, options.slots, options.prefix)
    title = options.title or folder.name
    card = _card(model, options.model, folder.name, title)
    checkpoints.save(model, folder, title=title, data=options.data, card=card)
    print(f"{folder}: {model.config.num_slots} slots, {model.config.resolution} x {model.config.resolution} pixels")
    if not options.data:
        print("Its data set is recorded as unknown; give --data NAME to record it.")


def _new(name_or_folder: str) -> Path:
    """Returns the folder of a new checkpoint; a plain name means ``checkpoints/NAME``."""
    named = Path(name_or_folder).name == name_or_folder
    folder = checkpoints.FOLDER / name_or_folder if named else Path(name_or_folder)
    if folder.exists():
        raise CheckpointError(f"{folder} exists already; remove it, or choose another name")
    return folder


def _download(options: argparse.Namespace) -> None:
    from monet.checkpoints import hub  # imports the Hub's library, which the other commands do not need

    folder = _new(options.to or options.model.rpartition("/")[2])
    hub.MONet.from_pretrained(options.model).save_pretrained(folder)
    print(f"{folder}: from {options.model}")


def _export_onnx(options: argparse.Namespace) -> None:
    checkpoint = checkpoints.read(options.model)
    written = onnx.export(checkpoints.load(checkpoint), options.out or Path(f"{checkpoint.name}.onnx"))
    for file, difference in written.items():
        print(f"{file}: differs from PyTorch by {difference:.1e}")


def _card(model: MONet, file: Path, name: str, title: str) -> str:
    """Writes the model card of imported weights: their source, and that nothing else is known."""
    config = model.config
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    source = printable(file.name).replace("`", "'")
    return f"""{metadata.front_matter(title)}

# MONet, {title}

{sum(p.numel() for p in model.parameters()):,} parameters, float32; K = {config.num_slots} slots of
{config.latent_dim} latents; {config.resolution} x {config.resolution} pixels.

Imported with `python -m monet.checkpoints import` from `{source}`, SHA-256
`{digest}`, a model of the reference notebook's.

The file does not say how and on what the model was trained, and nothing has been measured yet.
`python -m monet.evaluation {name} --data DATA` measures it.
"""


if __name__ == "__main__":
    with exit_on_error():
        main()
