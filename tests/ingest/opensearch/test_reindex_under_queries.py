"""People search all the while: at loads, swaps, rollbacks and when a new model moves in."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from ingest.generations import roll_back
from photo_search.index import HitPage, HybridQuery, KnnQuery, TextQuery
from photo_search.index.opensearch import OpenSearchIndex
from tests.ingest.opensearch.collection import NEW, OLD, rows
from tests.ingest.opensearch.steady_queries import Ask, SteadyQueries

pytestmark = [pytest.mark.opensearch, pytest.mark.slow]

PHOTOS = 2000
PER_S = 50.0


def mixed_searches(index: OpenSearchIndex) -> Ask:
    embeddings = [row.embedded.embedding for row in rows(range(100))]
    word = index.fingerprint.split("-")[0]

    def ask(number: int) -> HitPage:
        embedding = embeddings[number % len(embeddings)]
        if number % 4 == 1:
            return index.match_text(TextQuery(word, k=10))
        if number % 4 == 3:
            return index.hybrid(HybridQuery(embedding, word, k=10))
        return index.knn(KnnQuery(embedding, k=10))

    return ask


def check(queries: SteadyQueries, model: str) -> None:
    account = queries.account
    assert account.failures == []
    assert account.empty == 0
    assert account.models == {model}
    assert account.asked >= 0.9 * PER_S * queries.duration_s > 100


def test_no_search_fails_and_none_mixes_models(collection):
    collection.add(range(PHOTOS))
    collection.load()
    with ExitStack() as opened:
        old_reader = opened.enter_context(collection.reader(OLD))
        with SteadyQueries(mixed_searches(old_reader), per_s=PER_S) as old_program:
            collection.add(range(PHOTOS), version="2")
            collection.load(keep=0)
            second = collection.load(keep=1).index
            roll_back(collection.connection, collection.alias)
            roll_back(collection.connection, collection.alias, to=second)

            collection.add(range(PHOTOS), space=NEW)
            collection.load(NEW, keep=1)
            new_reader = opened.enter_context(collection.reader(NEW))
            with SteadyQueries(mixed_searches(new_reader), per_s=PER_S) as new_program:
                before, now = roll_back(collection.connection, collection.alias)
                assert (before.facts.fingerprint, now.name) == (NEW.fingerprint, second)
                roll_back(collection.connection, collection.alias, to=before.name)
                collection.load(NEW, keep=2)
                assert old_reader.count() == PHOTOS

    check(old_program, OLD.fingerprint)
    check(new_program, NEW.fingerprint)
    assert len(collection.names()) == 3
