"""htmlentitydefs: names of characters, and what they stand for."""

from __future__ import annotations

import html.entities

__all__ = ["codepoint2name", "entitydefs", "name2codepoint"]

name2codepoint = html.entities.name2codepoint
codepoint2name = html.entities.codepoint2name
entitydefs = {
    name: chr(code) if code < 128 else f"&#{code};" if code > 255 else chr(code)
    for name, code in name2codepoint.items()
}
