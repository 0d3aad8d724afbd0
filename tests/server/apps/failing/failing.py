"""A WSGI app that fails in every way there is, at every place where it can."""

import asyncio
import ctypes
import json
import sys
import threading
from urllib.parse import parse_qs

from google.appengine.api import channel, taskqueue
from google.appengine.runtime import DeadlineExceededError


class Odd(BaseException):
    """No Exception, and nobody has heard of it."""


class OddCancel(asyncio.CancelledError):
    """What asyncio takes for its own."""


def recurse():
    return recurse()


FAULTS = {
    "exit": lambda: sys.exit(3),
    "exit0": sys.exit,
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "generator-exit": lambda: _raise(GeneratorExit()),
    "cancelled": lambda: _raise(OddCancel()),
    "deadline": lambda: _raise(DeadlineExceededError()),
    "odd": lambda: _raise(Odd("odd")),
    "recursion": recurse,
    "memory": lambda: _raise(MemoryError()),
    "stop": lambda: _raise(StopIteration()),
    "value": lambda: _raise(ValueError("on purpose")),
}

_told = []
_lock = threading.Lock()


def _raise(error):
    raise error


class Pieces:
    """An iterable that fails where it is told to, and notes that it is closed."""

    def __init__(self, fault, place):
        self.fault, self.place, self.count = fault, place, 0

    def __iter__(self):
        if self.place == "iter":
            self.fault()
        return self

    def __next__(self):
        self.count += 1
        if self.place == "next" or (self.place == "middle" and self.count == 4):
            self.fault()
        if self.count > 6:
            raise StopIteration
        return b"piece."

    def close(self):
        with _lock:
            _told.append("closed")
        if self.place in ("close", "list-close"):
            self.fault()


class ClosingList(list):
    """A whole answer whose close fails."""

    fault = None

    def close(self):
        self.fault()


def fail(query, start_response):
    fault, place = FAULTS[query["how"][0]], query["at"][0]
    if place == "call":
        fault()
    headers = [("Content-Type", "text/plain")]
    if "length" in query:
        headers.append(("Content-Length", query["length"][0]))
    start_response("200 OK", headers)
    if place == "started":
        fault()
    if place == "list-close":
        whole = ClosingList([b"whole"])
        whole.fault = fault
        return whole
    return Pieces(fault, place)


HEADS = {
    "space in a name": ("200 OK", [("X Y", "a")]),
    "empty name": ("200 OK", [("", "a")]),
    "NUL": ("200 OK", [("X", "a\0b")]),
    "line break": ("200 OK", [("X", "a\r\nSet-Cookie: b=c")]),
    "line break in a name": ("200 OK", [("X\r\nY", "a")]),
    "other alphabet": ("200 OK", [("X", "\u4e2d")]),
    "bytes": ("200 OK", [("X", b"a")]),
    "number": ("200 OK", [("X", 1)]),
    "None": ("200 OK", [("X", None)]),
    "no pair": ("200 OK", ["X"]),
    "no list": ("200 OK", None),
    "length that is none": ("200 OK", [("Content-Length", "many")]),
    "two lengths": ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
    "status without a number": ("OK", []),
    "status of bytes": (b"200 OK", []),
    "number as status": (200, []),
    "status with a line break": ("200 OK\r\nX: y", []),
    "status too high": ("999 Much", []),
    "status that announces another": ("103 Early Hints", []),
}


def head(query, start_response):
    start_response(*HEADS[query["what"][0]])
    return [b"body"]


def misuse(query, start_response):
    what = query["what"][0]
    if what == "none":
        return [b"body"]
    start_response("200 OK", [])
    if what == "twice":
        start_response("200 OK", [])
    if what == "number in the body":
        return [b"a", 5]
    if what == "number in the stream":
        return iter([5])
    if what == "no iterable":
        return None
    return []


def late(query, start_response):
    def pieces():
        start_response("200 OK", [])
        yield b"first "
        try:
            _raise(ValueError("on purpose"))
        except ValueError:
            start_response("500 Oh", [], sys.exc_info())
        yield b"second"

    return pieces()


def text(query, start_response):
    said = "\u4e2d \udcff"
    how = query["how"][0]
    write = start_response("200 OK", [("Content-Length", str(len(said)))])
    if how == "write":
        write(said)
        return []
    if how == "stream":
        return iter(list(said))
    return said if how == "text" else [said]


def status(query, start_response):
    headers = [("Content-Length", "4")] if "length" in query else []
    start_response(query["line"][0], headers)
    return iter([b"body", b"more"]) if "stream" in query else [b"body"]


def token(query, start_response):
    start_response("200 OK", [])
    return [channel.create_channel(query["id"][0]).encode("ascii")]


def add(query, start_response):
    for name in query["n"]:
        taskqueue.add(url="/work", params={"n": name}, headers={"X-Own": "a"})
    start_response("200 OK", [])
    return [b"added"]


def kill(query, start_response):
    """Have threads raise from within, whatever they are at."""
    fault = {
        "exit": SystemExit,
        "interrupt": KeyboardInterrupt,
        "odd": Odd,
        "generator-exit": GeneratorExit,
        "value": ValueError,
        "cancelled": OddCancel,
        "memory": MemoryError,
    }[query["how"][0]]
    killed = []
    for thread in threading.enumerate():
        is_own = thread is threading.current_thread()
        if thread.name.startswith(tuple(query["names"][0].split(","))) and not is_own:
            number = ctypes.c_ulong(thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(fault))
            killed.append(thread.name)
    start_response("200 OK", [])
    return [json.dumps(killed).encode("ascii")]


def told(query, start_response):
    start_response("200 OK", [])
    with _lock:
        return [json.dumps(_told).encode("ascii")]


def platform(environ, start_response):
    form = parse_qs(environ["wsgi.input"].read().decode("ascii"))
    name = (form.get("from") or form["n"])[0]
    with _lock:
        _told.append(f"{environ['PATH_INFO']} {name}")
    if name.partition(" ")[0] in FAULTS:
        FAULTS[name.partition(" ")[0]]()
    start_response("200 OK", [])
    return [b""]


PAGES = {
    "/fail": fail,
    "/head": head,
    "/misuse": misuse,
    "/late": late,
    "/text": text,
    "/status": status,
    "/token": token,
    "/add": add,
    "/told": told,
    "/kill": kill,
}


def app(environ, start_response):
    page = PAGES.get(environ["PATH_INFO"])
    if page is None:
        return platform(environ, start_response)
    return page(parse_qs(environ["QUERY_STRING"], True), start_response)
