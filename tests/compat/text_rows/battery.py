# -*- coding: utf-8 -*-
"""Runs the programs of *.rows and writes what each one shows, as JSON.

In three worlds: CPython 2.7 with Google's original SDK, Python 2.7 on channelshim, and
Python 3 on channelshim; so this file, and the programs, are in both languages.

Usage: battery.py RESULTS [SDK]
"""

import binascii
import io
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
IS_27 = sys.version_info[0] == 2
TEXT = type(u"")
INTEGERS = (int, long) if IS_27 else (int,)  # noqa: F821


def shown(value):
    """Return a value as JSON can have it: bytes as their text, or in hexadecimal."""
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    if isinstance(value, TEXT) and not (IS_27 and isinstance(value, str)):
        return value.encode("utf-8", "replace" if IS_27 else "surrogateescape").decode(
            "utf-8", "replace"
        )
    if isinstance(value, (bytes, str)):
        raw = value
        if isinstance(value, TEXT):
            raw = value.encode("utf-8") if IS_27 else value.encode(
                "utf-8", "surrogateescape"
            )
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return "hex " + binascii.hexlify(bytes(raw)).decode("ascii")
    if isinstance(value, dict):
        return sorted([shown(key), shown(each)] for key, each in value.items())
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, INTEGERS):
        return int(value)
    return "%s" % (value,)


def operations():
    """Yield what an app does with a string, each as a name and a function."""
    try:
        from urllib import quote, urlencode
    except ImportError:
        from urllib.parse import quote, urlencode
    yield "percent", lambda x: "<%s>" % x
    yield "format", lambda x: "<{0}>".format(x)
    yield "before", lambda x: "/?c=" + x
    yield "after", lambda x: x + "&d"
    yield "json", lambda x: json.loads(json.dumps({"v": x}))["v"]
    yield "json in a list", lambda x: json.loads(json.dumps([x]))[0]
    yield "key", lambda x: {x: 1}
    yield "set", lambda x: len(set([x, "%s" % x]))
    yield "less", lambda x: [x < "zzzzzz", x > "zzzzzz", "zzzzzz" < x]
    yield "startswith", lambda x: [x.startswith(("%s" % x)[:3]), x.startswith("?!")]
    yield "split", lambda x: x.split("=")[0]
    yield "replace", lambda x: x.replace("a", "-")
    yield "find", lambda x: [x.find("A"), x.count("A"), "A" in x]
    yield "case", lambda x: x.upper()
    yield "strip", lambda x: x.strip("=").rstrip("\n")
    yield "quote", quote
    yield "urlencode", lambda x: urlencode([("k", x)])
    yield "decode", lambda x: x.decode("utf-8") if hasattr(x, "decode") else x
    yield "truth", bool
    if IS_27:
        yield "join", lambda x: ",".join([x, "a"])
        yield "join by", lambda x: x.join(["a", "b"])
        yield "type", lambda x: isinstance(x, basestring)  # noqa: F821
        yield "str", lambda x: str(x)
        yield "slice", lambda x: x[1:3] + x[:1]
        yield "in text", lambda x: x in ("a%sb" % x)
        yield "repr", lambda x: repr(x).lstrip("u")


BY_PLACE = frozenset(["find", "case", "slice", "repr"])


class Shower(object):
    """What the programs show their values with."""

    def __init__(self):
        self.lines = []

    def show(self, *values):
        """Write values as text."""
        self.lines.append(shown(values[0] if len(values) == 1 else values))

    def show27(self, function):
        """Write what a function returns, in Python 2.7 alone."""
        if IS_27:
            self.lines.append({"27": shown(function())})

    def value(self, value, but=()):
        """Write a string's text, and what does not work with it as with text."""
        self.lines.append(shown(value))
        self.token(value, but)

    def token(self, value, but=()):
        """Write what does not work with a string as with its text.

        Args:
            value: the string.
            but: names of operations to leave out.
        """
        text = "%s" % (value,)
        wrong = []
        # Text has characters where 2.7's str has bytes.
        is_ascii = len(shown(value)) == len(shown(value).encode("utf-8"))
        for name, operation in operations():
            if name in but or (name in BY_PLACE and not is_ascii):
                continue
            expected = operation(text)
            try:
                seen = operation(value)
            except Exception as error:
                wrong.append("%s: %s %s" % (name, type(error).__name__, error))
                continue
            if seen != expected:
                wrong.append("%s: %r" % (name, seen))
        if not (value == text and text == value) or value != text:
            wrong.append("equal")
        self.lines.append(wrong)


def prepare(sdk):
    """Make Google's original SDK importable."""
    sys.path.insert(0, sdk)
    import dev_appserver

    dev_appserver.fix_sys_path()
    for name in ("webapp2-2.5.2", "webob-1.1.1"):
        sys.path.insert(0, os.path.join(sdk, "lib", name))


def environment():
    """Return what programs begin with, and the testbed behind it."""
    from google.appengine.api import apiproxy_stub
    from google.appengine.datastore import datastore_stub_util
    from google.appengine.ext import testbed
    import webapp2

    class Web(apiproxy_stub.APIProxyStub):
        """A net of one page."""

        def _Dynamic_Fetch(self, request, response):
            page = b"a=1\nb\xc3\xa9=2\n"
            try:
                response.set_content(page)
                response.set_statuscode(200)
                header = response.add_header()
                header.set_key("X-Kind")
                header.set_value("plain")
            except AttributeError:
                response.Content = page
                response.StatusCode = 200
                response.header.add(Key="X-Kind", Value="plain")

    bed = testbed.Testbed()
    bed.setup_env(
        app_id="rows", overwrite=True, user_email="ann@example.com", user_id="7"
    )
    bed.activate()
    policy = datastore_stub_util.PseudoRandomHRConsistencyPolicy(probability=1)
    bed.init_datastore_v3_stub(consistency_policy=policy)
    bed.init_memcache_stub()
    bed.init_taskqueue_stub(root_path=HERE)
    bed.init_mail_stub()
    bed.init_user_stub()
    bed.init_search_stub()
    bed.init_blobstore_stub()
    bed.init_app_identity_stub()
    bed.init_channel_stub()
    bed.init_capability_stub()
    bed._register_stub("urlfetch", Web("urlfetch"))

    def from_body(text):
        """Return text as a request's body gives it."""
        request = webapp2.Request.blank("/")
        request.body = text.encode("utf-8")
        return request.body

    names = {"bed": bed, "from_body": from_body, "webapp2": webapp2, "IS_27": IS_27}
    return bed, names


def rows():
    """Yield each program's name and source."""
    for file in sorted(os.listdir(HERE)):
        if not file.endswith(".rows"):
            continue
        with io.open(os.path.join(HERE, file), encoding="utf-8") as lines:
            text = lines.read()
        for block in text.split("\n### ")[1:]:
            name, _, source = block.partition("\n")
            yield "%s: %s" % (file[:-5], name), source


def main(results, sdk=None):
    """Run every program and write what they show."""
    if sdk:
        prepare(sdk)
    seen = {}
    for name, source in rows():
        bed, names = environment()
        shower = Shower()
        names.update(show=shower.show, show27=shower.show27, value=shower.value, token=shower.token)
        code = u"# -*- coding: utf-8 -*-\n" + source
        try:
            exec(compile(code.encode("utf-8"), "<%s>" % name, "exec"), names)
        except Exception as error:
            shower.lines.append("%s: %s" % (type(error).__name__, error))
        finally:
            bed.deactivate()
        seen[name] = shower.lines
    with io.open(results, "wb") as file:
        text = json.dumps(seen, indent=0, sort_keys=True, separators=(",", ": "))
        file.write((text + "\n").encode("utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:])
