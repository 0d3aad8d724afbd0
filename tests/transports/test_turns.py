"""Turns of those who send more than is read at once: a few at a time, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from channelshim.transports.turns import AT_ONCE, Turns


async def until(is_true: Callable[[], bool]) -> None:
    """Wait for as long as pytest lets a test run."""
    while not is_true():
        await asyncio.sleep(0)


def test_few_have_a_turn_between_two_rests() -> None:
    async def run() -> None:
        turns = Turns()
        calls: list[int] = []
        for number in range(AT_ONCE * 3 + 1):
            turns.wait(lambda number=number: calls.append(number))  # type: ignore[misc]
        seen = 0
        while len(calls) < AT_ONCE * 3 + 1:
            # What is called between two passes of the loop is one pass of the turns.
            await asyncio.sleep(0)
            assert len(calls) - seen <= AT_ONCE
            seen = len(calls)
        assert calls == sorted(calls)

    asyncio.run(run())


def test_each_has_a_turn_before_another_has_its_second() -> None:
    async def run() -> None:
        turns = Turns()
        calls: list[str] = []

        def send(name: str) -> None:
            calls.append(name)
            if calls.count(name) < 5:
                turns.wait(lambda: send(name))

        for name in "abcdef":
            turns.wait(lambda name=name: send(name))  # type: ignore[misc]
        await until(lambda: len(calls) == 30)
        assert "".join(calls) == "abcdef" * 5

    asyncio.run(run())


def test_one_alone_has_all_turns_of_a_pass() -> None:
    async def run() -> None:
        turns = Turns()
        calls: list[int] = []

        def send() -> None:
            calls.append(len(calls))
            if len(calls) < AT_ONCE * 2:
                turns.wait(send)

        turns.wait(send)
        await until(lambda: bool(calls))
        assert len(calls) == AT_ONCE
        await until(lambda: len(calls) == AT_ONCE * 2)

    asyncio.run(run())


def test_turn_that_fails_holds_up_nobody() -> None:
    async def run() -> None:
        failures = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: failures.append(context["exception"])
        )
        turns = Turns()
        calls: list[str] = []
        turns.wait(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
        turns.wait(lambda: calls.append("next"))
        await until(lambda: bool(calls))
        assert [type(each) for each in failures] == [ZeroDivisionError]

    asyncio.run(run())
