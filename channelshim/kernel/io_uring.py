"""Many sends in one call of the kernel: Linux's io_uring, for this one operation.

A pass owes the same bytes to a thousand sockets. A call of the kernel for each, through
the loop's own transport, costs a third more than the sends themselves (measured:
bench/NOTES.md). Nothing here is asynchronous: each send is made, or
refused, before the call returns, and none ever waits.

Source: io_uring_setup(2), io_uring_enter(2), linux/io_uring.h.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Final

SEND_ENTRIES: Final = 4096
"""Sends in one call at most; 384 KiB of memory shared with the kernel."""

_SYS_SETUP = 425
_SYS_ENTER = 426
_ENTER_GETEVENTS = 1
# One thread sends, and one refused entry does not hold up those behind it: Linux 6.0.
_SETUP_FLAGS = 1 << 7 | 1 << 12
_FEATURE_SINGLE_MMAP = 1
_OFFSET_RINGS = 0
_OFFSET_ENTRIES = 0x10000000
_OPERATION_SEND = 26
_NEVER_WAIT = 0x40  # MSG_DONTWAIT
_NO_SIGNAL = 0x4000  # MSG_NOSIGNAL
_SEND_FLAGS = (_NEVER_WAIT | _NO_SIGNAL) << 32

# struct io_uring_params: seven numbers, three reserved, then the offsets of the two
# rings' fields, ten numbers each.
_PARAMETERS = struct.Struct("7I12x10I10I")
_COUNTER = 0xFFFFFFFF
_NEGATIVE = 0x80000000

# As 64-bit words: an entry of the submission queue is 8, of the completion queue 2.
_ENTRY_WORDS = 8
_ADDRESS_WORD = 2
_LENGTH_WORD = 3
_USER_WORD = 4


def send_word(descriptor: int) -> int:
    """Return what `SendRing.send` takes for a socket; never 0."""
    return _OPERATION_SEND | descriptor << 32


class SendRing:
    """The queue of sends that one thread shares with the kernel.

    Args:
        entries: sends in one call at most; a power of two.

    Raises:
        OSError: this kernel has no io_uring, is too old, or does not allow it.
    """

    def __init__(self, entries: int = SEND_ENTRIES) -> None:
        if sys.platform != "linux" or sys.byteorder != "little":
            raise OSError("io_uring needs Linux")
        # The interpreter is kept: to ask for it back after each call would wait for
        # every handler that computes.
        self._call = ctypes.PyDLL(None, use_errno=True).syscall
        given = ctypes.create_string_buffer(_PARAMETERS.size)
        struct.pack_into("I", given, 8, _SETUP_FLAGS)
        self._descriptor = self._call(_SYS_SETUP, entries, given)
        if self._descriptor < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        try:
            self._map(_PARAMETERS.unpack(given))
        except BaseException:
            os.close(self._descriptor)
            raise
        self._sent = 0

    def _map(self, parameters: Sequence[int]) -> None:
        self._entries, self._results, features = (parameters[n] for n in (0, 1, 5))
        if not features & _FEATURE_SINGLE_MMAP or self._results < self._entries:
            raise OSError("the io_uring of this kernel lacks what is needed")
        queue, completions = parameters[7:17], parameters[17:27]
        indexes, results = queue[6], completions[5]
        length = max(indexes + 4 * self._entries, results + 16 * self._results)
        rings = memoryview(self._memory(length, _OFFSET_RINGS))
        # Entry n of the queue is always entry n of the array.
        packed = struct.pack(f"{self._entries}I", *range(self._entries))
        rings[indexes : indexes + len(packed)] = packed
        self._numbers = rings[: length // 4 * 4].cast("I")
        self._queued = queue[1] // 4
        self._taken, self._answered = completions[0] // 4, completions[1] // 4
        self._answers = rings[results : results + 16 * self._results].cast("Q")
        size = 8 * _ENTRY_WORDS * self._entries
        self._queue = memoryview(self._memory(size, _OFFSET_ENTRIES)).cast("Q")
        self._queue[_USER_WORD::_ENTRY_WORDS] = array("Q", range(self._entries))

    def _memory(self, length: int, offset: int) -> mmap.mmap:
        shared = mmap.mmap(self._descriptor, length, mmap.MAP_SHARED, offset=offset)
        # An app's child process gets no part in it.
        shared.madvise(mmap.MADV_DONTFORK)
        return shared

    def send(self, words: Sequence[int], data: bytes) -> list[tuple[int, int]]:
        """Send data to each of these sockets, as far as they take it at once.

        Args:
            words: of `send_word`; the sockets are open, and nothing waits in front.
            data: not empty.

        Returns:
            index and bytes taken of each socket that did not take all of data; the
            transport of one that has failed finds the reason when it writes the rest.

        Raises:
            OSError: who took what is unknown; the ring is of no use any more.
        """
        short: list[tuple[int, int]] = []
        begin = 0
        while begin < len(words):
            # Up to where the queue wraps to its start: neither it nor the results wrap.
            start = self._sent % self._entries
            end = min(len(words), begin + self._entries - start)
            submitted = self._submit(words[begin:end], start, data)
            short += self._short(submitted, start, begin, len(data))
            if submitted < end - begin:
                # The kernel is short of memory: the transports do without it.
                short += [(index, 0) for index in range(begin + submitted, len(words))]
                break
            begin = end
        return short

    def _submit(self, words: Sequence[int], start: int, data: bytes) -> int:
        """Fill the queue and have it done; return how many entries were taken."""
        count = len(words)
        entries = self._queue[start * _ENTRY_WORDS : (start + count) * _ENTRY_WORDS]
        address = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
        length = len(data) | _SEND_FLAGS
        entries[0::_ENTRY_WORDS] = array("Q", words)
        entries[_ADDRESS_WORD::_ENTRY_WORDS] = array("Q", [address]) * count
        entries[_LENGTH_WORD::_ENTRY_WORDS] = array("Q", [length]) * count
        self._numbers[self._queued] = (self._sent + count) & _COUNTER
        submitted = max(0, self._enter(count, count))
        end = (self._sent + submitted) & _COUNTER
        if submitted < count:
            self._numbers[self._queued] = end
        while self._numbers[self._answered] != end:
            # A signal came in between.
            missing = (end - self._numbers[self._answered]) & _COUNTER
            if self._enter(0, missing) < 0 and ctypes.get_errno() != errno.EINTR:
                raise OSError(ctypes.get_errno(), "sends without an answer")
        return submitted

    def _enter(self, count: int, awaited: int) -> int:
        result: int = self._call(
            _SYS_ENTER, self._descriptor, count, awaited, _ENTER_GETEVENTS, None, 0
        )
        return result

    def _short(
        self, count: int, start: int, begin: int, length: int
    ) -> Iterable[tuple[int, int]]:
        """Take the answers to the last call; return those of less than length."""
        first = self._sent % self._results
        answers = self._answers[2 * first : 2 * (first + count)]
        self._sent = (self._sent + count) & _COUNTER
        results = answers[1::2].tolist()
        short: Iterable[tuple[int, int]] = ()
        if results.count(length) != count:
            # A result is the low half of its word: bytes, or an error below 0.
            short = [
                (begin + entry - start, 0 if result & _NEGATIVE else result & _COUNTER)
                for entry, result in zip(answers[0::2].tolist(), results, strict=True)
                if result & _COUNTER != length
            ]
        self._numbers[self._taken] = self._sent
        return short

    def close(self) -> None:
        """Give the queue back; `send` must not be called again."""
        os.close(self._descriptor)
