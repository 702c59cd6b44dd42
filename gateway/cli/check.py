"""`gateway check`: checks a site file without a data directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from gateway.cli.doctor.findings import Finding, Grade, report
from gateway.cli.doctor.site import site_findings
from gateway.cli.options import json_option
from gateway.commands.provisioning import check_initial
from gateway.commands.site_rules import BoardShown
from gateway.errors import SettingsError
from gateway.hardware.boards.profiles import (
    BoardProfile,
    board_names,
    check_site,
    load_profile,
    site_problems,
)
from gateway.host.machine import MachineFiles
from gateway.host.plugged_in import card_readers, device_links
from gateway.settings import (
    SITE_FILE,
    SiteFile,
    end_problem,
    parse_site,
    read_current_site,
    read_text,
)
from gateway.settings.addresses import SIMULATED_PORT


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Check the site file FILE, without a data directory; exit code 1 if it cannot be used."""
    try:
        text = read_text(file)
        site, profile = usable_site(text, str(file))
        if file.name == SITE_FILE:
            read_current_site(file.parent)
    except SettingsError as error:
        if not as_json:
            raise
        report([Finding(Grade.FAIL, "site file", str(error))], as_json=True)
        return
    problem = end_problem(text)
    unended = [Finding(Grade.WARN, "site file", f"it {problem}")] if problem else []
    report([*unended, *site_findings(site, profile)], as_json=as_json)


class BoardRules:
    """Implements `gateway.commands.site_rules.SiteRules` with the profiles in `hw`."""

    def problems(self, site: SiteFile) -> Sequence[str]:
        return site_problems(load_profile(site.site.board), site)

    def warnings(self, site: SiteFile) -> Sequence[str]:
        found = site_findings(site, load_profile(site.site.board))
        return [f"{it.subject}: {it.text}" for it in found if it.grade is not Grade.OK]

    def boards(self) -> Sequence[BoardShown]:
        model = (MachineFiles().model() or "").partition(" Rev ")[0]
        profiles = map(load_profile, board_names())
        return [
            {
                "name": it.name,
                "title": it.title,
                "simulated": it.simulated,
                "this": model in it.models,
                "pins": list(it.pins),
            }
            for it in profiles
        ]

    def places(self) -> Mapping[str, Sequence[str]]:
        machine = MachineFiles()
        # A machine that is no known board has the simulated one.
        simulated = () if any(it["this"] for it in self.boards()) else (SIMULATED_PORT,)
        return {
            "port": (*device_links(machine, "serial"), *simulated),
            "device": (*device_links(machine, "input"), *simulated),
            "reader": (*card_readers(machine), *simulated),
        }


def usable_site(text: str, name: str) -> tuple[SiteFile, BoardProfile]:
    """The site file in `text`, called `name`, with the profile of its board.

    Raises SettingsError for a wrong key, for what the board lacks, and for a key of `initial` that
    the configuration does not have.
    """
    site = parse_site(text, name)
    try:
        profile = load_profile(site.site.board)
        check_site(profile, site)
        check_initial(site)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from error
    return site, profile
