"""What a controller is built on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.controller.state.ports import (
    FeedbackPort,
    FindWindow,
    Link,
    MirrorPort,
    Passages,
    People,
    Policies,
    RigPort,
    SounderPort,
    StrikePort,
)
from gateway.controller.state.site_keeper import SiteKeeper
from gateway.credentials.totp import window_of
from gateway.settings import Side


@dataclass(frozen=True, slots=True)
class Adapters:
    """The wires, files and sockets of the controller, or their substitutes."""

    rig: RigPort
    strikes: Mapping[int, StrikePort]
    sides: Mapping[Side, StrikePort]
    sounders: Mapping[str, SounderPort]
    link: Link
    people: People
    passages: Passages
    policies: Policies
    mirror: MirrorPort | None
    wait: Callable[[int], object]
    """As in Components."""
    feedback: Mapping[str, FeedbackPort] = field(default_factory=dict)
    find_window: FindWindow = window_of
    site_keeper: SiteKeeper | None = None
