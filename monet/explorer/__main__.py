"""Command line of MONet Explorer: ``monet-explorer`` serves the page, ``monet-explorer export`` writes plain files."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# The app sends requests to itself only, and Gradio would send even these through a proxy.
for scheme in ("http", "https", "all"):
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY"):
        os.environ.pop(name, None)

import torch

from monet import checkpoints
from monet.errors import exit_on_error
from monet.explorer import server, space
from monet.explorer.address import PublicURL
from monet.explorer.galleries import open_stores
from monet.explorer.layout import build
from monet.explorer.listen import PORTS, is_local
from monet.explorer.models import Models
from monet.explorer.site import export
from monet.explorer.training import Runs

AUTH = "MONET_AUTH"


def public_url(text: str) -> PublicURL:
    try:
        return PublicURL.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse(arguments: list[str], program: str) -> argparse.Namespace:
    """Parses the command line; on a Hugging Face Space the defaults suit the Space."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Serves MONet Explorer. `export SITE` writes the page as plain files instead.",
    )
    try:
        hub = space.public_url()
    except ValueError as error:
        parser.error(f"{space.HOST}: {error}")
    parser.add_argument(
        "--host", default="0.0.0.0" if hub else "127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, help=f"port to listen on (default: the first free one from {PORTS[0]} to {PORTS[-1]})"
    )
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        default=os.environ.get(AUTH),
        help=f"user name and password of visitors; set the variable {AUTH} instead to hide them from process lists",
    )
    parser.add_argument("--i-know", action="store_true", help="let everybody in who can reach --host, without password")
    parser.add_argument(
        "--public-url", type=public_url, default=hub, metavar="https://HOST/PATH/",
        help="the address that visitors use, if a proxy forwards requests to this server",
    )  # fmt: skip
    parser.add_argument(
        "--trusted-proxy", type=ipaddress.ip_network, action="append", default=[], metavar="ADDRESS",
        help="address or network of a proxy whose forwarded headers are trusted; may be repeated (default: none)",
    )  # fmt: skip
    parser.add_argument("--checkpoints", type=Path, default=checkpoints.FOLDER, help="folder of checkpoints")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of training runs (default: runs)")
    parser.add_argument(
        "--allow-training", action="store_true", help="let everybody who can reach the server train and add pictures"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="number of threads of the models")
    parser.add_argument(
        "--mcp", action="store_true", help='serve MCP for agents at /gradio_api/mcp/; needs pip install "gradio[mcp]"'
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    options = parser.parse_args(arguments)
    if options.auth is not None and not all(options.auth.partition(":")):
        parser.error("--auth must be USER:PASSWORD, neither of them empty")
    if options.mcp and importlib.util.find_spec("mcp") is None:
        parser.error('--mcp needs a package that is not installed: pip install "gradio[mcp]"')
    options.frames = space.FRAMES if hub and options.public_url == hub else ()
    if options.frames:
        return options  # the Hub controls who may open a Space
    if not is_local(options.host) or options.public_url:
        reached = options.public_url or options.host
        if not (options.auth or options.i_know):
            parser.error(
                f"others can reach {reached}: set a password with --auth USER:PASSWORD (or the variable {AUTH}), "
                "or let everybody in with --i-know"
            )
    if not is_local(options.host):
        visitors = "knows the user name and the password" if options.auth else "can reach this machine"
        print(
            f"Listening on {options.host}: anybody who {visitors} can use the models and your processor. The "
            f"connection is not encrypted: others in the network can read pictures"
            f"{' and the password' if options.auth else ''}.",
            file=sys.stderr,
        )
    return options


class App:
    """The app, built from a command line.

    Args:
        arguments: of the command line, without the program.
        program: its name in the help text.

    Attributes:
        demo: the page.
    """

    def __init__(self, arguments: list[str], program: str):
        self.options = parse(arguments, program)
        torch.set_num_threads(self.options.threads)
        with exit_on_error():
            self.models = Models(self.options.checkpoints)
            self.stored, self.damaged = open_stores()
            self.demo = build(self.models, self.stored)

    def serve(self) -> None:
        """Serves the page until the process is terminated."""
        options = self.options
        for problem in (*self.models.problems, *self.damaged):
            print(f"skipped: {problem}", file=sys.stderr)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # exit handlers remove the uploads
        private = is_local(options.host) and not options.public_url
        runs = Runs(options.runs, self.stored) if private or options.allow_training else None
        with exit_on_error():
            server.launch(
                self.demo, self.models, self.stored, host=options.host, port=options.port, auth=options.auth,
                public=options.public_url, proxies=options.trusted_proxy, frames=options.frames, runs=runs,
                inbrowser=options.open, mcp_server=options.mcp,
            )  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["export"]:
        with exit_on_error():
            export.main(sys.argv[2:])
        return
    App(sys.argv[1:], "monet-explorer").serve()


if __name__ == "__main__":
    main()
