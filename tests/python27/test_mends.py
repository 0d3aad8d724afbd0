"""Installed libraries of today serve an app of Python 2.7 as those of its day did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.python27.app import App


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


def test_names_that_libraries_dropped_are_there(app: App) -> None:
    program = """
        import jinja2, flask
        from jinja2 import Markup, escape, contextfunction, environmentfilter
        from jinja2.utils import contextfunction as again, soft_unicode
        from jinja2.filters import contextfilter, evalcontextfilter, environmentfilter
        from markupsafe import soft_unicode as soft
        print Markup('<b>') + '<', escape('<'), soft_unicode(5), soft(6)
        print flask.Markup is Markup is jinja2.Markup, flask.escape('>')

        @jinja2.contextfunction
        def name_of(context):
            return context['name']

        @jinja2.environmentfilter
        def shout(environment, text):
            return text.upper() + str(environment.autoescape)

        environment = jinja2.Environment(autoescape=True)
        environment.globals['name_of'] = name_of
        environment.filters['shout'] = shout
        template = environment.from_string("{{ name_of() }} {{ 'a'|shout }}")
        print template.render(name='<ann>')
    """
    app.write({"main.py": program})
    lines = app.run().splitlines()
    assert lines[:2] == ["<b>&lt; &lt; 5 6", "True &gt;"], lines
    assert lines[2:] == ["&lt;ann&gt; ATrue"]


def test_templates_use_dicts_floats_and_exceptions_as_then(app: App) -> None:
    program = """
        import jinja2
        class Shop(object):
            keys = 'own'
            def items(self): return 'mine'
        template = jinja2.Template('''
        {%- for k, v in prices.iteritems() %}{{ k }}={{ v }} {% endfor %}
        {{- prices.keys()[0] }} {{ prices.has_key('tea') }} {{ prices.items()|length }}
        {{- ' %s' % error.message }} {{ shop.keys }} {{ shop.items() }} {{ 1.1 * 3 }}
        {{- ' ' }}{{ name.encode('utf-8') }} {{ raw.decode('utf-8') }} {{ raw }}
        {{- ' ' }}{{ {'keys': 7}['keys'] }}''')
        print template.render(prices={'tea': 1.1 * 3}, error=ValueError('sold'),
            shop=Shop(), name=u'caf\\xe9', raw=u'caf\\xe9'.encode('utf-8')
            ).encode('utf-8')
        def mine(value):
            return '-' if value is None else value
        print jinja2.Environment(finalize=mine).from_string(
            '{{ a }} {{ b }}').render(a=None, b=0.1 + 0.2)
    """
    app.write(
        {"main.py": "# -*- coding: utf-8 -*-\n" + program.replace("\n        ", "\n")}
    )
    assert app.run().splitlines() == [
        "tea=3.3 tea True 1 sold own mine 3.3 caf\u00e9 caf\u00e9 caf\u00e9 7",
        "- 0.3",
    ]


def test_native_templates_keep_their_numbers(app: App) -> None:
    program = """
        from jinja2.nativetypes import NativeEnvironment
        print repr(NativeEnvironment().from_string('{{ a }}').render(a=0.1 + 0.2))
    """
    app.write({"main.py": program})
    assert app.run() == "0.30000000000000004\n"


def test_a_macro_takes_a_default_before_a_plain_argument(app: App) -> None:
    program = """
        import jinja2
        print jinja2.Template(
            "{% macro m(a='x', b) %}[{{ a }}|{{ b }}]{% endmacro %}"
            "{{ m(1, 2) }}{{ m(1) }}{{ m(b=3) }}").render()
        try:
            jinja2.Template('{% macro m(a b) %}{% endmacro %}')
        except jinja2.TemplateSyntaxError, error:
            print error.message
    """
    app.write({"main.py": program})
    lines = app.run().splitlines()
    assert lines == ["[1|2][1|x][|3]", "expected token ',', got 'b'"]


def test_yaml_reads_and_writes_as_then(app: App) -> None:
    program = """
        import yaml
        print yaml.load('a: [1, 2]'), [d for d in yaml.load_all('1\\n---\\n2')]
        print yaml.load(open('shop.yaml')), yaml.load('!!python/unicode "x"')
        print yaml.dump({'a': [1, 2], 'b': 'caf\\xc3\\xa9'.encode('latin-1')[:3]}),
        print yaml.safe_dump({'raw': '\\xff'}), yaml.dump({'a': 1}, None, yaml.Dumper),
        try:
            yaml.load('!!python/object/apply:os.getcwd []')
        except yaml.YAMLError:
            print 'refused'
    """
    app.write({"main.py": program, "shop.yaml": "price: 2.5"})
    output = app.run("import os; os.chdir('app'); import_app('main')")
    assert output == (
        "{'a': [1, 2]} [1, 2]\n{'price': 2.5} x\na: [1, 2]\nb: caf\n"
        "raw: !!binary |\n  /w==\n{a: 1}\nrefused\n"
    )


def test_json_of_webapp2_and_django_takes_what_27_took(app: App) -> None:
    program = """
        from webapp2_extras import json
        from django.utils import simplejson
        import django.utils.simplejson as again
        value = {'a': u'caf\\xe9'.encode('utf-8')}
        print json.encode(value), json.json.dumps(value), json.decode('[1]')
        print simplejson.dumps(value), simplejson is again
    """
    app.write({"main.py": program})
    text = '{"a": "caf\\u00e9"}'
    compact = text.replace(" ", "")
    assert app.run().splitlines() == [f"{compact} {text} [1]", f"{text} True"]


COPIES = {
    "webapp2.py": "COPY = True",
    "webob/__init__.py": "COPY = True",
    "webob/exc.py": "",
    "webtest/__init__.py": "COPY = True",
    "webtest/app.py": "",
    "ndb/__init__.py": "COPY = True",
    "ndb/tasklets.py": "",
}

PRINT = """
    import webapp2, webob, webtest, ndb, webob.exc
    from ndb import model, tasklets
    for module in (webapp2, webob, webtest, ndb):
        print module.__name__, hasattr(module, 'COPY'),
"""


def test_copies_at_the_root_give_way_to_what_is_installed(app: App) -> None:
    app.write({"main.py": PRINT, **COPIES})
    assert app.run().split() == [
        *("webapp2", "False", "webob", "False", "webtest", "False"),
        *("google.appengine.ext.ndb", "False"),
    ]


def test_copies_that_the_app_puts_first_are_its_own_but_webtest(app: App) -> None:
    copies = {f"lib/{name}": text for name, text in COPIES.items()}
    copies["lib/ndb/model.py"] = ""
    head = "import sys, os\nsys.path.insert(0, os.path.join({here}, 'lib'))\n"
    main = head.format(here="os.path.dirname(__file__)") + "import shown"
    app.write({"main.py": main, "shown.py": PRINT, **copies})
    assert app.run().split() == [
        *("webapp2", "True", "webob", "True", "webtest", "False", "ndb", "True")
    ]


def test_an_apps_module_that_only_has_the_name_stays(app: App) -> None:
    files = {"webtest.py": "COPY = True", "ndb.py": "COPY = True"}
    show = "import webtest, ndb; print webtest.COPY, ndb.COPY"
    app.write({"main.py": show, **files})
    assert app.run() == "True True\n"


def test_installed_libraries_see_no_copy_of_the_app(app: App) -> None:
    broken = "raise RuntimeError('the copy of the app')"
    app.write(
        {
            "main.py": "import webapp2, webtest",
            "markupsafe.py": broken,
            "webob/__init__.py": broken,
            "webob/exc.py": "",
            "yaml.py": broken,
        }
    )
    assert (
        app.run("import_app('main'); import jinja2, yaml; print('right')") == "right\n"
    )
