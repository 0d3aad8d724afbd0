"""The modules of one app on our own server: their ports, their code, their sites."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

from channelshim.appserver import loading
from channelshim.appserver.scripts import Scripts
from channelshim.composition.addresses import address_of, exposure_of
from channelshim.composition.installation import Installation
from channelshim.composition.modules import (
    ModuleSites,
    Site,
    bind_others,
    running_module,
)
from channelshim.composition.plan import Module, Plan
from channelshim.composition.policy import Bound
from channelshim.composition.reading import App
from channelshim.composition.settings import Settings


def listen(
    settings: Settings, app: App, listeners: Sequence[socket.socket]
) -> list[socket.socket]:
    """Return a listener for each port of an app with modules.

    Args:
        settings: names the host and the first port.
        app: of several modules, or with a dispatch.yaml.
        listeners: those that there are already.

    Raises:
        ConfigurationError: a port is taken.
    """
    from channelshim.server.binding import bind

    ports = len(app.order) + (app.dispatch is not None)
    bound = list(listeners[:ports])
    for unused in listeners[ports:]:
        unused.close()
    is_any = settings.port == 0
    more = bind_others(
        bound[-1],
        ports - len(bound),
        lambda port: bind(settings.host, 0 if is_any else port),
    )
    return [*bound, *more]


def serve_modules(
    installation: Installation,
    scripts: Scripts,
    listeners: Sequence[Bound],
    *,
    loads: bool = True,
) -> tuple[ModuleSites, list[str]]:
    """Load the code of every module, and return what answers for them.

    Args:
        installation: of the app, its store about to be open.
        scripts: of the folder that they share.
        listeners: from `listen`.
        loads: False in a front, which answers for the files of all modules, and runs
            the code of none.

    Returns:
        the sites, and what the listeners behind the first one are.

    Raises:
        AppImportError: nothing of the default module's code can be loaded.
    """
    plan, instance = installation.plan, installation.parts()
    assert plan.app.config is not None
    owners = _owners(plan, listeners)
    running = {
        each.config.module: running_module(
            each.config, address_of(plan, owners[each.config.module])
        )
        for each in plan.all_modules
    }
    # The app may ask while it is imported.
    installation.settle_modules(tuple(running.values()))
    modules = (Module(plan.app.config, plan.application), *plan.modules)
    if not loads:
        # Files of all folders; the code of each is another process's.
        modules += plan.elsewhere
    if loads:
        first = running[plan.app.config.module]
        loading.load_app(scripts, plan.app.config, plan.application, first.host)
        for module in plan.modules:
            loading.load_module(scripts, module.config)
    # Every module calls the app's first address the default version's.
    host = address_of(plan, listeners[0])
    with_host = [
        replace(each, application=replace(each.application, default_host=host))
        for each in modules
    ]
    sites = [
        Site(
            running[module.config.module],
            instance.serve(
                exposure_of(plan, listeners[0], owners[module.config.module]),
                scripts=(
                    scripts if module.directory is None else Scripts(module.directory)
                ),
                module=module,
                is_site=False,
            ),
        )
        for module in with_host
    ]
    served = ModuleSites(sites, plan.app.dispatch)
    if loads:
        instance.sites.add(served)
    names = {id(listener): f"module {name}" for name, listener in owners.items()}
    return served, [names[id(each)] for each in listeners[1:]]


def _owners(plan: Plan, listeners: Sequence[Bound]) -> dict[str, Bound]:
    """Return each module's listener: in the order in which the command names them.

    With a dispatch.yaml the first one is its, and no module's.
    """
    own = listeners[plan.app.dispatch is not None :]
    return dict(zip(plan.app.order, own, strict=True))
