"""DeploymentConfig: what a deployment decides; ``config_reading`` reads and checks it."""

from __future__ import annotations

from dataclasses import dataclass

from infra.bundle import Bundle
from infra.context_values import ConfigError

__all__ = [
    "API_TIMEOUT_S",
    "ConfigError",
    "DeploymentConfig",
    "DomainConfig",
    "IngestConfig",
    "SearchConfig",
]

API_TIMEOUT_S = 30  # an HTTP API gives up then: API Gateway's quotas page


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """The search Lambda and its API.

    Attributes:
        memory_mb: 1,769 MB is one vCPU (AWS Lambda's documentation).
        timeout_s: Below the API's own.
        reserved_concurrency: Most copies that run at once.
        provisioned_concurrency: Copies kept warm; 0 for none.
        snap_start: Whether a version starts from a snapshot.
        rate_per_s: Requests per second that the API lets through.
        burst: Requests at one moment that it lets through.
        allow_image_url: Whether the Lambda downloads pictures that a query names by URL.
    """

    memory_mb: int
    timeout_s: int
    reserved_concurrency: int
    provisioned_concurrency: int
    snap_start: bool
    rate_per_s: int
    burst: int
    allow_image_url: bool


@dataclass(frozen=True, slots=True)
class DomainConfig:
    """The OpenSearch domain.

    Attributes:
        instance_type: Of a data node.
        data_nodes: How many.
        zones: Over how many availability zones.
        volume_gb: Disk of one data node (gp3).
        manager_type: Of the three dedicated managers; empty for none.
    """

    instance_type: str
    data_nodes: int
    zones: int
    volume_gb: int
    manager_type: str


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """The job that embeds photos, and the writer of new ones.

    Attributes:
        gpu_families: Instance families with a GPU; empty for none, then only the CPU job exists.
        gpu_bundle: The model in the GPU image, of the same embedding space as the others'.
        max_vcpus: Of all instances of the GPU job together; a g4dn.xlarge has 4.
        writer_memory_mb: Of the Lambda that indexes new photos.
        base_image: Base of the CPU image; empty for the Dockerfile's own.
        gpu_base_image: Base of the GPU image; empty for the Dockerfile's own.
    """

    gpu_families: tuple[str, ...]
    gpu_bundle: Bundle
    max_vcpus: int
    writer_memory_mb: int
    base_image: str
    gpu_base_image: str


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """One deployment.

    Attributes:
        name: Of the stack and the domain.
        region: AWS region.
        size: ``dev`` or ``production``.
        index: ``domain`` or ``embedded``: the SQLite index in S3, and no domain.
        auth: Who may ask the API: ``jwt``, ``iam``, ``key`` or ``none``.
        vpc: Whether domain and Lambda lie in a VPC. Cannot be changed later.
        bundle: The model in the images, but for the GPU's.
        allow_demo_model: Whether the demo's model may be deployed.
        search: Lambda and API.
        domain: Its nodes.
        ingest: Job and writer.
        embedded_index_key: S3 key of the embedded index.
        lambda_base_image: Base of the search image; empty for the Dockerfile's own.
        keep: Whether photos, shards, index and users outlive the stack.
        log_retention_days: How long logs are kept.
        alarm_email: Who is told of alarms; empty for nobody.
        alarm_topic_arn: An SNS topic of one's own; empty makes one.
        monthly_budget_usd: Whole account's spending that raises an alarm; 0 for none.
        admin_principals: ARNs that may make, swap and delete indexes.
        writer_principals: ARNs that may store and delete photos in indexes.
    """

    name: str
    region: str
    size: str
    index: str
    auth: str
    vpc: bool
    bundle: Bundle
    allow_demo_model: bool
    search: SearchConfig
    domain: DomainConfig
    ingest: IngestConfig
    embedded_index_key: str
    lambda_base_image: str
    keep: bool
    log_retention_days: int
    alarm_email: str
    alarm_topic_arn: str
    monthly_budget_usd: int
    admin_principals: tuple[str, ...]
    writer_principals: tuple[str, ...]

    @property
    def is_production(self) -> bool:
        """Whether others rely on it."""
        return self.size == "production"

    @property
    def is_embedded(self) -> bool:
        """Whether the index is a file in S3 instead of a domain."""
        return self.index == "embedded"

    @property
    def has_site(self) -> bool:
        """Whether the page comes along: a browser can neither sign requests nor keep a key."""
        return self.auth in ("jwt", "none")
