"""python-socketio on uvicorn: one emit to everybody, which is its fastest way.

usage: socketio_peer.py PORT [URL of a Redis that several share]
"""

import sys
from typing import Any

import socketio
import uvicorn

manager = socketio.AsyncRedisManager(sys.argv[2]) if len(sys.argv) > 2 else None
server = socketio.AsyncServer(
    client_manager=manager, async_mode="asgi", cors_allowed_origins="*"
)


async def send(scope: dict[str, Any], receive: Any, transmit: Any) -> None:
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    await server.emit("message", body.decode())
    await transmit({"type": "http.response.start", "status": 204, "headers": []})
    await transmit({"type": "http.response.body"})


app = socketio.ASGIApp(server, other_asgi_app=send)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        backlog=4096,
    )
