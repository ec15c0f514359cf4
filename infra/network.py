"""The network: where the ingest job's machines run, and, with ``vpc``, domain and Lambda too."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.config import DeploymentConfig
from infra.log_groups import log_group


class Network(Construct):
    """A VPC without any way in.

    Without ``vpc`` it has public subnets alone: the job's machines reach S3 and the registry by
    themselves and nothing costs while idle. With ``vpc`` there are private subnets behind one NAT
    gateway, which queries by URL need.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Make the VPC."""
        super().__init__(scope, construct_id)
        zones = max(2, config.domain.zones)
        subnets = [
            ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=22)
        ]
        if config.vpc:
            subnets.append(
                ec2.SubnetConfiguration(
                    name="private",
                    subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS,
                    cidr_mask=22,
                )
            )
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            # By number, not by name: names would have to be asked of the account.
            availability_zones=[cdk.Fn.select(number, cdk.Fn.get_azs()) for number in range(zones)],
            nat_gateways=1 if config.vpc else 0,
            subnet_configuration=subnets,
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)
            },
            restrict_default_security_group=False,
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                log_group(self, "FlowLogs", config=config)
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    def first_private(self, zones: int) -> ec2.SubnetSelection:
        """The private subnets of some zones: a domain wants as many as it has zones."""
        return ec2.SubnetSelection(subnets=self.vpc.private_subnets[:zones])

    @property
    def private(self) -> ec2.SubnetSelection:
        """Where domain and Lambda lie, with ``vpc``."""
        return ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
