"""The requests that both servers are sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.original.exchanges import Case, request

PUBLIC = {
    "a.txt": b"0123456789",
    "page.html": b"<p>page</p>",
    "style.css": b"p {}",
    "code.js": b"1",
    "data.json": b"{}",
    "data.xml": b"<a/>",
    "image.png": b"\x89PNG",
    "image.gif": b"GIF89a",
    "image.jpg": b"\xff\xd8",
    "icon.ico": b"\0\0",
    "drawing.svg": b"<svg/>",
    "drawing.svgz": b"\x1f\x8bsvgz",
    "paper.pdf": b"%PDF",
    "archive.zip": b"PK",
    "archive.tar.gz": b"\x1f\x8btar",
    "archive.tgz": b"\x1f\x8btgz",
    "notes.txt.gz": b"\x1f\x8btxt",
    "notes.txt.bz2": b"BZh",
    "font.woff": b"wOFF",
    "sound.mp3": b"ID3",
    "film.mp4": b"mp4",
    "page.xhtml": b"<html/>",
    "script.py": b"pass",
    "README": b"read me",
    "odd.unknown": b"odd",
    "UPPER.TXT": b"upper",
    "empty.txt": b"",
    "with space.txt": b"space",
    "per%cent.txt": b"percent",
    "plus+sign.txt": b"plus",
    "sub/deep.txt": b"deep",
    "compiled.pyc": b"compiled",
    "backup.txt~": b"backup",
    ".hidden": b"hidden",
    "big.bin": bytes(range(256)) * 300,
}
"""Files that the app `files` serves."""


def write_public(folder: Path) -> None:
    """Write the files, all of one age."""
    for name, content in PUBLIC.items():
        path = folder / "public" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def all_cases() -> list[Case]:
    """Return every case; their names are distinct."""
    return [
        *_files(),
        *_ranges_and_conditions(),
        *_handlers(),
        *_pages(),
        *_forms(),
        *_plain(),
        *_scripts(),
        *_raw(),
    ]


def _files() -> Iterator[Case]:
    for name in PUBLIC:
        path = f"/dir/{quote(name)}"
        yield request("files", f"file {name}", path)
        yield request("files", f"file HEAD {name}", path, method="HEAD")
    for prefix in ("once", "short", "never", "typed", "headed"):
        for name in ("a.txt", "image.png", "archive.tar.gz", "none.txt"):
            path = f"/{prefix}" if prefix == "once" else f"/{prefix}/{name}"
            yield request("files", f"file {prefix} {name}", path)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        yield request("files", f"file {method}", "/dir/a.txt", method=method, body=b"")
        path = "/dir/none.txt"
        yield request("files", f"file {method} none", path, method=method, body=b"")
    for path in (
        *("/dir", "/dir/", "/dir/sub", "/dir/sub/", "/dir//a.txt", "/dir/./a.txt"),
        *("/dir/sub/../a.txt", "/dir/../app.yaml", "/dir/%2e%2e/app.yaml"),
        *("/dir/..%2fapp.yaml", "/dir/a.txt/", "/dir/a.txt?x=1", "/dir/A.txt"),
        *("/dir/a%2etxt", "/dir/a.txt%00", "/dir/%ff", "/dir/a.txt;x", "/dirx/a.txt"),
        *("/none", "/", "//dir/a.txt", "/dir/a.txt.", "/dir/a.txt%20", "/onceX"),
        *("/pictures/image.gif", "/pictures/image.png", "/pictures/image.jpg"),
        *("/pictures/none.gif", "/pictures/../image.gif", "/maybe/a.txt"),
        *("/maybe/none.txt", "/maybe/", "/maybe/sub/deep.txt", "/maybe/sub"),
    ):
        yield request("files", f"file path {path}", path)


def _ranges_and_conditions() -> Iterator[Case]:
    for asked in (
        *("bytes=0-3", "bytes=4-", "bytes=-3", "bytes=-99", "bytes=8-99", "bytes=10-"),
        *("bytes=-0", "bytes=3-1", "bytes=0-1,4-5", "lines=0-1", "bytes=x", "bytes=-"),
        *("bytes=0-0", "bytes= 1-2", "BYTES=1-2"),
    ):
        for path in ("/dir/a.txt", "/dir/empty.txt"):
            yield request("files", f"range {asked} {path}", path, f"Range: {asked}")
    for header, value in (
        ("If-None-Match", "*"),
        ("If-None-Match", '"other"'),
        ("If-None-Match", 'W/"other"'),
        ("If-None-Match", '"a", "b"'),
        ("If-Match", "*"),
        ("If-Match", '"other"'),
        ("If-Match", '"a", "b"'),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT; length=10"),
        ("If-Modified-Since", "nonsense"),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("If-Unmodified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Range", '"other"'),
        ("If-Range", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("Accept-Encoding", "gzip"),
        ("Accept", "image/png"),
        ("Cache-Control", "no-cache"),
        ("Cache-Control", "max-age=0"),
        ("Expect", "100-other"),
    ):
        line = f"{header}: {value}"
        more = ["Range: bytes=0-3"] if header == "If-Range" else []
        yield request("files", f"condition {line}", "/dir/a.txt", line, *more)
        yield request(
            "files", f"condition HEAD {line}", "/dir/a.txt", line, *more, method="HEAD"
        )
        yield request("pages", f"condition of an app {line}", "/out/etag", line)


ANN = "Cookie: dev_appserver_login=ann@example.com:False:1"
"""As scripts wrote it for the original."""


def _handlers() -> Iterator[Case]:
    for prefix in ("member", "admin", "refused", "secure"):
        for app, path in (("files", f"/{prefix}/a.txt"), ("pages", f"/{prefix}/x?a=b")):
            yield request(app, f"login {app} {prefix}", path)
            yield request(app, f"login {app} {prefix} HEAD", path, method="HEAD")
            yield request(
                app, f"login {app} {prefix} POST", path, method="POST", body=b""
            )
            yield request(app, f"login {app} {prefix} forged", path, ANN)
    login = "/_ah/login?email=ann@example.com&action=Login"
    for path in (
        *("/_ah/login", "/_ah/logout", "/_ah/login?continue=/here", login),
        *(f"{login}&continue=http://localhost:8080/", f"{login}&admin=True"),
        *("/_ah/login?action=Logout", "/_ah/logout?continue=/", "/_ah/loginx"),
        *("/_ah/warmup", "/_ah/start", "/_ah/stop", "/_ah/none", "/_ah", "/_ah/"),
        *("/_ah/queue/deferred", "/_ah/channel/jsapi/", "/_ah/channel/none"),
        *("/_ah/channel/connected/", "/_ah/channel/disconnected/", "/_ah/mail/a@b"),
        *("/_ah/img/none", "/_ah/upload/none", "/_ah/blobkey/none", "/_ah/stats"),
        *("/_ah/remote_api", "/_ah/admin", "/_ah/xmpp/message/chat/", "/_ah/health"),
        *("/_ah/background", "/_ah/bounce", "/_ah/api/x", "/_ah/spi/x", "/_ah/gcs/x"),
    ):
        yield request("pages", f"platform {path}", path)
        yield request("pages", f"platform POST {path}", path, method="POST", body=b"")


def _pages() -> Iterator[Case]:
    for code in (
        *(200, 201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303, 304, 305),
        *(307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 411, 412, 413, 415, 416),
        *(417, 418, 422, 423, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505),
        *(511, 599, 100, 101, 199, 777, 999, 99, 1000),
    ):
        yield request("pages", f"status {code}", f"/status/{code}")
    for code in (200, 204, 304, 404, 500):
        yield request("pages", f"status HEAD {code}", f"/status/{code}", method="HEAD")
    for name, value in (
        ("X-Own", "own"),
        ("X-Own", "a%0d%0aX-Evil: b".replace(" ", "%20")),
        ("X-Own", "a%0aX-Evil:b"),
        ("X-Own", "a%00b"),
        ("X%20Own", "a"),
        ("X:Own", "a"),
        ("Content-Length", "3"),
        ("Content-Length", "x"),
        ("Content-Type", "text/x-own"),
        ("Content-Type", "application/json"),
        ("Content-Type", ""),
        ("Content-Encoding", "identity"),
        ("Content-Encoding", "gzip"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "x"),
        ("Trailer", "x"),
        ("Server", "own"),
        ("Date", "Mon,%2001%20Jan%202001%2000:00:00%20GMT"),
        ("Set-Cookie", "a=b"),
        ("Vary", "Cookie"),
        ("Location", "/x"),
        ("Expires", "Mon,%2001%20Jan%202001%2000:00:00%20GMT"),
        ("Cache-Control", "public"),
        ("Cache-Control", "max-age=60"),
        ("X-AppEngine-Own", "a"),
        ("X-Google-Own", "a"),
        ("X-AppEngine-BlobKey", "none"),
    ):
        yield request(
            "pages", f"header {name}={value}", f"/header?name={name}&value={value}"
        )
    for cache in (
        *("public", "public,%20max-age=60", "private", "no-cache", "no-store"),
        *("max-age=60", "must-revalidate", "PUBLIC", "s-maxage=10", ""),
    ):
        yield request("pages", f"cookie {cache}", f"/cookie?cache={cache}")
        expires = "Fri,%2001%20Jan%202100%2000:00:00%20GMT"
        path = f"/cookie?cache={cache}&expires={expires}"
        yield request("pages", f"cookie and Expires {cache}", path)
    for to in ("/x", "x", "//h/x", "http://h/x", "?a=b", "%23f", "/%C3%A9", ""):
        yield request("pages", f"redirect {to}", f"/redirect?to={to}")
    for kind in (
        *("text", "bytes", "json", "latin", "large", "gzip", "etag", "twice", "cached"),
    ):
        yield request("pages", f"out {kind}", f"/out/{kind}")
        yield request("pages", f"out HEAD {kind}", f"/out/{kind}", method="HEAD")
        gzip = "Accept-Encoding: gzip"
        yield request("pages", f"out with gzip {kind}", f"/out/{kind}", gzip)
    for kind in ("value", "exit", "abort", "late"):
        yield request("pages", f"raise {kind}", f"/raise/{kind}")
        yield request("pages", f"raise HEAD {kind}", f"/raise/{kind}", method="HEAD")
    for names in (
        *("REQUEST_METHOD", "QUERY_STRING", "PATH_INFO", "SCRIPT_NAME", "SERVER_NAME"),
        *("SERVER_PROTOCOL", "SERVER_PORT", "REMOTE_ADDR", "HTTP_HOST", "HTTPS"),
        *("REQUEST_SCHEME", "APPLICATION_ID", "CURRENT_VERSION_ID", "AUTH_DOMAIN"),
        *("CURRENT_MODULE_ID", "DEFAULT_VERSION_HOSTNAME", "USER_EMAIL", "USER_ID"),
        *("USER_IS_ADMIN", "USER_NICKNAME", "USER_ORGANIZATION", "SERVER_SOFTWARE"),
        *("INSTANCE_ID", "REQUEST_ID_HASH", "REQUEST_LOG_ID", "DATACENTER", "TZ"),
        *("CONTENT_LENGTH", "CONTENT_TYPE", "PATH_TRANSLATED", "REQUEST_URI"),
        *("HTTP_X_OWN", "HTTP_X_APPENGINE_COUNTRY", "GATEWAY_INTERFACE"),
    ):
        yield request("pages", f"environ {names}", f"/environ?names={names}")
    for line in (
        *("X-Own: a", "X-Own:a", "X-Own:   a   ", "X-Own:", "x-own: a", "X_Own: a"),
        *("X-Own: a\r\nX-Own: b", "X-Own: a\r\n b", "X-Own: \xe9", "Cookie: a=b"),
        *("Cookie: a=b\r\nCookie: c=d", "X-Forwarded-For: 192.0.2.1", "Proxy: x"),
        *("X-AppEngine-Country: XX", "X-AppEngine-User-Email: a@b", "Accept: */*"),
        *("Authorization: Basic eDp5", "Referer: http://x/", "User-Agent: own"),
        *("Content-Type: text/plain", "Content-MD5: x", "Range: bytes=0-1"),
        *("If-None-Match: *", "Accept-Encoding: gzip", "Expect: 100-continue"),
        *("X-AppEngine-Cron: true", "X-AppEngine-QueueName: q", "Via: 1.1 x"),
    ):
        name = line.partition(":")[0]
        path = f"/sent?names={name},X-Own,Cookie,Host"
        yield request("pages", f"sent {line!r}", path, line)


FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"


def _part(head: bytes, content: bytes) -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def _forms() -> Iterator[Case]:
    named = b'Content-Disposition: form-data; name="a"'
    file = named + b'; filename="f.txt"\r\nContent-Type: text/plain'
    end = b"--b--\r\n"
    for name, kind, body in (
        ("plain", FORM, b"a=1&b=2"),
        ("repeated", FORM, b"a=1&a=2"),
        ("semicolon", FORM, b"a=1;b=2"),
        ("encoded", FORM, b"a=%C3%A9+x"),
        ("raw bytes", FORM, b"a=\xc3\xa9"),
        ("no value", FORM, b"a&b="),
        ("empty", FORM, b""),
        ("charset utf-8", f"{FORM}; charset=utf-8", b"a=%C3%A9"),
        ("charset latin1", f"{FORM}; charset=iso-8859-1", b"a=%E9"),
        ("no type", "X-None: 1", b"a=1"),
        ("json", "Content-Type: application/json", b'{"a": 1}'),
        ("text", "Content-Type: text/plain", b"a=1"),
        ("bytes", "Content-Type: application/octet-stream", b"\0\xff"),
        ("multipart", MULTIPART, _part(named, b"1") + end),
        ("multipart twice", MULTIPART, _part(named, b"1") * 2 + end),
        ("multipart file", MULTIPART, _part(file, b"content") + end),
        ("multipart not ended", MULTIPART, _part(named, b"1")),
        ("multipart empty", MULTIPART, end),
        ("multipart no boundary", "Content-Type: multipart/form-data", b"--b--\r\n"),
        ("multipart preamble", MULTIPART, b"pre\r\n" + _part(named, b"1") + end),
    ):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            yield request(
                "pages",
                f"form {method} {name}",
                "/echo?q=0",
                kind,
                method=method,
                body=body,
            )
        yield request(
            "pages", f"raw POST {name}", "/raw", kind, method="POST", body=body
        )
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        yield request("pages", f"method {method}", "/echo?a=1", method=method)
        yield request(
            "pages",
            f"method {method} with a body",
            "/echo",
            FORM,
            method=method,
            body=b"a=1",
        )
    for method in ("TRACE", "CONNECT", "PROPFIND", "FOO", "get", "LOCK", "REPORT"):
        yield request("pages", f"method {method}", "/echo", method=method)
    for query in (
        *(
            "?",
            "?a",
            "?a=",
            "?a=1&a=2",
            "?a=1;b=2",
            "?a=%C3%A9",
            "?a=%E9",
            "?a=%",
            "?&&",
        ),
        *("?a=1?b=2", "?a=+b", "?a=%00", "?" + "a" * 2000, "?%61=1"),
    ):
        yield request("pages", f"query {query[:20]}", f"/echo{query}")
    for path in (
        *("/a%20b", "/%C3%A9", "/%E9", "/%2F", "/a//b", "/a/./b", "/a/../b", "/%41"),
        *("/a;b=c", "/a+b", "/a:b", "/a@b", "/~a", "/a%25b", "/a%0ab", "/*", "/a,b"),
        *("/%00", "/%zz", "/%", '/"', "/<a>", "/{a}", "/a|b", "/a\\b", "/[a]", "/a^b"),
    ):
        yield request("pages", f"path {path}", path)


def _plain() -> Iterator[Case]:
    for name in (
        *("list", "str", "empty", "generator", "closing", "write", "late", "never"),
        *("twice", "midraise", "raise", "notype", "none", "keys", "path"),
        *("length-10", "length-5", "length-20", "length-x", "length--1"),
        *("stream-10", "stream-5", "stream-20"),
        *("status-200_OK", "status-200", "status-200_", "status-204_None"),
        *("status-205_Reset", "status-304_Same", "status-100_Continue"),
        *("status-404_Own_phrase", "status-777_Odd", "status-20_Short", "status-OK"),
        *("header-newline", "header-nul", "header-name", "header-hop", "header-space"),
        *("header-empty", "header-server", "header-chunked", "header-platform"),
        "header-case",
    ):
        yield request("plain", f"plain {name}", f"/{name}")
        yield request("plain", f"plain HEAD {name}", f"/{name}", method="HEAD")
        yield request("plain", f"plain 1.0 {name}", f"/{name}", version="1.0")
    for body in (b"", b"a", b"a" * 100_000):
        yield request(
            "plain", f"plain body {len(body)}", "/body", method="POST", body=body
        )


def _scripts() -> Iterator[Case]:
    for name in (
        *("hello", "main", "form", "status", "location", "bare", "broken", "exit"),
        *("variables", "silent", "twice", "missing", "named/hello", "named/none"),
        *("named/../hello", "named/sub/x", "hello/more", "member/x", "none"),
    ):
        path = f"/{name}?q=1"
        yield request("scripts", f"script {name}", path, "X-Own: own")
        yield request("scripts", f"script HEAD {name}", path, method="HEAD")
        yield request(
            "scripts", f"script POST {name}", path, FORM, method="POST", body=b"a=1&b=2"
        )


def _raw() -> Iterator[Case]:
    close = b"Connection: close\r\n"
    host = b"Host: localhost:{port}\r\n"
    get = b"GET /echo?a=1 HTTP/1.1\r\n"
    post = b"POST /echo HTTP/1.1\r\n" + host + close + FORM.encode() + b"\r\n"
    chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
    for name, sent in (
        ("1.0 without Host", b"GET /echo HTTP/1.0\r\n\r\n"),
        ("1.1 without Host", get + close + b"\r\n"),
        ("two Hosts", get + host + host + close + b"\r\n"),
        ("another Host", get + b"Host: other.example\r\n" + close + b"\r\n"),
        ("Host in capitals", get + b"HOST: LOCALHOST:{port}\r\n" + close + b"\r\n"),
        (
            "absolute",
            b"GET http://localhost:{port}/echo HTTP/1.1\r\n" + host + close + b"\r\n",
        ),
        ("fragment", b"GET /echo#f HTTP/1.1\r\n" + host + close + b"\r\n"),
        (
            "not ASCII",
            b"GET /\xc3\xa9?a=\xc3\xa9 HTTP/1.1\r\n" + host + close + b"\r\n",
        ),
        ("not UTF-8", b"GET /\xe9 HTTP/1.1\r\n" + host + close + b"\r\n"),
        ("star", b"OPTIONS * HTTP/1.1\r\n" + host + close + b"\r\n"),
        ("no path", b"GET  HTTP/1.1\r\n" + host + close + b"\r\n"),
        ("relative", b"GET echo HTTP/1.1\r\n" + host + close + b"\r\n"),
        ("bare LF", b"GET /echo HTTP/1.1\n" + host + close + b"\n"),
        ("leading CRLF", b"\r\n" + get + host + close + b"\r\n"),
        ("2.0", b"GET /echo HTTP/2.0\r\n" + host + close + b"\r\n"),
        ("0.9", b"GET /echo\r\n\r\n"),
        ("no colon", get + host + close + b"Nonsense\r\n\r\n"),
        ("space before colon", get + host + close + b"X-Own : a\r\n\r\n"),
        ("long header", get + host + close + b"X-Own: " + b"a" * 9000 + b"\r\n\r\n"),
        (
            "long path",
            b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + close + b"\r\n",
        ),
        ("two lengths", post + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=1&"),
        ("length of text", post + b"Content-Length: x\r\n\r\na=1"),
        ("negative length", post + b"Content-Length: -1\r\n\r\na=1"),
        ("no length", post + b"\r\n"),
        ("chunked", chunked + b"3\r\na=1\r\n0\r\n\r\n"),
        ("chunked twice", chunked + b"1\r\na\r\n2\r\n=1\r\n0\r\n\r\n"),
        (
            "chunked and length",
            post
            + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"3\r\na=1\r\n0\r\n\r\n",
        ),
        ("chunk of nonsense", chunked + b"x\r\na=1\r\n0\r\n\r\n"),
        ("gzip, chunked", post + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("expect", post + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\na=1"),
        ("garbage", b"\x16\x03\x01\x02\x00\r\n\r\n"),
    ):
        yield Case(f"raw {name}", "pages", sent, ends=name in ("0.9", "garbage"))
