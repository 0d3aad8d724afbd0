"""Named like a module of the standard library, of a later one."""

from collections import deque


class Ring(object):
    def __init__(self, size):
        self.size = size
        self.items = deque()

    def push(self, item):
        self.items.append(item)
        while len(self.items) > self.size:
            self.items.popleft()

    def __getitem__(self, index):
        return list(self.items)[index]

    def __nonzero__(self):
        return len(self.items) > 0
