"""The fault plan alone: the same seed, the same faults; never too many in a row."""

from __future__ import annotations

import pytest

from tests.opensearch.fault_plan import Decision, Fault, FaultPlan

BULK = b'{"index":{"_id":"a"}}\n{"n":1}\n{"delete":{"_id":"b"}}\n'


def decisions(plan: FaultPlan, count: int) -> list[Decision]:
    return [plan.decide("POST", "/_bulk", BULK) for _ in range(count)]


def test_the_same_seed_gives_the_same_faults() -> None:
    one, again = (decisions(FaultPlan(seed=7, share=0.3), 500) for _ in range(2))
    other = decisions(FaultPlan(seed=8, share=0.3), 500)

    assert one == again
    assert one != other


def test_the_share_is_kept_and_every_fault_has_its_turn() -> None:
    plan = FaultPlan(seed=7, share=0.3)

    decisions(plan, 2000)

    assert 0.25 < plan.counts.total() / 2000 < 0.35
    assert set(plan.counts) == set(Fault)
    assert plan.counts.total() == sum(one.fault is not None for one in plan.log)


def test_only_the_faults_asked_for_are_chosen() -> None:
    plan = FaultPlan(seed=7, share=1, faults={Fault.SLOW, Fault.GARBLED})

    decisions(plan, 100)

    assert set(plan.counts) == {Fault.SLOW, Fault.GARBLED}


def test_only_bulks_lose_items_or_come_late() -> None:
    plan = FaultPlan(seed=7, share=1, faults={Fault.ITEM_429, Fault.TIMEOUT_BEFORE_COMMIT})

    for n in range(20):
        plan.decide("PUT", f"/photos{n}/_settings", b"{}")

    assert plan.counts.total() == 0


def test_after_four_harmed_requests_one_passes() -> None:
    plan = FaultPlan(seed=7, share=1)

    harmed = [plan.decide("POST", f"/{n}/_refresh", b"").fault is not None for n in range(10)]

    assert harmed == [True, True, True, True, False] * 2


def test_a_request_among_others_passes_after_four_times_too() -> None:
    plan = FaultPlan(seed=7, share=1, faults={Fault.UNAVAILABLE})
    paths = ["/unlucky", "/b", "/c", "/d", "/e"]  # in turn: over the plan, /e alone would pass

    harmed = [
        {path: plan.decide("PUT", path, b"").fault is not None for path in paths}["/unlucky"]
        for _ in range(5)
    ]

    assert harmed == [True, True, True, True, False]


def test_a_document_passes_after_four_times_whatever_bulk_it_comes_in() -> None:
    plan = FaultPlan(seed=7, share=1, faults={Fault.ITEM_429}, max_in_a_row=4)
    in_a_row = longest = 0

    for n in range(200):
        companions = b"".join(b'{"delete":{"_id":"%d-%d"}}\n' % (n, m) for m in range(n % 4))
        decision = plan.decide("POST", "/_bulk", companions + b'{"delete":{"_id":"unlucky"}}\n')
        in_a_row = in_a_row + 1 if n % 4 in decision.held else 0
        longest = max(longest, in_a_row)
        plan.decide("POST", "/photos/_bulk", b'{"delete":{"_id":"other"}}\n')

    assert 1 < longest <= 4


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/photos/_search", b'{"size":1}\n'),
        ("POST", "/photos/_bulk", b"no bulk\n"),
        ("POST", "/photos/_bulk", b""),
        ("POST", "/photos/_bulk", b"[1]\n{}\n"),
    ],
)
def test_items_are_held_back_only_of_a_bulk(method: str, path: str, body: bytes) -> None:
    plan = FaultPlan(seed=7, share=1, faults={Fault.ITEM_429})

    assert plan.decide(method, path, body).fault is None


def test_reading_is_not_harmed_unless_the_predicate_picks_it() -> None:
    writes = FaultPlan(seed=7, share=1)
    searches = FaultPlan(seed=7, share=1, picks=lambda _, path: "/_search" in path)

    assert writes.decide("GET", "/photos/_search", b"").fault is None
    assert searches.decide("GET", "/photos/_search?size=1", b"").fault is not None
    assert searches.decide("POST", "/photos/_bulk", BULK).fault is None


def test_requests_that_are_not_picked_do_not_shift_the_faults_of_others() -> None:
    alone, mixed = FaultPlan(seed=7, share=0.3), FaultPlan(seed=7, share=0.3)

    fates = [one.fault for one in decisions(alone, 100)]
    mixed_fates = []
    for _ in range(100):
        mixed.decide("GET", "/_cluster/health", b"")
        mixed_fates += [one.fault for one in decisions(mixed, 1)]

    assert mixed_fates == fates
    assert [one.number for one in mixed.log] == list(range(1, 201))
