"""An app with much in hand: bodies, large answers, tasks, threads of its own."""

import atexit
import threading
import time
from urllib.parse import parse_qs

from google.appengine.api import channel, taskqueue
from google.appengine.runtime import DeadlineExceededError

WORD = "first"

_free = threading.Event()


def say(line):
    # In one write: several threads do.
    print(line + "\n", end="", flush=True)


atexit.register(say, "goodbye")


def big(query, body):
    return b"b" * int(query["n"][0])


def length(query, body):
    return b"%d" % len(body)


def slow(query, body):
    say("the handler has begun")
    time.sleep(float(query["s"][0]))
    return b"done"


def hang(query, body):
    say("the handler hangs")
    _free.wait()
    return b"never"


def spin(query, body):
    say("the handler computes")
    try:
        while True:
            sum(range(100))
    except DeadlineExceededError:
        say("the handler was told")
        if "goes-on" in query:
            _free.wait()
        return b"told"


def pieces(query, body):
    yield b"first"
    say("the handler hangs")
    _free.wait()
    yield b"never"


def stream():
    for _ in range(10):
        yield b"piece"
        time.sleep(0.05)


def free(query, body):
    _free.set()
    return b"freed"


def thread(query, body):
    threading.Thread(target=_free.wait, name="of the app", daemon=False).start()
    return b"started"


def short_thread(query, body):
    def work():
        time.sleep(0.3)
        say("the thread has ended")

    threading.Thread(target=work, daemon=False).start()
    return b"started"


def tasks(query, body):
    path = query["path"][0]
    for number in range(int(query["n"][0])):
        taskqueue.add(url=path, params={"number": str(number)})
    return b"added"


def task(query, body):
    number = parse_qs(body.decode())["number"][0]
    say("began " + number)
    time.sleep(1)
    say("ended " + number)
    return b""


def word(query, body):
    return WORD.encode("ascii")


def token(query, body):
    return channel.create_channel("ann").encode("ascii")


def send(query, body):
    channel.send_message("ann", body)
    return b"sent"


PAGES = {
    "/big": big,
    "/length": length,
    "/slow": slow,
    "/hang": hang,
    "/spin": spin,
    "/free": free,
    "/thread": thread,
    "/short-thread": short_thread,
    "/tasks": tasks,
    "/task": task,
    "/word": word,
    "/token": token,
    "/send": send,
}


def app(environ, start_response):
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [])
        return stream()
    if environ["PATH_INFO"] == "/pieces":
        start_response("200 OK", [])
        return pieces(None, None)
    page = PAGES[environ["PATH_INFO"]]
    size = int(environ.get("CONTENT_LENGTH") or 0)
    answer = page(parse_qs(environ["QUERY_STRING"]), environ["wsgi.input"].read(size))
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
