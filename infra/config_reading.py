"""Reads a deployment's configuration from the CDK context and checks it.

``docs/operations.md`` has a row for each key. Two sizes give the defaults; every key may be
overridden by itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from infra.bundle import (
    ANY_PRECISION,
    PRECISIONS,
    Bundle,
    default_bundle,
    default_gpu_bundle,
    read_bundle,
    read_gpu_bundle,
)
from infra.config import (
    API_TIMEOUT_S,
    DeploymentConfig,
    DomainConfig,
    IngestConfig,
    SearchConfig,
)
from infra.context_values import ConfigError, ContextValues
from infra.regions import GPU_FAMILIES, REGIONS, SEARCH_TYPES

SIZES = ("dev", "production")
INDEXES = ("domain", "embedded")
AUTHS = ("jwt", "iam", "key", "none")
KEYS = (
    "name",
    "region",
    "size",
    "index",
    "auth",
    "i_accept_an_open_api",
    "vpc",
    "gpu",
    "bundle",
    "gpu_bundle",
    "precision",
    "allow_demo_model",
    "memory_mb",
    "timeout_s",
    "reserved_concurrency",
    "provisioned_concurrency",
    "snap_start",
    "rate_per_s",
    "burst",
    "allow_image_url",
    "instance_type",
    "volume_gb",
    "max_vcpus",
    "writer_memory_mb",
    "embedded_index_key",
    "lambda_base_image",
    "ingest_base_image",
    "gpu_base_image",
    "keep",
    "alarm_email",
    "alarm_topic_arn",
    "monthly_budget_usd",
    "admin_principals",
    "writer_principals",
)
"""Every key of the context that is ours."""

MAX_NAME_CHARACTERS = 28
"""Of an OpenSearch domain: docs.aws.amazon.com/opensearch-service/latest/developerguide."""
_NAME = (
    "[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    f"3 to {MAX_NAME_CHARACTERS} small letters, digits and single hyphens, a letter first",
)
_RESERVED_WORDS = ("aws", "amazon", "cognito")
"""What no Cognito domain may hold: docs.aws.amazon.com/cognito, "Configuring a domain"."""
_MOST_GB = {"t3.small.search": 100, "t3.medium.search": 200}
"""Largest volumes of small nodes: OpenSearch Service's quotas page (not re-read)."""
_EMAIL = (r"[^@\s,]+@[^@\s,]+\.[^@\s,]+", "one address such as team@example.com")
_TOPIC = (r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[\w-]+", "the ARN of an SNS topic")
_PRINCIPAL = (
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:role|user)/[\w+=,.@/-]+",
    "the ARN of an IAM role or user; never * and never a whole account",
)
_IMAGE = (r"[\w./:@-]+", "the name of a container image")
_DIRECTORY = (r"[\w./-]+", "a directory in the repository")
_KEY = (r"[\w./-]{1,200}", "a key of an S3 object, up to 200 characters")


def read_config(context: Mapping[str, object], *, root: Path) -> DeploymentConfig:
    """Read a deployment's configuration.

    Args:
        context: Keys of ``KEYS`` to text or JSON values; keys with ``:``, ``@`` or ``/`` are CDK's
            own and passed over.
        root: The repository, where the bundles lie.

    Raises:
        ConfigError: A key is unknown, or a value malformed, out of range or at odds with another.
    """
    _refuse_unknown(context)
    values = ContextValues(context)
    size = values.choice("size", "dev", SIZES)
    production = size == "production"
    region = values.choice("region", "us-east-1", tuple(REGIONS))
    auth = _auth(values)
    vpc = values.flag("vpc", default=False)
    index = values.choice("index", "domain", INDEXES)
    if vpc and index == "embedded":
        msg = "vpc is true but index is 'embedded'; without a domain there is nothing to enclose"
        raise ConfigError(msg)
    bundle = _bundle(values, root)
    return DeploymentConfig(
        name=_name(values, auth),
        region=region,
        size=size,
        index=index,
        auth=auth,
        vpc=vpc,
        bundle=bundle,
        allow_demo_model=values.flag("allow_demo_model", default=False),
        search=_search(values, auth, production=production),
        domain=_domain(values, region, index, production=production),
        ingest=_ingest(values, region, bundle, root),
        embedded_index_key=values.text("embedded_index_key", "photos.db", *_KEY),
        lambda_base_image=values.text("lambda_base_image", "", *_IMAGE),
        keep=values.flag("keep", default=production),
        log_retention_days=90 if production else 14,
        alarm_email=values.text("alarm_email", "", *_EMAIL),
        alarm_topic_arn=values.text("alarm_topic_arn", "", *_TOPIC),
        monthly_budget_usd=values.whole("monthly_budget_usd", 0, 0, 1_000_000, "US dollars"),
        admin_principals=values.texts("admin_principals", *_PRINCIPAL),
        writer_principals=values.texts("writer_principals", *_PRINCIPAL),
    )


def _bundle(values: ContextValues, root: Path) -> Bundle:
    directory = values.text("bundle", default_bundle(root), *_DIRECTORY)
    return read_bundle(root, directory, values.choice("precision", ANY_PRECISION, PRECISIONS))


def _refuse_unknown(context: Mapping[str, object]) -> None:
    for key in context:
        if key in KEYS or any(mark in key for mark in ":@/"):
            continue
        near = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the keys are {', '.join(KEYS)}"
        msg = f"{key} is no key of the configuration{hint}"
        raise ConfigError(msg)


def _name(values: ContextValues, auth: str) -> str:
    name = values.text("name", "photo-search", *_NAME)
    if not 3 <= len(name) <= MAX_NAME_CHARACTERS:
        msg = f"name is {name!r}, {len(name)} characters; it must be {_NAME[1]}"
        raise ConfigError(msg)
    for word in _RESERVED_WORDS:
        if auth == "jwt" and word in name:
            msg = f"name is {name!r}; with auth jwt it may not hold {word!r}: Cognito's rule"
            raise ConfigError(msg)
    return name


def _auth(values: ContextValues) -> str:
    auth = values.choice("auth", "jwt", AUTHS)
    accepted = values.flag("i_accept_an_open_api", default=False)
    if (auth == "none") != accepted:
        msg = (
            f"auth is {auth!r} and i_accept_an_open_api {str(accepted).lower()}; an API that "
            "anybody may ask, at your cost, needs auth=none and i_accept_an_open_api=true together"
        )
        raise ConfigError(msg)
    return auth


def _search(values: ContextValues, auth: str, *, production: bool) -> SearchConfig:
    reserved = values.whole("reserved_concurrency", 100 if production else 10, 1, 1000)
    provisioned = values.whole("provisioned_concurrency", 0, 0, 1000)
    snap_start = values.flag("snap_start", default=False)
    if snap_start and provisioned:
        msg = (
            f"snap_start is true and provisioned_concurrency {provisioned}; Lambda takes one of "
            "them for a function, not both"
        )
        raise ConfigError(msg)
    if provisioned > reserved:
        msg = (
            f"provisioned_concurrency is {provisioned}, more than reserved_concurrency {reserved}; "
            "the kept copies come out of the reserved ones"
        )
        raise ConfigError(msg)
    rate_per_s = values.whole("rate_per_s", 200 if production else 20, 1, 10_000, "requests/s")
    burst = values.whole("burst", 2 * rate_per_s, 1, 5_000, "requests")
    if burst < rate_per_s:
        msg = f"burst is {burst}, less than rate_per_s {rate_per_s}; it must be at least as much"
        raise ConfigError(msg)
    return SearchConfig(
        memory_mb=values.whole("memory_mb", 1769, 512, 10_240, "MB"),
        timeout_s=values.whole("timeout_s", API_TIMEOUT_S - 1, 1, API_TIMEOUT_S - 1, "s"),
        reserved_concurrency=reserved,
        provisioned_concurrency=provisioned,
        snap_start=snap_start,
        rate_per_s=rate_per_s,
        burst=burst,
        # Whoever may ask may let the Lambda download; where that is anybody, it has to be wished.
        allow_image_url=values.flag("allow_image_url", default=auth != "none"),
    )


def _domain(values: ContextValues, region: str, index: str, *, production: bool) -> DomainConfig:
    zones = 3 if production else 1
    if index == "domain" and REGIONS[region].zones < zones:
        msg = (
            f"region is {region!r}, with {REGIONS[region].zones} zones; size production spreads "
            f"the domain over {zones}"
        )
        raise ConfigError(msg)
    default = "r6g.large.search" if production else "t3.small.search"
    instance_type = values.choice("instance_type", default, SEARCH_TYPES)
    most_gb = _MOST_GB.get(instance_type, 1_024)
    return DomainConfig(
        instance_type=instance_type,
        data_nodes=zones,
        zones=zones,
        volume_gb=values.whole("volume_gb", 100 if production else 10, 10, most_gb, "GB"),
        manager_type="m6g.large.search" if production else "",
    )


def _gpu_bundle(values: ContextValues, root: Path, bundle: Bundle) -> Bundle:
    directory = values.text("gpu_bundle", default_gpu_bundle(root, bundle), *_DIRECTORY)
    return read_gpu_bundle(root, directory, bundle)


def _ingest(values: ContextValues, region: str, bundle: Bundle, root: Path) -> IngestConfig:
    families = REGIONS[region].gpu_families
    gpu = values.flag("gpu", default=True)
    if gpu and not families:
        having = ", ".join(name for name, facts in REGIONS.items() if facts.gpu_families)
        msg = (
            f"region is {region!r}, which has none of {', '.join(GPU_FAMILIES)}; give gpu=false "
            f"to ingest on CPUs alone, or one of {having}"
        )
        raise ConfigError(msg)
    return IngestConfig(
        gpu_families=families if gpu else (),
        # Without GPUs there is no image for it, and what lies there is nobody's concern.
        gpu_bundle=_gpu_bundle(values, root, bundle) if gpu else bundle,
        max_vcpus=values.whole("max_vcpus", 16, 4, 1_000, "vCPUs"),
        writer_memory_mb=values.whole("writer_memory_mb", 3538, 1769, 10_240, "MB"),
        base_image=values.text("ingest_base_image", "", *_IMAGE),
        gpu_base_image=values.text("gpu_base_image", "", *_IMAGE),
    )
