"""The announcement by multicast DNS, as another program on the network finds it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from gateway.api.announcement import (
    SERVICE,
    AnnouncedDevice,
    Announcement,
    Offer,
    instance_name,
    offers,
)
from gateway.api.server import Listener

CERTIFICATE = Path("https.pem")
ANY = "0.0.0.0"  # noqa: S104 - nothing listens there
MACHINE = ("192.0.2.7", "2001:db8::7")
LONGEST_S = 60


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        pytest.param([Listener("127.0.0.1", 80)], (), id="on loopback nothing"),
        pytest.param(
            [Listener(ANY, 80)],
            (
                Offer(SERVICE, 80, False, MACHINE[:1]),
                Offer("_http._tcp.local.", 80, False, MACHINE[:1]),
            ),
            id="everywhere, of IPv4",
        ),
        pytest.param(
            [Listener("::", 80)],
            (Offer(SERVICE, 80, False, MACHINE), Offer("_http._tcp.local.", 80, False, MACHINE)),
            id="everywhere, of both",
        ),
        pytest.param(
            [Listener(ANY, 80), Listener(MACHINE[0], 443, CERTIFICATE)],
            (
                Offer(SERVICE, 443, True, MACHINE[:1]),
                Offer("_https._tcp.local.", 443, True, MACHINE[:1]),
                Offer("_http._tcp.local.", 80, False, MACHINE[:1]),
            ),
            id="the service of ours with TLS where there is TLS",
        ),
        pytest.param([Listener("192.0.2.8", 80)], (), id="at an address that is gone nothing"),
    ],
)
def test_what_is_announced_follows_from_listeners_and_addresses(
    listeners: list[Listener], expected: tuple[Offer, ...]
) -> None:
    assert offers(listeners, MACHINE) == expected


@given(st.text(max_size=80))
def test_every_site_has_an_instance_name_that_fits(site: str) -> None:
    name = instance_name(site)
    assert 1 <= len(name.encode()) <= 63
    assert name.isprintable()
    assert "." not in name
    # The library refuses names that are not valid.
    ServiceInfo(SERVICE, f"{name}.{SERVICE}", port=80)


class Browser(ServiceListener):
    """What a program that browses the network has found."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.names: set[str] = set()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002 - the library's
        with self.changed:
            self.names.add(name)
            self.changed.notify_all()

    update_service = add_service

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:  # noqa: ARG002 - the library's
        with self.changed:
            self.names.discard(name)
            self.changed.notify_all()

    def wait_for(self, *names: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.names == set(names), LONGEST_S), self.names


@pytest.fixture
def network() -> Iterator[Zeroconf]:
    # In a thread of its own: the library would share the event loop that a browser's tests leave
    # in this one, which nobody runs.
    with ThreadPoolExecutor(1) as elsewhere:
        found = elsewhere.submit(Zeroconf, interfaces=["127.0.0.1"]).result()
        yield found
        elsewhere.submit(found.close).result()


def test_browsers_find_each_device_by_a_name_of_its_own_until_it_stops(network: Zeroconf) -> None:
    browser, site = Browser(), "Rua Augusta 12.3"
    ServiceBrowser(network, SERVICE, browser)
    listeners = [Listener("127.0.0.1", 8080), Listener("127.0.0.1", 8443, CERTIFICATE)]
    first = Announcement(
        listeners, AnnouncedDevice(site, 514685, "B145", "1.2.3"), lambda: {"127.0.0.1"}
    )
    second = Announcement(
        listeners[:1], AnnouncedDevice(site, 514686, "B146", "1.2.3"), lambda: {"127.0.0.1"}
    )
    names = [f"Rua Augusta 12 3{number}.{SERVICE}" for number in ("", "-2")]
    with ExitStack() as started:
        for number, device in enumerate((first, second), start=1):
            device.start()
            started.callback(device.close)
            browser.wait_for(*names[:number])
        found = [network.get_service_info(SERVICE, name, LONGEST_S * 1000) for name in names]
        told = {info.server: info for info in found if info is not None}
        assert set(told) == {"gateway-b145.local.", "gateway-b146.local."}
        info = told["gateway-b145.local."]
        assert (info.parsed_addresses(), info.port) == (["127.0.0.1"], 8443)
        assert info.decoded_properties == {
            "id": "514685",
            "v": "1.2.3",
            "api": "controlid",
            "tls": "1",
            "path": "/",
        }
    browser.wait_for()
