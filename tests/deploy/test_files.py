"""What is in the files of each target, without the programs that read them."""

from __future__ import annotations

import ast
import itertools
import json
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import Settings
from channelshim.deploy.deployment import TARGETS, Deployment
from channelshim.deploy.files import hidden_folders, make_files, steps
from channelshim.deploy.wheel import wheel_name
from tests.deploy.making import DOMAIN, deployment
from tests.deploy.units import words_of

SERVERS = ("systemd", "compose", "gunicorn")
LOGINS: dict[str, dict[str, Any]] = {
    "accounts": {"admins": ("ann@example.com", "bob@example.com")},
    "oidc": {
        "login": "oidc",
        "oidc_issuer": "https://accounts.google.com",
        "oidc_client_id": "123-abc.apps.example.com",
    },
    "dev": {"login": "dev"},
}
FACTS = {"has_cron": True, "is_python2": True}


def texts(target: str, made: Deployment) -> dict[str, str]:
    """Return what is in the files of a target, the wheel excepted."""
    return {
        each.name: each.content.decode("utf-8")
        for each in make_files(target, made)
        if not each.name.endswith(".whl")
    }


def settings_of(target: str, made: Deployment) -> Settings:
    """Return the settings that a server of these files would have."""
    files = texts(target, made)
    if target == "gunicorn":
        (call,) = (
            node
            for node in ast.walk(ast.parse(files["wsgi.py"]))
            if isinstance(node, ast.Call)
        )
        found = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        return read_settings(found, {})
    if target == "systemd":
        words = words_of(files["chat.service"], {"CREDENTIALS_DIRECTORY": "/run/c"})
    else:
        command = files["Containerfile"].partition("CMD ")[2].replace("\\\n", "")
        words = json.loads(command)
    flags = [word for word in words if word.startswith("--")]
    pairs = (flag[2:].split("=", 1) for flag in flags)
    return read_settings({name.replace("-", "_"): text for name, text in pairs}, {})


@pytest.mark.parametrize(
    ("target", "login"),
    [pair for pair in itertools.product(SERVERS, LOGINS) if pair != ("compose", "dev")],
)
def test_server_is_told_what_it_understands(target: str, login: str) -> None:
    made = deployment(target, facts=FACTS, domain=DOMAIN, **LOGINS[login])
    found = settings_of(target, made)
    assert found.login == login
    assert found.allowed_hosts == (DOMAIN,)
    assert found.application == "chat-1a2b"
    assert found.enforce_secure
    assert found.cron
    assert found.python27_cache
    assert found.storage_path
    assert bool(found.admins) == (login == "accounts")
    assert bool(found.oidc_issuer) == (login == "oidc")
    # Nobody but the proxy is believed.
    assert "0.0.0.0/0" not in found.trusted_proxies
    if target != "gunicorn":
        assert not found.automatic_restart
        assert not found.console
        assert not found.write_index_yaml


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("domain", ["localhost", DOMAIN])
def test_files_are_whole_lines_and_no_template_is_left(
    target: str, domain: str
) -> None:
    made = deployment(target, domain=domain)
    for name, text in texts(target, made).items():
        assert text.endswith("\n"), name
        assert "\n\n\n" not in text, name
        for mark in ("{{", "{%", "}}", "%}"):
            assert mark not in text.replace("}}\n", ""), name
        assert not [line for line in text.splitlines() if line != line.rstrip()], name
    shown = steps(target, made, Path("deploy"))
    assert "{" not in shown
    assert "deploy" in shown
    for line in shown.splitlines():
        # What is no command is a comment.
        assert re.fullmatch(r"|# .*|[a-z/]\S* .*", line), line


def test_unit_has_the_folders_that_its_sandbox_would_hide() -> None:
    facts = {
        "own_folders": (
            *(Path("/home/ann/.pyenv/versions/3.12"), Path("/home/ann/venv")),
            *(Path("/home/ann/venv/lib"), Path("/usr"), Path("/homeless/x")),
        )
    }
    made = deployment(app_dir=Path("/home/ann/my app"), facts=facts)
    assert hidden_folders(made) == [
        "/home/ann/.pyenv/versions/3.12",
        "/home/ann/my app",
        "/home/ann/venv",
    ]
    unit = texts("systemd", made)["chat.service"]
    assert 'BindReadOnlyPaths="/home/ann/my app"\n' in unit
    assert "BindReadOnlyPaths=/home/ann/venv\n" in unit
    assert "in a home or a temporary folder" in steps("systemd", made, Path("deploy"))
    assert hidden_folders(deployment(app_dir=Path("/srv/chat"))) == []


@pytest.mark.parametrize(
    "folder", ["/srv/my app", "/srv/it's", '/srv/"a"', "/srv/$HOME", "/srv/100%h\\"]
)
def test_folder_of_the_app_reaches_each_server_as_it_is(folder: str) -> None:
    made = deployment(app_dir=Path(folder))
    assert words_of(texts("systemd", made)["chat.service"])[1:3] == ["serve", folder]
    wsgi = ast.parse(texts("gunicorn", made)["wsgi.py"])
    (call,) = (node for node in ast.walk(wsgi) if isinstance(node, ast.Call))
    assert ast.literal_eval(call.args[0]) == folder
    made = deployment("compose", Path(folder))
    (mount, _) = compose(made)["services"]["app"]["volumes"]
    assert mount["source"].replace("$$", "$") == folder
    assert mount["read_only"]


def test_program_that_systemd_refuses_is_started_by_a_shell() -> None:
    program = """/srv/it's "here"/channelshim"""
    made = deployment(facts={"command": (program, "-m", "x")})
    words = words_of(texts("systemd", made)["chat.service"])
    found = ["/bin/sh", "-c", 'exec "$0" "$@"', program, "-m", "x", "serve"]
    assert words[: len(found)] == found


def compose(made: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(texts("compose", made)["compose.yaml"])
    return found


def test_containers_are_the_app_and_caddy() -> None:
    made = deployment("compose", domain=DOMAIN)
    found = compose(made)
    assert set(found["services"]) == {"app", "caddy"}
    app = found["services"]["app"]
    # Nobody reaches the server but Caddy, whose address is the one that is believed.
    assert "ports" not in app
    address = found["services"]["caddy"]["networks"]["edge"]["ipv4_address"]
    assert settings_of("compose", made).trusted_proxies == (address,)
    # The app starts first, and must not be given it.
    (network,) = found["networks"]["edge"]["ipam"]["config"]
    subnet, others = IPv4Network(network["subnet"]), IPv4Network(network["ip_range"])
    assert IPv4Address(address) in subnet
    assert IPv4Address(address) not in others
    assert others.subnet_of(subnet)
    assert network["gateway"] != address
    assert app["cap_drop"] == ["ALL"]
    assert app["read_only"] is True
    assert "env_file" not in app
    volumes = set(found["volumes"])
    assert volumes == {"caddy_data", "caddy_config", "data"}
    assert not [each for each in make_files("compose", made) if each.is_secret]


@pytest.mark.parametrize("name", ["on", "yes", "null", "true", "chat"])
def test_name_of_the_containers_is_a_text(name: str) -> None:
    assert compose(deployment("compose", name=name))["name"] == name


def test_grown_containers_have_secrets_of_their_own() -> None:
    made = deployment("compose", domain=DOMAIN, grow=True)
    found = compose(made)
    assert set(found["services"]) == {"app", "caddy", "postgres", "redis"}
    assert found["networks"]["back"] == {"internal": True}
    files = {each.name: each for each in make_files("compose", made)}
    for name, service in found["services"].items():
        for file in service.get("env_file", ()):
            assert file == f"secrets/{name}.env"
            assert files[file].is_secret
    variables = dict(
        line.split("=", 1)
        for line in files["secrets/app.env"].content.decode().splitlines()
    )
    read = read_settings({}, variables)
    password = files["secrets/postgres.env"].content.decode().strip().partition("=")[2]
    assert read.store == f"postgresql://app:{password}@postgres/app"
    broker = files["secrets/redis.env"].content.decode().strip().partition("=")[2]
    assert read.broker == f"redis://:{broker}@redis:6379/0"
    assert len({password, broker}) == 2
    # Another time others.
    again = {each.name: each.content for each in make_files("compose", made)}
    assert again["secrets/app.env"] != files["secrets/app.env"].content
    # In no other file.
    for each in files.values():
        if not each.is_secret:
            assert password.encode() not in each.content
            assert broker.encode() not in each.content
    requirements = texts("compose", made)["requirements.txt"]
    assert f"./{wheel_name()}[login,python27,postgres,redis]\n" in requirements


def test_secrets_never_come_into_the_image() -> None:
    made = deployment("compose", grow=True)
    ignored = texts("compose", made)[".dockerignore"].splitlines()
    assert "*" in ignored
    assert [line for line in ignored if line.startswith("!")] == [
        "!requirements.txt",
        f"!{wheel_name()}",
    ]


@pytest.mark.parametrize("target", ["systemd", "gunicorn", "compose"])
def test_secret_of_a_provider_has_a_file(target: str) -> None:
    made = deployment(target, **LOGINS["oidc"])
    (secret,) = (each for each in make_files(target, made) if each.is_secret)
    assert secret.name in ("oidc-client-secret", "secrets/app.env")
    assert "secret" in steps(target, made, Path("deploy"))


def test_unit_takes_its_secret_from_systemd() -> None:
    made = deployment(**LOGINS["oidc"])
    unit = texts("systemd", made)["chat.service"]
    assert "LoadCredential=oidc-client-secret:/etc/chat/oidc-client-secret\n" in unit
    words = words_of(unit, {"CREDENTIALS_DIRECTORY": "/run/credentials/chat.service"})
    assert words[-1] == (
        "--oidc-client-secret-file=/run/credentials/chat.service/oidc-client-secret"
    )


def test_proxies_put_the_visitors_address_in_place_of_what_he_says() -> None:
    nginx = texts("nginx", deployment("nginx", port=9000))["chat.conf"]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert "server 127.0.0.1:9000;" in nginx
    haproxy = texts("haproxy", deployment("haproxy", port=9000))["haproxy.cfg"]
    assert "http-request set-header X-Forwarded-For %[src]" in haproxy
    assert "server app 127.0.0.1:9000 check" in haproxy
    caddy = texts("caddy", deployment("caddy", port=9000))["Caddyfile"]
    assert "reverse_proxy 127.0.0.1:9000 {" in caddy


def test_certificate_of_ones_own_is_named() -> None:
    pair: dict[str, Any] = {
        "certificate": "/etc/ssl/a.pem",
        "certificate_key": "/etc/ssl/a.key",
    }
    nginx = texts("nginx", deployment("nginx", **pair))["chat.conf"]
    assert "ssl_certificate     /etc/ssl/a.pem;" in nginx
    assert "ssl_certificate_key /etc/ssl/a.key;" in nginx
    caddy = texts("caddy", deployment("caddy", **pair))["Caddyfile"]
    assert "tls /etc/ssl/a.pem /etc/ssl/a.key" in caddy
    made = deployment("haproxy", certificate="/etc/ssl/both.pem")
    assert "ssl crt /etc/ssl/both.pem " in texts("haproxy", made)["haproxy.cfg"]
