"""Templates of webapp.template need no settings of Django's, and obey an app's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import ROOT, timeout_factor

PREAMBLE = """\
import datetime, os, sys
from channelshim import appengine
appengine.install()
from django.conf import settings

def render(text, **values):
    from google.appengine.ext.webapp import template
    with open("page.html", "w", encoding="utf-8") as file:
        file.write(text)
    return template.render("page.html", values, debug=True)

def expect(found, wanted):
    assert found == wanted, (found, wanted)

when = datetime.datetime(2012, 3, 4, 15, 6, 7)
"""


@pytest.fixture(autouse=True)
def needs_django() -> None:
    pytest.importorskip("django", reason="needs the extra channelshim[django]")


def run(folder: Path, *lines: str) -> None:
    """Run lines in a process of their own, since settings are one for a process."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    paths = [str(ROOT), str(folder), *filter(None, [own.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + "\n".join(lines)],
        cwd=folder,
        env={**own, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_dates_and_numbers_need_no_settings(tmp_path: Path) -> None:
    run(
        tmp_path,
        'expect(render("{{ w }}", w=when), "March 4, 2012, 3:06 p.m.")',
        "expect(render('{{ w|date:\"Y-m-d H:i\" }}', w=when), '2012-03-04 15:06')",
        "expect(render('{{ w|date:\"jS F\" }}', w=when.date()), '4th March')",
        "expect(render('{{ w|date:\"T\" }}', w=when), 'UTC')",
        "expect(render('{{ w|time:\"H:i\" }}', w=when.time()), '15:06')",
        "expect(render('{{ f|floatformat:2 }}', f=3.14159), '3.14')",
        "expect(render('{{ f }}', f=1234.5), '1234.5')",
        "expect(render('{{ n|filesizeformat }}', n=1234567), '1.2 MB')",
        "expect(render('{{ b|yesno:\"a,b\" }}{{ b|yesno }}', b=True), 'ayes')",
        "expect(render('{{ w|timesince:v }}', w=when, v=when.replace(year=2013)),"
        " '1 year')",
        "expect(render('{{ t|truncatechars:4 }}', t='abcdef'), 'abc…')",
        "expect(render('{% now \"Y\" %}').isdigit(), True)",
        "expect(render('{% debug %}{% csrf_token %}{{ _(\"hello\") }}'), 'hello')",
    )


EVERYTHING = """
from django.core.exceptions import ImproperlyConfigured
from django.template import Engine

VALUES = dict(t="a <b> http://x.y a@b.c", i=1234567, f=3.14159, w=when, d=when.date(),
              c=when.time(), n=None, b=True, l=[{"a": 1}, {"a": 2}], s=["x", ["y"]])
ARGUMENTS = ("", ":2", ":'a'", ":'a,b,c'", ":'Y-m-d H:i e'", ":w", ":n")
SNIPPETS = {
    "autoescape": "{% autoescape off %}{{ t }}{% endautoescape %}",
    "block": "{% block a %}{{ w }}{% endblock %}",
    "comment": "{% comment %}{{ w }}{% endcomment %}",
    "cycle": "{% cycle w f %}",
    "extends": "{% extends 'base.html' %}",
    "filter": "{% filter upper %}{{ w }}{% endfilter %}",
    "firstof": "{% firstof n w %}",
    "for": "{% for x in l %}{{ x }}{% cycle w f %}{% endfor %}",
    "if": "{% if w > n %}{{ w }}{% endif %}",
    "ifchanged": "{% for x in s %}{% ifchanged %}{{ x }}{% endifchanged %}{% endfor %}",
    "ifequal": "{% ifequal w f %}{% else %}{{ w }}{% endifequal %}",
    "ifnotequal": "{% ifnotequal w f %}{{ w }}{% endifnotequal %}",
    "include": "{% include 'base.html' %}",
    "load": "{% load i18n %}",
    "lorem": "{% lorem 3 w random %}",
    "now": "{% now 'DATETIME_FORMAT' %}{% now 'r e T' as y %}{{ y }}",
    "regroup": "{% regroup l by a as r %}{{ r }}",
    "resetcycle": "{% for x in s %}{% cycle 1 2 %}{% resetcycle %}{% endfor %}",
    "spaceless": "{% spaceless %}{{ w }}{% endspaceless %}",
    "templatetag": "{% templatetag openblock %}",
    "url": "{% url 'nowhere' as y %}{{ y }}",
    "verbatim": "{% verbatim %}{{ w }}{% endverbatim %}",
    "widthratio": "{% widthratio f 10 100 %}",
    "with": "{% with y=w %}{{ y }}{% endwith %}",
}
with open("base.html", "w") as file:
    file.write("{{ w }}{% block a %}{{ f }}{% endblock %}")
engine = Engine()
tags = {}
filters = {}
for library in engine.template_builtins:
    tags.update(library.tags)
    filters.update(library.filters)
assert len(tags) > 20 and len(filters) > 50
def attempt(text):
    try:
        render(text, **VALUES)
        return True
    except ImproperlyConfigured as error:
        raise AssertionError(text) from error
    except Exception:
        return False  # Not every filter takes every value.

for tag in tags:
    attempt(SNIPPETS.get(tag, "{% " + tag + " %}"))
for name in filters:
    texts = [f"{{{{ {v}|{name}{a} }}}}" for v in VALUES for a in ARGUMENTS]
    assert any([attempt(text) for text in texts]), name
assert not settings.configured
"""


@pytest.mark.served
def test_no_builtin_filter_or_tag_asks_for_settings(tmp_path: Path) -> None:
    """Whichever the installed Django has."""
    run(tmp_path, EVERYTHING)


OWN_FORMAT = 'expect(render("{{ w }}", w=when.date()), "2012!")'
PLAIN = 'expect(render("{{ w }}", w=when.date()), "March 4, 2012")'
IMPORT = "from google.appengine.ext.webapp import template"
CONFIGURE = 'settings.configure(DATE_FORMAT="Y!", USE_TZ=True, TIME_ZONE="Asia/Tokyo")'
NAME = 'os.environ["DJANGO_SETTINGS_MODULE"] = "app_settings"'
TOKYO = (
    "expect(render('{{ w|date:\"T\" }}', w=when.replace(tzinfo=datetime.timezone.utc)),"
)
TOKYO += " 'JST')"


@pytest.mark.served
@pytest.mark.parametrize(
    "lines",
    [
        (CONFIGURE, IMPORT, OWN_FORMAT, TOKYO),
        (IMPORT, CONFIGURE, OWN_FORMAT, TOKYO),
        (IMPORT, PLAIN, CONFIGURE, OWN_FORMAT, TOKYO),
        (IMPORT, "assert not settings.configured", CONFIGURE, OWN_FORMAT),
        (NAME, IMPORT, OWN_FORMAT, TOKYO),
        (IMPORT, NAME, OWN_FORMAT, TOKYO),
        (IMPORT, PLAIN, NAME, "expect(settings.OWN, 1)", OWN_FORMAT, TOKYO),
        (IMPORT, 'settings.DATE_FORMAT = "Y!"', OWN_FORMAT),
        (IMPORT, PLAIN, 'settings.DATE_FORMAT = "Y!"', OWN_FORMAT),
    ],
    ids=range(9),
)
def test_settings_of_the_app_win(tmp_path: Path, lines: tuple[str, ...]) -> None:
    (tmp_path / "app_settings.py").write_text(
        'DATE_FORMAT = "Y!"\nUSE_TZ = True\nTIME_ZONE = "Asia/Tokyo"\nOWN = 1\n'
    )
    run(tmp_path, *lines)


@pytest.mark.served
def test_missing_names_print_what_the_settings_say(tmp_path: Path) -> None:
    run(
        tmp_path,
        'expect(render("{{ a }}{{ a.b|upper }}|"), "|")',
        'settings.configure(TEMPLATE_STRING_IF_INVALID="(%s)")',
        'expect(render("{{ a }}{{ a.b|upper }}|"), "(a)(a.b)|")',
    )


@pytest.mark.served
def test_nothing_is_signed_with_an_empty_secret(tmp_path: Path) -> None:
    run(
        tmp_path,
        IMPORT,
        "from django.core import signing",
        "from django.core.exceptions import ImproperlyConfigured",
        "try: signing.dumps('a')",
        "except ImproperlyConfigured: pass",
        "else: raise AssertionError('signed')",
    )
