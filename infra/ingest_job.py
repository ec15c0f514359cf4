"""The ingest job on AWS Batch: Spot instances with a GPU, and Fargate for small collections.

Nothing of it costs anything while no job runs. ``make ingest-aws`` submits; see
``ingest/cloud/submit.py``.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import DeploymentConfig
from infra.images import CPU_TARGET, GPU_TARGET, job_image
from infra.ingest_access import grant_job, ingest_environment
from infra.log_groups import log_group
from infra.network import Network
from infra.photo_index import PhotoIndex
from infra.photo_store import PhotoStore

# The smallest of each family, such as g4dn.xlarge, has 4 vCPUs and 16 GiB, of which Linux and the
# ECS agent keep about one.
_GPU_VCPUS, _GPU_MEMORY = 4, cdk.Size.gibibytes(14)
_CPU_VCPUS, _CPU_MEMORY = 4, cdk.Size.gibibytes(8)
_DISK_GIB = 100  # image with CUDA (some GB), the work directory's copy, thumbnails on their way
_ROOT_DEVICE = "/dev/xvda"  # of Amazon Linux
_ATTEMPTS = 5  # AWS Batch gives no more than ten
_ATTEMPT_TIMEOUT = cdk.Duration.hours(12)
"""A job that hangs must not cost for days; one that is cut off goes on after its last shard."""
_RETRY_EXIT_CODE = "75"  # ingest/exit_codes.py
_NO_CAPACITY_PATIENCE = cdk.Duration.hours(6)
_MISFIT_PATIENCE = cdk.Duration.minutes(10)  # AWS Batch's least


class IngestJob(Construct):
    """Queues and job definitions; a region or configuration without GPUs has those for CPUs alone.

    Attributes:
        gpu_queue: Queue of the jobs with a GPU, or None.
        gpu_definition: Their definition, or None.
        cpu_queue: Queue of the jobs without.
        cpu_definition: Their definition.
        role: What the jobs may do.
        log_group: Where they write.
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
            config: GPU families, and how many vCPUs at once.
            store: The buckets.
            index: The domain, where there is one.
            network: Where the machines run. They lie in public subnets, with addresses of their
                own and without a way in: that needs no NAT gateway, which costs by the hour, and
                photos, shards and image layers come by S3's gateway endpoint, which costs nothing.
        """
        super().__init__(scope, construct_id)
        self._config = config
        self._network = network
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")
        )
        grant_job(self.role, store, index)
        self._environment = ingest_environment(store, index)
        self._command = [
            *("ingest", "bucket", store.photos_url),
            *("--work", store.work_url, "--thumbs", store.thumbs_url),
        ]
        self.log_group = log_group(self, "Logs", config=config)
        self.security_group = self._security_group()
        if index is not None and config.vpc:
            index.domain.connections.allow_from(
                self.security_group, ec2.Port.HTTPS, "the ingest job"
            )
        self.gpu_queue = self._gpu_queue() if config.ingest.gpu_families else None
        self.gpu_definition = self._gpu_definition() if config.ingest.gpu_families else None
        self.cpu_queue = self._cpu_queue()
        self.cpu_definition = self._cpu_definition()

    def _security_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=self._network.vpc,
            description="The ingest job: HTTPS out, nothing in",
            allow_all_outbound=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.HTTPS, "AWS's services")
        return group

    def _gpu_queue(self) -> batch.JobQueue:
        environment = batch.ManagedEc2EcsComputeEnvironment(
            self,
            "GpuEnvironment",
            vpc=self._network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[self.security_group],
            spot=True,
            allocation_strategy=batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED,
            instance_classes=[
                ec2.InstanceClass(family.upper()) for family in self._config.ingest.gpu_families
            ],
            use_optimal_instance_classes=False,  # otherwise C4, M4 and R4 join in
            minv_cpus=0,
            maxv_cpus=self._config.ingest.max_vcpus,
            # Said outright: of itself AWS Batch takes Amazon Linux 2, without the driver for CUDA
            # 13, and makes no new environment of it any more.
            images=[batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023_NVIDIA)],
            launch_template=self._launch_template(),
            update_to_latest_image_version=True,
        )
        return self._queue("GpuQueue", environment)

    def _launch_template(self) -> ec2.LaunchTemplate:
        return ec2.LaunchTemplate(
            self,
            "Machine",
            require_imdsv2=True,
            # One hop does not lead into a container: the job has its own role, never the machine's.
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name=_ROOT_DEVICE,
                    volume=ec2.BlockDeviceVolume.ebs(
                        _DISK_GIB, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                    ),
                )
            ],
        )

    def _cpu_queue(self) -> batch.JobQueue:
        environment = batch.FargateComputeEnvironment(
            self,
            "CpuEnvironment",
            vpc=self._network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[self.security_group],
            maxv_cpus=self._config.ingest.max_vcpus,
        )
        return self._queue("CpuQueue", environment)

    def _queue(self, construct_id: str, environment: batch.IComputeEnvironment) -> batch.JobQueue:
        reasons = batch.JobStateTimeLimitActionsReason
        patience = {
            # Spot capacity comes back; what asks for more than there can be never runs.
            reasons.INSUFFICIENT_INSTANCE_CAPACITY: _NO_CAPACITY_PATIENCE,
            reasons.COMPUTE_ENVIRONMENT_MAX_RESOURCE: _MISFIT_PATIENCE,
            reasons.JOB_RESOURCE_REQUIREMENT: _MISFIT_PATIENCE,
        }
        return batch.JobQueue(
            self,
            construct_id,
            compute_environments=[
                batch.OrderedComputeEnvironment(compute_environment=environment, order=1)
            ],
            job_state_time_limit_actions=[
                batch.JobStateTimeLimitAction(
                    reason=reason,
                    max_time=max_time,
                    state=batch.JobStateTimeLimitActionsState.RUNNABLE,
                    action=batch.JobStateTimeLimitActionsAction.CANCEL,
                )
                for reason, max_time in patience.items()
            ],
        )

    def _gpu_definition(self) -> batch.EcsJobDefinition:
        container = batch.EcsEc2ContainerDefinition(
            self,
            "GpuContainer",
            image=job_image(self._config, GPU_TARGET),
            command=self._command,
            gpu=1,
            cpu=_GPU_VCPUS,
            memory=_GPU_MEMORY,
            environment=self._environment,
            job_role=self.role,
            logging=self._logging(GPU_TARGET),
        )
        return self._definition("GpuDefinition", container)

    def _cpu_definition(self) -> batch.EcsJobDefinition:
        container = batch.EcsFargateContainerDefinition(
            self,
            "CpuContainer",
            image=job_image(self._config, CPU_TARGET),
            command=self._command,
            cpu=_CPU_VCPUS,
            memory=_CPU_MEMORY,
            ephemeral_storage_size=cdk.Size.gibibytes(_DISK_GIB),
            fargate_cpu_architecture=ecs.CpuArchitecture.X86_64,
            fargate_operating_system_family=ecs.OperatingSystemFamily.LINUX,
            assign_public_ip=True,
            environment=self._environment,
            job_role=self.role,
            logging=self._logging(CPU_TARGET),
        )
        return self._definition("CpuDefinition", container)

    def _logging(self, prefix: str) -> ecs.LogDriver:
        return ecs.LogDriver.aws_logs(log_group=self.log_group, stream_prefix=prefix)

    def _definition(
        self, construct_id: str, container: batch.IEcsContainerDefinition
    ) -> batch.EcsJobDefinition:
        retry, leave = batch.Action.RETRY, batch.Action.EXIT
        return batch.EcsJobDefinition(
            self,
            construct_id,
            container=container,
            timeout=_ATTEMPT_TIMEOUT,
            retry_attempts=_ATTEMPTS,
            retry_strategies=[
                batch.RetryStrategy.of(retry, batch.Reason.SPOT_INSTANCE_RECLAIMED),
                batch.RetryStrategy.of(retry, batch.Reason.custom(on_exit_code=_RETRY_EXIT_CODE)),
                batch.RetryStrategy.of(leave, batch.Reason.custom(on_reason="*")),
            ],
        )
