"""What webapp.template did beside tags and filters: runtime, files, registers, URLs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from channelshim.cli import testing
from tests.lanes import ROOT, timeout_factor

testing.install(python27=False)


@pytest.fixture
def template() -> Any:
    pytest.importorskip("django", reason="needs the extra channelshim[django]")
    return importlib.import_module("google.appengine.ext.webapp.template")


@pytest.fixture
def dist() -> Iterator[Any]:
    module = importlib.import_module("google.appengine.dist")
    module._versions.clear()
    yield module
    module._versions.clear()


@pytest.mark.parametrize(
    ("runtime", "version", "text"),
    [
        ("python27", None, "&lt;b&gt; Dec. 31, 2011"),
        ("python27", "0.96", "&lt;b&gt; Dec. 31, 2011"),
        ("python311", None, "&lt;b&gt; Dec. 31, 2011"),
        ("python", None, "<b> 2011-12-31"),
        ("python", "0.96", "<b> 2011-12-31"),
        ("python", "1.0", "&lt;b&gt; 2011-12-31"),
        ("python", "1.1", "&lt;b&gt; 2011-12-31"),
        ("python", "1.2", "&lt;b&gt; Dec. 31, 2011"),
        ("python", "1.3.1", "&lt;b&gt; Dec. 31, 2011"),
    ],
)
def test_runtime_and_use_library_say_which_django(
    template: Any,
    dist: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    runtime: str,
    version: str | None,
    text: str,
) -> None:
    import datetime

    page = tmp_path / "page.html"
    page.write_text("{{ t }} {{ d }}")
    monkeypatch.setenv("GAE_RUNTIME", runtime)
    if version:
        dist.use_library("django", version)
    values = {"t": "<b>", "d": datetime.date(2011, 12, 31)}
    assert template.render(str(page), values) == text
    assert template.load(str(page)).render(template.Context(values)) == text


def test_debug_raises_what_an_include_hides(template: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("a{% include 'nosuch.html' %}b{% include broken %}c")
    (tmp_path / "broken.html").write_text("{% nosuch %}")
    values = {"broken": "broken.html"}
    assert template.render(str(page), values) == "abc"
    with pytest.raises(Exception, match=r"nosuch\.html"):
        template.render(str(page), values, debug=True)
    (tmp_path / "nosuch.html").write_text("-")
    assert template.render(str(page), values) == "a-bc"
    with pytest.raises(Exception, match="nosuch"):
        template.render(str(page), values, debug=True)


def test_files_that_change_are_read_again(template: Any, tmp_path: Path) -> None:
    page, part, base = (tmp_path / f"{n}.html" for n in ("page", "part", "base"))
    page.write_text("{% extends 'base.html' %}{% block a %}{{ n }}{% endblock %}")
    base.write_text("{% block a %}{% endblock %}{% include 'part.html' %}")
    part.write_text("one")
    assert template.render(str(page), {"n": 1}) == "1one"
    part.write_text("three")
    base.write_text("[{% block a %}{% endblock %}]{% include 'part.html' %}")
    assert template.render(str(page), {"n": 1}) == "[1]three"


def test_no_file_outside_of_the_folder_is_included(
    template: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "pages"
    folder.mkdir()
    page = folder / "page.html"
    names = ["../secret.txt", str(tmp_path / "secret.txt"), "a/../../secret.txt"]
    page.write_text(
        "".join(f"{{% include '{name}' %}}{{% ssi {name} %}}" for name in names)
        + "{% include name %}|"
    )
    assert template.render(str(page), {"name": names[0]}) == "|"


def test_a_context_and_a_template_of_ones_own(template: Any) -> None:
    page = template.Template("{% for x in l %}{{ x }}{% endfor %}{{ t }}")
    assert page.render(template.Context({"l": [1, 2], "t": "<"})) == "12&lt;"


def test_a_registered_filter_wins(
    template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_slug_of_test.py").write_text(
        "from google.appengine.ext.webapp import template\n"
        "register = template.create_template_register()\n"
        "@register.filter\n"
        "def slugify(value, before=''): return '<' + before + value\n"
        "@register.simple_tag\n"
        "def shout(word): return word.upper()\n"
        "@register.inclusion_tag('part.html')\n"
        "def part(n): return {'n': n}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(template, "_registered", [])
    template.register_template_library("own_slug_of_test")
    (tmp_path / "part.html").write_text("[{{ n }}]")
    page = tmp_path / "page.html"
    page.write_text('{{ "a b"|slugify:"x" }}{% shout "hi" %}{% part 7 %}')
    assert template.render(str(page), {}) == "&lt;xa bHI[7]"


def test_values_are_sorted_whatever_their_names(template: Any, tmp_path: Path) -> None:
    class Page:
        template = "a.html"

        def __init__(self, order: int) -> None:
            self.order = order

    page = tmp_path / "page.html"
    page.write_text("{% for p in l|dictsort:'order' %}{{ p.order }}{% endfor %}")
    assert template.render(str(page), {"l": [Page(2), Page(1)]}) == "12"


def test_url_leads_to_a_handler(template: Any, tmp_path: Path) -> None:
    webapp: Any = importlib.import_module("google.appengine.ext.webapp")
    page = tmp_path / "page.html"
    page.write_text(
        "{% url Show 'ann',7 %} {% url Show name '8' %} {% url Main %}"
        " {% url Show 'ann' %}| {% url Nosuch %}|"
    )

    class Main(webapp.RequestHandler):  # type: ignore[misc]
        def get(self) -> None:
            self.response.out.write(template.render(str(page), {"name": "bob"}))

    class Show(webapp.RequestHandler):  # type: ignore[misc]
        pass

    app = webapp.WSGIApplication([("/", Main), (r"/show/(\w+)/(\d+)", Show)])
    response = webapp.Request.blank("/").get_response(app)
    assert response.text == "/show/ann/7 /show/bob/8 / | |"


APP = """\
from google.appengine.ext import webapp
from google.appengine.ext.webapp import template
from google.appengine.ext.webapp.util import run_wsgi_app
{use}
class Main(webapp.RequestHandler):
    def get(self):
        values = {{'raw': 'caf\\xc3\\xa9', 'text': u'<caf\\xe9>', 'price': 1.1 * 3,
                  'prices': {{'tea': [1]}}}}
        page = template.render('pages/page.html', values)
        self.response.headers['Content-Type'] = 'text/html; charset=utf-8'
        self.response.out.write(page)

application = webapp.WSGIApplication([('/', Main)])
def main(): run_wsgi_app(application)
if __name__ == '__main__': main()
"""

PAGE = """\
{% extends "base.html" %}{% block body %}{{ raw|upper }} {{ text }} {{ price }}
{%- for k, v in prices.iteritems %}{{ k }}={{ v.0 }}{% endfor %}{% endblock %}"""

CLIENT = """\
import channelshim, sys, io
app = channelshim.application(".", storage_path="store")
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "localhost",
    "SERVER_PORT": "80", "HTTP_HOST": "localhost", "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "SCRIPT_NAME": "",
    "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0),
    "REMOTE_ADDR": "127.0.0.1"}
print("BODY " + b"".join(app(environ, lambda *a: None)).decode("utf-8"))
sys.stdout.flush()
import os
os._exit(0)
"""


@pytest.mark.served
@pytest.mark.parametrize(
    ("runtime", "use", "text"),
    [
        ("python", "", "<CAF\xc9 <caf\xe9> 3.3"),
        (
            "python",
            "from google.appengine.dist import use_library\n"
            "use_library('django', '1.2')\n",
            "<CAF\xc9 &lt;caf\xe9&gt; 3.3",
        ),
        ("python27", "", "<CAF\xc9 &lt;caf\xe9&gt; 3.3"),
    ],
)
def test_a_served_app_renders_as_its_runtime_did(
    template: Any, tmp_path: Path, runtime: str, use: str, text: str
) -> None:
    (tmp_path / "app.yaml").write_text(
        f"application: pages\nversion: 1\nruntime: {runtime}\napi_version: 1\n"
        + ("threadsafe: true\n" if runtime == "python27" else "")
        + "handlers:\n- url: .*\n  script: "
        + ("main.application\n" if runtime == "python27" else "main.py\n")
    )
    (tmp_path / "main.py").write_text(APP.format(use=use))
    (tmp_path / "pages").mkdir()
    page = PAGE.replace("{%-", "{%").replace("\n", " ")
    (tmp_path / "pages" / "page.html").write_text(page)
    (tmp_path / "pages" / "base.html").write_text("<{% block body %}{% endblock %}>")
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60 * timeout_factor(),
        check=False,
    )
    assert f"BODY {text} tea=1>\n" in done.stdout, done.stdout + done.stderr
