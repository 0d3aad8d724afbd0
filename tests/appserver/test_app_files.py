"""What stands in an app's folder beside its scripts, and what app.yaml asks for it."""

from __future__ import annotations

import itertools
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from channelshim.appserver import loading
from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.libraries import (
    MissingLibrary,
    libraries_to_install,
    missing_libraries,
    package_of,
)
from channelshim.appserver.proxies import parse_networks
from channelshim.appserver.scripts import AppImportError
from channelshim.appyaml.app import parse_app
from channelshim.appyaml.config import Library
from channelshim.compat import api_proxy
from channelshim.runtime.variables import Application
from channelshim.services.user import UserService
from tests.service_needs import load_server, make_login

_numbers = itertools.count()

HELLO = """
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [{!r}.encode('ascii')]
"""


class AppFolder:
    """An app's folder; modules have new names in each test, as sys.modules stays."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.name = f"app_files_{next(_numbers)}"
        monkeypatch.syspath_prepend(str(root))
        monkeypatch.chdir(root)
        monkeypatch.delitem(sys.modules, "appengine_config", raising=False)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def server(self, yaml: str, **options: Any) -> AppServer:
        def read(name: str) -> str | None:
            path = self.root / name
            return path.read_text() if path.is_file() else None

        config = parse_app(f"runtime: python27\n{yaml}", read=read)
        application = Application("test", environment=config.env_variables)
        return load_server(self.root, config, application=application, **options)

    def client(self, yaml: str, **options: Any) -> TestApp:
        extra = {"REMOTE_ADDR": "192.0.2.1"}
        return TestApp(self.server(yaml, **options), extra_environ=extra)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppFolder:
    return AppFolder(tmp_path, monkeypatch)


def handlers(*lines: str) -> str:
    return "handlers:\n" + "".join(f"- {line}\n" for line in lines)


def test_appengine_config_adds_middleware_and_lib_is_importable(
    folder: AppFolder,
) -> None:
    folder.write(
        "appengine_config.py",
        "def webapp_add_wsgi_middleware(app):\n"
        "    def wrapped(environ, start_response):\n"
        "        body = b''.join(app(environ, start_response))\n"
        "        return [b'wrapped ' + body]\n"
        "    return wrapped\n",
    )
    folder.write(f"lib/vendored_{folder.name}.py", "WORD = 'vendored'\n")
    folder.write(
        f"{folder.name}.py",
        f"from vendored_{folder.name} import WORD\n" + HELLO.format("app"),
    )
    client = folder.client(handlers(f"{{url: /, script: {folder.name}.app}}"))
    assert client.get("/").text == "wrapped app"


def test_broken_appengine_config_names_its_line(folder: AppFolder) -> None:
    folder.write("appengine_config.py", "\nimport nothing_of_this_name\n")
    with pytest.raises(AppImportError) as caught:
        folder.server("handlers: []")
    assert caught.value.path == str(folder.root / "appengine_config.py")
    assert caught.value.line == 2


def test_scripts_in_packages_and_instances_in_them(folder: AppFolder) -> None:
    folder.write(f"{folder.name}/__init__.py", "")
    folder.write(
        f"{folder.name}/inner.py",
        HELLO.format("inner")
        + "class Box:\n    app = staticmethod(app)\nbox = Box()\n",
    )
    client = folder.client(
        handlers(
            f"{{url: /a, script: {folder.name}.inner.app}}",
            f"{{url: /b, script: {folder.name}.inner.box.app}}",
        )
    )
    assert client.get("/a").text == client.get("/b").text == "inner"


@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("{name}.nothing", "has no nothing"),
        ("{name}.WORD", "is not a WSGI application"),
        ("{name}_missing.app", "No module named"),
        ("{name}_syntax.app", "SyntaxError"),
        ("{name}_exit.app", "SystemExit"),
        ("nowhere.py", "FileNotFoundError"),
    ],
)
def test_script_that_cannot_be_loaded_is_one_sentence(
    folder: AppFolder, script: str, part: str
) -> None:
    folder.write(f"{folder.name}.py", "WORD = 'x'\n")
    folder.write(f"{folder.name}_syntax.py", "x = = 1\n")
    folder.write(f"{folder.name}_exit.py", "raise SystemExit(3)\n")
    wanted = script.format(name=folder.name)
    with pytest.raises(AppImportError, match=part) as caught:
        folder.server(handlers(f"{{url: /, script: {wanted}}}"))
    assert wanted in str(caught.value)
    assert f"{os.sep}channelshim{os.sep}" not in caught.value.report
    is_in_app = "syntax" in script or "exit" in script
    assert bool(caught.value.report) is is_in_app
    assert str(caught.value.path).endswith(".py" if is_in_app else "app.yaml")
    assert caught.value.line


def test_one_broken_script_does_not_stop_the_others(
    folder: AppFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder.write(f"{folder.name}.py", HELLO.format("whole"))
    folder.write(f"{folder.name}_broken.py", "import nothing_of_this_name\n")
    client = folder.client(
        handlers(
            f"{{url: /broken, script: {folder.name}_broken.app}}",
            f"{{url: /, script: {folder.name}.app}}",
        )
    )
    assert "nothing_of_this_name" in caplog.text
    assert client.get("/").text == "whole"
    client.get("/broken", status=500)


def test_error_page_of_the_app_is_shown(folder: AppFolder) -> None:
    folder.write(f"{folder.name}.py", "def app(environ, start):\n    1 / 0\n")
    folder.write("sorry.html", "<p>sorry")
    client = folder.client(
        handlers(f"{{url: /, script: {folder.name}.app}}")
        + "error_handlers:\n- error_code: over_quota\n  file: other.html\n"
        "- file: ../outside.html\n- file: sorry.html\n"
    )
    answer = client.get("/", status=500)
    assert answer.text == "<p>sorry"
    assert answer.content_type == "text/html"


def test_variables_of_app_yaml_are_in_the_environment(folder: AppFolder) -> None:
    folder.write(
        f"{folder.name}.py",
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [os.environ['COLOUR'].encode()]\n",
    )
    client = folder.client(
        "env_variables:\n  COLOUR: red\n"
        + handlers(f"{{url: /, script: {folder.name}.app}}")
    )
    assert client.get("/").text == "red"


def test_modules_see_the_variables_while_they_are_imported(folder: AppFolder) -> None:
    folder.write(
        f"{folder.name}.py",
        "import os\n"
        "SEEN = ' '.join([os.environ['COLOUR'], os.environ['APPLICATION_ID'],\n"
        "                 os.environ['CURRENT_VERSION_ID']])\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [SEEN.encode()]\n",
    )
    client = folder.client(
        "env_variables:\n  COLOUR: blue\n"
        + handlers(f"{{url: /, script: {folder.name}.app}}")
    )
    assert client.get("/").text == "blue dev~test 1.1"


def test_secure_redirects_where_it_is_enforced(folder: AppFolder) -> None:
    folder.write(f"{folder.name}.py", HELLO.format("app"))
    yaml = handlers(
        f"{{url: /always, script: {folder.name}.app, secure: always, "
        "redirect_http_response_code: 307}",
        f"{{url: /never, script: {folder.name}.app, secure: never}}",
    )
    assert folder.client(yaml).get("/always").text == "app"
    client = folder.client(yaml, exposure=Exposure(enforces_secure=True))
    answer = client.get("/always?a=b", status=307)
    assert answer.location == "https://localhost/always?a=b"
    client.get("/never", status=200)
    over_tls = {"wsgi.url_scheme": "https"}
    client.get("/always", extra_environ=over_tls, status=200)
    answer = client.get("/never", extra_environ=over_tls, status=302)
    assert answer.location.startswith("http://localhost")


def test_login_url_keeps_the_scheme_of_the_request(folder: AppFolder) -> None:
    folder.write(
        f"{folder.name}.py",
        "import os\n"
        "from google.appengine.api import users\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    url = users.create_login_url('/x')\n"
        "    return [(os.environ['HTTPS'] + ' ' + url).encode()]\n",
    )
    api_proxy.install({"user": lambda: UserService(make_login())})
    client = folder.client(
        handlers(f"{{url: /, script: {folder.name}.app}}"),
        exposure=Exposure(trusted_proxies=parse_networks(["192.0.2.1"])),
    )
    secure = client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert secure.text == "on /_ah/login?continue=https%3A//localhost%3A80/x"
    plain = client.get("/")
    assert plain.text == "off /_ah/login?continue=http%3A//localhost%3A80/x"


def test_missing_library_is_one_line_with_the_command(
    folder: AppFolder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    folder.server("libraries:\n- name: webapp2\n- name: lxml_of_nobody\ncolour: red\n")
    assert "the library lxml_of_nobody" in caplog.text
    assert "colour is not known" in caplog.text


def test_libraries_that_an_app_brings_are_not_missing_in_another_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml = "runtime: python27\nlibraries:\n- name: lxml_of_nobody\n"
    config = parse_app(yaml, read=lambda name: None)
    for folder in (tmp_path, tmp_path / "lib"):
        package = folder / "lxml_of_nobody"
        package.mkdir(parents=True)
        # Without it, a folder of another thing that has this name.
        (package / "etree.py").touch()
        assert loading.warn_ahead(config, tmp_path) == []
        assert caplog.text == ""
        (package / "etree.py").unlink()
    # Which folders this adds is not known here.
    (tmp_path / "appengine_config.py").touch()
    (sentence,) = loading.warn_ahead(config, tmp_path)
    assert "lxml_of_nobody" in sentence
    assert caplog.text == ""
    monkeypatch.syspath_prepend(tmp_path)
    ahead = libraries_to_install(config.libraries, tmp_path, is_loaded_here=False)
    here = libraries_to_install(config.libraries, tmp_path, is_loaded_here=True)
    assert (ahead, here) == (([], here[0]), (here[0], []))
    package = tmp_path / "lxml_of_nobody"
    assert missing_libraries(config.libraries)
    (package / "etree.py").touch()
    assert missing_libraries(config.libraries) == []
    (package / "etree.py").unlink()
    monkeypatch.undo()
    (tmp_path / "appengine_config.py").unlink()
    assert loading.warn_ahead(config, tmp_path) == []
    assert "lxml_of_nobody" in caplog.text


def test_packages_of_libraries() -> None:
    assert missing_libraries([Library("webapp2"), Library("a..b")]) == [
        MissingLibrary("a..b", "")
    ]
    assert "pip install 'lxml'" in str(MissingLibrary("lxml", "lxml"))
    assert package_of("Crypto") == "pycryptodome"
    assert package_of("nobody") == ""
