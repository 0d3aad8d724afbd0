"""Whole bodies, on their way to the app and with it, within the bound of all bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from channelshim.transports.body_budget import BodyBudget


class HeldBody:
    """A whole body until the app is done with it; implements Holder. Loop thread.

    Args:
        file: the body.
        size: of it, in bytes.
        budget: charges it.
        is_on_disk: whether it is a file of the system's.

    Attributes:
        size: as given.
        is_on_disk: as given.
    """

    __slots__ = ("_budget", "_file", "_refuse", "is_on_disk", "size")

    def __init__(
        self, file: IO[bytes], size: int, budget: BodyBudget, *, is_on_disk: bool
    ) -> None:
        self._file = file
        self._budget = budget
        self.size: int = size
        self.is_on_disk: bool = is_on_disk
        self._refuse: Callable[[], bool] | None = None

    def hand_on(self, refuse: Callable[[], bool]) -> None:
        """Note that the app is asked to answer.

        Args:
            refuse: refuses the request if the app has not begun with it, and returns
                whether it has not.
        """
        self._refuse = refuse

    def withdraw(self) -> bool:
        """See Holder."""
        return self._refuse is not None and self._refuse()

    def close(self) -> None:
        """Let go of it: the app is done with it, or was never asked. Idempotent."""
        self._refuse = None
        self._budget.let_go(self)
        if self.is_on_disk:
            self._file.close()
