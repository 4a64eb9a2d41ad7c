"""``index.html``: the app's own page, with plain controls in place of Gradio's."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.blocks import BlockContext
from gradio.components.api_component import Api

from monet.explorer import panels
from monet.explorer.layout import TITLE

Adapt = Callable[[str, Any], Any]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval' blob:",  # the charts' library is unpacked in the page
        "style-src 'self' 'unsafe-inline'",  # which the charts' library needs
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""Content-Security-Policy: nothing is fetched from anywhere else."""
NOTE = (
    "These are plain files: scenes are taken apart in your browser, and your pictures never leave it. New random "
    "scenes, sets of pictures, training, GIF and NPZ need the app: <code>python -m monet.explorer</code>."
)


def page(demo: gr.Blocks, server_only: tuple[str, ...], adapt: Adapt) -> str:
    """The page that ``demo`` is, walked block by block, so that both show the same panels in the same places.

    Args:
        demo: as :func:`monet.explorer.layout.build` makes it.
        server_only: names of panels that are left out.
        adapt: given a panel's name and data ("" and the start's data), what the files have of it.
    """

    def element(block: Any) -> str:
        if not block.visible or isinstance(block, Api):  # endpoints are the server's
            return ""
        known = f' id="{block.elem_id}"' if block.elem_id else ""
        if isinstance(block, gr.HTML):
            name, data = panels.content(block)
            if name is None:
                return f'<div{known}><div class="prose">{block.value}</div></div>'
            if name in server_only:
                return ""
            if not name:
                return f'<i class="mx-carrier" data-start="{panels.attribute(adapt(name, data))}"></i>'
            return f'<div{known} data-mount="{name}">{panels.section(adapt(name, data))}</div>'
        if isinstance(block, BlockContext):  # rows, columns, and the forms that Gradio puts inputs in
            kind = "row" if isinstance(block, gr.Row) else "column"
            return f'<div{known} class="mx-site-{kind}">{"".join(map(element, block.children))}</div>'
        return f'<div{known} class="mx-site-choice">{_control(block)}</div>'

    body = "\n".join(filter(None, map(element, demo.children)))
    return f"""<!doctype html>
<html lang="en" data-site>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{TITLE}</title>
<link rel="icon" href="monet/static/icon.svg">
<link rel="stylesheet" href="monet/static/site/site.css">
<link rel="stylesheet" href="monet/static/explorer.css">
<script type="module" src="monet/static/site/page.js"></script>
</head>
<body>
<div class="gradio-container"><main class="fillable contain">
{body}
<p class="mx-site-note">{NOTE}</p>
<noscript>This page needs JavaScript.</noscript>
</main></div>
</body>
</html>
"""


def _control(block: Any) -> str:
    """A plain input for one of Gradio's; ``data-choice`` says what it chooses."""
    label = html.escape(block.label or "")

    def labelled(choice: str, control: str) -> str:
        return (
            f'<label for="mx-choose-{choice}">{label}</label>{control} id="mx-choose-{choice}" data-choice="{choice}">'
        )

    if isinstance(block, gr.Dropdown):
        options = "".join(
            f'<option value="{html.escape(str(value))}">{html.escape(str(title))}</option>'
            for title, value in block.choices
        )
        return labelled("model", '<select class="mx-select"') + f"{options}</select>"
    if isinstance(block, gr.Radio):
        radios = "".join(
            f'<label><input type="radio" name="how" value="{value}" data-choice="how"> {title}</label>'
            for title, value in block.choices
        )
        return f"<fieldset><legend>{label}</legend>{radios}</fieldset>"
    if isinstance(block, gr.Slider):
        between = f'min="{block.minimum}" max="{block.maximum}" step="1"'
        return labelled("slots", f'<output></output><input type="range" class="mx-range" {between}')
    if isinstance(block, gr.Image):
        return labelled("file", '<input type="file" accept="image/*"')
    raise TypeError(f"the files have no {type(block).__name__}")
