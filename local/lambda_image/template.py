"""What of the synthesised template a local run has to know."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from photo_search.errors import SettingsError
from photo_search.settings import PRELOAD_ENV


@dataclass(frozen=True, slots=True)
class SearchFunction:
    """The search Lambda in a template.

    Attributes:
        logical_id: Its name there, which changes with its place in the stack.
        variables: Names of the environment variables that the template gives it.
    """

    logical_id: str
    variables: frozenset[str]

    @property
    def image(self) -> str:
        """The local image that SAM starts for it: what ``sam build`` would call it."""
        return f"{self.logical_id.lower()}:latest"


def read_search_function(template: Path) -> SearchFunction:
    """Find the search Lambda: of all functions the only one that preloads a tower.

    Args:
        template: The CDK's ``<stack>.template.json``.

    Raises:
        SettingsError: The template cannot be read, or does not have exactly one such function.
    """
    try:
        resources = json.loads(template.read_text("utf-8"))["Resources"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{template} is no synthesised template ({error}); `make synth` writes one"
        raise SettingsError(msg) from error
    found = [
        SearchFunction(logical_id, frozenset(variables))
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::Lambda::Function"
        and PRELOAD_ENV
        in (variables := resource["Properties"].get("Environment", {}).get("Variables", {}))
    ]
    if len(found) != 1:
        msg = f"{template} has {len(found)} functions with the variable {PRELOAD_ENV}, not one"
        raise SettingsError(msg)
    return found[0]
