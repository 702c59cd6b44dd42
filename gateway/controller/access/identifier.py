"""From an identification to an attempt: who is it, at which portal, and with what?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.access.admission_values import AdmissionState
from gateway.access.attempt import Attempt, Duress, Factor
from gateway.access.person import Person
from gateway.controller.access.dynamic_codes import DynamicCodes, DynamicCodesState
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import People
from gateway.credentials.identifier import identifier_of
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.totp import DynamicCode
from gateway.credentials.uhf import credential_of_tag
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.settings import SiteFile
from gateway.store.journal.used_codes import CodeCard
from gateway.store.policy.people import Reading

SAME_READ_NS = 2_000_000_000
"""The same credential again at the same reader within this time is the same read."""
ENTRY_NS = 30_000_000_000
"""A user id that was keyed waits this long for its password."""
LONGEST_ID = 15
"""Digits of a user id."""

_FACTORS = {
    CredentialKind.CARD: Factor.CARD,
    CredentialKind.QRCODE: Factor.QRCODE,
    CredentialKind.UHF_TAG: Factor.UHF_TAG,
    CredentialKind.PIN: Factor.PIN,
}
_DURESS = {CredentialKind.CARD: Duress.CARD, CredentialKind.PIN: Duress.PIN}


class OutdatedRules(Exception):
    """The store's rules are newer than those in memory: compile `version`, then ask again."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody identified with: it must still be theirs when it lets them in later."""

    kind: CredentialKind
    """As read: each kind can be switched off."""
    credential: Credential | None
    """As looked up, which the log may keep; None for a password, which no log keeps."""
    user_id: int
    """0 for nobody."""
    secret: str = field(default="", repr=False)
    """As `Reading.secret`: with another one it is another credential."""
    spends: tuple[int, int] | None = None
    """As `Person.spends`."""


@dataclass(frozen=True, slots=True)
class Identified:
    """An attempt, with what was shown."""

    attempt: Attempt
    shown: Shown


@dataclass(frozen=True, slots=True)
class IdentifierState:
    """What was read last and what was keyed, by reader and with the instant."""

    last: Mapping[str, tuple[Credential, int]]
    keyed_ids: Mapping[str, tuple[Credential, int]]
    codes: DynamicCodesState


class Identifier:
    """Finds out who identifies. The loop's thread alone uses it."""

    def __init__(self, site: SiteFile, people: People, codes: DynamicCodes) -> None:
        self._readers = {reader.name: reader for reader in site.reader}
        self._people = people
        self._codes = codes
        self._last: dict[str, tuple[Credential, int]] = {}
        self._keyed_ids: dict[str, tuple[Credential, int]] = {}

    def state(self) -> IdentifierState:
        return IdentifierState(dict(self._last), dict(self._keyed_ids), self._codes.state())

    def restore(self, state: IdentifierState) -> None:
        self._last, self._keyed_ids = dict(state.last), dict(state.keyed_ids)
        self._codes.restore(state.codes)

    def is_repeat(self, identification: Identification) -> bool:
        """Whether the credential is still the one read a moment ago at the same reader.

        Keys are pressed on purpose: the same entry twice is two entries. Several tags that lie at
        one reader are told apart by its driver.
        """
        if identification.credential.kind is CredentialKind.PIN:
            return False
        last = self._last.get(identification.reader)
        self._last[identification.reader] = (identification.credential, identification.at_ns)
        return (
            last is not None
            and last[0] == identification.credential
            and identification.at_ns - last[1] < SAME_READ_NS
        )

    def identifier_id(self, reader: str) -> int:
        """The API's number of a reader, 0 for none."""
        known = self._readers.get(reader)
        return 0 if known is None else identifier_of(known)

    def owner(self, shown: Sequence[Shown], bindings: EffectiveConfig) -> Person | None:
        """Whoever showed all of `shown`, as they are now; None once any of it is theirs no more:
        deleted, somebody else's, changed, spent, or of a kind that is switched off.

        Raises StorageError.
        """
        person = None
        for each in shown:
            if each.credential is None:
                reading = self._people.find_by_id(each.user_id)
            elif each.kind in bindings.credentials.kinds:
                reading = self._people.find(each.credential)
            else:
                return None
            spent = each.spends is not None and self._codes.is_spent(*each.spends)
            same = reading.person is not None and reading.person.id == each.user_id
            if not same or spent or reading.secret != each.secret:
                return None
            person = reading.person
        spends = next((each.spends for each in shown if each.spends), None)
        return person and replace(person, spends=spends)

    def portal_of(self, reader: str, bindings: EffectiveConfig) -> int:
        """The portal that a reader stands for, 0 for none."""
        return bindings.topology.portal_of_reader(self._readers[reader].index)

    def identify(
        self,
        identification: Identification,
        bindings: EffectiveConfig,
        state: AdmissionState,
        enough: int | None = None,
    ) -> Identified | None:
        """The attempt that an identification is.

        None where its kind is switched off, and for a user id whose password is still to be
        keyed. Raises OutdatedRules when the store's rules are newer than `bindings`. Asked again
        after that, `enough` is the version it named: whatever was answered to a client before
        the identification is in it. Raises StorageError when the store cannot be read.
        """
        shown = identification.credential
        # What the configuration says is believed only once the versions were compared.
        if (
            shown.kind is CredentialKind.PIN
            and CredentialKind.PIN not in bindings.credentials.kinds
        ):
            return self._by_password(identification, bindings, state, enough)
        credential = credential_of_code(shown, bindings.credentials.qr_mode)
        credential = credential_of_tag(credential, bindings.credentials.uhf_bits)
        reading = self._people.find(credential)
        _compare(reading, bindings, enough)
        if shown.kind not in bindings.credentials.kinds:
            return None
        if shown.kind is CredentialKind.QRCODE:
            credential, reading = self._by_code(credential, reading, bindings, enough)
        duress = _DURESS.get(credential.kind) if reading.panic else None
        factor = _FACTORS[credential.kind]
        attempt = self._attempt(identification, bindings, factor, reading, duress)
        return Identified(attempt, _shown(shown.kind, credential, reading))

    def threat(
        self, identification: Identification, bindings: EffectiveConfig
    ) -> tuple[Duress, Person] | None:
        """Who identifies under threat, and how, where nothing is decided; None where nobody does.

        For what is presented by itself: a password means somebody only after a user id. Raises
        StorageError when the store cannot be read.
        """
        shown = identification.credential
        if (
            shown.kind is CredentialKind.PIN
            and CredentialKind.PIN not in bindings.credentials.kinds
        ):
            return None
        credential = credential_of_code(shown, bindings.credentials.qr_mode)
        reading = self._people.find(credential_of_tag(credential, bindings.credentials.uhf_bits))
        duress = _DURESS.get(credential.kind) if reading.panic else None
        return (duress, reading.person) if duress and reading.person else None

    def _by_code(
        self, credential: Credential, plain: Reading, bindings: EffectiveConfig, enough: int | None
    ) -> tuple[Credential, Reading]:
        """What a QR code stands for and who has it; `plain` has whatever it is as it stands."""
        nobody = Reading(plain.policy_version, None)
        if not isinstance(credential.value, int):
            # Codes are numbers in the other modes, and this one is none.
            return (
                credential,
                plain if bindings.credentials.qr_mode is QrMode.ALPHANUMERIC else nobody,
            )
        settings = bindings.credentials.dynamic_codes
        if settings is None:
            return credential, plain
        code = DynamicCode.of(credential.value)
        card = Credential(CredentialKind.CARD, code.card)
        owner = self._people.find(card)
        _compare(owner, bindings, enough)
        if not owner.secret:
            # A code that stays the same; but whoever has a secret must show that they have it.
            return credential, nobody if plain.secret else plain
        if owner.person is None or not self._codes.accept(
            code,
            CodeCard(owner.card_id, code.card),
            owner.secret,
            settings,
            single_use=bindings.credentials.single_use_codes,
        ):
            return credential, nobody
        spends = (owner.card_id, code.card) if bindings.credentials.single_use_codes else None
        return card, replace(owner, person=replace(owner.person, spends=spends))

    def _by_password(
        self,
        identification: Identification,
        bindings: EffectiveConfig,
        state: AdmissionState,
        enough: int | None,
    ) -> Identified | None:
        """User id and password, keyed one after the other; the password alone as a second
        factor."""
        reader, typed = identification.reader, str(identification.credential.value)
        waiting = state.pending.get(reader)
        keyed_id, at_ns = self._keyed_ids.get(reader, (None, 0))
        kept = str(keyed_id.value) if keyed_id else ""
        if waiting is not None:
            user_id = waiting.person.id
        elif kept and identification.at_ns - at_ns <= ENTRY_NS:
            user_id = int(kept) if len(kept) <= LONGEST_ID else 0
        else:
            _compare_version(self._people.policy_version(), bindings, enough)
            self._keyed_ids[reader] = (identification.credential, identification.at_ns)
            return None
        reading = self._people.find_by_password(user_id, typed)
        _compare(reading, bindings, enough)
        self._keyed_ids.pop(reader, None)
        duress = Duress.PASSWORD if reading.panic else None
        attempt = self._attempt(identification, bindings, Factor.PASSWORD, reading, duress)
        return Identified(attempt, _shown(identification.credential.kind, None, reading))

    def _attempt(
        self,
        identification: Identification,
        bindings: EffectiveConfig,
        factor: Factor,
        reading: Reading,
        duress: Duress | None,
    ) -> Attempt:
        return Attempt(
            reader=identification.reader,
            portal_id=self.portal_of(identification.reader, bindings),
            factor=factor,
            person=reading.person,
            contingency=reading.contingency,
            duress=duress,
        )


def _shown(kind: CredentialKind, credential: Credential | None, reading: Reading) -> Shown:
    person = reading.person
    spends = person.spends if person else None
    return Shown(kind, credential, person.id if person else 0, reading.secret, spends)


def _compare(reading: Reading, bindings: EffectiveConfig, enough: int | None) -> None:
    _compare_version(reading.policy_version, bindings, enough)


def _compare_version(version: int, bindings: EffectiveConfig, enough: int | None) -> None:
    """Raise OutdatedRules before anything that the configuration says is believed."""
    decides = bindings.snapshot.version
    if enough is None:
        # Lower is outdated too: a restored backup brings back an earlier number.
        outdated, needed = decides != version, version
    else:
        outdated, needed = decides < enough, enough
    if outdated:
        raise OutdatedRules(needed)
