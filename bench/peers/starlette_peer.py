"""Starlette on uvicorn: a dict of WebSockets, one awaited send for each.

usage: starlette_peer.py PORT
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

connected: dict[str, WebSocket] = {}


async def page(socket: WebSocket) -> None:
    await socket.accept()
    client_id = socket.query_params["id"]
    connected[client_id] = socket
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        connected.pop(client_id, None)


async def send(request: Request) -> Response:
    text = (await request.body()).decode()
    for socket in list(connected.values()):
        await socket.send_text(text)
    return Response(status_code=204)


app = Starlette(
    routes=[WebSocketRoute("/ws", page), Route("/send", send, methods=["POST"])]
)

if __name__ == "__main__":
    # The fastest ws setting of uvicorn's (bench/NOTES.md).
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
