"""Every kind of deployment, synthesised as ``make synth`` does it: by the rules, files kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app
from infra.context import read_context

Json = dict[str, Any]

_ARN = "arn:aws:iam::123456789012:role"
VARIANTS: dict[str, tuple[str, ...]] = {
    "dev": (),
    "production": (
        "size=production",
        "alarm_email=team@example.com",
        "monthly_budget_usd=900",
        f"admin_principals={_ARN}/ops",
        f"writer_principals={_ARN}/loader",
    ),
    "embedded": ("index=embedded",),
    "vpc": ("vpc=true",),
    "iam": ("auth=iam",),
    "key": ("auth=key",),
    "none": ("auth=none", "i_accept_an_open_api=true"),
    "cpu": ("gpu=false", "region=ca-west-1", "snap_start=true"),
}


@dataclass(frozen=True)
class Variant:
    """A synthesised deployment.

    Attributes:
        directory: What stands for ``cdk.out``.
        template: The stack's.
    """

    directory: Path
    template: Json

    def of_type(self, kind: str) -> dict[str, Json]:
        """The properties of each resource of a kind, by logical id."""
        return {
            key: resource.get("Properties", {})
            for key, resource in self.template["Resources"].items()
            if resource["Type"] == kind
        }

    def one(self, kind: str, **wanted: object) -> Json:
        """The properties of the one resource of a kind that has some of them."""
        (found,) = (
            properties
            for properties in self.of_type(kind).values()
            if wanted.items() <= properties.items()
        )
        return found

    def search_function(self) -> Json:
        """The search Lambda's properties."""
        (found,) = (
            function
            for function in self.of_type("AWS::Lambda::Function").values()
            if "PRELOAD" in function.get("Environment", {}).get("Variables", {})
        )
        return found


def synthesise(given: Sequence[str], directory: Path) -> Variant:
    """Synthesise a configuration, on top of ``cdk.json``, into a directory."""
    app.synthesise(read_context(given), outdir=str(directory))
    (template,) = directory.glob("*.template.json")
    return Variant(directory, json.loads(template.read_text("utf-8")))
