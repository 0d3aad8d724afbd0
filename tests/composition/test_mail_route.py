"""How mail leaves, of what the settings say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channelshim.composition.plan import make_plan
from channelshim.composition.policy import mail_route
from channelshim.composition.reading import empty_app
from channelshim.composition.setting_values import read_settings
from channelshim.contracts.mails import MailRoute, SendmailRoute, SmtpRoute
from channelshim.errors import ConfigurationError


def route(**arguments: Any) -> MailRoute | None:
    return mail_route(read_settings(arguments, {}))


def test_mail_is_kept_until_a_setting_names_a_server() -> None:
    assert route() is None
    assert route(smtp_port=25, smtp_user="app") is None
    assert route(smtp_host="mail.example") == SmtpRoute("mail.example", 25)
    assert str(route(smtp_host=" ::1 ", smtp_port=587)) == "[::1]:587"


def test_password_comes_from_a_file_or_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("geheim und lang \n")
    login = {"smtp_host": "mail.example", "smtp_user": "app"}
    wanted = SmtpRoute("mail.example", 25, "app", "geheim und lang", "tls")
    assert route(**login, smtp_password_file=path, smtp_tls="tls") == wanted
    variables = {"CHANNELSHIM_SMTP_PASSWORD": "geheim"}
    settings = read_settings(login, variables)
    found = mail_route(settings)
    assert isinstance(found, SmtpRoute)
    assert found.password == "geheim"
    # It is nowhere that a log or a page shows.
    plan = make_plan(settings, empty_app(tmp_path))
    for shown in (settings, found, plan):
        assert "geheim" not in repr(shown) + str(shown)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"smtp_user": "app"}, "set smtp_password_file"),
        ({"smtp_password": "x"}, "set smtp_user"),
        ({"smtp_user": "app", "smtp_password_file": "{tmp}/no"}, "cannot be read"),
        ({"smtp_user": "app", "smtp_password_file": "{tmp}/empty"}, "is empty"),
        ({"smtp_user": "app", "smtp_password_file": "{tmp}/two"}, "and nothing else"),
        (
            {"smtp_user": "a", "smtp_password": "x", "smtp_password_file": "{tmp}/two"},
            "are both set: unset one",
        ),
        ({"smtp_user": "app", "smtp_password": "gehe\u00efm"}, "must be ASCII"),
        ({"smtp_tls": "maybe"}, "smtp_tls must be auto, starttls, tls or no"),
        ({"smtp_port": 0}, "smtp_port must be from 1 to 65,535"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, arguments: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("one\ntwo\n")
    filled = {
        name: value.format(tmp=tmp_path) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    with pytest.raises(ConfigurationError) as raised:
        route(smtp_host="mail.example", **filled)
    assert sentence in str(raised.value)


def test_sendmail_is_found_or_its_lack_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = "channelshim.composition.policy._SENDMAIL_FOLDERS"
    monkeypatch.setattr(name, (str(tmp_path),))
    monkeypatch.setenv("PATH", "/nowhere")
    assert route(enable_sendmail=True) is None
    assert "no program sendmail" in caplog.text
    program = tmp_path / "sendmail"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert route(enable_sendmail=True) == SendmailRoute(str(program))
    # As in the old server.
    both = route(enable_sendmail=True, smtp_host="mail.example")
    assert isinstance(both, SmtpRoute)
