"""On a Space of the Hugging Face Hub: where the app is found, and who may frame it."""

from __future__ import annotations

import os

from monet.explorer.address import PublicURL

HOST = "SPACE_HOST"
"""The variable by which a Space tells its own name, such as "owner-name.hf.space"."""
FRAMES = ("https://huggingface.co", "https://*.hf.space")
"""Whose pages show a Space's page inside of theirs."""


def public_url() -> PublicURL | None:
    """The address that people reach this Space by, None where the app does not run on one.

    Raises:
        ValueError: the variable holds no name.
    """
    name = os.environ.get(HOST, "").partition(",")[0].strip()  # with a domain of its own a Space has several
    return PublicURL.of(f"https://{name}/") if name else None
