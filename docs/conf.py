"""How Sphinx makes the site from these pages; `scripts/site` runs it.

The pages are plain Markdown that reads well on any viewer. What is only right on the
site is done here: the pages at the repository's root become pages of the site, and a
link to another file of the repository leads to SITE_SOURCE_URL, or is shown as plain
text where that is not set.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from channelshim.version import __version__  # noqa: E402

project = "channelshim"
author = "the channelshim authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = False
highlight_language = "none"
# What stands in single backticks in a docstring is code.
default_role = "code"

html_theme = "furo"
html_title = f"channelshim {__version__}"
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

# Headings down to this level can be linked to, by the names that other viewers use.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# Links to elsewhere are tried by `scripts/site --links` only: that needs the network.
linkcheck_timeout = 20
linkcheck_retries = 2
# Addresses of the reader's own machine.
linkcheck_ignore = [r"https?://localhost(:\d+)?/"]

SOURCE_URL = os.environ.get("SITE_SOURCE_URL", "").rstrip("/")
"""Address of the repository's files, with the branch's name; "" for none."""

ROOT_PAGES = {
    "project/changes": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/security": "SECURITY.md",
}
"""Page of the site to the file at the repository's root that it shows."""

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")


def site_text(docname: str, text: str) -> str:
    """Return the source of a page as the site has it, its links leading somewhere.

    Args:
        docname: the page's path below docs/, without its suffix.
        text: the source as it is in docs/.
    """
    here = (DOCS / docname).parent
    base = here
    if docname in ROOT_PAGES:
        text = (ROOT / ROOT_PAGES[docname]).read_text("utf-8")
        base = ROOT

    def lead(match: re.Match[str]) -> str:
        words, target = match.groups()
        name, mark, anchor = target.partition("#")
        path = Path(os.path.normpath(base / name))
        if not name or re.match(r"[a-z]+:", target) or not path.exists():
            return match[0]
        page = _page_of(path)
        if page is not None:
            return f"[{words}]({os.path.relpath(page, here)}{mark}{anchor})"
        if SOURCE_URL:
            place = path.relative_to(ROOT).as_posix()
            return f"[{words}]({SOURCE_URL}/{place}{mark}{anchor})"
        return words

    return _LINK.sub(lead, text)


def _page_of(path: Path) -> Path | None:
    """Return the page of the site, below docs/, that shows a file; None for no page."""
    for docname, name in ROOT_PAGES.items():
        if path == ROOT / name:
            return DOCS / f"{docname}.md"
    is_page = path.is_relative_to(DOCS) and path.is_file() and path.suffix != ".py"
    return path if is_page else None


def _read(_: Any, docname: str, source: list[str]) -> None:
    source[0] = site_text(docname, source[0])


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx call `site_text` for each page."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
