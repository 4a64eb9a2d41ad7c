"""MONet Explorer: ``python app.py`` opens a page that takes scenes apart."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

gc.disable()  # looking for garbage in what imports leave behind is a seventh of the start, and finds none

import torch

from monet import checkpoints
from monet.explorer.galleries import open_stores
from monet.explorer.layout import build
from monet.explorer.models import Models
from monet.explorer.server import is_local, launch
from monet.explorer.training import Runs
from monet.faults import told

AUTH = "MONET_AUTH"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        default=os.environ.get(AUTH),
        help=f"what visitors must give; in the variable {AUTH} instead, no list of processes shows it",
    )
    parser.add_argument("--i-know", action="store_true", help="let everybody in who can reach --host")
    parser.add_argument("--checkpoints", type=Path, default=checkpoints.FOLDER, help="folder of checkpoints")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs (default: runs)")
    parser.add_argument(
        "--allow-training", action="store_true", help="let those who reach another --host train, and add pictures"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of the model")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    options = parser.parse_args(arguments)
    if options.auth is not None and not all(options.auth.partition(":")):
        parser.error("--auth is USER:PASSWORD, neither of them empty")
    if not is_local(options.host):
        if not (options.auth or options.i_know):
            parser.error(
                f"others can reach {options.host}: say who may come in with --auth USER:PASSWORD (or the variable "
                f"{AUTH}), or that everybody may with --i-know"
            )
        who = "who knows the name and the password" if options.auth else "at all"
        print(
            f"Listening on {options.host}: anybody who can reach this machine {who} may use the models and your "
            "processor. Nothing on the way is encrypted: others in the network can read along, pictures"
            f"{' and the password' if options.auth else ''} included.",
            file=sys.stderr,
        )
    return options


options = parse(sys.argv[1:] if __name__ == "__main__" else [])
torch.set_num_threads(options.threads)
with told():
    models = Models(options.checkpoints)
    stored, damaged = open_stores()
    demo = build(models, stored)
gc.freeze()
gc.enable()

if __name__ == "__main__":
    for problem in (*models.problems, *damaged):
        print(f"skipped: {problem}", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the uploads are removed
    runs = Runs(options.runs, stored) if is_local(options.host) or options.allow_training else None
    with told():
        launch(
            demo, models, stored,
            host=options.host, port=options.port, auth=options.auth, runs=runs, inbrowser=options.open,
        )  # fmt: skip
