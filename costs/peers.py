"""Set-ups that the peers' own pages describe, on AWS, with what they send out."""

from __future__ import annotations

from collections.abc import Mapping

from costs.assumptions import Assumption
from costs.bill import Bill, Named, Use


def peers(queries: int, assumptions: Mapping[str, Assumption]) -> tuple[Named, ...]:
    """The peers' set-ups for a month.

    A machine is on all the time and is taken to answer any number of these queries; no peer says
    how many photos one of them holds.

    Args:
        queries: In the month.
        assumptions: Hours, disks, and what a query sends.
    """
    values = {name: assumption.value for name, assumption in assumptions.items()}
    hours = values["hours_per_month"]
    sent_bytes = values["thumbnails_per_query"] * values["thumbnail_bytes"] + values["answer_bytes"]
    sent = Use("pictures and answers sent", "transfer_out_gb", queries * sent_bytes / 1e9)

    def server(machine: str) -> Bill:
        disk = Use("disk", "ebs_gp3_gb_months", values["peer_disk_gb"])
        address = Use("address", "public_ipv4_hours", hours)
        return Bill((Use("machine", machine, hours), disk, address, sent))

    units = values["serverless_least_ocus"] * hours
    tokens = queries * values["titan_tokens_per_query"]
    serverless = Bill(
        (
            Use("OpenSearch Serverless", "opensearch_serverless_ocu_hours", units),
            Use("Titan", "titan_multimodal_tokens", tokens),
            sent,
        )
    )
    return (
        Named(
            "immich on a t3.large", server("t3.large"), "8 GB, as it recommends; 2 vCPUs, its least"
        ),
        Named(
            "clip-retrieval on an m6i.xlarge",
            server("m6i.xlarge"),
            "4 vCPUs, 16 GB: its default for making an index",
        ),
        Named("either on a g4dn.xlarge", server("g4dn.xlarge"), "4 vCPUs, 16 GB, a T4"),
        Named(
            "Titan and OpenSearch Serverless, as in aws-samples",
            serverless,
            "the least it bills, without its Lambda and API",
        ),
    )
