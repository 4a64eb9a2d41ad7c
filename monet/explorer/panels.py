"""The panels as Gradio components: an empty element each, which a module of ``static/panels`` fills."""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

# Dynamic import from the page's own address, so that the app works below any path.
_MAIN = 'import(new URL("monet/static/main.js", document.baseURI).href)'


def panel(name: str, data: Any = None) -> gr.HTML:
    """A panel drawn in the browser.

    Args:
        name: of its module.
        data: what it needs to know from the start, as JSON; fixed when the page is built.
    """
    attribute = html.escape(json.dumps(data), quote=True).replace("$", "&#36;")
    return gr.HTML(
        html_template=f'<section class="mx-panel" data-panel="{attribute}"></section>',
        js_on_load=f"{_MAIN}.then((m) => m.mount({json.dumps(name)}, element.querySelector('section')));",
        elem_id=f"mx-{name}",
    )


def request_carrier(name: str) -> gr.HTML:
    """Hidden: what the page asks for; its value is JSON, its ``input`` event says that there is something."""
    send = "(value) => { props.value = value; trigger('input'); }"
    return gr.HTML(
        value="",
        html_template="<i></i>",
        js_on_load=f"{_MAIN}.then((m) => m.connect({json.dumps(name)}, {send}));",
        elem_classes="mx-carrier",
    )


def scene_carrier() -> gr.HTML:
    """Hidden: the scene that the server answers with, as JSON."""
    return gr.HTML(
        value="",
        html_template="<i></i>",
        js_on_load=(
            f"{_MAIN}.then((m) => {{ m.receive(props.value); watch('value', () => m.receive(props.value)); }});"
        ),
        elem_classes="mx-carrier",
    )
