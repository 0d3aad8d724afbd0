"""The settings that an app is served with, the same for every kind of server."""

from __future__ import annotations

from dataclasses import dataclass

from channelshim.deploy.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs.

    Attributes:
        data: the folder for the app's data.
        cache: the folder for translated Python 2.7.
        proxies: addresses that the proxy connects from.
        host: where it listens.
        port: where it listens.
    """

    data: str
    cache: str
    proxies: str = "127.0.0.1"
    host: str = "127.0.0.1"
    port: int = 8080


def app_settings(deployment: Deployment, place: Place) -> dict[str, str]:
    """Return the settings that hold under any server, by name."""
    settings = {
        "application": deployment.application,
        "storage_path": place.data,
        "login": deployment.login,
        "allowed_hosts": deployment.domain,
        "trusted_proxies": place.proxies,
        "enforce_secure": "yes",
    }
    if deployment.admins:
        settings["admins"] = ",".join(deployment.admins)
    if deployment.login == "oidc":
        settings["oidc_issuer"] = deployment.oidc_issuer
        settings["oidc_client_id"] = deployment.oidc_client_id
    if deployment.has_cron:
        settings["cron"] = "yes"
    if deployment.is_python2:
        settings["python27_cache"] = place.cache
    return settings


def serve_settings(deployment: Deployment, place: Place) -> dict[str, str]:
    """Return the settings of our own server, by name.

    What helps at work is off: the reload at each saved file, the console, which all
    users of the machine reach, and new lines in index.yaml.
    """
    return {
        "host": place.host,
        "port": str(place.port),
        **app_settings(deployment, place),
        "automatic_restart": "no",
        "console": "no",
        "write_index_yaml": "no",
    }


def flags_of(settings: dict[str, str]) -> list[str]:
    """Return settings as flags of the command."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
