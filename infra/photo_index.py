"""PhotoIndex: the OpenSearch domain, and who may ask it what."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from infra.access import ADMIN, ALIAS, SEARCH, WRITE, Allowed, index_statements
from infra.config import DeploymentConfig
from infra.log_groups import log_group
from infra.network import Network
from infra.photo_store import PhotoStore

ENGINE_VERSION = "3.5"
"""Of OpenSearch: the one that the tests run."""
_MANAGERS = 3


class PhotoIndex(Construct):
    """A domain that takes nothing but signed requests of the roles it was told of."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        network: Network,
    ) -> None:
        """Make the domain; the grants follow.

        Args:
            scope: Its owner.
            construct_id: Its id there.
            config: Its size, and who else may write and administer.
            network: Where it lies, with ``vpc``; otherwise its endpoint is public and every
                request has to be signed (decision 0010).
        """
        super().__init__(scope, construct_id)
        self._arn = cdk.Stack.of(self).format_arn(
            service="es", resource="domain", resource_name=config.name
        )
        self._policy = iam.PolicyDocument()
        self.domain = self._domain(config, network)
        child = self.domain.node.default_child
        if not isinstance(child, opensearch.CfnDomain):
            msg = "the domain has no CfnDomain"
            raise TypeError(msg)
        # As a property: the construct's own way is a function that sets it after the fact, and in
        # between the domain has none.
        child.access_policies = self._policy
        for arn in config.writer_principals:
            self._allow(iam.ArnPrincipal(arn), WRITE)
        for arn in config.admin_principals:
            self._allow(iam.ArnPrincipal(arn), ADMIN)

    @property
    def url(self) -> str:
        """What programs know it by: ``INDEX_URL``."""
        return f"https://{self.domain.domain_endpoint}/{ALIAS}"

    def grant_search(self, role: iam.IRole) -> None:
        """Let a role search."""
        self._allow(iam.ArnPrincipal(role.role_arn), SEARCH)

    def grant_write(self, role: iam.IRole) -> None:
        """Let a role store photos and take them out."""
        self._allow(iam.ArnPrincipal(role.role_arn), WRITE)

    def grant_admin(self, role: iam.IRole) -> None:
        """Let a role make, fill, swap and drop indexes."""
        self._allow(iam.ArnPrincipal(role.role_arn), ADMIN)

    def _allow(self, principal: iam.IPrincipal, allowed: tuple[Allowed, ...]) -> None:
        self._policy.add_statements(*index_statements(principal, allowed, domain_arn=self._arn))

    def _domain(self, config: DeploymentConfig, network: Network) -> opensearch.Domain:
        nodes = config.domain
        policy = cdk.RemovalPolicy.RETAIN if config.keep else cdk.RemovalPolicy.DESTROY
        groups = [
            log_group(self, f"{kind}Logs", config=config)
            for kind in ("Errors", "SlowSearch", "SlowIndex")
        ]
        domain = opensearch.Domain(
            self,
            "Domain",
            domain_name=config.name,
            version=opensearch.EngineVersion.open_search(ENGINE_VERSION),
            capacity=opensearch.CapacityConfig(
                data_node_instance_type=nodes.instance_type,
                data_nodes=nodes.data_nodes,
                master_node_instance_type=nodes.manager_type or None,
                master_nodes=_MANAGERS if nodes.manager_type else None,
                # With standby a third of the nodes would answer nothing; three zones with a copy
                # each survive the loss of one without it.
                multi_az_with_standby_enabled=False,
            ),
            ebs=opensearch.EbsOptions(
                volume_size=nodes.volume_gb, volume_type=ec2.EbsDeviceVolumeType.GP3
            ),
            zone_awareness=opensearch.ZoneAwarenessConfig(
                enabled=nodes.zones > 1,
                availability_zone_count=nodes.zones if nodes.zones > 1 else None,
            ),
            vpc=network.vpc if config.vpc else None,
            vpc_subnets=[network.first_private(nodes.zones)] if config.vpc else None,
            encryption_at_rest=opensearch.EncryptionAtRestOptions(enabled=True),
            node_to_node_encryption=True,
            enforce_https=True,
            tls_security_policy=opensearch.TLSSecurityPolicy.TLS_1_2_PFS,
            # Otherwise the body of a bulk request could name an index that its path does not.
            advanced_options={"rest.action.multi.allow_explicit_index": "false"},
            enable_version_upgrade=True,
            enable_auto_software_update=True,
            off_peak_window_enabled=True,
            logging=opensearch.LoggingOptions(
                app_log_enabled=True,
                app_log_group=groups[0],
                slow_search_log_enabled=True,
                slow_search_log_group=groups[1],
                slow_index_log_enabled=True,
                slow_index_log_group=groups[2],
            ),
            suppress_logs_resource_policy=True,
            removal_policy=policy,
        )
        domain.node.add_dependency(self._logs_policy(groups))
        return domain

    def _logs_policy(self, groups: list[logs.LogGroup]) -> logs.ResourcePolicy:
        stack = cdk.Stack.of(self)
        return logs.ResourcePolicy(
            self,
            "LogsPolicy",
            policy_statements=[
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("es.amazonaws.com")],
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[group.log_group_arn for group in groups],
                    conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
                )
            ],
        )


def index_environment(store: PhotoStore, index: PhotoIndex | None) -> dict[str, str]:
    """The variables that lead a program to the index.

    Args:
        store: Holds the embedded index.
        index: The domain, where there is one.
    """
    if index is None:
        return {"INDEX_URL": store.index_url}
    return {"INDEX_URL": index.url, "INDEX_AUTH": "sigv4"}
