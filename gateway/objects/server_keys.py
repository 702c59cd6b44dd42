"""Configuration keys of servers and other devices: who decides, and who hears of events."""

from __future__ import annotations

from gateway.objects.configuration import (
    ConfigurationKey,
    Kind,
    SettingGroup,
    acts_on,
    flag,
    number,
)

_MONITOR_TIMEOUT_MAX_MS = 60_000
_ONLINE_TIMEOUT_MAX_MS = 5_000
_ONLINE_MOST_ATTEMPTS = 100
_SERVER_TIMEOUT_MAX_MS = 300_000
"""Of a server that holds requests until there is a command."""
_DAY_MS = 86_400_000

_ADDRESS = "A name or an address; https:// in front encrypts. Empty: off."
_TIME_LIMIT = "Time limit of a request"
_WHOLE_REQUEST = "For the whole of it: name, connection, TLS and answer."


SERVER_KEYS = (
    # `general.online` 1 has a server decide: on people whom this device identified (Pro), or on the
    # credentials themselves (Enterprise, `local_identification` 0).
    *acts_on(
        SettingGroup.ONLINE,
        "Online modes",
        flag(
            "general",
            "online",
            "0",
            "A server decides who passes",
            "Off: this device decides by its own rules.",
            danger="While the server does not answer, people wait at the door.",
        ),
        flag(
            "general",
            "local_identification",
            "1",
            "Who identifies people",
            "Applies while a server decides.",
            words={"1": "This device (Pro)", "0": "The server (Enterprise)"},
        ),
        number(
            "online_client",
            "server_id",
            "",
            (0, 10**18 - 1),
            "Server",
            "The id of its row in the object devices.",
        ),
        number(
            "online_client",
            "max_request_attempts",
            "3",
            (1, _ONLINE_MOST_ATTEMPTS),
            "Attempts",
            "So many failures in sequence, and the server counts as away.",
        ),
        number(
            "online_client",
            "request_timeout",
            "5000",
            (100, _ONLINE_TIMEOUT_MAX_MS),
            _TIME_LIMIT,
            _WHOLE_REQUEST,
            "ms",
        ),
        flag(
            "online_client",
            "contingency_enabled",
            "1",
            "Decide here while the server is away",
            "Off: everybody is refused while the server is away.",
            danger="Off, nobody gets in while the server is away.",
        ),
        number(
            "online_client",
            "alive_interval",
            "30000",
            (0, _DAY_MS),
            "Sign of life every",
            "0 for none.",
            "ms",
        ),
    ),
    # The empty port is 80, or 443.
    *acts_on(
        SettingGroup.ONLINE,
        "Monitor",
        ConfigurationKey(
            "monitor",
            "hostname",
            kind=Kind.SERVER,
            label="Address of the monitor",
            help=_ADDRESS,
        ),
        number(
            "monitor",
            "port",
            "",
            (1, 65_535),
            "Port",
            "Empty: 80, or 443 with https://.",
        ),
        ConfigurationKey(
            "monitor",
            "path",
            "api/notifications",
            Kind.PATH,
            label="Path",
            help="The topic of a message follows it.",
        ),
        number(
            "monitor",
            "request_timeout",
            "5000",
            (100, _MONITOR_TIMEOUT_MAX_MS),
            _TIME_LIMIT,
            _WHOLE_REQUEST,
            "ms",
        ),
        number(
            "monitor",
            "alive_interval",
            "30000",
            (0, _DAY_MS),
            "Sign of life every",
            "0 for none.",
            "ms",
        ),
        flag(
            "monitor",
            "inform_access_event_id",
            "0",
            "Ids of events in messages",
            "Messages of doors and turnstile then have access_event_id.",
        ),
    ),
    *acts_on(
        SettingGroup.ONLINE,
        "Push",
        ConfigurationKey(
            "push_server",
            "push_remote_address",
            kind=Kind.SERVER,
            label="Address of the push server",
            help=_ADDRESS,
            danger="That server may do what an administrator may, but for secrets and logins.",
        ),
        number(
            "push_server",
            "push_request_timeout",
            "15000",
            (100, _SERVER_TIMEOUT_MAX_MS),
            _TIME_LIMIT,
            _WHOLE_REQUEST,
            "ms",
        ),
        ConfigurationKey(
            "push_server",
            "push_request_period",
            "60",
            Kind.DECIMAL,
            0,
            86_400,
            label="Ask for commands every",
            help="Also parts of a second, such as 0.5.",
            unit="s",
        ),
    ),
    # Ours.
    *acts_on(
        SettingGroup.ONLINE,
        "Minop listener",
        ConfigurationKey(
            "minop",
            "listener",
            kind=Kind.SERVER,
            label="Address of the Minop listener",
            help=_ADDRESS,
        ),
        number(
            "minop",
            "request_timeout",
            "5000",
            (100, _MONITOR_TIMEOUT_MAX_MS),
            _TIME_LIMIT,
            _WHOLE_REQUEST,
            "ms",
        ),
    ),
    # Of ours: what the vendor's `set_network_interlock` sets, which no key of the vendor's shows.
    *acts_on(
        SettingGroup.DOORS,
        "Interlock with other devices",
        flag(
            "network_interlock",
            "interlock_enabled",
            "0",
            "Ask other devices before a door opens",
            "A door opens only while their doors are closed.",
            danger="While another device does not answer, cards are refused.",
        ),
        flag(
            "network_interlock",
            "api_bypass_enabled",
            "0",
            "Commands open without asking",
            "Openings by clients and by this page.",
        ),
        flag(
            "network_interlock",
            "rex_bypass_enabled",
            "0",
            "Exit buttons open without asking",
            "Where a door has no other way out.",
            danger="Off, a door whose only way out is the button keeps people in meanwhile.",
        ),
    ),
)
