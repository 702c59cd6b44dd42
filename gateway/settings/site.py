"""The model of `gateway.toml`, and the checks between its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from gateway.settings.adc import AnyAdc, adc_problems
from gateway.settings.alarms import AnyZone, Power, Siren
from gateway.settings.device import (
    Admission,
    FlightRecord,
    HttpSettings,
    SealingSettings,
    ServerSettings,
    Site,
)
from gateway.settings.doors import Door, InterlockSettings, Turnstile
from gateway.settings.elevators import Elevator
from gateway.settings.locks import with_wired_locks
from gateway.settings.mqtt import MqttSettings
from gateway.settings.reader_inputs import reader_input_problems
from gateway.settings.readers import Reader, WiegandReader, osdp_problems
from gateway.settings.removed_keys import without_removed
from gateway.settings.sec_boxes import SecBox, sec_box_problems
from gateway.settings.wires import (
    AdcInput,
    AnyFireInput,
    AnyFixedInput,
    FixedInput,
    Input,
    Output,
    ReaderInput,
    Section,
    SpareOutput,
)


def _scalar(value: object) -> object:
    if not isinstance(value, str | int):
        raise ValueError("a text in quotes, a whole number, true or false is needed")  # noqa: TRY004 - for pydantic
    return value


def _problem(text: str, data: Any) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=(), input=data, ctx={"error": ValueError(text)})


InitialValue = Annotated[str | int | bool, BeforeValidator(_scalar)]


def operator_name(door: Door) -> str:
    """The name of the output that opens the powered leaf of `door`."""
    return f"door {door.name} operator"


class SiteFile(Section):
    """The contents of `gateway.toml`."""

    site: Site
    http: HttpSettings = HttpSettings(listen="127.0.0.1:8080")
    door: tuple[Door, ...] = ()
    sec_box: tuple[SecBox, ...] = ()
    turnstile: Turnstile | None = None
    elevator: Annotated[tuple[Elevator, ...], Field(max_length=4)] = ()
    reader: tuple[Reader, ...] = ()
    adc: tuple[AnyAdc, ...] = ()
    zone: tuple[AnyZone, ...] = ()
    tamper: AnyFixedInput | None = None
    fire: AnyFireInput | None = None
    siren: Siren | None = None
    bell: Output | None = None
    """Rings for `timed_alarms`; `general.bell_enabled` enables it."""
    output: tuple[SpareOutput, ...] = ()
    """For triggers."""
    power: Power = Power()
    admission: Admission = Admission()
    flight_record: FlightRecord = FlightRecord()
    interlock: InterlockSettings = InterlockSettings()
    servers: ServerSettings = ServerSettings()
    sealing: SealingSettings = SealingSettings()
    mqtt: MqttSettings | None = None
    """None without a broker."""
    initial: dict[str, dict[str, InitialValue]] = Field(default_factory=dict)
    """Configuration values that `init` writes into the database once: module -> key -> value."""
    _ignored: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _without_removed_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Ignore the keys of former releases."""
        if not isinstance(data, Mapping):
            return handler(data)
        kept, ignored = without_removed(data)
        site = handler(kept)
        site._ignored = ignored  # noqa: SLF001 - its own
        return site

    @model_validator(mode="wrap")
    @classmethod
    def _with_wired_locks(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fill in pins and levels of locks; check the other tables even if that fails."""
        if not isinstance(data, Mapping):
            return handler(data)
        wired, problems = with_wired_locks(data)
        if not problems:
            return handler(wired)
        try:
            handler(wired)
            others = []
        except ValidationError as error:
            # A conflict between tables may come from the stand-in values of such a lock.
            others = [it for it in error.errors(include_url=False) if it["loc"]]
        raise ValidationError.from_exception_data(
            cls.__name__,
            [
                *(_problem(text, data) for text in problems),
                *(
                    InitErrorDetails(
                        type=it["type"], loc=it["loc"], input=it["input"], ctx=it.get("ctx", {})
                    )
                    for it in others
                ),
            ],
        )

    @property
    def ignored(self) -> tuple[str, ...]:
        """A warning for each key of a former release, which is ignored."""
        return self._ignored

    def doors(self) -> tuple[Door | SecBox, ...]:
        """Every door, on the board and on modules."""
        return (*self.door, *self.sec_box)

    def shown(self, device: str) -> str:
        """The name for people of the reader, SecBox or converter `device`."""
        devices = (*self.reader, *self.sec_box, *self.adc)
        titles = (it.shown for it in devices if it.name == device)
        return next(titles, device)

    def pins(self) -> Iterator[tuple[int, str]]:
        """Every pin in use, with the key that uses it."""
        yield from self._door_pins()
        for reader in self.reader:
            if isinstance(reader, WiegandReader):
                yield reader.d0, f"reader {reader.name!r} d0"
                yield reader.d1, f"reader {reader.name!r} d1"
            for key, output in reader.outputs():
                yield output.pin, f"reader {reader.name!r} {key}"
        for name, output in self.loads():
            yield output.pin, name
        for elevator in self.elevator:
            for floor in elevator.floor:
                yield floor.pin, f"elevator {elevator.name!r} floor {floor.number}"
        for zone in self.zone:
            if isinstance(zone, Input):
                yield zone.pin, f"zone {zone.number}"
        for name, contact in self.contacts():
            yield contact.pin, name

    def contacts(self) -> Iterator[tuple[str, FixedInput]]:
        """The contacts at pins that belong to no door and no zone, with their keys."""
        if isinstance(self.tamper, FixedInput):
            yield "tamper", self.tamper
        if isinstance(self.fire, FixedInput):
            yield "fire", self.fire
        for reader in self.reader:
            if reader.tamper:
                yield f"reader {reader.name!r} tamper", reader.tamper
        for name, contact in self.power.contacts():
            yield f"power {name}", contact

    def reader_inputs(self) -> Iterator[tuple[ReaderInput, str]]:
        """Every input of a reader in use, with the key that uses it."""
        for door in self.door:
            yield from door.reader_inputs()
        for zone in self.zone:
            if isinstance(zone, ReaderInput):
                yield zone, f"zone {zone.number}"
        if isinstance(self.tamper, ReaderInput):
            yield self.tamper, "tamper"

    def adc_inputs(self) -> Iterator[tuple[AdcInput, str]]:
        """Every input of a converter in use, with the key that uses it."""
        for door in self.door:
            yield from door.adc_inputs()
        for zone in self.zone:
            if isinstance(zone, AdcInput):
                yield zone, f"zone {zone.number}"
        for name, contact in (("tamper", self.tamper), ("fire", self.fire)):
            if isinstance(contact, AdcInput):
                yield contact, name

    def _door_pins(self) -> Iterator[tuple[int, str]]:
        for door in self.door:
            yield from door.pins()
        if self.turnstile:
            yield from self.turnstile.pins()

    def sounders(self) -> Iterator[tuple[str, Output]]:
        """Siren and bell, with the names of their tables."""
        if self.siren:
            yield "siren", self.siren
        if self.bell:
            yield "bell", self.bell

    def loads(self) -> Iterator[tuple[str, Output]]:
        """Siren and bell, then the outputs of triggers, named as `output NAME`."""
        yield from self.sounders()
        for spare in self.output:
            yield f"output {spare.name}", spare

    def switches(self) -> Iterator[tuple[str, Output]]:
        """Those of `loads`, the operators of doors as `door NAME operator`, the floors of lifts as
        `elevator NAME floor 1`, the lights and buzzers of readers as `reader NAME green`."""
        yield from self.loads()
        for door in self.door:
            if door.operator:
                yield operator_name(door), door.operator
        for elevator in self.elevator:
            yield from elevator.outputs()
        for reader in self.reader:
            for key, output in reader.outputs():
                yield f"reader {reader.name} {key}", output

    @model_validator(mode="after")
    def _no_password_in_clear_text(self) -> Self:
        if self.mqtt and self.mqtt.exposes_password and not self.servers.plain_secrets:
            raise ValueError(
                f"mqtt.broker {self.mqtt.broker!r} would get the password without TLS: use"
                " mqtts://, or permit it by plain_secrets = true in [servers]"
            )
        return self

    @model_validator(mode="after")
    def _each_thing_once(self) -> Self:
        owner: dict[int, str] = {}
        for pin, key in self.pins():
            if pin in owner:
                relay = next((it.strike.relay for it in self.door if it.strike.pin == pin), None)
                what = f"{relay} (pin {pin})" if relay else f"pin {pin}"
                raise ValueError(f"{what} is used twice: {owner[pin]} and {key}")
            owner[pin] = key
        for what, values in (
            ("door id", [str(door.id) for door in self.door]),
            ("door name", [door.name for door in self.doors()]),
            ("elevator id", [str(it.id) for it in self.elevator]),
            ("elevator name", [it.name for it in self.elevator]),
            ("sec_box id", [str(box.id) for box in self.sec_box]),
            ("reader name", [reader.name for reader in self.reader]),
            ("adc name", [adc.name for adc in self.adc]),
            ("device name", [it.name for it in (*self.reader, *self.sec_box, *self.adc)]),
            ("output name", [output.name for output in self.output]),
            ("reader index", [str(reader.index) for reader in self.reader]),
            ("zone number", [str(zone.number) for zone in self.zone]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} is used twice")
        problems = [*sec_box_problems(self.sec_box), *osdp_problems(self.reader)]
        problems += reader_input_problems(self.reader, self.reader_inputs())
        problems += adc_problems(self.adc, self.adc_inputs())
        if problems:
            raise ValueError("; ".join(problems))
        return self
