"""Whether and how this instance answers the probes of load balancers."""

from __future__ import annotations

from typing import Final

from channelshim.composition.instance import Instance
from channelshim.contracts.status import PATH_HEALTH
from channelshim.transports.health import Health

_NAME: Final = PATH_HEALTH.rpartition("/")[2]


def health_of(instance: Instance) -> Health | None:
    """Return what answers PATH_HEALTH at the app's addresses.

    None where a handler of app.yaml names that path: then it is the app's. Handlers for
    whatever there is, such as `/.*`, do not count, or no app would have it.
    """
    plan = instance.plan
    for config in (plan.app.config, *(module.config for module in plan.modules)):
        for handler in () if config is None else config.handlers:
            if _NAME in handler.url and handler.pattern.match(PATH_HEALTH):
                return None
    return Health(instance.status.vital_problems, instance.threads.start)
