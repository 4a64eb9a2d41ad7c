"""MONet Explorer: ``python app.py`` opens a page that takes scenes apart."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

gc.disable()  # looking for garbage in what imports leave behind is a seventh of the start, and finds none

import torch

from monet import checkpoints
from monet.explorer.layout import build
from monet.explorer.models import Models
from monet.explorer.server import launch


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python app.py", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860)")
    parser.add_argument("--checkpoints", type=Path, default=checkpoints.FOLDER, help="folder of checkpoints")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of the model")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    return parser.parse_args(arguments)


options = parse(sys.argv[1:] if __name__ == "__main__" else [])
torch.set_num_threads(options.threads)
models = Models(options.checkpoints)
demo = build(models)
gc.freeze()
gc.enable()

if __name__ == "__main__":
    for problem in models.problems:
        print(f"skipped: {problem}", file=sys.stderr)
    launch(demo, models, host=options.host, port=options.port, inbrowser=options.open)
