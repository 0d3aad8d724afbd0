"""The login by a proxy's header: believed from trusted proxies and nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from channelshim.appserver.application import AppServer
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.hosts import HostRule
from channelshim.appserver.login import proxy_header
from channelshim.appserver.login.addresses import Admins
from channelshim.appserver.login.assertions import Verifier
from channelshim.appserver.login.keys import keys_in
from channelshim.appserver.login.proxy_header import ProxyHeaderLogin, ProxyPages
from channelshim.appserver.proxies import parse_networks
from channelshim.contracts.identity import user_id_of
from channelshim.errors import ConfigurationError
from channelshim.runtime.variables import Application
from tests.appserver.signing import Signing

PROXY = "10.0.0.1"
PROXIES = parse_networks([PROXY])
NOW = 1_700_000_000.0


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("USER_EMAIL", "USER_ID", "USER_IS_ADMIN")
    return [" ".join(os.environ[name] for name in names).encode()]


def client(
    peer: str = PROXY, header: str = "X-Forwarded-Email", **options: Any
) -> TestApp:
    login = ProxyHeaderLogin(header, PROXIES, Admins(["Boss@Example.com"]), **options)
    exposure = Exposure(hosts=HostRule(frozenset({"*"})), trusted_proxies=PROXIES)
    server = AppServer(
        None, None, Application("t"), login, wsgi_app=app, exposure=exposure
    )
    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": "chat.example.com"}
    return TestApp(server, extra_environ=environ)


def who(client: TestApp, **headers: str) -> str:
    """Return the email that the app sees."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    text = client.get("/", headers=sent).text
    return str(text).partition(" ")[0]


@pytest.mark.parametrize("header", ["X-Forwarded-Email", "Remote-User", "X-My-User"])
def test_trusted_proxy_says_who_it_is(header: str) -> None:
    key = header.replace("-", "_")
    seen = client(header=header).get("/", headers={header: "Ann@example.com"}).text
    assert seen == f"Ann@example.com {user_id_of('ann@example.com')} 0"
    assert who(client(header=header), **{key: "ann@example.com"}) == "ann@example.com"
    # Behind another hop too, whose address is the client's then.
    sent = {key: "ann@example.com", "X_Forwarded_For": "203.0.113.9"}
    assert who(client(header=header), **sent) == "ann@example.com"


@pytest.mark.parametrize("peer", ["203.0.113.5", "127.0.0.1", "::1", "10.0.0.2", ""])
@pytest.mark.parametrize("header", ["X-Forwarded-Email", "Remote-User"])
def test_nobody_else_can_say_it(peer: str, header: str) -> None:
    key = header.replace("-", "_")
    stranger = client(peer, header=header)
    assert who(stranger, **{key: "boss@example.com"}) == ""
    # Nor by pretending to come from the proxy.
    for forwarded in (PROXY, f"{PROXY}, {PROXY}"):
        sent = {key: "boss@example.com", "X_Forwarded_For": forwarded}
        assert who(stranger, **sent) == ""


@pytest.mark.parametrize("email", ["boss@example.com", "BOSS@EXAMPLE.COM"])
def test_administrators_are_those_that_are_named(email: str) -> None:
    seen = client().get("/", headers={"X-Forwarded-Email": email}).text
    assert seen.endswith(" 1")
    others = client().get("/", headers={"X-Forwarded-Email": f"x{email}"}).text
    assert others.endswith(" 0")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "ann",
        "@example.com",
        "ann@",
        "a@b@c",
        # The visitor's header and the proxy's, joined.
        "boss@example.com,eve@example.com",
        "boss@example.com, eve@example.com",
        "boss@example.com:True",
        "boss@example.com;x",
        "<boss@example.com>",
        '"boss"@example.com',
        "bo ss@example.com",
        f"{'a' * 250}@b.example",
        # Too many bytes for a cookie.
        f"{chr(0xE4) * 130}@b.example".encode().decode("latin-1"),
        # Letters that become ASCII without case: k and s.
        "\u212aim@example.com".encode().decode("latin-1"),
        "bo\u017fs@example.com".encode().decode("latin-1"),
        "bo\u017f\u017f@example.com".encode().decode("latin-1"),
        "\xff@example.com",
        "boss@example.com\u00a0".encode().decode("latin-1"),
    ],
)
def test_what_is_no_address_is_nobody(value: str) -> None:
    environ = {"HTTP_X_FORWARDED_EMAIL": value}
    seen = client().get("/", extra_environ=environ).text
    assert seen.partition(" ")[0] == ""


def test_googles_prefix_is_taken_off() -> None:
    header = "X-Goog-Authenticated-User-Email"
    asked = {header: "accounts.google.com:ann@example.com"}
    seen = client(header=header).get("/", headers=asked).text
    assert seen.startswith("ann@example.com ")


def test_name_without_a_domain_gets_the_one_that_is_set() -> None:
    named = client(header="Remote-User", domain="example.com")
    assert who(named, Remote_User="ann") == "ann@example.com"
    assert who(named, Remote_User="ann@other.example") == "ann@other.example"
    assert who(client(header="Remote-User"), Remote_User="ann") == ""
    for blank in ("\u2003", "\u00a0", "\u3000", "\x85"):
        name = f"ann{blank}".encode().decode("latin-1")
        assert who(named, Remote_User=name) == ""


def test_app_never_sees_a_forwarded_header() -> None:
    seen: list[str] = []

    def look(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.extend(key for key in environ if "FORWARDED" in key)
        return app(environ, start_response)

    login = ProxyHeaderLogin("X-Forwarded-Email", PROXIES, Admins([]))
    server = AppServer(
        None,
        None,
        Application("t"),
        login,
        wsgi_app=look,
        exposure=Exposure(hosts=HostRule(frozenset({"*"})), trusted_proxies=PROXIES),
    )
    asked = {"REMOTE_ADDR": PROXY, "HTTP_HOST": "x.example"}
    TestApp(server, extra_environ=asked).get(
        "/", headers={"X-Forwarded-Email": "ann@example.com"}
    )
    assert seen == []


# --- The pages ------------------------------------------------------------------------


def test_login_page_goes_on_for_who_is_logged_in() -> None:
    known = {"X-Forwarded-Email": "ann@example.com"}
    path = "/_ah/login?continue=http%3A//chat.example.com/a%3Fb%3Dc"
    answer = client().get(path, headers=known, status=303)
    assert answer.headers["Location"] == "http://chat.example.com/a?b=c"
    for elsewhere in ("http://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = client().get(
            "/_ah/login", {"continue": elsewhere}, headers=known, status=200
        )
        assert "logged in as ann@example.com" in answer.text


def test_login_page_leads_to_the_proxys() -> None:
    pages = ProxyPages("/oauth2/start?rd={url}", "/oauth2/sign_out?rd={url}")
    proxied = client(pages=pages)
    answer = proxied.get("/_ah/login?continue=/a%3Fb", status=303)
    wanted = "/oauth2/start?rd=http%3A%2F%2Fchat.example.com%2Fa%3Fb"
    assert answer.headers["Location"].endswith(wanted)
    answer = proxied.get(
        "/_ah/logout?continue=/",
        headers={"X-Forwarded-Email": "ann@example.com"},
        status=303,
    )
    wanted = "/oauth2/sign_out?rd=http%3A%2F%2Fchat.example.com%2F"
    assert answer.headers["Location"].endswith(wanted)


def test_without_a_page_of_the_proxy_a_sentence_says_what_is_wrong() -> None:
    assert "has not said who you are" in client().get("/_ah/login", status=403).text
    known = {"X-Forwarded-Email": "ann@example.com"}
    assert "Log out there" in client().get("/_ah/logout", headers=known).text


# --- Signed assertions ----------------------------------------------------------------


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    made = Signing()
    made.write(tmp_path / "keys.json")
    return made


def asserting(tmp_path: Path, **options: Any) -> TestApp:
    verifier = Verifier(
        keys_in(tmp_path / "keys.json"),
        "this app",
        options.pop("issuer", ""),
        lambda: NOW,
    )
    return client(assertion_header="X-Assertion", assertions=verifier, **options)


def claims(**changed: Any) -> dict[str, Any]:
    full = {
        "email": "ann@example.com",
        "aud": "this app",
        "iss": "https://issuer.example",
        "iat": NOW - 10,
        "exp": NOW + 600,
        **changed,
    }
    return {name: value for name, value in full.items() if value is not None}


def test_assertion_says_who_it_is_and_the_header_nothing(
    tmp_path: Path, signing: Signing
) -> None:
    asked = asserting(tmp_path, issuer="https://issuer.example")
    token = signing.sign(claims())
    sent = {"X_Assertion": token, "X_Forwarded_Email": "boss@example.com"}
    assert who(asked, **sent) == "ann@example.com"
    assert who(asked, X_Forwarded_Email="boss@example.com") == ""
    several = signing.sign(claims(aud=["another", "this app"]))
    assert who(asked, X_Assertion=several) == "ann@example.com"


def test_assertion_counts_from_the_proxy_alone(
    tmp_path: Path, signing: Signing
) -> None:
    asked = asserting(tmp_path, peer="203.0.113.5")
    assert who(asked, X_Assertion=signing.sign(claims())) == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another app"},
        {"aud": None},
        {"aud": ["another app"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": NOW - 300},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": 1 << 3000},
        {"iat": NOW + 300},
        {"nbf": NOW + 300},
        {"email": None},
        {"email": 3},
        {"email": ["boss@example.com"]},
        {"email_verified": False},
        {"email_verified": "false"},
    ],
)
def test_assertion_that_does_not_fit_is_nobody(
    tmp_path: Path, signing: Signing, changed: dict[str, Any]
) -> None:
    asked = asserting(tmp_path, issuer="https://issuer.example")
    assert who(asked, X_Assertion=signing.sign(claims(**changed))) == ""


def test_name_in_an_assertion_is_not_completed(
    tmp_path: Path, signing: Signing, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asserting(tmp_path, domain="example.com")
    for email in ("ann", "accounts.google.com:ann", ""):
        assert who(asked, X_Assertion=signing.sign(claims(email=email))) == ""
    assert "an assertion of the proxy has no address: 'ann'" in caplog.text
    named = signing.sign(claims(email="accounts.google.com:ann@example.com"))
    assert who(asked, X_Assertion=named) == "ann@example.com"


def test_assertion_that_others_have_made_is_nobody(
    tmp_path: Path, signing: Signing
) -> None:
    asked = asserting(tmp_path)
    good = signing.sign(claims())
    head, body, signature = good.split(".")
    for token in (
        Signing().sign(claims()),
        signing.unsigned(claims()),
        signing.signed_with_the_public_key(claims()),
        signing.with_a_key_of_its_own(claims()),
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{Signing().sign(claims()).split('.')[1]}x.{signature}",
        "a.b.c",
        "..",
        "\xe9.b.c",
        good * 100,
    ):
        assert who(asked, X_Assertion=token) == "", token[:80]


def test_assertion_that_was_good_ends(tmp_path: Path, signing: Signing) -> None:
    now = [NOW]
    verifier = Verifier(keys_in(tmp_path / "keys.json"), "this app", "", lambda: now[0])
    asked = client(assertion_header="X-Assertion", assertions=verifier)
    token = signing.sign(claims())
    assert who(asked, X_Assertion=token) == "ann@example.com"
    now[0] += 700
    assert who(asked, X_Assertion=token) == ""


def test_assertion_that_was_good_ends_with_its_key(
    tmp_path: Path, signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asserting(tmp_path)
    token = signing.sign(claims(exp=NOW + 1e9))
    assert who(asked, X_Assertion=token) == "ann@example.com"
    # As if five minutes had gone by at each request.
    monkeypatch.setattr(proxy_header, "REMEMBER_SECONDS", 1e-9)
    assert who(asked, X_Assertion=token) == "ann@example.com"
    Signing().write(tmp_path / "newer.json")
    (tmp_path / "newer.json").replace(tmp_path / "keys.json")
    assert who(asked, X_Assertion=token) == ""


def test_trouble_is_told_once_a_minute(
    tmp_path: Path,
    signing: Signing,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = asserting(tmp_path)
    late, early = (
        signing.sign(claims(iat=NOW + skew, exp=NOW + skew + 60))
        for skew in (-300, 300)
    )
    for _ in range(3):
        assert who(asked, X_Assertion=late) == ""
    assert caplog.text.count("is this machine's clock right?") == 1
    assert "it expired 240 seconds ago" in caplog.text
    monkeypatch.setattr(proxy_header, "WARNING_SECONDS", 0)
    assert who(asked, X_Assertion=early) == ""
    assert "it is good in 300 seconds only" in caplog.text


def test_new_keys_of_a_file_are_read(tmp_path: Path, signing: Signing) -> None:
    asked = asserting(tmp_path)
    newer = Signing()
    assert who(asked, X_Assertion=newer.sign(claims())) == ""
    newer.write(tmp_path / "newer.json")
    (tmp_path / "newer.json").replace(tmp_path / "keys.json")
    assert who(asked, X_Assertion=newer.sign(claims())) == "ann@example.com"
    # Withdrawn; what was verified before is remembered until it expires.
    assert who(asked, X_Assertion=signing.sign(claims(jti="new"))) == ""


@pytest.mark.parametrize("kind", ["RSA", "EC", "OKP"])
def test_key_may_be_a_file_in_pem(tmp_path: Path, kind: str) -> None:
    signing = Signing(kind)
    (tmp_path / "key.pem").write_bytes(signing.public_pem())
    verifier = Verifier(keys_in(tmp_path / "key.pem"), "this app", "", lambda: NOW)
    asked = client(assertion_header="X-Assertion", assertions=verifier)
    assert who(asked, X_Assertion=signing.sign(claims())) == "ann@example.com"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "no public key"), ("{}", "no public key"), ("[1]", "no public key")],
)
def test_file_without_a_key_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(ConfigurationError, match=sentence):
        keys_in(tmp_path / "keys.json")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        keys_in(tmp_path / "missing.json")


def test_private_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(Signing().private_pem())
    with pytest.raises(ConfigurationError, match="write the public one"):
        keys_in(tmp_path / "key.pem")
