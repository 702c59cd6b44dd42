"""Checks a site against its add-on modules (HATs)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.settings import Output, Side, SiteFile, Strike
from gateway.settings.hats import Driven, Hat, relay_at
from gateway.settings.locks import energised_while_locked
from gateway.settings.wires import Contact, LockKind


class Hats:
    """The add-on modules of one site."""

    def __init__(self, hats: Sequence[Hat]) -> None:
        self.all = tuple(hats)
        self._relays = tuple(hat for hat in hats if hat.kind == "relay")

    def relay_at(self, gpio: int) -> Driven | None:
        """Return what the pin drives; None if the named modules do not define it."""
        return relay_at(self.all, gpio)

    def power_locks(self, strike: Strike) -> bool:
        """Return whether power locks the door: a magnet, or a lock wired like one.

        Without `kind` or a known relay module, high counts as energised.
        """
        if strike.kind:
            return strike.kind is LockKind.MAGNET
        return self._on_while_locked(strike)

    def _on_while_locked(self, strike: Strike) -> bool:
        driven = self.relay_at(strike.pin)
        return strike.energised_to_lock if driven is None else strike.locked is driven.active

    def inverted(self, site: SiteFile) -> Iterator[tuple[str, str]]:
        """Yield locks whose levels contradict their kind: the key and the problem."""
        for key, strike in strikes_of(site):
            on = self._on_while_locked(strike)
            if not strike.kind or on is energised_while_locked(strike.kind, strike.contact):
                continue
            driven = self.relay_at(strike.pin)
            relay = _relay(driven) if driven else "a relay that high switches on"
            other = Contact.NC if strike.contact is Contact.NO else Contact.NO
            text = (
                f"is a {strike.kind} on the {strike.contact} contact, but pin {strike.pin} is "
                f"{strike.locked} while locked, which switches {relay} {'on' if on else 'off'}: "
                "the door would be open when it should be locked; remove locked and unlocked, or "
                f'set contact = "{other}" if its wire is on that contact'
            )
            yield key, text
        for box in site.sec_box:
            lock = box.lock
            if lock and lock.unlocked and lock.unlocked is not lock.by_kind:
                text = (
                    f"is a {lock.kind} on the {lock.contact} contact, but its relay is "
                    f"{lock.unlocked} while unlocked: the door would be open when "
                    "it should be locked; remove unlocked"
                )
                yield f"sec_box {box.name!r} lock", text

    def problems(self, site: SiteFile) -> Iterator[str]:
        """Yield conflicts with the modules: pins in use, inputs on relays, outputs without one."""
        yield from self._wrong_levels(site)
        outputs = dict(outputs_of(site))
        lights = dict(reader_outputs(site))
        for pin, key in site.pins():
            for hat in self.all:
                if pin in hat.uses:
                    yield f"{key}: pin {pin} is used by {hat.title}: {hat.uses[pin]}"
            driven = self.relay_at(pin)
            if driven and driven.channel and key not in {**outputs, **lights}:
                yield f"{key}: pin {pin} drives relay {driven.channel} of {driven.hat.title}"
        if not self._relays or any(hat.wired_by_hand for hat in self._relays):
            return
        channels = ", ".join(
            f"{channel.name} {channel.gpio}" for hat in self._relays for channel in hat.channels
        )
        for key, pin in outputs.items():
            if self.relay_at(pin) is None:
                yield f"{key}: pin {pin} drives no relay of the modules in site.hats ({channels})"

    def _wrong_levels(self, site: SiteFile) -> Iterator[str]:
        """Yield outputs whose `active` does not energise their relay."""
        for name, output in (*site.loads(), *reader_outputs(site)):
            driven = self.relay_at(output.pin)
            if driven and not driven.channel and name.startswith("reader"):
                continue  # a reader's light is rarely on a hand-wired relay
            if driven and output.active is not driven.active:
                yield (
                    f"{name}: active is {output.active}, but {driven.active} energises"
                    f" {_relay(driven)}"
                )

    def warnings(self, site: SiteFile, *, simulated: bool) -> Iterator[str]:
        """Yield warnings about a working site."""
        for hat in self.all:
            if not simulated and not hat.verified and hat.kind == "relay":
                yield (
                    f"{hat.title}: its channels and levels are not verified; test each relay"
                    " before you connect a lock to it"
                )
        for key, strike in strikes_of(site):
            driven = self.relay_at(strike.pin)
            if driven and not strike.kind and strike.locked is driven.active:
                yield (
                    f"{key}: pin {strike.pin} is {strike.locked} while locked, which energises"
                    f" {_relay(driven)}: right for a magnet on its NO contact; for a strike change"
                    ' locked and unlocked; kind = "magnet" or "strike" sets them'
                    " automatically"
                )


def outputs_of(site: SiteFile) -> Iterator[tuple[str, int]]:
    """Yield each output that needs a relay, as (key of `SiteFile.pins`, pin)."""
    for key, strike in strikes_of(site):
        yield key, strike.pin
    for name, output in site.loads():
        yield name, output.pin


def reader_outputs(site: SiteFile) -> Iterator[tuple[str, Output]]:
    """Yield lights and buzzers of readers, which need no relay, as (key, output)."""
    for reader in site.reader:
        for key, output in reader.outputs():
            yield f"reader {reader.name!r} {key}", output


def strikes_of(site: SiteFile) -> Iterator[tuple[str, Strike]]:
    """Yield each lock output, the turnstile's included, as (key of `SiteFile.pins`, strike)."""
    for door in site.door:
        yield f"door {door.name!r} {door.strike.called}", door.strike
    if site.turnstile:
        for side in Side:
            yield f"turnstile {site.turnstile.name!r} {side} relay", site.turnstile.way(side).relay


def _relay(driven: Driven) -> str:
    return f"{driven.channel} of {driven.hat.title}" if driven.channel else "its relay"
