"""Names of the SDK that are gone can be imported, and not called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

import pytest

from channelshim.cli import testing
from channelshim.python27 import gone

testing.install(python27=False)


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = set(sys.modules)
    gone.install()
    gone.install()
    assert sum(finder is gone._finder for finder in sys.meta_path) == 1
    yield
    sys.meta_path.remove(gone._finder)
    for name in set(sys.modules) - before:
        if name in gone.HINTS:
            del sys.modules[name]


@pytest.mark.parametrize("name", sorted(gone.HINTS))
def test_each_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


def test_a_call_says_what_is_gone_and_what_to_use() -> None:
    from google.appengine.ext import bulkload

    class Loader(bulkload.Loader):
        pass

    with pytest.raises(
        NotImplementedError, match=r"ext\.bulkload\.Loader is not there"
    ):
        Loader("kind")
    with pytest.raises(NotImplementedError, match="a script of your own"):
        bulkload.main()
    with pytest.raises(NotImplementedError, match=r"bulkload\.Loader\.create"):
        bulkload.Loader.create()


def test_what_only_set_things_up_does_nothing() -> None:
    from google.appengine.ext.appstats import recording

    dev_appserver = importlib.import_module("dev_appserver")
    dev_appserver.fix_sys_path()
    program = object()
    assert recording.appstats_wsgi_middleware(program) is program


def test_other_names_stay_unknown() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("google.appengine.api.nothing_of_this_name")
