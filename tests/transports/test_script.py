"""The script of the pages, in two copies."""

from channelshim.transports.script import jsapi


def test_script_is_javascript_that_browsers_ask_for_anew() -> None:
    headers = dict(jsapi().headers)

    assert headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"


def test_server_without_websockets_says_so_and_nothing_else_differs() -> None:
    with_sockets, without = jsapi().body, jsapi(has_sockets=False).body

    assert without != with_sockets
    assert without.replace(b"SOCKETS = false;", b"SOCKETS = true;") == with_sockets
