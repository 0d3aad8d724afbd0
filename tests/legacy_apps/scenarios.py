"""Each app's name with what people do there, and must see, on either server."""

from __future__ import annotations

from collections.abc import Callable

from tests.contract.sites import Site
from tests.legacy_apps import scenarios_cgi, scenarios_late, scenarios_wsgi

Scenario = Callable[[Site], None]

SCENARIOS: dict[str, Scenario] = {
    name.removeprefix("play_"): value
    for module in (scenarios_cgi, scenarios_wsgi, scenarios_late)
    for name, value in vars(module).items()
    if name.startswith("play_")
}
