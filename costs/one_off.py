"""The first ingest, and the additions that one may choose."""

from __future__ import annotations

from collections.abc import Mapping

from costs.assumptions import Assumption
from costs.bill import Bill, Named, Use

_SECONDS_PER_HOUR = 3600
_TENTHS_BELOW_H = 100


def first_ingests(photos: int, assumptions: Mapping[str, Assumption]) -> tuple[Named, ...]:
    """Embed a collection once, on each kind of machine, and fill a domain from the shards."""
    values = {name: assumption.value for name, assumption in assumptions.items()}

    def hours(rate: str) -> float:
        return (photos / values[rate] + values["job_start_seconds"]) / _SECONDS_PER_HOUR

    def fargate(machine_hours: float) -> tuple[Use, ...]:
        vcpu_hours = machine_hours * values["fargate_vcpus"]
        gb_hours = machine_hours * values["fargate_memory_gb"]
        return (
            Use("vCPUs", "fargate_vcpu_hours", vcpu_hours),
            Use("memory", "fargate_gb_hours", gb_hours),
        )

    objects = (
        Use("originals read", "s3_gets", photos),
        Use("thumbnails written", "s3_puts", photos),
    )
    gpu_hours = hours("gpu_photos_per_second")
    cpu_hours = hours("fargate_photos_per_second")
    load_hours = hours("load_photos_per_second")
    spot = Use("GPU", "g4dn.xlarge spot", gpu_hours)
    on_demand = Use("GPU", "g4dn.xlarge", gpu_hours)
    return (
        Named("embedding, GPU on Spot", Bill((spot, *objects)), _hours(gpu_hours)),
        Named("embedding, GPU on demand", Bill((on_demand, *objects)), _hours(gpu_hours)),
        Named("embedding, Fargate", Bill((*fargate(cpu_hours), *objects)), _hours(cpu_hours)),
        Named("filling a domain, Fargate", Bill(fargate(load_hours)), _hours(load_hours)),
    )


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < _TENTHS_BELOW_H else f"{hours:,.0f} h"


def additions(assumptions: Mapping[str, Assumption]) -> tuple[Named, ...]:
    """What an option, or something left out of the tables, adds to a month."""
    values = {name: assumption.value for name, assumption in assumptions.items()}
    memory_gb = values["lambda_memory_mb"] / 1024
    seconds = values["hours_per_month"] * _SECONDS_PER_HOUR

    def one(name: str, price: str, units: float, remark: str = "") -> Named:
        return Named(name, Bill((Use(name, price, units),)), remark)

    return (
        one("`auth=key`", "secrets", 1, "one secret"),
        one("`auth=jwt`", "cognito_users", 100, "100 active users; AWS gives 10,000"),
        one(
            "`provisioned_concurrency=1`",
            "lambda_provisioned_gb_seconds",
            seconds * memory_gb,
            "one copy kept warm; its calls cost less",
        ),
        one(
            "`snap_start=true`",
            "snapstart_cache_gb_seconds",
            seconds * memory_gb,
            "one version kept; restores are extra",
        ),
        one(
            "`vpc=true`",
            "nat_gateway_hours",
            values["hours_per_month"],
            "its NAT gateway, and as much for each GB as for an hour",
        ),
        *(
            one(
                f"originals of {words}",
                "s3_gb_months",
                photos * values["original_bytes"] / 1e9,
                "they have to lie somewhere; S3 Standard here",
            )
            for photos, words in ((25_000, "25k photos"), (1_000_000, "1M"), (10_000_000, "10M"))
        ),
    )
