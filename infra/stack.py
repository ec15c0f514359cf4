"""The stack: one of each part, and who may do what with which."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from constructs import Construct

from infra.alarms import Alarms
from infra.budget import make_budget
from infra.config import DeploymentConfig
from infra.ingest_job import IngestJob
from infra.key_access import KeyAccess
from infra.network import Network
from infra.new_photos import NewPhotos
from infra.photo_index import PhotoIndex
from infra.photo_store import PhotoStore
from infra.search_api import SearchApi
from infra.search_function import SearchFunction
from infra.sign_in import SignIn
from infra.site import Site
from infra.watches import watch_domain, watch_ingest, watch_search


class PhotoSearchStack(cdk.Stack):
    """One team's photo search."""

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Put it together.

        Args:
            scope: The app.
            construct_id: The stack's name.
            config: What the deployment decides.
        """
        super().__init__(
            scope,
            construct_id,
            # No account: whoever's credentials deploy it says that, and synthesis asks nobody.
            env=cdk.Environment(region=config.region),
            description="Search photos by what is in them",
            termination_protection=config.keep,
        )
        self.config = config
        cdk.Tags.of(self).add("photo-search", config.name)
        network = Network(self, "Network", config=config)
        self.store = PhotoStore(self, "Store", config=config)
        self.index = (
            None
            if config.is_embedded
            else PhotoIndex(self, "Index", config=config, network=network)
        )
        self.search = SearchFunction(
            self, "Search", config=config, store=self.store, index=self.index, network=network
        )
        self.api = SearchApi(self, "Api", config=config, alias=self.search.alias)
        self.ingest_job = IngestJob(
            self, "IngestJob", config=config, store=self.store, index=self.index, network=network
        )
        self.new_photos = NewPhotos(
            self, "NewPhotos", config=config, store=self.store, index=self.index, network=network
        )
        self._grant_search()
        self._protect()
        self._watch()
        self._output_addresses()

    def _grant_search(self) -> None:
        self.store.grant_show(self.search.role)
        if self.index is None:
            self.store.grant_read_index(self.search.role)
        else:
            self.index.grant_search(self.search.role)

    def _protect(self) -> None:
        """Let nobody past the authorizer, and make the page where a browser can get past it."""
        sign_in = SignIn(self, "SignIn", config=self.config) if self.config.auth == "jwt" else None
        if self.config.has_site:
            self._make_site(sign_in)
        else:
            cdk.Annotations.of(self).add_info(no_site_note(self.config))
        if sign_in is None:
            self.api.add_routes(self._authorizer())

    def _make_site(self, sign_in: SignIn | None) -> None:
        site = Site(
            self,
            "Site",
            config=self.config,
            api=self.api,
            logs=self.store.logs,
            sign_in_origin=sign_in.origin if sign_in else "",
        )
        page = {"auth": "none"}
        if sign_in:
            client = sign_in.add_page(site.url)
            self.api.add_routes(sign_in.authorizer(client))
            page = {
                "auth": "jwt",
                "authority": sign_in.origin,
                "client_id": client.user_pool_client_id,
            }
            self._output("UserPoolId", sign_in.pool.user_pool_id, "Where users are added")
        site.publish(page)
        self._output("SiteUrl", site.url, "The page")

    def _authorizer(self) -> apigatewayv2.IHttpRouteAuthorizer:
        if self.config.auth == "key":
            key = KeyAccess(self, "KeyAccess", config=self.config)
            self._output("ApiKeySecret", key.secret.secret_arn, "The key that callers send")
            return key.authorizer
        if self.config.auth == "iam":
            return authorizers.HttpIamAuthorizer()
        return apigatewayv2.HttpNoneAuthorizer()

    def _watch(self) -> None:
        alarms = Alarms(self, "Alarms", config=self.config)
        watch_search(alarms, self.search, self.api, self.config)
        if self.index is not None:
            watch_domain(alarms, self.index, self.config)
        watch_ingest(alarms, self.ingest_job, self.new_photos)
        make_budget(self, config=self.config, alarms=alarms)
        dashboard = alarms.make_dashboard()
        self._output(
            "DashboardUrl",
            f"https://{self.config.region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={self.config.region}#dashboards/dashboard/{dashboard.dashboard_name}",
            "The dashboard",
        )

    def _output_addresses(self) -> None:
        job = self.ingest_job
        index_url = self.store.index_url if self.index is None else self.index.url
        self._output("ApiUrl", self.api.url, "The API")
        self._output("PhotosBucket", self.store.photos.bucket_name, "Where photos are put")
        self._output("ThumbsBucket", self.store.thumbs.bucket_name, "Where thumbnails are kept")
        self._output("ShardsBucket", self.store.shards.bucket_name, "Where embeddings are kept")
        self._output("IndexUrl", index_url, "INDEX_URL for the command line")
        if job.gpu_queue is not None and job.gpu_definition is not None:
            self._output("JobQueue", job.gpu_queue.job_queue_arn, "Jobs with a GPU")
            self._output("JobDefinition", job.gpu_definition.job_definition_arn, "With a GPU")
        self._output("CpuJobQueue", job.cpu_queue.job_queue_arn, "Jobs without a GPU")
        self._output("CpuJobDefinition", job.cpu_definition.job_definition_arn, "Without a GPU")
        self._output("WriterQueueUrl", self.new_photos.queue.queue_url, "Photos to look at")

    def _output(self, name: str, value: str, description: str) -> None:
        cdk.CfnOutput(self, name, value=value, description=description)


def no_site_note(config: DeploymentConfig) -> str:
    """Why a deployment comes without the page."""
    return (
        f"auth is {config.auth}: the page is not deployed, for a browser can neither sign requests "
        "nor keep a key. Programs ask ApiUrl; auth=jwt brings the page."
    )
