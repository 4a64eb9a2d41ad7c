"""Gradio components for the panels: empty elements that the modules in ``static/panels`` fill."""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

# Imported relative to the page's address, so that the app works below any path.
_MAIN = 'import(new URL("monet/static/main.js", document.baseURI).href)'


def panel(name: str, data: Any = None) -> gr.HTML:
    """A panel that is drawn in the browser.

    Args:
        name: of its module.
        data: its initial data, JSON-serializable; fixed when the page is built.
    """
    component = gr.HTML(
        html_template=section(data),
        js_on_load=f"{_MAIN}.then((m) => m.mount({json.dumps(name)}, element.querySelector('section')));",
        elem_id=f"mx-{name}",
    )
    component.panel = name, data  # type: ignore[attr-defined]
    return component


def section(data: Any) -> str:
    """HTML of the element that a panel's module fills."""
    return f'<section class="mx-panel" data-panel="{attribute(data)}"></section>'


def attribute(data: Any) -> str:
    """Encodes data as JSON for an HTML attribute; ``$`` is escaped, since Gradio's templates would expand it."""
    return html.escape(json.dumps(data), quote=True).replace("$", "&#36;")


def content(component: gr.HTML) -> tuple[str | None, Any]:
    """Name and data of a panel's component; the name is "" for the bridge and None for other HTML."""
    return getattr(component, "panel", (None, None))


def bridge(data: Any) -> gr.HTML:
    """Hidden component that passes initial data to the page and the page's choices back to Gradio's inputs.

    Its value is JSON, ``{"model": NAME, "models": [[TITLE, NAME], ...], "slots": K, "how": HOW, "file": whether the
    chosen file stays}``. Its ``input`` event reports a new value, which :data:`SHOW_CHOICES` reads.
    """
    send = "(value) => { props.value = value; trigger('input'); }"
    component = gr.HTML(
        value="",
        html_template=f'<i data-start="{attribute(data)}"></i>',
        js_on_load=f"{_MAIN}.then((m) => m.start(JSON.parse(element.querySelector('i').dataset.start), {send}));",
        elem_classes="mx-carrier",
    )
    component.panel = "", data  # type: ignore[attr-defined]
    return component


SHOW_CHOICES = """(value, file) => {
    const { model, models, slots, how, file: keepFile } = JSON.parse(value);
    return [{ __type__: "update", choices: models, value: model }, slots, how, keepFile ? file : null];
}"""


def call(function: str, name: str | None = None) -> str:
    """JavaScript event handler that calls an exported function of ``main.js`` with the input's value.

    Args:
        function: its name.
        name: if given, the argument is an object with the value under this name.
    """
    argument = "value" if name is None else f"{{ {name}: value }}"
    return f"(value) => {{ {_MAIN}.then((m) => m.{function}({argument})); return []; }}"
