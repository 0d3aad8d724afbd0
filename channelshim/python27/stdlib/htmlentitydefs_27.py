"""htmlentitydefs: names of characters, and what they stand for."""

from __future__ import annotations

from html.entities import codepoint2name, name2codepoint

__all__ = ["codepoint2name", "entitydefs", "name2codepoint"]

entitydefs: dict[str, str] = {
    name: chr(code) if code < 128 else f"&#{code};" if code > 255 else chr(code)
    for name, code in name2codepoint.items()
}
