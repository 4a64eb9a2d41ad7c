"""Tests of Gradio's page "Use via API"."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_every_endpoint_and_parameter_is_described(page: Page, expected_errors: list[str]) -> None:
    expected_errors.append("404")  # Gradio asks for its monitoring, which is closed
    page.goto("/")
    page.get_by_role("button", name="Use via API").click()
    docs = page.locator(".api-docs")
    for name in ("/list_models", "/decompose", "/edit", "/decode"):
        expect(docs.get_by_text(name, exact=True).first).to_be_visible()
    for words in (
        "Number of slots K, 1 to 12",
        '"crop" (default)',
        "up to 20 MB",
        "by or to -10 to 10",
        "1 to 64 lists",
    ):
        expect(docs.get_by_text(words).first).to_be_visible()
