"""What people do and see on the pages of the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def wait_for_text(page: Any, selector: str, text: str) -> None:
    """Wait until an element shows a text and nothing else."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent === text",
        arg=[selector, text],
    )


def wait_for_texts(page: Any, selector: str, texts: Sequence[str]) -> None:
    """Wait until the elements of a selector show these texts, in order."""
    page.wait_for_function(
        """([selector, texts]) => {
            const shown = [...document.querySelectorAll(selector)];
            return shown.length === texts.length
                && shown.every((each, number) => each.textContent === texts[number]);
        }""",
        arg=[selector, list(texts)],
    )


def say(page: Any, text: str) -> None:
    """Type and press Enter."""
    page.fill("#text", text)
    page.press("#text", "Enter")
