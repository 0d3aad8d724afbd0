"""Teams of app processes: which of them run the same, where, and behind which pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from channelshim.composition.app_launch import Launcher
from channelshim.composition.app_slot import Slot
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.contracts.status import Status
from channelshim.kernel.threads import Threads
from channelshim.server.pipe_link import LinkEvents
from channelshim.server.pipe_pool import Pool
from channelshim.server.pipe_services import FrontServices


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """See Pool.

    Attributes:
        room: requests from outside that a process gets at once.
        is_serial: whether it gets one at a time.
        deadline_seconds: of a request from outside; 0 for none.
    """

    room: int
    is_serial: bool
    deadline_seconds: float


@dataclass(frozen=True, slots=True)
class Team:
    """Processes that run the same: the modules of one folder.

    Attributes:
        count: how many.
        launcher: starts one.
        options: of their pool.
        first: requests that each is made when it has loaded the app.
        last: requests that each is made before its end.
    """

    count: int
    launcher: Launcher
    options: PoolOptions
    first: Sequence[InternalRequest] = ()
    last: Sequence[InternalRequest] = ()


class Teams:
    """The teams of a front, with a pool each, and a slot for each process.

    Args:
        teams: at least one.
        services: what the processes have of the front.
        events: told of what happens to the processes' links.
        threads: keeps the threads running.

    Attributes:
        pools: hand requests to the processes, one for each team.
        slots: of all teams; that of process N is the Nth, from 1.
    """

    def __init__(
        self,
        teams: Sequence[Team],
        services: FrontServices,
        events: LinkEvents,
        threads: Threads,
    ) -> None:
        self._teams = teams
        self.pools: tuple[Pool, ...] = tuple(
            Pool(
                services,
                events,
                room=team.options.room,
                is_serial=team.options.is_serial,
                deadline_seconds=team.options.deadline_seconds,
                threads=threads,
            )
            for team in teams
        )
        # The team of each slot, by its place.
        self._places = [
            place for place, team in enumerate(teams) for _ in range(team.count)
        ]
        self.slots: Sequence[Slot] = [
            Slot(number) for number in range(1, len(self._places) + 1)
        ]

    def report_to(self, status: Status) -> None:
        """Register how many processes are up."""
        status.counter("processes.running", self._count)
        status.check("processes", self._describe_fault, is_vital=False)

    def _count(self) -> int:
        return sum(slot.current is not None for slot in self.slots)

    def _describe_fault(self) -> str:
        running, wanted = self._count(), len(self.slots)
        return "" if running == wanted else f"{running} of {wanted} app processes run"

    def team_of(self, number: int) -> Team:
        """Return the team of a process."""
        return self._teams[self._places[number - 1]]

    def pool_of(self, number: int) -> Pool:
        """Return the pool of a process."""
        return self.pools[self._places[number - 1]]

    def is_served(self, number: int) -> bool:
        """Return whether a process of this one's team takes requests."""
        return self._places[number - 1] in self._served_places()

    def are_served(self) -> bool:
        """Return whether a process of every team takes requests."""
        return len(self._served_places()) == len(self._teams)

    def _served_places(self) -> set[int]:
        return {
            place
            for slot, place in zip(self.slots, self._places, strict=True)
            if slot.current is not None
        }

    def loaded_files(self) -> list[str]:
        """Return the files whose code any process has loaded. Any other thread."""
        return [file for pool in self.pools for file in pool.loaded_files()]
