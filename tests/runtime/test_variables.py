"""The variables of a request, and the user id that the old server made."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelshim.contracts.identity import User, user_id_of
from channelshim.runtime.variables import (
    Application,
    platform_variables,
    request_variables,
)

APPLICATION = Application("myapp", environment={"MODE": "test"})
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "HTTP_HOST": "localhost:8080",
    "HTTP_X_OWN": "1",
    "wsgi.url_scheme": "http",
    "channelshim.key": "not for apps",
    "SERVER_PROTOCOL": "HTTP/1.1",
}


def test_a_user_is_in_the_variables() -> None:
    user = User("Ann@example.com", is_admin=True, user_id=user_id_of("Ann@example.com"))
    variables = request_variables(APPLICATION, ENVIRON, user)
    assert variables["USER_EMAIL"] == "Ann@example.com"
    assert variables["USER_ID"] == user.user_id
    assert variables["USER_IS_ADMIN"] == "1"
    assert variables["USER_NICKNAME"] == "Ann"
    assert variables["USER_ORGANIZATION"] == "example.com"


def test_nobody_is_in_them_as_nobody() -> None:
    variables = request_variables(APPLICATION, ENVIRON, None)
    assert (variables["USER_EMAIL"], variables["USER_ID"]) == ("", "")
    assert variables["USER_IS_ADMIN"] == "0"


def test_an_app_cannot_name_a_user_by_its_own_variables() -> None:
    application = Application("myapp", environment={"USER_EMAIL": "root@example.com"})
    variables = request_variables(application, ENVIRON, None)
    assert variables["USER_EMAIL"] == ""


def test_the_apps_facts_and_cgi_variables_are_there_and_no_more() -> None:
    variables = request_variables(APPLICATION, ENVIRON, None)
    assert variables["MODE"] == "test"
    assert variables["APPLICATION_ID"] == "dev~myapp"
    assert variables["REQUEST_METHOD"] == "GET"
    assert variables["HTTP_X_OWN"] == "1"
    assert variables["SERVER_SOFTWARE"].startswith("Development/")
    assert not [name for name in variables if "." in name]
    assert all(isinstance(value, str) for value in variables.values())


def test_a_request_without_host_header_has_the_servers_name() -> None:
    environ = {"SERVER_NAME": "here", "SERVER_PORT": "81"}
    variables = request_variables(APPLICATION, environ, None)
    assert variables["HTTP_HOST"] == "here:81"
    assert variables["DEFAULT_VERSION_HOSTNAME"] == "here:81"


@pytest.mark.parametrize("email", ["test@example.com", "Ann@Example.com", "é@x"])
def test_a_user_id_has_21_digits_and_no_case(email: str) -> None:
    assert re.fullmatch(r"1\d{20}", user_id_of(email))
    assert user_id_of(email) == user_id_of(email.upper().lower())


@pytest.mark.parametrize(
    ("email", "user_id"),
    [
        ("ann@example.com", "137124870312556742271"),
        ("bob@gmail.com", "112165421861692522257"),
        ("a@b.c", "193962122261281022233"),
        ("Test.User@Example.com", "116711784110907874198"),
    ],
)
def test_user_ids_are_the_old_servers(email: str, user_id: str) -> None:
    assert user_id_of(email) == user_id


@given(st.text(st.characters(max_codepoint=255), max_size=20))
def test_address_of_a_request_is_its_path_quoted(path: str) -> None:
    variables = platform_variables(Application("x"), {"PATH_INFO": path}, None)
    quoted = quote(path, safe="/~:@!$&'()*+,;=", encoding="latin-1")
    assert variables["REQUEST_URI"] == quoted


def test_each_request_has_numbers_of_its_own() -> None:
    seen = [platform_variables(Application("x"), {}, None) for _ in range(1000)]
    for name in ("REQUEST_ID_HASH", "REQUEST_LOG_ID"):
        assert len({variables[name] for variables in seen}) == 1000
    assert all(re.fullmatch(r"[0-9A-F]{8}", v["REQUEST_ID_HASH"]) for v in seen)
    assert all(re.fullmatch(r"[0-9a-f]{32}", v["REQUEST_LOG_ID"]) for v in seen)


def test_runtimes_of_python_3_have_their_own_names() -> None:
    application = Application("x", "web", "v1", runtime="python312", instance_id="i")
    variables = platform_variables(application, {}, None)
    assert variables["GAE_APPLICATION"] == "dev~x"
    assert (variables["GAE_SERVICE"], variables["GAE_VERSION"]) == ("web", "v1")
    assert "GAE_SERVICE" not in platform_variables(Application("x"), {}, None)
