"""The thread that watches an app's files, whatever happens to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
