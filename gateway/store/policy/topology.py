"""Which readers, portals, doors and turnstile sides of a site belong together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.access.actions import Action, SecBoxes, doors_named, elevator_named, parse_parameters
from gateway.access.policy import Portal
from gateway.doors.turnstile_values import sides_named
from gateway.settings import Side, SiteFile
from gateway.store.policy.snapshot import Snapshot

CATRA_ACTION = "catra"


class Topology:
    """The site file's doors, sides and readers beside the portals and actions of one snapshot."""

    def __init__(self, site: SiteFile, snapshot: Snapshot) -> None:
        self._doors = frozenset(door.id for door in site.doors())
        boxes = tuple(box.id for box in site.sec_box)
        self._sec_boxes = SecBoxes(boxes, site.site.sec_box_door)
        self._groups = snapshot.door_groups
        self._elevators = frozenset(lift.id for lift in site.elevator)
        self._has_turnstile = site.turnstile is not None
        self._portals = snapshot.policy.portals
        self._portal_of_reader = snapshot.portal_of_reader
        self._portals_of_door: dict[int, list[Portal]] = {}
        self._portal_of_side: dict[Side, int] = {}
        for portal_id, portal in sorted(self._portals.items()):
            for door in self.doors_of(portal.actions):
                self._portals_of_door.setdefault(door, []).append(portal)
            for side in self.sides_of(portal.actions):
                self._portal_of_side.setdefault(side, portal_id)

    def portal_of_reader(self, index: int) -> int:
        """The portal of a reader, 0 for none."""
        return self._portal_of_reader.get(index, 0)

    def door_of_reader(self, index: int) -> int:
        """The lowest door that the portal of a reader opens, 0 for none."""
        return min(self.doors_of(self._actions(index)), default=0)

    def opened_by_reader(self, index: int) -> tuple[frozenset[int], frozenset[Side]]:
        """The doors and the sides of the turnstile that the portal of a reader opens."""
        actions = self._actions(index)
        return frozenset(self.doors_of(actions)), self.sides_of(actions)

    def _actions(self, index: int) -> tuple[Action, ...]:
        portal = self._portals.get(self.portal_of_reader(index))
        return portal.actions if portal else ()

    def portals_of_door(self, door: int) -> Sequence[Portal]:
        """Every portal whose actions name `door`, by id."""
        return self._portals_of_door.get(door, ())

    def portal_of_door(self, door: int) -> int:
        """The lowest portal whose actions name `door`, 0 for none."""
        portals = self.portals_of_door(door)
        return portals[0].id if portals else 0

    def portal_of_side(self, side: Side) -> int:
        """The lowest portal whose actions release the turnstile to `side`, 0 for none."""
        return self._portal_of_side.get(side, 0)

    def doors_of(self, actions: tuple[Action, ...]) -> Iterator[int]:
        """The doors of this device that `actions` open, each once, in order."""
        named = dict.fromkeys(
            door
            for action in actions
            if action.runs_here
            for door in doors_named(action, self._sec_boxes, self._groups)
        )
        return (door for door in named if door in self._doors)

    def elevators_of(self, actions: tuple[Action, ...]) -> tuple[int, ...]:
        """The lifts of this device whose floors `actions` release, each once, in order."""
        named = dict.fromkeys(elevator_named(action) for action in actions if action.runs_here)
        return tuple(lift for lift in named if lift in self._elevators)

    def sides_of(self, actions: tuple[Action, ...]) -> frozenset[Side]:
        """The sides to which `actions` release the turnstile; none where the site has none."""
        if not self._has_turnstile:
            return frozenset()
        named = (
            sides_named(parse_parameters(action.parameters))
            for action in actions
            if action.runs_here and action.name.strip().lower() == CATRA_ACTION
        )
        return frozenset().union(*named)
