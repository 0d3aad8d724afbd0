"""HTML in templates, as Django 1.2 wrote it."""

from __future__ import annotations

import re
import string
from typing import Any, Final
from urllib.parse import quote

from django.utils.safestring import SafeData, SafeString, mark_safe

from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import to_text

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
)

_SPACES: Final = re.compile(r"(\s+)")
_LEADS: Final = ("(", "<", "&lt;")
_TRAILS: Final = (".", ",", ")", ">", "\n", "&gt;")
_MAIL: Final = re.compile(r"\S+@[a-zA-Z0-9._-]+\.[a-zA-Z0-9._-]+")
_DOMAINS: Final = (".org", ".net", ".com")
_SAFE_IN_LINKS: Final = "/&=:;#?+*"

_PIECES: Final = re.compile(r"&.*?;|<.*?>|(\w[\w-]*)")
_TAG: Final = re.compile(r"<(/)?([^ ]+?)(?: (/)| .*?)?>")
_EMPTY_TAGS: Final = frozenset("br col link base img param area hr input".split())


def text_of(value: Any) -> str:
    """Return the text of a value, as `unicode(value)` gave it."""
    if isinstance(value, str):
        return value
    method = getattr(type(value), "__unicode__", None)
    text: str = to_text(method(value) if method else str27(value))
    return text


def safe(text: str) -> str:
    """Return text that is HTML already, and is not escaped again."""
    marked: str = mark_safe(text)
    return marked


def escaped(value: Any) -> str:
    """Return text with HTML's five characters written as entities."""
    return safe(str.__str__(text_of(value)).translate(_ESCAPES))


def escaped_unless_safe(value: Any) -> str:
    """Return safe text as it is, other text escaped."""
    return value if isinstance(value, SafeString) else escaped(value)


def quoted(text: str, safe: str = "/") -> str:
    """Return text for a URL, as Python 2.7's `urllib.quote` wrote it."""
    return quote(text.encode("utf-8", "surrogateescape"), safe).replace("~", "%7E")


def linked(text: str, limit: int | None, *, is_escaping: bool) -> str:
    """Return text whose URLs and mail addresses are links.

    Args:
        text: safe text keeps its entities.
        limit: of the characters of a link that are shown; None for all.
        is_escaping: write the rest's HTML as entities.
    """
    is_safe = isinstance(text, SafeData)
    write = escaped if is_escaping and not is_safe else text_of
    relation = ' rel="nofollow"'
    words = _SPACES.split(str.__str__(text))
    for index, word in enumerate(words):
        lead, middle, trail = _split_word(word)
        url = _url_of(middle) if set(word) & set(".@:") else ""
        if not url:
            words[index] = write(word)
            continue
        if url.startswith("mailto:"):
            # It was so for all links that follow, too.
            relation = ""
        shown = middle
        if limit is not None and len(middle) > limit:
            shown = f"{middle[: max(0, limit - 3)]}..."
        link = f'<a href="{write(url)}"{relation}>{write(shown)}</a>'
        words[index] = f"{write(lead)}{link}{write(trail)}"
    return "".join(words)


def _split_word(word: str) -> tuple[str, str, str]:
    start, end = 0, len(word)
    while lead := next((one for one in _LEADS if word.startswith(one, start)), ""):
        start += len(lead)
    while trail := next((one for one in _TRAILS if word.endswith(one, start, end)), ""):
        end -= len(trail)
    return word[:start], word[start:end], word[end:]


def _url_of(word: str) -> str:
    if word.startswith(("http://", "https://")):
        return quoted(word, _SAFE_IN_LINKS)
    is_name = word[:1] in string.ascii_letters + string.digits and word != ""
    is_domain = "@" not in word and is_name and word.endswith(_DOMAINS)
    if word.startswith("www.") or is_domain:
        return quoted(f"http://{word}", _SAFE_IN_LINKS)
    if "@" in word and ":" not in word and _MAIL.fullmatch(word):
        return f"mailto:{word}"
    return ""


def first_words(html: str, count: int) -> str:
    """Return the first words of HTML, with dots after them and its tags closed."""
    if count <= 0:
        return ""
    words, end = 0, 0
    open_tags: list[str] = []
    for piece in _PIECES.finditer(html):
        if piece[1]:
            words += 1
            if words == count:
                end = piece.end()
            elif words > count:
                break
        elif not end:
            _follow_tag(piece[0], open_tags)
    else:
        return html
    closing = "".join(f"</{name}>" for name in reversed(open_tags))
    return f"{html[:end]} ...{closing}"


def _follow_tag(piece: str, open_tags: list[str]) -> None:
    tag = _TAG.match(piece)
    if tag is None:
        return
    name = tag[2].lower()
    if tag[3] or name in _EMPTY_TAGS:
        return
    if not tag[1]:
        open_tags.append(name)
    elif name in open_tags:
        # What was opened since is closed with it.
        while open_tags.pop() != name:
            pass


def wrapped(text: str, width: int) -> str:
    """Return text with a line feed for a space where a line grows over a width."""
    first, *rest = text.split(" ")
    written = [first]
    column = len(first.rpartition("\n")[2])
    for word in rest:
        lines = word.split("\n")
        column += len(lines[0]) + 1
        if column > width:
            written.append("\n")
            column = len(lines[-1])
        else:
            written.append(" ")
            if len(lines) > 1:
                column = len(lines[-1])
        written.append(word)
    return "".join(written)


def list_items(values: Any, *, is_escaping: bool) -> str:
    """Return a nested list as `<li>` and `<ul>`, one tab deeper at each level."""
    write = escaped_unless_safe if is_escaping else text_of
    return _items(_new_form(values)[0], write, 1)


def _items(values: Any, write: Any, depth: int) -> str:
    indent = "\t" * depth
    items = []
    index = 0
    while index < len(values):
        title: Any = values[index]
        inner: Any = ()
        following: Any = values[index + 1] if index + 1 < len(values) else ()
        if isinstance(title, (list, tuple)):
            title, inner = "", title
        elif following and isinstance(following, (list, tuple)):
            inner = following
            index += 1
        nested = ""
        if inner:
            nested = _items(inner, write, depth + 1)
            nested = f"\n{indent}<ul>\n{nested}\n{indent}</ul>\n{indent}"
        items.append(f"{indent}<li>{write(title)}{nested}</li>")
        index += 1
    return "\n".join(items)


def _new_form(values: Any) -> tuple[Any, bool]:
    """Return a list without the pairs of title and children of Django 0.96."""
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        return values, False
    title, children = values
    if children == []:
        return [title], True
    if not hasattr(children, "__iter__") and not isinstance(children, str):
        return values, False
    converted = []
    for child in children:
        items, is_old = _new_form(child)
        if not is_old:
            return [title, children], False
        converted.extend(items)
    return [title, converted], True
