"""From an identification to a decision: who is it, at which portal, and may they pass?"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from gateway.access.decision import Decision, decide, refuse
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.clock import Moment
from gateway.controller.bindings import Bindings
from gateway.credentials.identifier import QRCODE, WIEGAND, identifier_id
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import StorageError
from gateway.settings import SiteFile
from gateway.store.people import PeopleReader

_TAGS = {"wiegand": WIEGAND, "serial_qr": QRCODE}
"""Reader kind of the site file -> tag of the API's identifier_id."""

SAME_READ_NS = 2_000_000_000
"""The same credential again at the same reader within this time is the same read."""

log = structlog.get_logger("identifier")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on a credential, with what the log wants to know about the reader."""

    decision: Decision
    credential: Credential
    identifier_id: int


class OutdatedRules(Exception):
    """The store's rules are newer than those in memory: compile `version`, then ask again."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Identifier:
    """Decides on identifications. The loop's thread alone uses it."""

    def __init__(self, site: SiteFile, people: PeopleReader) -> None:
        self._readers = {reader.name: reader for reader in site.reader}
        self._people = people
        self._last: dict[str, tuple[Credential, int]] = {}

    def is_repeat(self, identification: Identification) -> bool:
        """Whether the credential is still the one read a moment ago at the same reader."""
        last = self._last.get(identification.reader)
        self._last[identification.reader] = (identification.credential, identification.at_ns)
        return (
            last is not None
            and last[0] == identification.credential
            and identification.at_ns - last[1] < SAME_READ_NS
        )

    def judge(
        self,
        identification: Identification,
        bindings: Bindings,
        moment: Moment,
        enough: int | None = None,
    ) -> Verdict | None:
        """The verdict on an identification; None where its kind is switched off.

        Raises OutdatedRules when the store's rules are newer than `bindings`. Asked again after
        that, `enough` is the version it named: whatever was answered to a client before the
        identification is in it. An error is a verdict too, and it denies.
        """
        reader = self._readers[identification.reader]
        credential = credential_of_code(identification.credential, bindings.qr_mode)
        portal_id = bindings.portal_of_reader(reader.index)
        try:
            person = self._current_owner(credential, bindings, enough)
            if not bindings.identifies_by(identification.credential.kind):
                return None
            decision = _decide(person, portal_id, bindings, moment)
        except OutdatedRules:
            raise
        except StorageError as error:
            log.warning("no decision", reader=reader.name, error=str(error))
            decision = refuse(Reason.INTERNAL_ERROR, portal_id=portal_id)
        except Exception:  # whatever fails in a decision - it denies, and the loop goes on
            log.exception("no decision", reader=reader.name)
            decision = refuse(Reason.INTERNAL_ERROR, portal_id=portal_id)
        return Verdict(decision, credential, identifier_id(_TAGS[reader.kind], reader.index))

    def give_up(self, identification: Identification) -> Verdict:
        """The denial of an identification that could not be decided in time."""
        reader = self._readers[identification.reader]
        return Verdict(
            refuse(Reason.INTERNAL_ERROR),
            identification.credential,
            identifier_id(_TAGS[reader.kind], reader.index),
        )

    def _current_owner(
        self, credential: Credential, bindings: Bindings, enough: int | None
    ) -> Person | None:
        """Who owns `credential`; None for nobody. Raises OutdatedRules before anything that the
        configuration says is believed."""
        reading = self._people.find(credential)
        decides = bindings.snapshot.version
        if enough is None:
            # Lower is outdated too: a restored backup brings back an earlier number.
            outdated, needed = decides != reading.policy_version, reading.policy_version
        else:
            outdated, needed = decides < enough, enough
        if outdated:
            raise OutdatedRules(needed)
        is_text = credential.kind is CredentialKind.QRCODE
        if is_text and bindings.qr_mode is not QrMode.ALPHANUMERIC:
            return None  # codes are numbers in these modes, and this one is none
        return reading.person


def _decide(person: Person | None, portal_id: int, bindings: Bindings, moment: Moment) -> Decision:
    if portal_id == 0:
        return refuse(Reason.READER_WITHOUT_PORTAL)
    if person is None:
        return refuse(Reason.UNKNOWN_CREDENTIAL, portal_id=portal_id)
    return decide(bindings.snapshot.policy, person, portal_id, moment)
