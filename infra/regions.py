"""Which region has what: a table, so that a wrong one is refused before anything is asked of AWS.

GPU families and zones: ``describe-instance-type-offerings`` of each region, as moto 5.2.5 ships
it; types of search nodes: cfn-lint 1.58.0. A test compares the table with both.
"""

from __future__ import annotations

from dataclasses import dataclass

GPU_FAMILIES = ("g4dn", "g5", "g6")
"""Families that the ingest job runs on: T4, A10G and L4, all fit for CUDA 13."""
SEARCH_TYPES = (
    "t3.small.search",
    "t3.medium.search",
    *(
        f"{family}.{size}.search"
        for family in ("m6g", "r6g", "r7g")
        for size in ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge")
    ),
)
"""Types of a domain's data nodes; every region of the table has all of them."""


@dataclass(frozen=True, slots=True)
class Region:
    """What a region offers.

    Attributes:
        zones: Availability zones that an account sees.
        gpu_families: Families with a GPU, of ``GPU_FAMILIES``.
    """

    zones: int
    gpu_families: tuple[str, ...]


REGIONS: dict[str, Region] = {
    "af-south-1": Region(3, ("g4dn",)),
    "ap-east-1": Region(3, ("g4dn", "g5")),
    "ap-northeast-1": Region(3, ("g4dn", "g5", "g6")),
    "ap-northeast-2": Region(4, ("g4dn", "g5", "g6")),
    "ap-northeast-3": Region(3, ("g4dn",)),
    "ap-south-1": Region(3, ("g4dn", "g5", "g6")),
    "ap-south-2": Region(3, ("g6",)),
    "ap-southeast-1": Region(3, ("g4dn",)),
    "ap-southeast-2": Region(3, ("g4dn", "g5", "g6")),
    "ap-southeast-3": Region(3, ("g5",)),
    "ap-southeast-4": Region(3, ()),
    "ap-southeast-5": Region(3, ("g6",)),
    "ca-central-1": Region(3, ("g4dn", "g5", "g6")),
    "ca-west-1": Region(3, ()),
    "eu-central-1": Region(3, ("g4dn", "g5", "g6")),
    "eu-central-2": Region(3, ("g6",)),
    "eu-north-1": Region(3, ("g4dn", "g5", "g6")),
    "eu-south-1": Region(3, ("g4dn",)),
    "eu-south-2": Region(3, ("g5", "g6")),
    "eu-west-1": Region(3, ("g4dn", "g5")),
    "eu-west-2": Region(4, ("g4dn", "g5", "g6")),
    "eu-west-3": Region(3, ("g4dn", "g5", "g6")),
    "il-central-1": Region(3, ("g5",)),
    "me-central-1": Region(3, ("g5", "g6")),
    "me-south-1": Region(3, ("g4dn",)),
    "sa-east-1": Region(3, ("g4dn", "g5", "g6")),
    "us-east-1": Region(6, ("g4dn", "g5", "g6")),
    "us-east-2": Region(3, ("g4dn", "g5", "g6")),
    "us-west-1": Region(2, ("g4dn",)),
    "us-west-2": Region(4, ("g4dn", "g5", "g6")),
}
"""The regions that a deployment may name."""
