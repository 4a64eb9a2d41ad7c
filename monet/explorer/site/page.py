"""Renders ``index.html`` of the static export: the app's layout, with plain controls instead of Gradio's."""

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
        "script-src 'self' 'wasm-unsafe-eval' blob:",  # the page unpacks plotly into a blob
        "style-src 'self' 'unsafe-inline'",  # plotly needs inline styles
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
"""Content-Security-Policy: the page may only load from its own server."""
NOTE = (
    "This page decomposes scenes in your browser, and your pictures never leave it. New random scenes, sets of "
    "pictures, training, GIF and NPZ need the app: <code>python -m monet.explorer</code>."
)


def page(demo: gr.Blocks, server_only: tuple[str, ...], adapt: Adapt) -> str:
    """Renders the Gradio page ``demo`` block by block, so that both show the same panels in the same places.

    Args:
        demo: from :func:`monet.explorer.layout.build`.
        server_only: names of panels to leave out.
        adapt: maps a panel's name and data to its data in the export; the name "" stands for the bridge's data.
    """

    def element(block: Any) -> str:
        if not block.visible or isinstance(block, Api):  # endpoints need the server
            return ""
        id_attribute = f' id="{block.elem_id}"' if block.elem_id else ""
        if isinstance(block, gr.HTML):
            name, data = panels.content(block)
            if name is None:
                return f'<div{id_attribute}><div class="prose">{block.value}</div></div>'
            if name in server_only:
                return ""
            if not name:
                return f'<i class="mx-carrier" data-start="{panels.attribute(adapt(name, data))}"></i>'
            return f'<div{id_attribute} data-mount="{name}">{panels.section(adapt(name, data))}</div>'
        if isinstance(block, BlockContext):  # rows, columns, and Gradio's forms around inputs
            kind = "row" if isinstance(block, gr.Row) else "column"
            return f'<div{id_attribute} class="mx-site-{kind}">{"".join(map(element, block.children))}</div>'
        return f'<div{id_attribute} class="mx-site-choice">{_control(block)}</div>'

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
    """Renders a plain input for one of Gradio's; ``data-choice`` names the choice."""
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
        limits = f'min="{block.minimum}" max="{block.maximum}" step="1"'
        return labelled("slots", f'<output></output><input type="range" class="mx-range" {limits}')
    if isinstance(block, gr.Image):
        return labelled("file", '<input type="file" accept="image/*"')
    raise TypeError(f"the export has no plain control for {type(block).__name__}")
