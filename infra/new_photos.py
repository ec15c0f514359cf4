"""New photos by themselves: an object that comes or goes leads to the index within minutes.

S3 -> EventBridge -> a FIFO queue -> one Lambda with the code of ingest. Decision 0011 says why
there is one writer, and why an event is a reason to look and not an order.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import DeploymentConfig
from infra.images import function_image
from infra.ingest_access import grant_writer, ingest_environment
from infra.lambda_role import lambda_role
from infra.log_groups import log_group
from infra.network import Network
from infra.photo_index import PhotoIndex
from infra.photo_store import PhotoStore

HANDLER = "ingest.cloud.new_photos.handler"
MESSAGE_GROUP = "photos"
"""One group for all: a FIFO queue hands out no second batch of it before the first is done."""
BATCH_PHOTOS = 10

# Ten pictures of tens of megabytes, and with the embedded index the whole file fetched and put.
_TIMEOUT_S = 180
# Six times the time-out, as AWS asks for: "Configuring an Amazon SQS queue" in Lambda's guide.
_VISIBILITY_TIMEOUT_S = 6 * _TIMEOUT_S
# With the visibility time-out about an hour and a half: a domain that is away for longer is a case
# for its alarm, and the messages wait two weeks among the dead letters.
_MOST_RECEIVES = 5
_RETENTION = cdk.Duration.days(14)
# The shards stay where they are, so that this does not grow with a collection in a domain. The
# embedded index lies here three times, each 250 MB at the most that a search's /tmp takes.
_SCRATCH = cdk.Size.gibibytes(2)


class NewPhotos(Construct):
    """Rule, queues and writer.

    Attributes:
        queue: What waits to be looked at.
        dead_letters: What failed again and again.
        function: The writer.
        role: What it may do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        store: PhotoStore,
        index: PhotoIndex | None,
        network: Network,
    ) -> None:
        """Make them.

        Args:
            scope: Their owner.
            construct_id: Their id there.
            config: The writer's memory, and whether it lies in the VPC.
            store: The buckets.
            index: The domain, where there is one.
            network: Where the writer lies, with ``vpc``.
        """
        super().__init__(scope, construct_id)
        self.dead_letters = self._queue("DeadLetters", _RETENTION)
        self.queue = self._queue(
            "Queue",
            _RETENTION,
            visibility_timeout=cdk.Duration.seconds(_VISIBILITY_TIMEOUT_S),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=_MOST_RECEIVES
            ),
        )
        self._rule(store)
        self.role = lambda_role(self, "Role", vpc=config.vpc)
        self.function = self._writer(config, store, index, network)
        grant_writer(self.role, store, index)
        if index is not None and config.vpc:
            index.domain.connections.allow_from(self.function, ec2.Port.HTTPS, "new photos")

    def _queue(
        self,
        construct_id: str,
        retention: cdk.Duration,
        *,
        visibility_timeout: cdk.Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            fifo=True,
            # EventBridge gives no id of its own for this. The content is the whole event with its
            # id and moment: only a second delivery of one event counts as the same. Were it cut
            # down to the key, a photo put, deleted and put again within five minutes would be lost.
            content_based_deduplication=True,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=retention,
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )

    def _rule(self, store: PhotoStore) -> None:
        events.Rule(
            self,
            "Rule",
            description="Photos that came or went",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created", "Object Deleted"],
                detail={"bucket": {"name": [store.photos.bucket_name]}},
            ),
            targets=[targets.SqsQueue(self.queue, message_group_id=MESSAGE_GROUP)],
        )

    def _writer(
        self,
        config: DeploymentConfig,
        store: PhotoStore,
        index: PhotoIndex | None,
        network: Network,
    ) -> lambda_.DockerImageFunction:
        logs = log_group(self, "Logs", config=config)
        logs.grant_write(self.role)
        function = lambda_.DockerImageFunction(
            self,
            "Writer",
            code=function_image(config, HANDLER),
            description="Looks at photos that came or went and brings shards and index up to date",
            architecture=lambda_.Architecture.X86_64,
            memory_size=config.ingest.writer_memory_mb,
            ephemeral_storage_size=_SCRATCH,
            timeout=cdk.Duration.seconds(_TIMEOUT_S),
            # The queue's one group sees to it already; this holds for whoever else may call.
            reserved_concurrent_executions=1,
            environment=ingest_environment(store, index),
            role=self.role,
            log_group=logs,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            vpc=network.vpc if config.vpc else None,
            vpc_subnets=network.private if config.vpc else None,
        )
        function.add_event_source(
            sources.SqsEventSource(
                self.queue, batch_size=BATCH_PHOTOS, report_batch_item_failures=True
            )
        )
        return function
