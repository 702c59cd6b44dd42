"""A person, with what a decision needs to know."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.access.credential_terms import CredentialTerms
from gateway.clock import Moment


@dataclass(frozen=True, slots=True)
class Person:
    """A row of `users` with the ids that tie it to rules."""

    id: int
    begin_time: int | None = None
    """Device time in seconds from which the person is valid; 0 or None for no begin."""
    end_time: int | None = None
    """Last second of validity in device time; 0 or None for no end."""
    group_ids: tuple[int, ...] = ()
    """Departments (`user_groups`)."""
    own_rule_ids: tuple[int, ...] = ()
    """Rules tied to this person alone (`user_access_rules`)."""
    opening_times: tuple[tuple[int, int], ...] = ()
    """(door, milliseconds) where doors stay unlocked longer for this person (`opening_times`)."""
    extended_times: bool = False
    """The person needs more time at doors (`users.extended_times`)."""
    passback_exempt: bool = False
    """Anti-passback ignores this person."""
    spends: tuple[int, int] | None = None
    """Row and number of the single-use card that was presented; None for other credentials."""
    group_ends: tuple[tuple[int, int], ...] = ()
    """(department, last second in device time) of memberships that end."""
    rule_ends: tuple[tuple[int, int], ...] = ()
    """(rule, last second in device time) of own rules that end."""
    doubtful_group_ids: tuple[int, ...] = ()
    """Departments of which nobody knows whether the membership has ended: they count to the
    stricter side. Set by `at`."""
    doubtful_rule_ids: tuple[int, ...] = ()
    """The same of own rules."""
    ended_group_ids: tuple[int, ...] = ()
    """Departments whose membership has ended. Set by `at`."""
    ended_rule_ids: tuple[int, ...] = ()
    """Own rules that have ended. Set by `at`."""
    credentials: tuple[CredentialTerms, ...] = ()
    """What the person presented; none of a password."""
    by_password: bool = False
    """The person keyed their password, as a factor or after their user id."""

    @property
    def dated(self) -> bool:
        """True if the validity, or that of what was presented, has a begin or an end."""
        own = bool(self.begin_time or self.end_time)
        return own or any(terms.dated for terms in self.credentials)

    @property
    def limited(self) -> bool:
        """True if the person, or what was presented, may be refused before the rules."""
        return self.dated or any(terms.limited for terms in self.credentials)

    @property
    def ending(self) -> bool:
        """True if a membership or an own rule ends."""
        return bool(self.group_ends or self.rule_ends)

    def at(self, moment: Moment) -> Person:
        """The person with the memberships and own rules of `moment`.

        While the clock is not trusted, those with an end are doubtful.
        """
        if not self.ending:
            return self
        groups = _at(self.group_ids, self.group_ends, moment)
        rules = _at(self.own_rule_ids, self.rule_ends, moment)
        return replace(
            self,
            group_ids=groups[0],
            own_rule_ids=rules[0],
            group_ends=(),
            rule_ends=(),
            doubtful_group_ids=groups[1],
            doubtful_rule_ids=rules[1],
            ended_group_ids=groups[2],
            ended_rule_ids=rules[2],
        )


_Ids = tuple[int, ...]


def _at(ids: _Ids, ends: tuple[tuple[int, int], ...], moment: Moment) -> tuple[_Ids, _Ids, _Ids]:
    """Those of `ids` that count, those that are doubtful and those that have ended."""
    last = dict(ends)
    if not moment.trusted:
        return tuple(i for i in ids if i not in last), tuple(i for i in ids if i in last), ()
    over = tuple(i for i in ids if i in last and moment.stamp > last[i])
    return tuple(i for i in ids if i not in over), (), over
