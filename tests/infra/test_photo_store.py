from __future__ import annotations

import json

import pytest

from tests.infra.variants import VARIANTS

pytestmark = pytest.mark.infra

KIND = "AWS::S3::Bucket"


@pytest.mark.parametrize("name", VARIANTS)
def test_every_bucket_is_private_and_encrypted_and_insists_on_tls(variant, name):
    template = variant(name)
    policies = {
        policy["Bucket"]["Ref"]: json.dumps(policy["PolicyDocument"])
        for policy in template.of_type("AWS::S3::BucketPolicy").values()
    }

    for logical_id, bucket in template.of_type(KIND).items():
        assert bucket["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert '"aws:SecureTransport": "false"' in policies[logical_id]
        assert '"s3:TlsVersion"' in policies[logical_id]


def test_photos_tell_of_what_comes_and_goes(variant):
    telling = [
        key
        for key, bucket in variant("dev").of_type(KIND).items()
        if bucket.get("NotificationConfiguration")
        == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    ]

    assert len(telling) == 1
    photos = variant("dev").template["Outputs"]["PhotosBucket"]["Value"]
    assert photos == {"Ref": telling[0]}


def test_what_was_deleted_can_be_got_back_for_a_month_and_is_gone_then(variant):
    for name in ("PhotosBucket", "ShardsBucket"):
        bucket = variant("dev").of_type(KIND)[
            variant("dev").template["Outputs"][name]["Value"]["Ref"]
        ]

        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        (days,) = (
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in bucket["LifecycleConfiguration"]["Rules"]
            if "NoncurrentVersionExpiration" in rule
        )
        assert days == 30


def test_requests_to_buckets_are_logged(variant):
    buckets = variant("dev").of_type(KIND)
    logging = {key for key, bucket in buckets.items() if "LoggingConfiguration" in bucket}
    logs = {
        bucket["LoggingConfiguration"]["DestinationBucketName"]["Ref"]
        for bucket in buckets.values()
        if "LoggingConfiguration" in bucket
    }

    assert len(logs) == 1
    assert set(buckets) - logging == logs
