"""What the files are written from: names, options, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from channelshim.deploy.deployment import TARGETS, make_deployment
from channelshim.errors import ConfigurationError
from tests.deploy.making import deployment

OIDC = {"oidc_issuer": "https://accounts.google.com", "oidc_client_id": "id"}


def refusal(target: str = "systemd", app_dir: str = "/srv/a", **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        deployment(target, Path(app_dir), **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("default", "name"),
    [
        ("chat", "chat"),
        ("s~chat", "chat"),
        ("example.com:chat", "example-com-chat"),
        ("My App (2012)", "my-app-2012"),
        ("2048", "app-2048"),
        ("Grüße", "gr-e"),
        ("日本", "app"),
        ("root", "app-root"),
        ("default", "app-default"),
        ("x" * 50, "x" * 31),
    ],
)
def test_name_is_made_of_the_apps(default: str, name: str) -> None:
    made = make_deployment("systemd", Path("/srv/a"), "id", default, {})
    assert (made.name, made.user) == (name, name)


@pytest.mark.parametrize("name", ["root", "nginx", "A", "a b", "a%h", "", "a" * 32])
def test_name_that_cannot_be_is_refused(name: str) -> None:
    assert "--name must be a name of its own" in refusal(name=name)


@pytest.mark.parametrize("name", ["ssl", "security", "apt", "network", "certs"])
def test_folder_of_the_machine_keeps_its_mode(name: str) -> None:
    # The steps for systemd would make /etc/NAME root's alone.
    assert "--name must be a name of its own" in refusal(name=name)


@pytest.mark.parametrize("letter", ["\n", "\r", "\t", "\0", "\x1b", "\x85", "\u2028"])
def test_path_with_a_control_character_is_refused(letter: str) -> None:
    for target in TARGETS:
        sentence = refusal(target, f"/srv/a{letter}b")
        assert "rename the folder" in sentence


def test_path_that_is_no_text_is_refused() -> None:
    assert "rename the folder" in refusal(app_dir="/srv/\udcff")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"domain": "chat.example.com;"}, "--domain must be a host name"),
        ({"domain": "https://chat.example.com"}, "--domain must be a host name"),
        ({"domain": "*.example.com"}, "--domain must be a host name"),
        ({"domain": "a" * 64}, "--domain must be a host name"),
        ({"domain": "a.example\n"}, "--domain must be a host name"),
        ({"user": "ann smith"}, "--user must be the name of a user"),
        ({"user": "root"}, "--user root would give the app every right"),
        ({"admins": ("ann",)}, "--admins must be addresses"),
        ({"admins": ("a@b c",)}, "--admins must be addresses"),
        ({"login": "oidc"}, "needs --oidc-issuer and --oidc-client-id"),
        ({"login": "oidc", "oidc_issuer": "x"}, "needs --oidc-issuer and"),
        (OIDC, "--oidc-issuer has no effect without --login=oidc"),
        ({"login": "oidc", **OIDC, "oidc_client_id": "a b"}, "must be one word"),
        ({"login": "oidc", **OIDC, "oidc_issuer": ""}, "must be one word"),
        ({"grow": True}, "--grow has no effect on the files of systemd"),
        ({"certificate": "/x"}, "--certificate has no effect on the files of systemd"),
    ],
)
def test_option_that_cannot_be_is_one_sentence(
    options: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(**options)


@pytest.mark.parametrize(
    ("target", "options", "sentence"),
    [
        ("compose", {"login": "dev"}, "asks for no password"),
        ("compose", {"port": 80}, "--port has no effect on the files of compose"),
        ("nginx", {"login": "dev"}, "--login has no effect on the files of nginx"),
        ("nginx", {"certificate": "/a"}, "need each other"),
        ("nginx", {"certificate": "a.pem"}, "must be an absolute path"),
        ("nginx", {"certificate": "/a;b"}, "must be an absolute path"),
        ("caddy", {"certificate_key": "/{env.X}"}, "must be an absolute path"),
        ("haproxy", {"certificate_key": "/a"}, "--certificate-key has no effect"),
    ],
)
def test_option_that_does_not_fit_the_target_is_one_sentence(
    target: str, options: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(target, **options)


def test_containers_of_two_apps_have_networks_of_their_own() -> None:
    one, other = deployment("compose", name="one"), deployment("compose", name="other")
    assert one.subnet.startswith("10.201.")
    assert one.subnet != other.subnet
