from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.infra.variants import VARIANTS, Variant, synthesise


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Variant]:
    """Gives one of ``VARIANTS``, synthesised once."""

    @cache
    def get(name: str) -> Variant:
        return synthesise(VARIANTS[name], tmp_path_factory.mktemp(name))

    return get
