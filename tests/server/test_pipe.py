"""Requests over a pipe: answered as in threads, and no end harms but itself."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.status import StatusRegistry
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.errors import BrokerError
from channelshim.kernel.deadlines import Deadlines
from channelshim.protocol.pipe_frames import Flag, Frame, FrameReader, Kind, encode
from channelshim.runtime.file_pieces import FilePieces, pieces_of
from channelshim.runtime.log_ring import LogRing
from channelshim.server.pipe_logs import PipeLogHandler, line_of
from channelshim.server.pipe_pool import report_pools
from channelshim.server.pipe_socket import PipeSocket
from tests.deadline_calls import call_within
from tests.server.bridges import joined, site
from tests.server.pipes import (
    PATIENCE_SECONDS,
    Front,
    ask,
    frames_of,
    get,
    in_thread,
    post,
    until,
)

Scenario = Callable[[Front, int], Coroutine[Any, Any, None]]


def play(scenario: Scenario, **options: Any) -> None:
    """Run a scenario with a front, and the port where it listens."""

    async def run() -> None:
        front = Front(**options)
        front.start()
        try:
            async with site(front.bridge) as port:
                await scenario(front, port)
        finally:
            front.close()

    asyncio.run(run())


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 Fine", [("X-Method", environ["REQUEST_METHOD"])])
    return [environ["PATH_INFO"].encode("latin-1"), b" ", body]


@pytest.mark.parametrize("length", [0, 5, 256 << 10, (256 << 10) + 1, 3 << 20])
def test_whole_bodies_come_through_both_ways(length: int) -> None:
    body = os.urandom(length)

    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        status, head, answered = await ask(port, post(body, "/a%0Ab%00"))
        assert status == 200
        assert b"x-method: POST" in head.replace(b"X-Method", b"x-method")
        assert answered == b"/a\nb\0 " + body

    play(scenario)


def test_environment_is_that_of_a_thread() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(dict(environ))
        start_response("200 OK", [])
        return []

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        await ask(port, get("/x?a=b"))
        (environ,) = seen
        assert environ["QUERY_STRING"] == "a=b"
        assert environ["wsgi.version"] == (1, 0)
        assert environ["wsgi.url_scheme"] == "http"
        assert environ["wsgi.multiprocess"] is True
        assert environ["webob.is_body_seekable"] is True

    play(scenario)


def test_streamed_answer_comes_in_pieces_and_is_paced() -> None:
    made: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(60):
            made.append(number)
            yield b"%d" % (number % 10) * 300_000

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(get())
        await until(lambda: len(made) > 8)
        # Nobody reads: what waits is bounded. One more is made than may be sent.
        await asyncio.sleep(0.2)
        assert len(made) < 50
        received = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        body = joined(received.partition(b"\r\n\r\n")[2])
        assert len(body) == 60 * 300_000
        writer.close()

    play(scenario)


def test_reader_that_leaves_ends_a_stream() -> None:
    closed = threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.set()

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get())
        await reader.read(1000)
        writer.transport.abort()
        await until(closed.is_set)
        await until(lambda: front.bridge.requests_in_hand == 0)

    play(scenario)


def test_answer_that_breaks_off_is_seen_to() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        raise RuntimeError("in the middle")

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        _, _, body = await ask(port, get())
        assert b"begun" in body
        assert not body.endswith(b"0\r\n\r\n")

    play(scenario)


def test_file_goes_by_its_descriptor(tmp_path: Path) -> None:
    content = os.urandom(700_000)
    path = tmp_path / "file"
    path.write_bytes(b"before" + content + b"behind")

    def app(environ: dict[str, Any], start_response: Any) -> FilePieces:
        file = path.open("rb")
        file.seek(len(b"before"))
        headers = [("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return FilePieces(pieces_of(file, len(content)), file, len(content))

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        status, _, body = await ask(port, get())
        assert (status, body) == (200, content)

    play(scenario)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_headers_that_are_no_texts_are_a_500(is_streamed: bool) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("X-Name", b"bytes")])
        return iter([b"x"]) if is_streamed else [b"x"]

    async def scenario(front: Front, port: int) -> None:
        link = front.process(app)
        assert (await ask(port, post(b"")))[0] == 500
        assert link.is_open

    play(scenario)


def test_messages_are_there_before_the_answer() -> None:
    async def scenario(front: Front, port: int) -> None:
        ids = [
            f"id\n{number}" if number % 7 == 0 else f"id{number}"
            for number in range(3000)
        ]

        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            # One object, as handlers send it; and one with half a pair in it.
            text = "to all"
            for client_id in ids:
                front.pipes[0].messages.publish(client_id, text)
            front.pipes[0].messages.publish("a", "\ud800")
            start_response("200 OK", [])
            return [b"sent"]

        front.process(app)
        assert (await ask(port, post(b"")))[2] == b"sent"
        assert front.messages.sent == [
            *((each, "to all") for each in ids),
            ("a", "\ud800"),
        ]

    play(scenario)


def test_processes_refuse_messages_while_the_front_says_so() -> None:
    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        front.pool.refuse_messages(True)
        await until(lambda: front.pipes[0].messages._is_full)
        # One that comes later hears of it too.
        front.process(echo)
        await until(lambda: front.pipes[1].messages._is_full)
        for pipe in front.pipes:
            with pytest.raises(BrokerError, match="too many messages"):
                pipe.messages.publish("a", "x")
        front.pool.refuse_messages(False)
        await until(lambda: not any(p.messages._is_full for p in front.pipes))
        front.pipes[1].messages.publish("a", "y")
        await until(lambda: front.messages.sent == [("a", "y")])

    play(scenario)


def test_processes_hear_at_the_start_that_no_messages_are_taken() -> None:
    async def run() -> None:
        front = Front()
        front.process(echo)
        front.pool.refuse_messages(True)
        front.process(echo)
        front.start()
        try:
            await until(lambda: all(p.messages._is_full for p in front.pipes))
        finally:
            front.close()

    asyncio.run(run())


def test_message_without_an_answer_comes_soon() -> None:
    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        front.pipes[0].messages.publish("a", "from a thread of the app's")
        await until(lambda: front.messages.sent)

    play(scenario)


def test_lines_of_the_log_reach_the_front() -> None:
    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        logger = logging.Logger("app")
        logger.addHandler(PipeLogHandler(front.pipes[0], "app-1"))
        try:
            raise KeyError("no such thing")
        except KeyError:
            logger.exception("it %s", "failed")
        await until(lambda: front.notes)
        ((process, *texts),) = front.notes
        ring = LogRing("access")
        ring.take(line_of(*texts), process)
        (line,) = ring.lines()
        assert (line.level, line.logger, line.text) == (40, "app-1 app", "it failed")
        assert line.error == "KeyError: 'no such thing'"
        assert "Traceback" in line.traceback

    play(scenario)


def test_question_is_answered_after_the_messages_before_it() -> None:
    async def scenario(front: Front, port: int) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            messages = front.pipes[0].messages
            messages.publish("a", "x")
            number = messages.expect("a")
            front.pipes[0].note("word", "b")
            start_response("200 OK", [])
            return [b"%d" % number]

        front.process(app)
        assert (await ask(port, get()))[2] == b"7001"
        assert front.notes == [("b",)]

    play(scenario)


def test_request_of_the_platform_comes_through() -> None:
    request = InternalRequest(
        "POST", "/task?\ud800", b"x" * 400_000, "text/x", "0.1.0.2", (("A", "b"),), "m"
    )

    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        response = await in_thread(lambda: front.pool.dispatch(request))
        assert (response.status, response.headers) == (201, (("X-Path", request.path),))
        assert response.body == request.body
        assert front.dispatching.requests == [request]

    play(scenario)


def test_files_of_a_process_are_told() -> None:
    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        assert await in_thread(front.pool.loaded_files) == ["a.py", "b.py"]

    play(scenario)


def test_nothing_is_asked_of_a_pool_that_is_closed() -> None:
    async def scenario(front: Front, port: int) -> None:
        front.process(echo)
        front.pool.close()
        request = InternalRequest("POST", "/task")
        assert (await in_thread(lambda: front.pool.dispatch(request))).status == 503
        assert (await ask(port, get()))[0] == 503

    play(scenario)


# --- Which process gets a request -------------------------------------------------


def test_requests_wait_for_the_first_process() -> None:
    async def scenario(front: Front, port: int) -> None:
        asked = asyncio.create_task(ask(port, post(b"early")))
        await until(lambda: front.bridge.requests_in_hand)
        front.process(echo)
        assert (await asked)[2] == b"/ early"

    play(scenario)


def test_pools_are_reported_as_one() -> None:
    async def scenario(front: Front, port: int) -> None:
        other, status = Front(), StatusRegistry()
        report_pools(status, [front.pool, other.pool])
        waiting = asyncio.ensure_future(ask(port, get("/first")))
        await until(lambda: status.counters()["server.requests_waiting"] == 1)
        fault = "no process of the app runs"
        assert status.problems() == {"server.workers": f"{fault}; {fault}"}
        front.process(echo)
        await waiting
        assert status.counters()["server.requests_waiting"] == 0
        assert status.problems() == {"server.workers": fault}
        other.close()

    play(scenario)


def test_least_loaded_process_gets_the_request() -> None:
    goes_on = threading.Event()
    ran: list[int] = []

    def app_of(number: int) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            ran.append(number)
            assert goes_on.wait(PATIENCE_SECONDS)
            start_response("200 OK", [])
            return []

        return app

    async def scenario(front: Front, port: int) -> None:
        for number in range(3):
            front.process(app_of(number))

        def has_run(count: int) -> bool:
            return len(ran) == count

        asked = []
        for count in range(1, 7):
            asked.append(asyncio.create_task(ask(port, get())))
            await until(partial(has_run, count))
        assert sorted(ran) == [0, 0, 1, 1, 2, 2]
        goes_on.set()
        assert [status for status, _, _ in await asyncio.gather(*asked)] == [200] * 6

    play(scenario)


def test_process_that_takes_one_at_a_time_gets_one() -> None:
    running: list[int] = []
    most: list[int] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()
        start_response("200 OK", [])
        return []

    async def scenario(front: Front, port: int) -> None:
        front.process(app)
        asked = [asyncio.create_task(ask(port, get())) for _ in range(12)]
        request = InternalRequest("GET", "/task")
        internal = in_thread(lambda: front.pool.dispatch(request))
        assert [each[0] for each in await asyncio.gather(*asked)] == [200] * 12
        assert (await internal).status == 201
        assert max(most) == 1

    play(scenario, is_serial=True)


def test_process_that_leaves_gets_nothing_more() -> None:
    async def scenario(front: Front, port: int) -> None:
        goes_on = threading.Event()

        def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            assert goes_on.wait(PATIENCE_SECONDS)
            start_response("200 OK", [])
            return [b"slow"]

        link = front.process(slow)
        asked = asyncio.create_task(ask(port, get()))
        await until(lambda: link.in_hand)
        front.process(echo)
        link.leave()
        for _ in range(4):
            assert (await ask(port, get()))[2] == b"/ "
        assert front.idle == []
        goes_on.set()
        assert (await asked)[2] == b"slow"
        await until(lambda: front.idle == [link])

    play(scenario)


# --- Processes that end -----------------------------------------------------------


def test_request_of_a_process_that_ends_is_answered_502() -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        asked = asyncio.create_task(ask(port, post(b"x")))
        await until(lambda: link.in_hand)
        end.close()
        status, head, body = await asked
        assert status == 502
        assert b"please try again" in body
        assert b"nosniff" in head
        assert front.lost == [link]

    play(scenario)


def test_get_of_a_process_that_ends_is_asked_again_once() -> None:
    async def scenario(front: Front, port: int) -> None:
        first, end = front.raw()
        asked = asyncio.create_task(ask(port, get()))
        await until(lambda: first.in_hand)
        second, other = front.raw()
        end.close()
        await until(lambda: second.in_hand)
        other.close()
        assert (await asked)[0] == 502

    play(scenario)


def test_what_a_process_has_sent_before_its_end_counts() -> None:
    async def scenario(front: Front, port: int) -> None:
        _, end = front.raw()
        asked = asyncio.create_task(ask(port, post(b"x")))
        (frame,) = await frames_of(end, FrameReader())
        answer = encode(Kind.WHOLE, frame.number, ["200 OK"], b"answered")
        end.setblocking(True)
        end.sendall(encode(Kind.PUBLISH, 0, ["a"], b"text") + answer)
        end.close()
        assert (await asked)[2] == b"answered"
        assert front.messages.sent == [("a", "text")]

    play(scenario)


def test_presence_is_told_to_another_process() -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        request = InternalRequest("POST", "/_ah/channel/connected/", b"from=a")
        told = in_thread(lambda: front.pool.dispatch(request))
        await until(lambda: link.in_hand)
        front.process(echo)
        end.close()
        assert (await told).status == 201

    play(scenario)


def test_task_of_a_process_that_ends_is_for_its_queue_to_repeat() -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        request = InternalRequest("POST", "/task")
        told = in_thread(lambda: front.pool.dispatch(request))
        await until(lambda: link.in_hand)
        front.process(echo)
        end.close()
        assert (await told).status == 502

    play(scenario)


def test_handler_that_does_not_end_is_answered_for() -> None:
    async def scenario(front: Front, port: int) -> None:
        link, _ = front.raw()
        status, _, _ = await ask(port, get())
        assert status == 500
        assert front.overdue == [link]
        assert link.is_leaving
        front.process(echo)
        assert (await ask(port, get()))[0] == 200

    # What is quick must be so on a busy machine too.
    play(scenario, deadline_seconds=0.5)


def test_deadline_of_the_platforms_own_request_goes_along() -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        request = InternalRequest("POST", "/task")
        limit = Deadlines().limit(0.05)
        told = in_thread(partial(call_within, limit, front.pool.dispatch, request))
        (frame,) = await frames_of(end, FrameReader())
        assert frame.kind == Kind.DISPATCH
        assert (await told).status == 500
        assert front.overdue == [link]

    play(scenario)


# --- Processes that are broken ----------------------------------------------------


def late_and_unknown(frame: Frame) -> bytes:
    return encode(Kind.WHOLE, frame.number + 100, ["200 OK"]) + encode(99)


BROKEN: dict[str, Callable[[Frame], bytes]] = {
    "garbage": lambda frame: b"\xff" * 100,
    "unknown kind": late_and_unknown,
    "end without a beginning": lambda frame: encode(Kind.END, frame.number),
    "too many pieces": lambda frame: (
        encode(Kind.PIECE, frame.number, ["200 OK"], b"x") * 200
    ),
    "header without a value": lambda frame: encode(
        Kind.WHOLE, frame.number, ["200 OK", "X"]
    ),
    "response": lambda frame: encode(Kind.RESPONSE, frame.number, ["200"]),
    "answer": lambda frame: encode(Kind.ANSWER, frame.number, ["200"]),
    "file that is not there": lambda frame: encode(
        Kind.FILE, frame.number, ["0", "1", "200 OK"], b"", Flag.HAS_FILE
    ),
    "file without a descriptor": lambda frame: encode(
        Kind.FILE, frame.number, ["0", "1", "200 OK"]
    ),
    "unknown note": lambda frame: encode(Kind.NOTE, 0, ["nobody", "knows"]),
    "nameless note": lambda frame: encode(Kind.NOTE),
    "message that is no text": lambda frame: encode(Kind.PUBLISH, 0, ["a"], b"\xff"),
    "texts that are none": lambda frame: (
        struct.pack("<IBBHQI", 5, 19, 0, 0, 1, 1) + b"\7"
    ),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_process_ends_itself_alone(name: str) -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        asked = asyncio.create_task(ask(port, post(b"x")))
        (frame,) = await frames_of(end, FrameReader())
        end.setblocking(True)
        try:
            end.sendall(BROKEN[name](frame))
        except BrokenPipeError:
            assert not link.is_open
        await until(lambda: front.lost == [link])
        if name != "too many pieces":
            assert (await asked)[0] == 502
        front.process(echo)
        assert (await ask(port, post(b"y")))[2] == b"/ y"

    play(scenario)


def send_with_file(end: socket.socket, data: bytes, descriptor: int) -> None:
    PipeSocket(end).send_with(data, descriptor)


@pytest.mark.parametrize("kind", [Kind.WHOLE, Kind.FILE, Kind.NOTE])
def test_file_that_cannot_be_taken_ends_its_process(kind: int) -> None:
    async def scenario(front: Front, port: int) -> None:
        link, end = front.raw()
        asked = asyncio.create_task(ask(port, post(b"x")))
        (frame,) = await frames_of(end, FrameReader())
        end.setblocking(True)
        # Reading from it would wait for ever.
        pipe = os.pipe()
        texts = ["0", "1", "200 OK"]
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self") else 0
        send_with_file(
            end, encode(kind, frame.number, texts, b"", Flag.HAS_FILE), pipe[0]
        )
        await until(lambda: front.lost == [link])
        assert (await asked)[0] == 502
        if before:
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
        for each in pipe:
            os.close(each)

    play(scenario)


def test_question_that_nobody_knows_is_refused_alone() -> None:
    async def scenario(front: Front, port: int) -> None:
        _, end = front.raw()
        end.sendall(encode(Kind.ASK, 5, ["nobody"]))
        (frame,) = await frames_of(end, FrameReader())
        assert (frame.kind, frame.number, frame.flags) == (
            Kind.ANSWER,
            5,
            Flag.IS_BROKEN,
        )

    play(scenario)
