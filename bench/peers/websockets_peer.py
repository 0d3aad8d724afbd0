"""The websockets library on uvloop: its broadcast().

POSTs are not its job, so a small HTTP/1.1 server on the next port takes them.

usage: websockets_peer.py PORT
"""

import asyncio
import sys
from typing import cast

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

connected: dict[str, ServerConnection] = {}


async def page(connection: ServerConnection) -> None:
    assert connection.request is not None
    client_id = connection.request.path.partition("id=")[2]
    connected[client_id] = connection
    try:
        await connection.wait_closed()
    finally:
        connected.pop(client_id, None)


class Poster(asyncio.Protocol):
    """Takes one POST after the other, each with a Content-Length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) == int(length):
            self.received = b""
            broadcast(connected.values(), body.decode())
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Poster, "127.0.0.1", port + 1)
    async with serve(page, "127.0.0.1", port, compression=None, backlog=4096):
        await loop.create_future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
