"""The `gateway` command. Exit code 0: done; 1: refused, with a reason; 2: wrong usage."""

from __future__ import annotations

import importlib
import sys

import click

from gateway import __version__
from gateway.errors import GatewayError

_COMMANDS = {
    "init": ("gateway.cli.init", "Make a data directory, its databases and the administrator."),
    "check": ("gateway.cli.check", "Check a site file, without a data directory."),
    "site": ("gateway.cli.site", "Accept a site file with fewer doors, readers or outputs."),
    "passwd": ("gateway.cli.login", "Set the password of an API login."),
    "login": ("gateway.cli.login", "Make, list and remove API logins, and set their roles."),
    "portal": (
        "gateway.cli.portal",
        "Add portals for new doors, and tie access rules and readers to them.",
    ),
    "token": ("gateway.cli.token", "Make, list and revoke bearer tokens."),
    "person": ("gateway.cli.person", "Add, list and remove people, with cards and groups."),
    "card": ("gateway.cli.person", "Give cards to people, and take them away."),
    "osdp": ("gateway.cli.osdp", "Pair, find and examine OSDP readers."),
    "peer": ("gateway.cli.peer", "Pair with other devices of the site, list and remove them."),
    "run": ("gateway.cli.run", "Run both processes in the foreground."),
    "controller": ("gateway.cli.controller", "Run the controller process alone."),
    "api": ("gateway.cli.api", "Run the api process alone."),
    "sim": ("gateway.cli.sim", "Drive the simulated board of a running gateway."),
    "explain": ("gateway.cli.explain", "Say why a door opened or did not, for whom and when."),
    "threat-level": ("gateway.cli.threat_level", "Set or show the threat level."),
    "alarm": ("gateway.cli.alarm", "Silence alarms, and reset a fire."),
    "doctor": ("gateway.cli.doctor", "Check the site file, the board and the databases."),
    "key": ("gateway.cli.key", "Show the key that seals PINs and passwords, or make another."),
    "restore": ("gateway.cli.restore", "Replace a lost store.db by a backup."),
    "update": ("gateway.cli.update", "Install a signed update, or check one."),
    "wiring": ("gateway.cli.wiring", "Draw the header with every pin that the site uses."),
    "safe-relays": (
        "gateway.cli.safe_relays",
        "Put the relays at their declared state without the controller.",
    ),
    "system-helper": (
        "gateway.cli.system_helper",
        "Change the operating system for the api process.",
    ),
    "network-file": (
        "gateway.cli.network_file",
        "Check the network settings on a flashed device's card.",
    ),
    "device-rules": ("gateway.cli.device_rules", "Print udev rules for the site's USB scanners."),
    "replay": ("gateway.cli.replay", "Run a flight record again and show the first difference."),
    "licences": ("gateway.cli.licences", "Print the licences of everything that is installed."),
    "version": ("gateway.cli.main", "Print the version."),
}


class _LateGroup(click.Group):
    """Imports a command's module only when the command runs: the controller needs no Flask."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LateGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A door controller: readers, access rules, doors, alarms and a Control iD compatible API."""


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"gateway {__version__}")


def main() -> None:
    """Entry point: prints every GatewayError as one line and exits with code 1."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(1)
    except GatewayError as error:
        click.echo(f"gateway: {error}", err=True)
        sys.exit(1)
