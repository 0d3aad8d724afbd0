"""The thread that watches an app's files, whatever happens to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.file_times import changed_paths, file_times
from channelshim.composition.reloading import Watcher
from channelshim.kernel.threads import Threads


@pytest.mark.parametrize(
    "fault", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, OSError]
)
def test_watch_that_fails_begins_again(
    tmp_path: Path,
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: type[BaseException],
) -> None:
    import watchfiles

    threads = Threads(first_pause_seconds=0.001, longest_pause_seconds=0.01)
    changed = threading.Event()
    watches = watchfiles.watch
    left = iter(range(2))

    def fail(*arguments: Any, **more: Any) -> Any:
        for _ in left:
            raise fault
        return watches(*arguments, **more)

    monkeypatch.setattr(watchfiles, "watch", fail)
    watcher = Watcher(tmp_path, [], lambda path: changed.set(), threads=threads)
    watcher.start()

    def is_noticed() -> bool:
        # It may have been written before the watch had begun.
        (tmp_path / "app.yaml").write_text("runtime: python27\n")
        return changed.is_set()

    wait_until(is_noticed)
    wait_until(lambda: threads.running() == {})
    assert threads.restarts() == {"watcher": 2}


def test_change_before_the_watch_is_noticed(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    (tmp_path / "app.yaml").write_text("runtime: python27\n")
    for name in ("static", "data", ".git"):
        (tmp_path / name).mkdir()
    before = file_times(tmp_path)
    # Nothing of these needs a reload.
    for name in ("static/a.html", "data/b.yaml", ".git/c.txt", "unused.py"):
        (tmp_path / name).write_text("x")
    changed: list[str] = []
    ignored = [tmp_path / "static", tmp_path / "data"]
    quiet = Watcher(tmp_path, ignored, changed.append, before=before)
    quiet.start()
    wait_until(lambda: quiet._has_looked_back)
    quiet.stop()
    assert (changed, quiet.has_missed) == ([], False)
    (tmp_path / "app.yaml").write_text("runtime: python\n")
    watcher = Watcher(tmp_path, ignored, changed.append, before=before)
    watcher.start()
    wait_until(lambda: changed)
    watcher.stop()
    assert changed == [str(tmp_path / "app.yaml")]
    assert watcher.has_missed
    # Of what may be the app's own, no more is made.
    content = Watcher(tmp_path, ignored, changed.append)
    content.start()
    wait_until(lambda: content._has_looked_back)
    content.stop()
    assert (len(changed), content.has_missed) == (1, False)


@pytest.mark.parametrize("has_before", [True, False])
def test_change_between_the_load_and_the_watch_is_not_a_missed_one(
    tmp_path: Path,
    wait_until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    has_before: bool,
) -> None:
    import watchfiles

    watch = watchfiles.watch

    def watch_after_a_change(*arguments: Any, **more: Any) -> Any:
        (tmp_path / "app.yaml").unlink()
        return watch(*arguments, **more)

    monkeypatch.setattr(watchfiles, "watch", watch_after_a_change)
    (tmp_path / "app.yaml").write_text("runtime: python27\n")
    before = file_times(tmp_path) if has_before else None
    changed: list[str] = []
    watcher = Watcher(tmp_path, [], changed.append, before=before)
    watcher.start()
    wait_until(lambda: changed)
    watcher.stop()
    assert (changed, watcher.has_missed) == ([str(tmp_path / "app.yaml")], False)


def test_change_after_that_is_not_a_missed_one(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    changed: list[str] = []
    watcher = Watcher(tmp_path, [], changed.append, before=file_times(tmp_path))
    watcher.start()
    wait_until(lambda: watcher._has_looked_back)
    (tmp_path / "queue.yaml").write_text("queue:\n")
    wait_until(lambda: changed)
    watcher.stop()
    assert (changed, watcher.has_missed) == ([str(tmp_path / "queue.yaml")], False)


def test_look_back_that_fails_is_made_again(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    file = tmp_path / "main.py"
    file.write_text("old = 1\n")
    before = file_times(tmp_path)
    file.write_text("newer = 1\n")
    fails = iter([True])
    changed: list[str] = []

    def loaded_files() -> list[str]:
        if next(fails, False):
            raise OSError("on purpose")
        return [str(file)]

    watcher = Watcher(
        *(tmp_path, [], changed.append),
        before=before,
        loaded_files=loaded_files,
        threads=Threads(first_pause_seconds=0.001, longest_pause_seconds=0.01),
    )
    watcher.start()
    wait_until(lambda: changed)
    watcher.stop()
    assert (changed, watcher.has_missed) == ([str(file)], True)


def test_files_of_another_folder_are_no_change(
    tmp_path: Path, wait_until: Callable[..., Any]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "app.yaml").write_text("runtime: python27\n")
    before = file_times(one, two)
    changed: list[str] = []
    watchers = [
        Watcher(folder, [], changed.append, before=before) for folder in (one, two)
    ]
    for watcher in watchers:
        watcher.start()
    wait_until(lambda: all(watcher._has_looked_back for watcher in watchers))
    (two / "app.yaml").write_text("runtime: python\n")
    wait_until(lambda: changed)
    for watcher in watchers:
        watcher.stop()
    assert changed == [str(two / "app.yaml")]
    assert not any(watcher.has_missed for watcher in watchers)


def test_files_that_go_or_change_are_found(tmp_path: Path) -> None:
    for name in ("kept", "gone", "longer"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link").symlink_to("nowhere")
    before = file_times(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "longer").write_text("longer than before")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("")
    paths = changed_paths(before, file_times(tmp_path))
    assert paths == [str(tmp_path / name) for name in ("gone", "longer", "new/file")]
    assert file_times(tmp_path / "nowhere") == {}
    found = file_times(tmp_path, ignored=[tmp_path / "new", tmp_path / "nowhere"])
    assert set(found) == {str(tmp_path / "kept"), str(tmp_path / "longer")}
