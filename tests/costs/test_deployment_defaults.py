"""What the costs count on is what a deployment has without being told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costs.assumptions import read_assumptions
from costs.domain import DEV, MANAGER, PRODUCTION, DomainSize
from infra.config import DeploymentConfig
from infra.config_reading import read_config

REPOSITORY = Path(__file__).parents[2]
SCHEMA = REPOSITORY / "lambda_src" / "photo_search" / "index" / "opensearch_schema.json"
ASSUMPTIONS = read_assumptions()


def deployment(**context: str) -> DeploymentConfig:
    return read_config(context, root=REPOSITORY)


@pytest.mark.parametrize("size", [DEV, PRODUCTION], ids=lambda size: size.name)
def test_the_nodes_are_those_of_the_deployment(size: DomainSize):
    domain = deployment(size=size.name).domain

    assert domain.data_nodes == size.nodes
    assert domain.instance_type == size.types[0].name
    assert domain.volume_gb == size.volume_gb
    assert domain.manager_type == (MANAGER if size.managers else "")


@pytest.mark.parametrize("context", [{}, {"size": "production"}, {"index": "embedded"}])
def test_the_functions_are_of_the_deployment_s_size(context: dict[str, str]):
    config = deployment(**context)

    assert config.search.memory_mb == ASSUMPTIONS["lambda_memory_mb"].value
    assert config.ingest.writer_memory_mb == ASSUMPTIONS["writer_memory_mb"].value
    assert config.search.provisioned_concurrency == 0


def test_an_index_has_one_shard_and_each_node_a_copy_so_that_more_nodes_hold_no_more_photos():
    settings = json.loads(SCHEMA.read_text("utf-8"))["settings"]["index"]

    assert settings["number_of_shards"] == 1
    assert settings["auto_expand_replicas"] == f"0-{PRODUCTION.nodes - 1}"
