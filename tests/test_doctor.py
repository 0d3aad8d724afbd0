"""`channelshim doctor` says what an app uses and what of it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelshim.cli import doctor
from tests.lanes import ROOT

YAML = "runtime: python27\nhandlers:\n- url: /.*\n  script: main.app\n"


def write(app_dir: Path, **files: str) -> Path:
    (app_dir / "app.yaml").write_text(YAML)
    for name, text in files.items():
        (app_dir / f"{name}.py").write_text(text)
    return app_dir


def test_tutorial_misses_nothing(tmp_path: Path) -> None:
    for name in ("app.yaml", "server.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    text, status = doctor.report(tmp_path)
    assert status == doctor.OK, text


def test_folder_without_an_app_is_one_sentence(tmp_path: Path) -> None:
    text, status = doctor.report(tmp_path)
    assert (status, "no app.yaml" in text) == (doctor.UNREADABLE, True)


def test_services_and_libraries_are_told(tmp_path: Path) -> None:
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("")
    app_dir = write(
        tmp_path,
        main="import os, webapp2, helper, own_package\n"
        "from google.appengine.api import channel, mail, made_up\n"
        "from google.appengine.ext import ndb\n"
        "import a_library_that_nobody_has.part\n",
        helper="from google.appengine.api import channel\nfrom . import x\n",
    )
    text, status = doctor.report(app_dir)
    assert status == doctor.SOMETHING_MISSING
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "works" in lines["google.appengine.api.channel"]
    assert "helper.py, main.py" in lines["google.appengine.api.channel"]
    assert "kept, or leave by SMTP" in lines["google.appengine.api.mail"]
    assert "missing" in lines["google.appengine.api.made_up"]
    assert "works" in lines["google.appengine.ext.ndb"]
    assert "neither in the app nor" in lines["a_library_that_nobody_has"]
    assert "pip install" not in text
    assert not {"os", "helper", "own_package"} & lines.keys()
    assert "1 to install, 1 missing here." in text


def test_app_that_misses_nothing_is_fit_for_ci(tmp_path: Path) -> None:
    app_dir = write(tmp_path, main="from google.appengine.api import users\n")
    (app_dir / "queue.yaml").write_text("queue:\n- name: a\n  colour: red\n")
    text, status = doctor.report(app_dir)
    assert status == doctor.OK
    assert "Nothing is missing." in text
    assert "queue: colour is not known" in text


def test_libraries_that_the_app_brings_along_work(tmp_path: Path) -> None:
    app_dir = write(
        tmp_path,
        main="app = None\n",
        appengine_config="from google.appengine.ext import vendor\n"
        "vendor.add('others')\n",
    )
    for name in ("brought", "lib/brought_too", "others/brought_elsewhere"):
        (app_dir / name).mkdir(parents=True)
        (app_dir / name / "module.py").touch()
        with (app_dir / "app.yaml").open("a") as file:
            is_first = name == "brought"
            word = name.rpartition("/")[2]
            file.write(f"{'libraries:' if is_first else ''}\n- name: {word}\n")
    text, status = doctor.report(app_dir)
    assert status == doctor.OK, text


def test_missing_library_of_app_yaml_names_the_command(tmp_path: Path) -> None:
    app_dir = write(tmp_path)
    with (app_dir / "app.yaml").open("a") as file:
        file.write("libraries:\n- name: a_library_that_nobody_has\n- name: webapp2\n")
    text, status = doctor.report(app_dir)
    assert status == doctor.SOMETHING_MISSING
    assert "library a_library_that_nobody_has" in text


@pytest.mark.parametrize(
    "source",
    [
        "import urllib2\nprint 'hello'\n",
        "from urllib2 import urlopen, quote\nprint 'hello'\n",
    ],
)
def test_python_2_under_another_runtime_is_missing(tmp_path: Path, source: str) -> None:
    app_dir = write(tmp_path, main=source)
    (app_dir / "app.yaml").write_text(YAML.replace("python27", "python39"))
    text, status = doctor.report(app_dir)
    assert status == doctor.SOMETHING_MISSING
    assert "Python 2 syntax  missing  main.py" in text
    assert "urllib2" in text
    assert "runtime: python27" in text
    (app_dir / "app.yaml").write_text(YAML)
    assert doctor.report(app_dir)[1] == doctor.OK


PYTHON27 = """\
import os, urllib2, md5, sibling, bsddb, lxml_of_nobody, sub.broken
from django.utils import html, simplejson
from google.appengine.api import channel
from google.appengine.ext.remote_api import remote_api_stub
with open('executed', 'w') as file:
    print >>file, 'yes'
try:
    raise 'text'
except Exception, error:
    print error
"""


def test_python_27_is_told_file_by_file_and_nothing_runs(tmp_path: Path) -> None:
    app_dir = write(tmp_path, main=PYTHON27, sibling="async def f(): pass\n")
    (app_dir / "sub").mkdir()
    (app_dir / "sub" / "broken.py").write_text("import beside\nif True\n")
    (app_dir / "sub" / "beside.py").write_bytes(b"x = '\xff'\nprint x,\n")
    text, status = doctor.report(app_dir)
    assert status == doctor.SOMETHING_MISSING
    assert "main.py, line 8: note: raising text is a TypeError" in text
    assert "Python 3, left as it is: sibling.py" in text
    assert "sub/broken.py, line 2: refused: " in text
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert "Berkeley DB went from Python 3" in lines["bsddb"]
    assert "neither in the app nor" in lines["lxml_of_nobody"]
    refused = "google.appengine.ext.remote_api.remote_api_stub"
    assert "run the code in the app" in lines[refused]
    assert not {"os", "urllib2", "md5", "beside", "sibling"} & lines.keys()
    assert "1 to install, 1 missing here, 1 of the files refused." in text
    assert not list(tmp_path.rglob("executed"))


@pytest.mark.parametrize(
    "source", ["(" * 100_000, "x = " + "-" * 100_000 + "1\n", "\0", "'" * 99_999]
)
def test_hostile_source_is_refused(tmp_path: Path, source: str) -> None:
    text, status = doctor.report(write(tmp_path, main=source))
    assert status == doctor.SOMETHING_MISSING
    assert "main.py, line 1: refused: " in text


def test_broken_app_yaml_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("handlers:\n- url: /(\n  script: x\n")
    text, status = doctor.report(tmp_path)
    assert status == doctor.UNREADABLE
    assert "line 2" in text


def test_walk_is_bounded_and_follows_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_dir = write(tmp_path, a="import webapp2\n", b="import made_up_b\n")
    (app_dir / "loop").symlink_to(app_dir)
    (app_dir / ".venv").mkdir()
    (app_dir / ".venv" / "c.py").write_text("import made_up_c\n")
    monkeypatch.setattr(doctor, "DOCTOR_FILES", 1)
    text, status = doctor.report(app_dir)
    assert (status, "made_up" in text) == (doctor.OK, False)


def test_what_a_module_needs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_dir = write(
        tmp_path,
        main="from google.appengine.ext.webapp import template, util\n"
        "from google.appengine.ext.appstats import recording\n"
        "from google.appengine.api import files, wrap_wsgi_app\n"
        "import webapp2_extras.i18n\n",
    )
    there, missing = doctor._is_there, ("django", "babel")
    monkeypatch.setattr(
        doctor, "_is_there", lambda name: name not in missing and there(name)
    )
    text, status = doctor.report(app_dir / "app.yaml")
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    template = lines["google.appengine.ext.webapp.template"]
    assert "pip install 'Django'" in template
    assert "pip install 'Babel'" in lines["webapp2_extras.i18n"]
    assert "idle" in lines["google.appengine.ext.appstats.recording"]
    assert "refused" in lines["google.appengine.api.files"]
    assert "use a blobstore upload" in lines["google.appengine.api.files"]
    assert "google.appengine.api.wrap_wsgi_app" not in lines
    assert (status, "2 to install" in text) == (doctor.SOMETHING_MISSING, True)


def test_other_files_are_named_when_they_cannot_be_read(tmp_path: Path) -> None:
    app_dir = write(tmp_path, main="x = 1\n")
    (app_dir / "cron.yaml").write_bytes(b"# t\xe4glich\n")
    (app_dir / "queue.yml").write_text("queue:\n- name: a_b\n")
    text, status = doctor.report(app_dir)
    assert status == doctor.OK
    assert "cron.yaml: it cannot be read" in text
    assert "queue.yml, line 2: a queue needs a name" in text


@pytest.mark.parametrize(
    ("runtime", "source", "is_noted"),
    [
        ("python", "from google.appengine.ext.webapp import template\n", True),
        ("python", "from google.appengine.ext.webapp import util, template\n", True),
        ("python", "import google.appengine.ext.webapp.template\n", True),
        ("python", "from google.appengine.ext import webapp\n", False),
        (
            "python",
            "from google.appengine.ext.webapp import template\n"
            "from google.appengine.dist import use_library\n"
            "use_library('django', '1.2')\n",
            False,
        ),
        (
            "python",
            "from google.appengine.ext.webapp import template\n"
            "from google.appengine.dist import use_library\n"
            "use_library('django', '0.96')\n",
            True,
        ),
        ("python27", "from google.appengine.ext.webapp import template\n", False),
    ],
)
def test_templates_that_escape_nothing_are_noted(
    tmp_path: Path, runtime: str, source: str, is_noted: bool
) -> None:
    (tmp_path / "app.yaml").write_text(
        f"runtime: {runtime}\nhandlers:\n- url: .*\n  script: main.py\n"
    )
    (tmp_path / "main.py").write_text(source)
    text, _ = doctor.report(tmp_path)
    assert ("webapp.template escapes nothing" in text) is is_noted


def test_only_what_the_scripts_lead_to_counts(tmp_path: Path) -> None:
    app_dir = write(
        tmp_path,
        main="import greetlib, webapp2\n"
        "app = webapp2.WSGIApplication([webapp2.Route('/', 'pages.home.Page')])\n"
        "try:\n    import made_up_option\nexcept ImportError:\n    pass\n",
        appengine_config="import os\nfrom google.appengine.ext import vendor\n"
        "vendor.add(os.path.join(os.path.dirname(__file__), 'third'))\nimport far\n",
        a_tool="import made_up_tool\n",
    )
    for name, text in {
        "lib/greetlib.py": "",
        "lib/bundled.py": "import made_up_bundle\n",
        "third/far/__init__.py": "from . import near\n",
        "third/far/near.py": "import made_up_deep\n",
        "pages/home.py": "import made_up_page\n",
        "checks/test_home.py": "import made_up_test\n",
    }.items():
        (app_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (app_dir / name).write_text(text)
    text, status = doctor.report(app_dir)
    names = {word for word in text.split() if word.startswith("made_up")}
    assert names == {"made_up_deep", "made_up_page"}, text
    assert (status, "2 to install" in text) == (doctor.SOMETHING_MISSING, True)
    assert "3 files: a_tool.py, checks/test_home.py, lib/bundled.py" in text


def test_a_strangers_package_is_never_advised(tmp_path: Path) -> None:
    text, _ = doctor.report(write(tmp_path, main="import lost_module, lxml\n"))
    assert "'lost_module'" not in text
    assert "pip install 'lost" not in text
