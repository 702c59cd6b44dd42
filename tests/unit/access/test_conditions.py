"""Nothing that is stored about a rule is left aside without a reason."""

from __future__ import annotations

import dataclasses

from gateway.access.rows import PolicyRows
from gateway.objects.catalogue import REGISTRY
from gateway.objects.mirrored import mirrored

LOGS = {"access_logs", "access_log_access_rules", "access_log_portal_rules"}


def test_whatever_is_tied_to_a_rule_is_read_with_the_rules_or_with_the_person() -> None:
    rules = {"access_rules", "portal_rules", "validations", "identification_rules"}
    tied = {
        declared.name for declared in REGISTRY if any(ref.target in rules for ref in declared.refs)
    }
    read = {field.name for field in dataclasses.fields(PolicyRows)}
    # Under another name, or with the person.
    read |= {"contingency_card_access_rules", "user_access_rules"}
    # Says which of the vendor's scripts a device runs; this one runs none.
    neither = tied - read - LOGS - {"device_identification_rules"}
    assert not neither, f"compile {neither}, or have rules never release by it"
    assert tied - LOGS - {"device_identification_rules"} <= set(mirrored(REGISTRY))
