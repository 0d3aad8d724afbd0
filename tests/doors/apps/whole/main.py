"""Says what it was asked, and what it was told before."""

import os

import whole_vendored

asked = []


def app(environ, start_response):
    path = environ["PATH_INFO"]
    asked.append(path)
    if path == "/fail":
        raise ValueError("on purpose")
    start_response("200 OK", [("Content-Type", "text/plain")])
    words = ["main", path, whole_vendored.WORD, os.environ["GREETING"]]
    words += [os.environ["CURRENT_VERSION_ID"], *sorted(set(asked))]
    return [" ".join(words).encode()]
