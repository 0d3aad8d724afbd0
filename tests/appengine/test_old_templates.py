"""Each tag and filter renders what the SDK's Django rendered, one row of a table each.

`scripts/template_rows.py` writes what the original says, wherever a Python 2.7 is.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli import testing
from channelshim.python27.caching import CodeCache
from channelshim.python27.finding import AppFiles
from channelshim.python27.installing import make_importer
from channelshim.python27.loading import Finder

testing.install(python27=False)

FOLDER = Path(__file__).parent / "old_templates"
ROWS = [
    tuple(json.loads(line))
    for line in (FOLDER / "rows.jsonl").read_text("utf-8").splitlines()
]
GROUPS = sorted({row[0] for row in ROWS})

NEWER = "only newer Djangos have it; it was an error"
NO_U = "text in a list is written without u"
MIXED = "bytes that are not ASCII beside text were an error, which printed nothing"
BYTES = "a byte of text is a number in Python 3"

DIFFERS = {
    "{{ t|make_list }}": NO_U,
    "{{ v|make_list }}": NO_U,
    "{{ v|safeseq }}": NO_U,
    '{{ v|date:"B" }}': "Swatch Internet time: an error, now nothing",
    '{{ v|time:"B" }}': "Swatch Internet time: an error, now nothing",
    "{{ p.name |upper }}": NEWER,
    "{% filter safe %}<a>{% endfilter %}": "0.96 had no such filter",
    "{% if t is True %}y{% endif %}": NEWER,
    "{% if f %}a{% elif t %}b{% endif %}": NEWER,
    "{% include \"part.html\" with name='q' %}": NEWER,
    "{% include page|lower %}|": NEWER,
    "{% load i18n cache %}x": NEWER,
    "{% load humanize %}{{ one|intcomma }}": "needed Django's settings",
    "{% now Y %}": NEWER,
    "{% now 'x' %}": NEWER,
    "{% regroup people by k as gs %}"
    "{% for g in gs %}{{ g.0 }}{{ g.1 }}{% endfor %}|": NEWER,
    "{% with x=one %}{{ x }}{% endwith %}": NEWER,
    "{% with a=1 b=2 %}{{ a }}{% endwith %}": NEWER,
    "{% url nosuch %}": "an error in python27; it leads to webapp's handlers",
    "{% url nosuch one,two %}": "an error in python27; it leads to webapp's handlers",
    "{% url nosuch one two as x %}{{ x }}": "needs Django's URLs",
    "{% verbatim %}{{ x }}{% endverbatim %}": NEWER,
    "{% lorem %}": NEWER,
    "{% if t %}y{% endif t %}": NEWER,
    "{% load cache %}{% cache 5 frag %}{{ one }}{% endcache %}": NEWER,
    "{% load i18n %}{% blocktrans %}it's {{ n }}{% endblocktrans %}": (
        "an apostrophe inside blocktrans is &#x27;"
    ),
}
"""Templates of which some row differs, and why."""

_ACCENT = "{'v': b'caf\\xc3\\xa9'}"

DIFFERS_IN_PYTHON27 = {
    "{{ v }} with {'v': ['a', u'b']}": NO_U,
    "{{ v }} with {'v': [u'\\xe9']}": NO_U,
    f'{{{{ v|add:"x" }}}} with {_ACCENT}': MIXED,
    f'{{{{ v|join:"," }}}} with {_ACCENT}': MIXED,
    f'{{{{ v|stringformat:"s" }}}} with {_ACCENT}': MIXED,
}
"""Templates with variables: the same of an app whose code is Python 2.7."""

DIFFERS_IN_PYTHON3 = {
    "{{ v }} with {'v': ['a', u'b']}": NO_U,
    "{{ v }} with {'v': [u'\\xe9']}": NO_U,
    f'{{{{ v|stringformat:"s" }}}} with {_ACCENT}': MIXED,
    f'{{{{ v|join:"," }}}} with {_ACCENT}': BYTES,
    f"{{{{ v|first }}}} with {_ACCENT}": BYTES,
    "{% ifequal a b %}y{% else %}n{% endifequal %} with {'a': b'x', 'b': u'x'}": (
        "bytes equal no text in Python 3"
    ),
}
"""The same of an app whose code is Python 3."""

Values = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def template() -> Any:
    pytest.importorskip("django", reason="needs the extra channelshim[django]")
    return importlib.import_module("google.appengine.ext.webapp.template")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old_templates") / "pages"
    shutil.copytree(FOLDER / "pages", folder)
    return folder


@pytest.fixture(scope="module")
def values_of_python3() -> Values:
    names: dict[str, Any] = {}
    exec((FOLDER / "prelude.py").read_text("utf-8"), names)
    return lambda text: eval(text, dict(names))


@pytest.fixture(scope="module")
def values_of_python27(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Values]:
    cache = CodeCache(str(tmp_path_factory.mktemp("cache")))
    importer = make_importer(AppFiles([str(FOLDER)]), cache)
    finder: Any = Finder(importer)
    sys.meta_path.insert(0, finder)
    sys.path.insert(0, str(FOLDER))

    def evaluate(text: str) -> Any:
        source = f"# coding: utf-8\nfrom prelude import *\nvalues = {text}\n"
        code, _ = importer.code_of(source.encode(), "<row>")
        names = {"__builtins__": importer.builtins_for(is_python3=False)}
        exec(code, {"__name__": "row"} | names, names)
        return names["values"]

    yield evaluate
    sys.meta_path.remove(finder)
    sys.path.remove(str(FOLDER))
    sys.modules.pop("prelude", None)


def differing(
    template: Any, pages: Path, values_of: Values, group: str, column: int
) -> dict[str, list[tuple[str, str]]]:
    """Return the templates of a group that render otherwise: then, and now."""
    found = defaultdict(list)
    page = pages / "row.html"
    for row in ROWS:
        if row[0] != group:
            continue
        page.write_text(row[1], "utf-8", newline="")
        try:
            # A file's time and size may be those of the row before.
            template._engine.cache_clear()
            text = template.render(str(page), values_of(row[2]))
        except Exception as error:
            text = f"!{type(error).__name__}"
        if text != row[column]:
            name = row[1] if row[1] in DIFFERS else f"{row[1]} with {row[2]}"
            found[name].append((row[column], text))
    return found


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("version", ["1.2", "0.96"])
@pytest.mark.parametrize("language", ["python3", "python27"])
def test_renders_as_the_original(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    template: Any,
    pages: Path,
    group: str,
    version: str,
    language: str,
) -> None:
    runtime, column = ("python", 4) if version == "0.96" else ("python27", 3)
    monkeypatch.setenv("GAE_RUNTIME", runtime)
    values_of = request.getfixturevalue(f"values_of_{language}")
    found = differing(template, pages, values_of, group, column)
    own = DIFFERS_IN_PYTHON3 if language == "python3" else DIFFERS_IN_PYTHON27
    for source in [*DIFFERS, *own]:
        found.pop(source, None)
    assert found == {}


def test_every_difference_is_one(
    monkeypatch: pytest.MonkeyPatch,
    template: Any,
    pages: Path,
    values_of_python3: Values,
) -> None:
    found: set[str] = set()
    for runtime, column in (("python", 4), ("python27", 3)):
        monkeypatch.setenv("GAE_RUNTIME", runtime)
        for group in GROUPS:
            rows = differing(template, pages, values_of_python3, group, column)
            found.update(rows)
    assert found == {*DIFFERS, *DIFFERS_IN_PYTHON3}


def test_the_table_is_whole(template: Any) -> None:
    assert len(ROWS) >= 1180
    assert len({tuple(row[:3]) for row in ROWS}) == len(ROWS)
    assert all(len(row) == 5 for row in ROWS)
    texts = " ".join(row[1] for row in ROWS)
    home = "channelshim.appengine.ext.webapp.template_"
    names = []
    for part in ("filters", "numbers", "tags", "includes"):
        library = importlib.import_module(home + part).register
        names += [f"|{name}" for name in library.filters]
        names += [f"{{% {name}" for name in library.tags]
    assert len(names) >= 60
    assert [name for name in names if name not in texts] == []
