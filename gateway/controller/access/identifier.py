"""Turns an identification into an attempt: which person, at which portal, with which factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.access.admission_values import AdmissionState
from gateway.access.attempt import Attempt, Duress, Factor
from gateway.access.credential_terms import CredentialStatus, CredentialTerms
from gateway.access.person import Person
from gateway.controller.access.credential_uses import CredentialUses
from gateway.controller.access.dynamic_codes import DynamicCodes, DynamicCodesState
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import People
from gateway.credentials.credential_settings import CredentialSettings
from gateway.credentials.identifier import identifier_of
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.totp import DynamicCode
from gateway.credentials.uhf import credential_of_tag
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import UnderRepair
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
_DURESS = {
    Factor.CARD: Duress.CARD,
    Factor.PIN: Duress.PIN,
    Factor.PASSWORD: Duress.PASSWORD,
}


class OutdatedRules(Exception):
    """The store has other rules than those in memory: compile `version`, then ask again."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class PeopleUnderRepair(Exception):
    """People cannot be read until the mirror is made anew: ask again then."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential that a person showed; when it lets them in later, it must still be theirs."""

    kind: CredentialKind
    """As read: each kind can be switched off."""
    credential: Credential | None
    """As looked up, which the log may keep; None for a password, which is never logged."""
    user_id: int
    """0 if nobody owns it."""
    secret: str = field(default="", repr=False)
    """As `Reading.secret`; a new secret makes it another credential."""
    spends: tuple[int, int] | None = None
    """As `Person.spends`."""


@dataclass(frozen=True, slots=True)
class Identified:
    """An attempt, with the credential that was shown."""

    attempt: Attempt
    shown: Shown
    keyed_user_id: int = field(default=0, repr=False)
    """The user id keyed before a password, 0 for none; somebody may have keyed a PIN instead."""


@dataclass(frozen=True, slots=True)
class IdentifierState:
    """By reader, the credential read last and the user id keyed last, with their instants."""

    last: Mapping[str, tuple[Credential, int]]
    keyed_ids: Mapping[str, tuple[Credential, int]]
    codes: DynamicCodesState


class Identifier:
    """Finds the person behind an identification. The loop's thread alone uses it."""

    def __init__(
        self, site: SiteFile, people: People, codes: DynamicCodes, uses: CredentialUses
    ) -> None:
        self._uses = uses
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
        """True if the same reader read the same credential a moment ago.

        PINs are never repeats: the same PIN twice is two entries. The driver of a reader
        distinguishes several tags in its field.
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

    def owner(
        self, shown: Sequence[Shown], config: EffectiveConfig, portal_id: int
    ) -> Person | None:
        """The person who showed all of `shown` at a portal, as stored now, with these credentials;
        None if any of it no longer counts.

        A credential no longer counts once it was deleted, given to another person, changed or
        spent, or its kind was switched off. Raises StorageError.
        """
        person = None
        credentials: list[CredentialTerms] = []
        for each in shown:
            if each.credential is None:
                reading = self._people.find_by_id(each.user_id)
            elif each.kind in config.credentials.kinds:
                reading = self._people.find(each.credential)
            else:
                return None
            spent = each.spends is not None and self._codes.is_spent(*each.spends)
            same = reading.person is not None and reading.person.id == each.user_id
            if not same or spent or reading.secret != each.secret:
                return None
            person = reading.person
            credentials += person.credentials if person else ()
        spends = next((each.spends for each in shown if each.spends), None)
        if person is None:
            return None
        by_password = any(each.credential is None for each in shown)
        person = replace(
            person, spends=spends, credentials=tuple(credentials), by_password=by_password
        )
        return self._uses.counted(person, portal_id)

    def portal_of(self, reader: str, config: EffectiveConfig) -> int:
        """The portal that a reader stands for, 0 for none."""
        return config.topology.portal_of_reader(self._readers[reader].index)

    def identify(
        self,
        identification: Identification,
        config: EffectiveConfig,
        state: AdmissionState,
        enough: int | None = None,
    ) -> Identified | None:
        """The attempt of an identification.

        None if its kind is switched off, or if it is a user id whose password must be keyed next.
        Raises OutdatedRules if the store has other rules than `config`, PeopleUnderRepair, and
        StorageError if the store cannot be read. On the second call for the same identification,
        `enough` is the version that OutdatedRules named: it contains all writes that the API had
        answered when the credential was shown.
        """
        try:
            return self._read(identification, config, state, enough)
        except UnderRepair as error:
            raise PeopleUnderRepair from error

    def _read(
        self,
        identification: Identification,
        config: EffectiveConfig,
        state: AdmissionState,
        enough: int | None,
    ) -> Identified | None:
        shown = identification.credential
        # The configuration counts only after the versions have been compared.
        settings = config.credentials
        if shown.kind is CredentialKind.PIN and shown.kind not in settings.kinds:
            return self._by_password(identification, config, state, enough)
        credential = looked_up(shown, settings)
        reading = self._people.find(credential)
        _compare(reading.policy_version, config, enough)
        if shown.kind not in settings.kinds:
            return None
        if shown.kind is CredentialKind.QRCODE:
            credential, reading = self._by_code(credential, reading, config, enough)
        return self._identified(identification, config, credential, reading)

    def threat(
        self, identification: Identification, config: EffectiveConfig
    ) -> tuple[Duress, Person] | None:
        """Duress and person of an identification that is not decided on; None without duress.

        A password alone identifies nobody. Raises StorageError if the store cannot be read.
        """
        shown = identification.credential
        settings = config.credentials
        if shown.kind is CredentialKind.PIN and shown.kind not in settings.kinds:
            return None
        credential = looked_up(shown, settings)
        reading = self._people.find(credential)
        duress = _duress(_FACTORS[credential.kind], reading)
        return (duress, reading.person) if duress and reading.person else None

    def _by_code(
        self, credential: Credential, plain: Reading, config: EffectiveConfig, enough: int | None
    ) -> tuple[Credential, Reading]:
        """The credential that a QR code stands for, and its reading.

        `plain` is the reading of the code itself.
        """
        settings, unknown = config.credentials, Reading(plain.policy_version, None)
        if not isinstance(credential.value, int):
            # In the other modes a code is a number; this one is not.
            return credential, plain if settings.qr_mode is QrMode.ALPHANUMERIC else unknown
        codes = settings.dynamic_codes
        if codes is None:
            return credential, plain
        code = DynamicCode.of(credential.value)
        card = Credential(CredentialKind.CARD, code.card)
        owner = self._people.find(card)
        _compare(owner.policy_version, config, enough)
        if not owner.secret:
            # A fixed code. A person with a secret must prove it with a changing one.
            return credential, unknown if plain.secret else plain
        if owner.person is None or not self._codes.accept(
            code,
            CodeCard(owner.card_id, code.card),
            owner.secret,
            codes,
            single_use=settings.single_use_codes,
        ):
            return credential, unknown
        spends = (owner.card_id, code.card) if settings.single_use_codes else None
        return card, replace(owner, person=replace(owner.person, spends=spends))

    def _by_password(
        self,
        identification: Identification,
        config: EffectiveConfig,
        state: AdmissionState,
        enough: int | None,
    ) -> Identified | None:
        """A user id and then a password; as a second factor, the password alone."""
        reader, typed = identification.reader, str(identification.credential.value)
        waiting = state.pending.get(reader)
        keyed_id, at_ns = self._keyed_ids.get(reader, (None, 0))
        kept = str(keyed_id.value) if keyed_id else ""
        if waiting is not None:
            user_id = waiting.person.id
        elif kept and identification.at_ns - at_ns <= ENTRY_NS:
            user_id = int(kept) if len(kept) <= LONGEST_ID else 0
        else:
            _compare(self._people.policy_version(), config, enough)
            self._keyed_ids[reader] = (identification.credential, identification.at_ns)
            return None
        reading = self._people.find_by_password(user_id, typed)
        _compare(reading.policy_version, config, enough)
        self._keyed_ids.pop(reader, None)
        identified = self._identified(identification, config, None, reading)
        return replace(identified, keyed_user_id=user_id)

    def _identified(
        self,
        identification: Identification,
        config: EffectiveConfig,
        credential: Credential | None,
        reading: Reading,
    ) -> Identified:
        """`credential` is what was looked up, None for a password."""
        portal_id = self.portal_of(identification.reader, config)
        person = reading.person and self._uses.counted(reading.person, portal_id)
        factor = _FACTORS[credential.kind] if credential else Factor.PASSWORD
        if person is not None and factor is Factor.PASSWORD:
            person = replace(person, by_password=True)
        return Identified(
            Attempt(
                reader=identification.reader,
                portal_id=portal_id,
                factor=factor,
                person=person,
                contingency=reading.contingency,
                duress=_duress(factor, reading),
            ),
            Shown(
                kind=identification.credential.kind,
                credential=credential,
                user_id=person.id if person else 0,
                secret=reading.secret,
                spends=person.spends if person else None,
            ),
        )


def _duress(factor: Factor, reading: Reading) -> Duress | None:
    """The silent alarm of a credential: that of a threat, or of a stolen one."""
    shown = reading.person.credentials if reading.person else ()
    if any(terms.status == CredentialStatus.STOLEN for terms in shown):
        # The vendor's alarms know cards and PINs alone.
        return _DURESS.get(factor, Duress.CARD)
    return _DURESS.get(factor) if reading.panic else None


def looked_up(shown: Credential, settings: CredentialSettings) -> Credential:
    """The form in which the store holds `shown`."""
    return credential_of_tag(credential_of_code(shown, settings.qr_mode), settings.uhf_bits)


def _compare(version: int, config: EffectiveConfig, enough: int | None) -> None:
    """Raise OutdatedRules if `config` must not decide."""
    decides = config.snapshot.version
    if enough is None:
        # Lower is outdated too: a restored backup brings back an earlier number.
        outdated, needed = decides != version, version
    else:
        outdated, needed = decides < enough, enough
    if outdated:
        raise OutdatedRules(needed)
