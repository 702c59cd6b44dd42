from __future__ import annotations

from collections.abc import Mapping

from gateway.access.rows import FirstCardRow, LinkRow, TimeSpanRow
from gateway.access.schedule import CompiledZone, compile_zone
from gateway.access.slices import drain
from gateway.access.trace import TimeVerdict
from gateway.access.unlocks import FirstCard, compile_first_cards

PORTAL, OTHER_PORTAL, ZONE, OFFICE, SHOP = 1, 2, 5, 20, 30


def zones() -> Mapping[int, CompiledZone]:
    span = TimeSpanRow(1, ZONE, 0, 86_400, *([1] * 10))
    return {ZONE: drain(compile_zone([span]))}


def compiled(*rows: FirstCardRow, groups: tuple[LinkRow, ...] = ()) -> dict[int, list[FirstCard]]:
    found = drain(compile_first_cards(rows, groups, zones()))
    return {portal: list(cards) for portal, cards in found.items()}


def test_each_portal_has_its_own_first_cards_in_their_order() -> None:
    found = compiled(
        FirstCardRow(1, "early", PORTAL, ZONE),
        FirstCardRow(2, "late", PORTAL, ZONE),
        FirstCardRow(3, "back", OTHER_PORTAL, ZONE),
    )
    names = {portal: [card.name for card in cards] for portal, cards in found.items()}
    assert names == {PORTAL: ["early", "late"], OTHER_PORTAL: ["back"]}


def test_somebody_of_any_listed_department_starts_it_and_nobody_else() -> None:
    links = (LinkRow(1, OFFICE), LinkRow(1, SHOP), LinkRow(9, 40))
    (card,) = compiled(FirstCardRow(1, "shop", PORTAL, ZONE), groups=links)[PORTAL]
    assert card.started_by([OFFICE, 40])
    assert card.started_by([SHOP])
    assert not card.started_by([40])
    assert not card.started_by([])


def test_without_a_department_nobody_starts_it() -> None:
    (card,) = compiled(FirstCardRow(1, "shop", PORTAL, ZONE))[PORTAL]
    assert not card.started_by([OFFICE])


def test_a_time_zone_that_does_not_exist_opens_at_no_time() -> None:
    (card,) = compiled(FirstCardRow(1, "shop", PORTAL, 99))[PORTAL]
    assert card.when.fixed is TimeVerdict.NO_SCHEDULE
