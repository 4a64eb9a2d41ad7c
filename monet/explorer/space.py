"""Settings on a Hugging Face Space: the public address and the origins that may embed the page."""

from __future__ import annotations

import os

from monet.explorer.address import PublicURL

HOST = "SPACE_HOST"
"""Environment variable with a Space's host name, such as "owner-name.hf.space"."""
FRAMES = ("https://huggingface.co", "https://*.hf.space")
"""Origins whose pages embed a Space."""


def public_url() -> PublicURL | None:
    """The public address of this Space, None if the app does not run on one.

    Raises:
        ValueError: the variable is not a valid host name.
    """
    name = os.environ.get(HOST, "").partition(",")[0].strip()  # a Space with its own domain has several names
    return PublicURL.of(f"https://{name}/") if name else None
