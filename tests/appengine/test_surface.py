"""Every module of Google's last SDK can be imported, and the table says what it does.

tests/appengine/modules_of_sdk.txt has their names; the lane `sdk` compares it with
the SDK.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from channelshim import appengine
from channelshim.appengine import surface
from channelshim.appserver.libraries import PACKAGES
from tests.lanes import ORIGINAL_SDK, ROOT, find_python27

LIST = Path(__file__).parent / "modules_of_sdk.txt"

IMPORTING = """\
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
from channelshim import appengine
appengine.install("surface")
failed = {}
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
        parent, _, last = name.rpartition(".")
        if parent:
            exec(f"from {parent} import {last}")
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
json.dump(failed, sys.stdout)
"""


EARLIER = {
    "google.appengine.api.prospective_search",
    "google.appengine.dist",
    "google.appengine.ext.db.djangoforms",
    "google.appengine.tools.dev_appserver",
    "google.appengine.tools.dev_appserver_login",
}
"""Modules of earlier SDKs, which old apps import."""


def names() -> list[str]:
    return LIST.read_text("utf-8").split()


def modules_of_original() -> list[str]:
    root = ORIGINAL_SDK / "google" / "appengine"
    found = set()
    for path in root.rglob("*.py"):
        parts = path.relative_to(ORIGINAL_SDK).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        # What begins with an underscore is nobody's but Google's.
        if all(part.isidentifier() for part in parts) and "._" not in name:
            found.add(name)
    return sorted(found)


@pytest.mark.sdk
def test_list_has_every_module_of_the_original() -> None:
    assert names() == modules_of_original()


def test_every_module_of_the_original_has_a_row() -> None:
    without = [name for name in names() if surface.find(name) is None]
    assert without == ["google.appengine"]


def test_every_row_is_of_a_module_that_there_was() -> None:
    known = set(names())
    unknown = {row.name for row in surface.ROWS if row.name not in known}
    assert unknown == EARLIER
    assert len({row.name for row in surface.ROWS}) == len(surface.ROWS)


def test_every_module_can_be_imported() -> None:
    wanted = [*names(), *(row.name for row in surface.FALLBACKS if row.needs is None)]
    wanted = [name for name in wanted if not _needs_package(name)]
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert json.loads(done.stdout) == {}


def _needs_package(name: str) -> bool:
    row = surface.find(name)
    if row is None or row.needs is None:
        return False
    try:
        importlib.import_module(row.needs[0])
    except ImportError:
        return True
    return False


@pytest.mark.parametrize(
    "row", [row for row in surface.ROWS if row.status is surface.REFUSED], ids=str
)
def test_refused_names_say_what_is_not_here(row: surface.Row) -> None:
    appengine.install()
    # Google's package has some of `tools`.
    below = [name for name in names() if name.startswith(f"{row.name}.")]
    candidates = (importlib.import_module(name) for name in (row.name, *below))
    module = next(each for each in candidates if not hasattr(each, "__file__"))
    with pytest.raises(NotImplementedError) as refusal:
        module.AnyName(1, two=2)
    sentence = str(refusal.value)
    assert sentence.startswith(f"{module.__name__}.AnyName does not exist here")
    assert row.note in sentence


def test_refused_classes_can_be_subclassed_and_caught() -> None:
    appengine.install()
    from google.appengine.api import files
    from google.appengine.ext import bulkload

    class Loader(bulkload.Loader):
        pass

    with pytest.raises(NotImplementedError, match="a script of your own"):
        Loader("kind")
    with pytest.raises(NotImplementedError, match=r"bulkload\.Loader\.create"):
        bulkload.Loader.create()
    caught: tuple[type[BaseException], ...] = (files.FileNotOpenedError, KeyError)
    with pytest.raises(caught):
        raise KeyError("x")


@pytest.mark.parametrize("name", ["protorpc.messages", "endpoints", "mapreduce.lib"])
def test_libraries_that_are_gone_say_so(name: str) -> None:
    appengine.install()
    module = importlib.import_module(name)
    with pytest.raises(NotImplementedError, match=r"does not exist here: "):
        module.Message("text")


def test_other_names_stay_unknown() -> None:
    appengine.install()
    for name in ("google.appengine.nothing", "google.appengine.api.nothing", "nothing"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_what_only_set_things_up_does_nothing() -> None:
    appengine.install()
    from google.appengine.dist import use_library
    from google.appengine.ext import ereporter
    from google.appengine.ext.appstats import recording

    importlib.import_module("dev_appserver").fix_sys_path()
    use_library("django", "1.2")
    ereporter.register_logger()
    program = object()
    assert recording.appstats_wsgi_middleware(program) is program


def test_simplejson_is_json_where_nobody_has_one() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from channelshim import appengine\nappengine.install()\n"
            "from django.utils import simplejson\nimport simplejson as bare\n"
            "print(simplejson.dumps([1]), bare.loads('[2]'))",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout == "[1] [2]\n"


def test_entities_go_into_memcache_by_their_old_messages() -> None:
    appengine.install()
    from google.appengine.datastore import entity_bytes_pb2, entity_pb

    plain = entity_bytes_pb2.Path()
    element = plain.element.add()
    element.type, element.id = b"Kind", 7
    contents = plain.Encode()
    read = entity_pb.Path(contents)
    assert read == plain
    assert isinstance(read, entity_pb.Path)
    assert entity_pb.Path().Encode() == b""


@pytest.mark.sdk
def test_every_library_of_the_original_is_known() -> None:
    source = (ORIGINAL_SDK / "google" / "appengine" / "api" / "appinfo.py").read_text(
        "utf-8"
    )
    listed = source[source.index("_SUPPORTED_LIBRARIES") :]
    listed = listed[: listed.index("\n]")]
    found = re.findall(r"_VersionedLibrary\(\s*'([^']+)'", listed)
    assert len(found) > 10
    assert [name for name in found if name not in PACKAGES] == []


NAMES_OF = """\
import ast, json, os, sys
root, found = sys.argv[1], {}
for name in json.load(sys.stdin):
    path = os.path.join(root, name.replace('.', '/'))
    path = path + '.py' if os.path.exists(path + '.py') else path + '/__init__.py'
    body = list(ast.parse(open(path).read()).body)
    for node in body:
        if isinstance(node, (ast.If, ast.TryExcept)):
            body += node.body + node.orelse
    names = [n.name for n in body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    for node in body:
        if isinstance(node, ast.Assign):
            names += [each.id for each in node.targets if isinstance(each, ast.Name)]
    found[name] = [each for each in names if not each.startswith('_')]
json.dump(found, sys.stdout)
"""

LACKING = {
    # Rests of Python 2, of generated code, and of Google's own servers.
    "EnsureAsciiBytes GOOGLE_PACKAGE_PATH PYTHON_VERSION normal_environment "
    "os_urandom_replacement range set_appengine_imports threading_local",
    "BlobstoreStubService BlobstoreStubServiceStub proto_python_api_2_stub pywraprpc "
    "rpcserver NEWLINE_REPLACEMENT",
    "APP_DEFAULT_GCS_BUCKET_NAME CRYPTO_LIB_INSTALLED D E HEADER1 HEADER2 "
    "LENGTH_OF_SHA256_HASH LEN_OF_PREFIX MODULUS_BYTES N PADDING PREFIX "
    "RSA_LIB_INSTALLED SIGNING_KEY_NAME X509_PUBLIC_CERT",
    # Of the stubs, and of their server.
    "CRON_QUEUE_NAME MAX_ETA_DELTA_DAYS admin_console_dummy_tasks",
    "GCS_URLMATCHERS_TO_FETCH_FUNCTIONS urlfetch_to_gcs_stub urlmatcher_for_gcs_stub",
    # Of what is idle.
    "LOGFILE MODULE_ID_RE_STRING MODULE_VERSION_RE_STRING cleanup_message flush_time "
    "log_buffer_age source_location_to_tuple ExceptionRecord",
    # Errors that nothing raises, and internals of what works.
    "MissingThreadsafe SimplejsonUnavailableError SearchableMultiQuery template_cache",
    "get_access_token_uncached make_get_access_token_call",
}
"""Names that a module here lacks, in groups."""


@pytest.mark.sdk
def test_modules_have_the_names_that_they_had() -> None:
    python27 = find_python27()
    assert python27 is not None
    rows = {name: surface.find(name) for name in names()}
    wanted = [
        name
        for name, row in rows.items()
        if row is not None
        and row.status is not surface.REFUSED
        and not name.endswith("_pb")
        and not _needs_package(name)
    ]
    done = subprocess.run(
        [python27, "-c", NAMES_OF, str(ORIGINAL_SDK)],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
    )
    lacking = {each for group in LACKING for each in group.split()}
    appengine.install()
    missing = {
        f"{name}.{each}"
        for name, had in json.loads(done.stdout).items()
        for each in had
        if not hasattr(importlib.import_module(name), each) and each not in lacking
    }
    assert missing == set()
