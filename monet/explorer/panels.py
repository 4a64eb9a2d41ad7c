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
    component = gr.HTML(
        html_template=section(data),
        js_on_load=f"{_MAIN}.then((m) => m.mount({json.dumps(name)}, element.querySelector('section')));",
        elem_id=f"mx-{name}",
    )
    component.panel = name, data  # type: ignore[attr-defined]
    return component


def section(data: Any) -> str:
    """The element that a panel's module fills."""
    return f'<section class="mx-panel" data-panel="{attribute(data)}"></section>'


def attribute(data: Any) -> str:
    """As JSON for an attribute of an element, which Gradio's templates leave as it is."""
    return html.escape(json.dumps(data), quote=True).replace("$", "&#36;")


def content(component: gr.HTML) -> tuple[str | None, Any]:
    """The name of the panel that a component is, and its data; "" is the bridge's, None that of other text."""
    return getattr(component, "panel", (None, None))


def bridge(data: Any) -> gr.HTML:
    """Hidden: what the page needs to begin, and the way on which it tells Gradio's inputs what to show.

    Its value is JSON, ``{"model": NAME, "models": [[TITLE, NAME], ...], "slots": K, "how": HOW, "file": whether a
    chosen file stays}``; its ``input`` event says that there is something. :data:`SHOW_CHOICES` reads it.
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
    const { model, models, slots, how, file: stays } = JSON.parse(value);
    return [{ __type__: "update", choices: models, value: model }, slots, how, stays ? file : null];
}"""


def call(function: str, name: str | None = None) -> str:
    """The handler of an event in the page: an exported function of ``main.js`` is given the input's value.

    Args:
        function: its name.
        name: it is given an object with the value under this name instead.
    """
    argument = "value" if name is None else f"{{ {name}: value }}"
    return f"(value) => {{ {_MAIN}.then((m) => m.{function}({argument})); return []; }}"
