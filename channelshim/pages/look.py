"""What every page of ours looks like: one stylesheet and one small mark."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

MARK: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="3" fill="#1a66b0"/>'
    '<path d="M3 8h3l2-4 2 8 1-4h2" fill="none" stroke="#fff" stroke-width="1.6"/>'
    "</svg>"
)
"""The mark, as SVG."""

MARK_URL: Final = f"data:image/svg+xml,{quote(MARK)}"
"""The mark as an address: a page that carries it asks for no /favicon.ico."""


@cache
def stylesheet() -> str:
    """Return the one stylesheet."""
    # Not by importlib.resources, which imports zipfile: a megabyte.
    path = Path(__file__).parent / "templates" / "look.css"
    return path.read_text("utf-8")
