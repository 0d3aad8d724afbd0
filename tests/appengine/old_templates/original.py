"""Python 2.7: prints what the SDK's Django rendered for each row, as JSON.

Usage: python2.7 original.py SDK VERSION ROWS      VERSION is 1.2 or 0.96.

1.2 is the Django of the SDK's own webapp.template. No registry has 0.96 any more: that
column is 1.2's code with what 0.96 did otherwise in every template: it escaped nothing
by itself, `escape` escaped at once, and dates were printed by `str`.
"""

import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
DJANGO = "google.appengine._internal.django."


def main(sdk, version, rows):
    warnings.simplefilter("ignore")
    os.environ.update(TZ="UTC", APPENGINE_RUNTIME="python27")
    time.tzset()
    libraries = ("webapp2-2.5.2", "webob-1.2.3", "yaml-3.10")
    sys.path[:0] = [sdk] + [os.path.join(sdk, "lib", name) for name in libraries]
    from google.appengine.ext.webapp import template

    if version == "0.96":
        _make_old()
    prelude = importlib.import_module("prelude")
    folder = tempfile.mkdtemp()
    pages = os.path.join(folder, "pages")
    shutil.copytree(os.path.join(HERE, "pages"), pages)
    try:
        answers = [_answer(template, prelude, pages, row) for row in _rows(rows)]
    finally:
        shutil.rmtree(folder)
    print(json.dumps(answers))


def _make_old():
    base = importlib.import_module(DJANGO + "template")
    filters = importlib.import_module(DJANGO + "template.defaultfilters")
    html = importlib.import_module(DJANGO + "utils.html")
    base.localize = lambda value: value
    plain = base.Context.__init__

    def init(self, values=None, **named):
        plain(self, values, autoescape=False)

    base.Context.__init__ = init
    now = filters.stringfilter(lambda value: html.escape(value))
    filters.register.filters["escape"] = now


def _rows(path):
    with io.open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _answer(template, prelude, pages, row):
    source, context = row[1:3]
    page = os.path.join(pages, "row.html")
    with io.open(page, "w", encoding="utf-8", newline="") as file:
        file.write(source)
    template.template_cache.clear()
    try:
        values = eval(context.encode("utf-8"), dict(vars(prelude)))
        text = template.render(page, values)
    except Exception as error:
        return "!" + type(error).__name__
    return text if isinstance(text, type("")) else text.decode("utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
