"""Who may send which requests to the index: the one list, by role, verb and path.

Amazon OpenSearch Service matches a policy's resource against the path alone. What the paths below
are for stands in ``lambda_src/photo_search/index/opensearch*.py`` and ``ingest/reindex.py``: those
modules send nothing else. Photo look-ups and counts go through ``_search`` too (decision 0007).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

ALIAS = "photos"
"""The alias of every deployment; its indexes are ``photos-<space>-<time>-<random>``."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Requests that are allowed.

    Attributes:
        verb: As IAM spells it: ``Get``, ``Post``, ``Put``, ``Delete``.
        path: Below the domain, without the first slash; ``*`` stands for anything.
    """

    verb: str
    path: str


def _on_photos(verb: str, path: str) -> tuple[Allowed, ...]:
    """On the alias, and on the aliases and indexes behind it; ``photos2`` is somebody else's."""
    return Allowed(verb, f"{ALIAS}/{path}"), Allowed(verb, f"{ALIAS}-*/{path}")


SEARCH = (
    *_on_photos("Post", "_search"),
    *_on_photos("Get", "_mapping"),  # what an index holds, and whether it is of our model
)
"""A query, a photo look-up, a health check: all that the API does."""

WRITE = (
    *SEARCH,
    # Writes go to the alias that an index has for them, photos-…-write.
    Allowed("Post", f"{ALIAS}-*/_bulk"),
    Allowed("Post", f"{ALIAS}-*/_refresh"),
    Allowed("Put", f"{ALIAS}-*/_mapping"),  # how far the index has been filled
)
"""Storing and taking out photos in indexes that are there."""

ADMIN = (
    *WRITE,
    Allowed("Get", ""),  # the server's version
    Allowed("Get", f"{ALIAS}-*"),  # the indexes behind the alias, _settings, _stats
    Allowed("Put", f"{ALIAS}-*"),  # making one, _settings
    Allowed("Delete", f"{ALIAS}-*"),
    Allowed("Post", f"{ALIAS}-*/_forcemerge"),
    Allowed("Get", f"_alias/{ALIAS}*"),
    Allowed("Post", "_aliases"),
    Allowed("Get", f"_plugins/_knn/warmup/{ALIAS}-*"),
    Allowed("Get", f"_cluster/health/{ALIAS}-*"),
)
"""Making, swapping and dropping indexes."""


def index_statements(
    principal: iam.IPrincipal, allowed: Sequence[Allowed], *, domain_arn: str
) -> list[iam.PolicyStatement]:
    """The access policy's statements for one principal.

    Args:
        principal: Who.
        allowed: What.
        domain_arn: Of the domain; paths follow it.

    Returns:
        One statement for each verb, and one that denies lists: ``photos-x,other/_search`` would
        match ``photos-*/_search``.
    """
    by_verb: defaultdict[str, list[str]] = defaultdict(list)
    for request in allowed:
        by_verb[request.verb].append(f"{domain_arn}/{request.path}")
    return [
        *(
            iam.PolicyStatement(
                principals=[principal], actions=[f"es:ESHttp{verb}"], resources=resources
            )
            for verb, resources in by_verb.items()
        ),
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            principals=[principal],
            actions=["es:ESHttp*"],
            resources=[f"{domain_arn}/*,*"],
        ),
    ]
