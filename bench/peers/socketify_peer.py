"""uWebSockets through socketify: its own topics, which join writes.

usage: socketify_peer.py PORT
"""

import sys
from typing import Any

from socketify import App, AppListenOptions, CompressOptions, OpCode

app = App()


def opened(socket: Any) -> None:
    socket.subscribe("all")


async def send(response: Any, request: Any) -> None:
    text = await response.get_text()
    app.publish("all", text, OpCode.TEXT)
    response.write_status(204).end_without_body()


app.ws(
    "/ws",
    {
        "compression": CompressOptions.DISABLED,
        "max_backpressure": 64 << 20,
        "idle_timeout": 0,
        "open": opened,
    },
)
app.post("/send", send)

if __name__ == "__main__":
    app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
    app.run()
