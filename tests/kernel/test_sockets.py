"""What the kernel says of a connection."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from channelshim.kernel import sockets
from tests.lanes import timeout_factor


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts them")
def test_bytes_that_the_peer_has_taken_are_counted() -> None:
    async def run() -> None:
        taken = asyncio.Event()

        async def serve(reader: Any, writer: Any) -> None:
            await reader.readexactly(1000)
            taken.set()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        transport: Any = writer.transport
        before = sockets.acknowledged_bytes(transport)
        writer.write(b"x" * 1000)
        await asyncio.wait_for(taken.wait(), 10 * timeout_factor())
        await _until(lambda: (sockets.acknowledged_bytes(transport) or 0) >= 1000)
        after = sockets.acknowledged_bytes(transport)
        assert before is not None
        assert after is not None
        # The opening counts one.
        assert after - before in (1000, 1001)
        writer.close()
        server.close()

    asyncio.run(run())


async def _until(is_so: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not is_so():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), 10 * timeout_factor())


def test_nothing_is_counted_where_there_is_no_socket() -> None:
    assert sockets.acknowledged_bytes(asyncio.Transport({})) is None
