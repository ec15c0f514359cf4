"""What goes wrong, and when: decided by a seed, without a socket."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum, auto
from random import Random

from tests.opensearch.bulk_items import is_bulk, read_items

_OF_BULKS_ALONE = frozenset({"ITEM_429", "TIMEOUT_BEFORE_COMMIT"})
ANY_REQUEST = b""  # counts harm in a row over the whole plan, beside that of each thing asked


class Fault(Enum):
    """One way in which the network, a load balancer or a busy cluster fails a request."""

    ITEM_429 = auto()
    """Some items of a ``_bulk`` come back as 429 in a 200; the others are really written."""
    REQUEST_429 = auto()
    """The whole request is refused as too many; half of the times with ``Retry-After``."""
    BAD_GATEWAY = auto()
    """502; the server saw nothing."""
    UNAVAILABLE = auto()
    """503; the server saw nothing."""
    GATEWAY_TIMEOUT = auto()
    """504; half of the times the server did what was asked all the same."""
    RESET_BEFORE = auto()
    """The connection is reset; the server saw nothing."""
    RESET_IN_ANSWER = auto()
    """The server did it; the connection is reset in the middle of the answer's body."""
    SLOW = auto()
    """All is well, but late."""
    TIMEOUT_AFTER_COMMIT = auto()
    """The server did it; the client hears nothing until it gives up."""
    TIMEOUT_BEFORE_COMMIT = auto()
    """The client hears nothing until it gives up; after that, the server does a ``_bulk`` all the
    same, perhaps after later ones."""
    HTML_ERROR = auto()
    """502 with a page of HTML, as load balancers give; the server saw nothing."""
    GARBLED = auto()
    """The server did it; the answer is a 200 whose body is no JSON, half of the times as text."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one request.

    Attributes:
        number: Of all requests to the proxy, from 1 in order of arrival.
        method: As sent.
        path: With its query string.
        fault: None if the request passes unharmed.
        coin: Chooses between the two ways of a fault: 429 with Retry-After, 504 after the server
            did it, GARBLED as text, a reset where the server is away; false: the other way.
        held: Positions of the ``_bulk`` items that are not forwarded; for ITEM_429 alone.
    """

    number: int
    method: str
    path: str
    fault: Fault | None = None
    coin: bool = False
    held: frozenset[int] = frozenset()


def is_write(method: str, path: str) -> bool:
    """Pick every POST and PUT: bulks, and also searches, refreshes, aliases, new indexes."""
    return method in {"POST", "PUT"}


class FaultPlan:
    """Decides the fate of requests in their order of arrival, alike for every run with one seed.

    No fault strikes for ever. After ``max_in_a_row`` harmed requests the next one passes; and
    where clients interleave, so does a request (of a bulk: any of its documents) that was itself
    harmed so often in a row. So a client that tries ``max_in_a_row + 1`` times gets through.

    Attributes:
        on: Whether requests are harmed at all; may be switched at any time.
        log: Every decision so far.
        counts: How many requests each fault has harmed.
    """

    def __init__(
        self,
        *,
        seed: int,
        share: float,
        faults: AbstractSet[Fault] = frozenset(Fault),
        picks: Callable[[str, str], bool] = is_write,
        max_in_a_row: int = 4,
    ) -> None:
        """Make a plan.

        Args:
            seed: Of all its choices.
            share: Probability in [0, 1] that a picked request is harmed.
            faults: Those to choose from; ITEM_429 and TIMEOUT_BEFORE_COMMIT are chosen only for a
                ``_bulk``.
            picks: Says by method and path (with query string) which requests may be harmed.
            max_in_a_row: How many harmed requests may follow one another.
        """
        self.on = True
        self.log: list[Decision] = []
        self.counts: Counter[Fault] = Counter()
        self._share = share
        self._faults = [fault for fault in Fault if fault in faults]  # a set's order may vary
        self._picks = picks
        self._max_in_a_row = max_in_a_row
        self._random = Random(seed)  # noqa: S311 (faults, not secrets)
        self._in_a_row: Counter[bytes] = Counter()
        self._lock = threading.Lock()

    def decide(self, method: str, path: str, body: bytes) -> Decision:
        """Decide about the next request, and write it down."""
        documents = [item.action for item in read_items(body)] if is_bulk(method, path) else []
        things = documents or [f"{method} {path} {hash(body)}".encode()]
        with self._lock:
            decision = Decision(len(self.log) + 1, method, path)
            if self.on and self._picks(method, path):
                decision = self._draw(decision, things, bulk_size=len(documents))
                self._count(decision, things)
            self.log.append(decision)
        return decision

    def _draw(self, asked: Decision, things: Sequence[bytes], *, bulk_size: int) -> Decision:
        # A generator for each request: how much one draws must not change the fate of the next.
        random = Random(self._random.getrandbits(64))  # noqa: S311 (as above)
        decision = replace(asked, coin=random.random() < 0.5)
        possible = [
            fault for fault in self._faults if bulk_size or fault.name not in _OF_BULKS_ALONE
        ]
        had_enough = any(
            self._in_a_row[thing] >= self._max_in_a_row for thing in (ANY_REQUEST, *things)
        )
        if random.random() >= self._share or had_enough or not possible:
            return decision
        fault = random.choice(possible)
        held = (
            random.sample(range(bulk_size), random.randint(1, bulk_size))
            if fault is Fault.ITEM_429
            else ()
        )
        return replace(decision, fault=fault, held=frozenset(held))

    def _count(self, decision: Decision, things: Sequence[bytes]) -> None:
        harmed = decision.fault is not None
        if decision.fault is not None:
            self.counts[decision.fault] += 1
        self._step(ANY_REQUEST, harmed=harmed)
        for position, thing in enumerate(things):
            self._step(thing, harmed=position in decision.held if decision.held else harmed)

    def _step(self, thing: bytes, *, harmed: bool) -> None:
        self._in_a_row[thing] = self._in_a_row[thing] + 1 if harmed else 0
