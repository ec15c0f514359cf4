from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path

import pytest

from infra.config import ConfigError
from infra.config_reading import KEYS, read_config
from infra.context import read_context
from infra.image_context import ROOT
from infra.regions import GPU_FAMILIES, REGIONS, SEARCH_TYPES

pytestmark = pytest.mark.infra

OFFERINGS = resources.files("moto") / "ec2/resources/instance_type_offerings/availability-zone"
SEARCH_NODES = (
    resources.files("cfnlint")
    / "data/schemas/extensions/aws_opensearchservice_domain/clusterconfig_instancetype_enum.json"
)


def test_dev_is_one_small_node_and_is_removed_with_its_stack():
    config = read_config({}, root=ROOT)

    assert (config.domain.instance_type, config.domain.data_nodes) == ("t3.small.search", 1)
    assert config.domain.manager_type == ""
    assert config.search.memory_mb == 1769
    assert config.search.timeout_s < 30
    assert not config.keep
    assert config.auth == "jwt"


def test_production_is_three_nodes_with_managers_and_is_kept():
    config = read_config({"size": "production"}, root=ROOT)

    assert (config.domain.data_nodes, config.domain.zones) == (3, 3)
    assert config.domain.manager_type
    assert config.keep


def test_values_may_be_text_or_json():
    as_text = read_config({"vpc": "true", "memory_mb": "2048", "admin_principals": ROLE}, root=ROOT)
    as_json = read_config({"vpc": True, "memory_mb": 2048, "admin_principals": [ROLE]}, root=ROOT)

    assert as_text == as_json


def test_an_empty_value_counts_as_not_given():
    assert read_config({"size": "", "memory_mb": None}, root=ROOT) == read_config({}, root=ROOT)


def test_the_keys_of_the_cdk_itself_are_passed_over():
    context: dict[str, object] = {"aws:cdk:version-reporting": True, "@aws-cdk/x:y": True}

    assert read_config(context, root=ROOT) == read_config({}, root=ROOT)


ROLE = "arn:aws:iam::123456789012:role/ops"


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"size": "huge"}, ["size is 'huge'", "dev, production"]),
        ({"index": "redis"}, ["index is 'redis'", "domain, embedded"]),
        ({"auth": "basic"}, ["auth is 'basic'", "jwt, iam, key, none"]),
        ({"auth": "none"}, ["i_accept_an_open_api=true"]),
        ({"i_accept_an_open_api": "true"}, ["auth is 'jwt'", "auth=none"]),
        ({"vpc": "perhaps"}, ["vpc is 'perhaps'", "true or false"]),
        ({"vpc": "true", "index": "embedded"}, ["vpc is true", "index is 'embedded'"]),
        ({"name": "x" * 29}, ["29 characters", "3 to 28"]),
        ({"name": "ab"}, ["name is 'ab'", "3 to 28"]),
        ({"name": "Photos"}, ["name is 'Photos'", "small letters"]),
        ({"name": "9photos"}, ["name is '9photos'", "a letter first"]),
        ({"name": "photos--1"}, ["name is 'photos--1'", "single hyphens"]),
        ({"name": "aws-photos"}, ["name is 'aws-photos'", "'aws'", "Cognito"]),
        ({"name": 7}, ["name is '7'"]),
        ({"region": "mars-1"}, ["region is 'mars-1'", "us-east-1"]),
        ({"region": "ca-west-1"}, ["region is 'ca-west-1'", "g4dn, g5, g6", "gpu=false"]),
        ({"region": "us-west-1", "size": "production"}, ["'us-west-1', with 2 zones", "over 3"]),
        ({"instance_type": "t2.small.search"}, ["instance_type is 't2.small.search'", "r6g"]),
        ({"volume_gb": "9"}, ["volume_gb is '9'", "from 10 to 100 GB"]),
        ({"volume_gb": "101"}, ["volume_gb is '101'", "from 10 to 100 GB"]),
        ({"memory_mb": "100"}, ["memory_mb is '100'", "from 512 to 10240 MB"]),
        ({"memory_mb": "1.5"}, ["memory_mb is '1.5'", "a whole number"]),
        ({"memory_mb": True}, ["memory_mb is 'True'", "a whole number"]),
        ({"timeout_s": "30"}, ["timeout_s is '30'", "from 1 to 29 s"]),
        ({"reserved_concurrency": "0"}, ["reserved_concurrency is '0'", "from 1 to 1000"]),
        ({"provisioned_concurrency": "11"}, ["provisioned_concurrency is 11", "10"]),
        (
            {"provisioned_concurrency": "1", "snap_start": "true"},
            ["snap_start is true", "provisioned_concurrency 1", "not both"],
        ),
        ({"rate_per_s": "0"}, ["rate_per_s is '0'", "requests/s"]),
        ({"burst": "5"}, ["burst is 5", "rate_per_s 20"]),
        ({"max_vcpus": "3"}, ["max_vcpus is '3'", "from 4 to 1000 vCPUs"]),
        ({"alarm_email": "team"}, ["alarm_email is 'team'", "one address"]),
        ({"alarm_topic_arn": "topic"}, ["alarm_topic_arn is 'topic'", "SNS topic"]),
        ({"monthly_budget_usd": "-1"}, ["monthly_budget_usd is '-1'", "US dollars"]),
        ({"admin_principals": "*"}, ["admin_principals is '*'", "IAM role or user", "never *"]),
        (
            {"writer_principals": "arn:aws:iam::123456789012:root"},
            ["writer_principals is 'arn:aws:iam::123456789012:root'", "never a whole account"],
        ),
        ({"writer_principals": 3}, ["writer_principals is '3'", "a list"]),
        ({"embedded_index_key": "a b"}, ["embedded_index_key is 'a b'", "key of an S3 object"]),
        ({"lambda_base_image": "a image"}, ["lambda_base_image is 'a image'"]),
        ({"bundle": "models/none"}, ["bundle is 'models/none'", "model.json cannot be read"]),
        ({"bundle": "../elsewhere"}, ["bundle is '../elsewhere'", "the images' context"]),
        ({"gpu_bundle": "models/none"}, ["gpu_bundle is 'models/none'", "cannot be read"]),
        ({"gpu_bundle": "../elsewhere"}, ["gpu_bundle is '../elsewhere'", "the images' context"]),
        ({"precision": "float16"}, ["precision is 'float16'", "any, fp32, fp16, int8"]),
        (
            {"bundle": "models/demo", "precision": "fp16"},
            ["bundle is 'models/demo', of precision int8", "precision is 'fp16'"],
        ),
        ({"bundle": "."}, ["bundle is '.'", "the images' context"]),
        ({"sise": "dev"}, ["sise is no key", "did you mean size?"]),
        ({"zzz": "dev"}, ["zzz is no key", "the keys are name"]),
    ],
)
def test_a_wrong_configuration_is_refused_by_name_value_and_limit(context, words):
    with pytest.raises(ConfigError) as refusal:
        read_config(context, root=ROOT)

    for word in words:
        assert word in str(refusal.value)


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(ConfigError) as refusal:
        read_config({"size": "x" * 1000}, root=ROOT)

    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"checkpoint": "a", "fingerprint": "b"}'])
def test_a_bundle_whose_manifest_is_no_manifest_is_refused(tmp_path, manifest):
    (tmp_path / "models/own").mkdir(parents=True)
    (tmp_path / "models/own/model.json").write_text(manifest)

    with pytest.raises(ConfigError, match="bundle is 'models/own' but"):
        read_config({"bundle": "models/own"}, root=tmp_path)


def place_bundle(root: Path, directory: str, **facts: object) -> None:
    """The demo's manifest in a directory, with other facts."""
    manifest = json.loads((ROOT / "models/demo/model.json").read_text("utf-8"))
    (root / directory).mkdir(parents=True)
    (root / directory / "model.json").write_text(json.dumps(manifest | facts))


def test_an_exported_bundle_is_taken_before_the_demos(tmp_path):
    for directory in ("models/demo", "build/bundle"):
        place_bundle(tmp_path, directory)

    assert read_config({}, root=tmp_path).bundle.directory == "build/bundle"
    (tmp_path / "build/bundle/model.json").unlink()
    assert read_config({}, root=tmp_path).bundle.is_demo


def test_a_bundle_for_gpus_is_taken_where_one_was_exported(tmp_path):
    place_bundle(tmp_path, "build/bundle")
    place_bundle(tmp_path, "models/own", precision="fp32")
    alone = read_config({}, root=tmp_path)
    place_bundle(tmp_path, "build/bundle-gpu", precision="fp16")
    beside = read_config({"precision": "int8"}, root=tmp_path)
    named = read_config({"gpu_bundle": "models/own"}, root=tmp_path)

    assert alone.ingest.gpu_bundle == alone.bundle
    assert beside.bundle == alone.bundle
    assert beside.ingest.gpu_bundle.directory == "build/bundle-gpu"
    assert beside.ingest.gpu_bundle.precision == "fp16"
    assert named.ingest.gpu_bundle.directory == "models/own"


def test_the_demo_is_deployed_alone_whatever_was_exported_for_gpus(tmp_path):
    place_bundle(tmp_path, "models/demo")
    place_bundle(tmp_path, "build/bundle-gpu", precision="fp16", fingerprint="b" * 64)

    assert read_config({}, root=tmp_path).ingest.gpu_bundle.is_demo


def test_a_bundle_for_gpus_must_be_of_the_same_embedding_space(tmp_path):
    place_bundle(tmp_path, "build/bundle", fingerprint="a" * 64)
    place_bundle(tmp_path, "build/bundle-gpu", precision="fp16", fingerprint="b" * 64)

    with pytest.raises(ConfigError) as refusal:
        read_config({}, root=tmp_path)

    for word in ("'build/bundle-gpu'", "'build/bundle'", "a" * 64, "b" * 64):
        assert word in str(refusal.value)
    assert "make model PRECISION=fp16 OUT=build/bundle-gpu" in str(refusal.value)
    # As the message says; what lies there goes into no image then.
    on_cpus = read_config({"gpu": "false"}, root=tmp_path)
    assert on_cpus.ingest.gpu_bundle == on_cpus.bundle


def test_an_open_api_downloads_no_pictures_unless_it_shall():
    opened = {"auth": "none", "i_accept_an_open_api": "true"}

    assert not read_config(opened, root=ROOT).search.allow_image_url
    assert read_config(opened | {"allow_image_url": "true"}, root=ROOT).search.allow_image_url
    assert read_config({}, root=ROOT).search.allow_image_url


def test_a_region_without_gpus_is_for_jobs_on_cpus():
    config = read_config({"region": "ca-west-1", "gpu": "false"}, root=ROOT)

    assert config.ingest.gpu_families == ()


@pytest.mark.parametrize("given", ["size", "=dev", "size:dev"])
def test_what_is_no_pair_on_the_command_line_is_refused(given):
    with pytest.raises(ConfigError, match="must be key=value"):
        read_context([given])


def test_the_command_line_outranks_cdk_json():
    assert read_context(["size=production"])["size"] == "production"
    assert read_context([])["aws:cdk:enable-asset-metadata"] is True


def test_keys_are_told_once():
    assert len(set(KEYS)) == len(KEYS)


@pytest.mark.parametrize("region", REGIONS)
def test_the_table_of_regions_says_what_the_published_lists_say(region):
    offered = json.loads(gzip.decompress((OFFERINGS / f"{region}.json.gz").read_bytes()))
    smallest = {f"{family}.xlarge": family for family in GPU_FAMILIES}
    families = {smallest[one["InstanceType"]] for one in offered if one["InstanceType"] in smallest}
    zones = {one["Location"] for one in offered}
    search_nodes = json.loads(SEARCH_NODES.read_text("utf-8"))[region]["enum"]

    assert set(REGIONS[region].gpu_families) == families
    assert REGIONS[region].zones == len(zones)
    assert set(SEARCH_TYPES) <= set(search_nodes)
    assert "m6g.large.search" in search_nodes
