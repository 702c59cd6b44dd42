"""How often credentials with a number of uses have let somebody in."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.person import Person
from gateway.controller.state.ports import Passages
from gateway.controller.state.recorder import Recorder
from gateway.errors import StorageError
from gateway.store.journal import EntryKind
from gateway.store.journal.credential_uses import UseKey, key_of

log = structlog.get_logger("credentials")


@dataclass(frozen=True, slots=True)
class CredentialUsesState:
    """Uses that the journal file does not hold yet, and those that grants have reserved."""

    uncommitted: tuple[tuple[int, UseKey], ...]
    """Each with the ticket of its entry, oldest first."""
    reserved: Mapping[int, tuple[int, tuple[UseKey, ...]]]
    """Grant -> its portal and what it was for."""


class CredentialUses:
    """Counts entries with credentials that are good for a number of them.

    A grant reserves one use until the door has opened, which counts, or has not. The same
    credential again at the same portal takes the reservation over, since its people enter once. The
    loop's thread alone uses it.
    """

    def __init__(self, passages: Passages, recorder: Recorder) -> None:
        self._passages = passages
        self._recorder = recorder
        self._uncommitted: deque[tuple[int, UseKey]] = deque()
        self._reserved: dict[int, tuple[int, tuple[UseKey, ...]]] = {}

    def state(self) -> CredentialUsesState:
        return CredentialUsesState(tuple(self._uncommitted), dict(self._reserved))

    def restore(self, state: CredentialUsesState) -> None:
        self._uncommitted = deque(state.uncommitted)
        self._reserved = dict(state.reserved)

    def counted(self, person: Person, portal_id: int) -> Person:
        """`person` with the uses of what was presented, for an entry by a portal.

        Raises StorageError.
        """
        if not any(terms.uses for terms in person.credentials):
            return person
        shown = tuple(self._counted(terms, person.id, portal_id) for terms in person.credentials)
        return replace(person, credentials=shown)

    def reserve(self, grant: int, portal_id: int, people: Iterable[Person]) -> None:
        """Reserve one use of each credential by which a grant lets `people` in."""
        keys = tuple(
            key_of(terms, person.id)
            for person in people
            for terms in person.credentials
            if terms.uses
        )
        if not keys:
            return
        for other, (place, theirs) in list(self._reserved.items()):
            if place == portal_id:
                self._keep(other, place, tuple(key for key in theirs if key not in keys))
        self._reserved[grant] = portal_id, keys

    def entered(self, grant: int) -> None:
        """Count the uses that a grant reserved: its people have entered."""
        for key in self._reserved.pop(grant, (0, ()))[1]:
            used = None
            try:
                used = self._used(key) + 1
            except StorageError as error:
                log.warning("earlier uses cannot be read", why=str(error))
            known = {} if used is None else {"used": used}
            ticket = self._recorder.note(
                EntryKind.CREDENTIAL_USED,
                object=CredentialKey(key.kind).table,
                row_id=key.row_id,
                user_id=key.user_id,
                **known,
            )
            self._uncommitted.append((ticket, key))

    def lapsed(self, grant: int) -> None:
        """Give back what a grant reserved: nobody entered in time."""
        self._reserved.pop(grant, None)

    def committed(self, ticket: int) -> None:
        """Drop uses up to `ticket`, which the file holds now."""
        while self._uncommitted and self._uncommitted[0][0] <= ticket:
            self._uncommitted.popleft()

    def _keep(self, grant: int, portal_id: int, keys: tuple[UseKey, ...]) -> None:
        if keys:
            self._reserved[grant] = portal_id, keys
        else:
            del self._reserved[grant]

    def _counted(self, terms: CredentialTerms, user_id: int, portal_id: int) -> CredentialTerms:
        if not terms.uses:
            return terms
        key = key_of(terms, user_id)
        elsewhere = Counter(
            it for place, keys in self._reserved.values() if place != portal_id for it in keys
        )
        return replace(terms, used=self._used(key) + elsewhere[key])

    def _used(self, key: UseKey) -> int:
        """Entries made with it. Raises StorageError."""
        return self._passages.uses(key) + sum(it == key for _, it in self._uncommitted)
