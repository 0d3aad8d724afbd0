"""Functions that run right after a module is first imported."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from channelshim.compat.import_hooks import (
    after_import,
    hide_while_importing,
    put_off,
)


@pytest.fixture
def module_name(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    name = f"subject_of_{request.node.name}"
    (tmp_path / f"{name}.py").write_text("'''Read me.'''\nvalue = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_it_runs_once_after_the_modules_own_code(module_name: str) -> None:
    values: list[int] = []

    def callback(module: ModuleType) -> None:
        values.append(module.value)

    after_import(module_name, callback)
    after_import(module_name, callback)
    assert module_name not in sys.modules
    importlib.import_module(module_name)
    importlib.import_module(module_name)
    assert values == [1]


def test_it_runs_at_once_for_a_module_that_is_loaded(module_name: str) -> None:
    loaded = importlib.import_module(module_name)
    seen: list[ModuleType] = []
    after_import(module_name, seen.append)
    assert seen == [loaded]


def test_the_module_keeps_its_loader_source_and_spec(module_name: str) -> None:
    after_import(module_name, lambda module: None)
    module = importlib.import_module(module_name)
    assert "value = 1" in inspect.getsource(module)
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__
    assert type(module.__loader__).__name__ == "SourceFileLoader"


def test_a_reload_and_a_missing_module_behave_as_ever(module_name: str) -> None:
    after_import(module_name, lambda module: None)
    module = importlib.import_module(module_name)
    assert importlib.reload(module) is module
    after_import("there_is_no_such_module", lambda module: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("there_is_no_such_module")


def test_a_module_can_be_hidden_from_one_importer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_one.py").write_text("")
    (tmp_path / "importer_one.py").write_text(
        "try:\n    import heavy_one\nexcept ImportError:\n    heavy_one = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    hide_while_importing("heavy_one", "importer_one")
    assert importlib.import_module("importer_one").heavy_one is None
    assert importlib.import_module("heavy_one").__name__ == "heavy_one"
    count = len(sys.meta_path)
    # Too late for a module that is loaded: nothing is done.
    hide_while_importing("heavy_one", "importer_one")
    assert len(sys.meta_path) == count
    for name in ("heavy_one", "importer_one"):
        del sys.modules[name]


def test_a_module_that_is_put_off_is_imported_at_its_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_package").mkdir()
    (tmp_path / "a_package" / "__init__.py").write_text("")
    (tmp_path / "a_package" / "late.py").write_text("value = 1\n")
    (tmp_path / "a_user.py").write_text(
        "from a_package import late\ndef use():\n    return late.value\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("a_package")
    put_off(package, "late")
    user = importlib.import_module("a_user")
    assert isinstance(user.late, ModuleType)
    assert "a_package.late" not in sys.modules
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        assert user.late.other
    assert user.use() == 1
    late = sys.modules["a_package.late"]
    # What somebody changes for a while is changed for all, and is not kept.
    with monkeypatch.context() as patch:
        patch.setattr(user.late, "value", 2)
        assert (late.value, user.use()) == (2, 2)
    assert (late.value, user.use()) == (1, 1)
    assert "value" in dir(user.late)
    # Whoever asks from now on gets the module itself.
    assert package.late is late
    put_off(package, "late")
    assert package.late is late
    for name in ("a_user", "a_package.late", "a_package"):
        del sys.modules[name]
