"""Queue: the module queue under its first name."""

from __future__ import annotations

from queue import Empty, Full, LifoQueue, PriorityQueue, Queue

__all__ = ["Empty", "Full", "Queue", "PriorityQueue", "LifoQueue"]
