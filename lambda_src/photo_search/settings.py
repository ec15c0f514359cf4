"""Settings: the only reader of the process environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from photo_search.errors import SettingsError
from photo_search.s3_url import S3Url
from photo_search.setting_values import read_bool, read_count, read_file, read_origin

MODEL_DIR_ENV = "MODEL_DIR"
INDEX_URL_ENV = "INDEX_URL"
INDEX_AUTH_ENV = "INDEX_AUTH"
INDEX_USER_ENV = "INDEX_USER"
INDEX_PASSWORD_ENV = "INDEX_PASSWORD"  # noqa: S105 - a name, not a password
INDEX_CA_FILE_ENV = "INDEX_CA_FILE"
AWS_REGION_ENV = "AWS_REGION"
AWS_DEFAULT_REGION_ENV = "AWS_DEFAULT_REGION"
PRELOAD_ENV = "PRELOAD"
ALLOW_IMAGE_URL_ENV = "ALLOW_IMAGE_URL"
ALLOW_HTTP_IMAGE_URL_ENV = "ALLOW_HTTP_IMAGE_URL"
ENCODER_THREADS_ENV = "ENCODER_THREADS"
ENCODER_DEVICE_ENV = "ENCODER_DEVICE"
PRECISION_ENV = "PRECISION"
CORS_ALLOW_ORIGIN_ENV = "CORS_ALLOW_ORIGIN"
PHOTOS_URL_ENV = "PHOTOS_URL"
THUMBS_URL_ENV = "THUMBS_URL"
WORK_URL_ENV = "WORK_URL"
AWS_ENDPOINT_URL_S3_ENV = "AWS_ENDPOINT_URL_S3"
SETTING_NAMES = (
    MODEL_DIR_ENV,
    INDEX_URL_ENV,
    INDEX_AUTH_ENV,
    INDEX_USER_ENV,
    INDEX_PASSWORD_ENV,
    INDEX_CA_FILE_ENV,
    AWS_REGION_ENV,
    AWS_DEFAULT_REGION_ENV,
    PRELOAD_ENV,
    ALLOW_IMAGE_URL_ENV,
    ALLOW_HTTP_IMAGE_URL_ENV,
    ENCODER_THREADS_ENV,
    ENCODER_DEVICE_ENV,
    PRECISION_ENV,
    CORS_ALLOW_ORIGIN_ENV,
    PHOTOS_URL_ENV,
    THUMBS_URL_ENV,
    WORK_URL_ENV,
    AWS_ENDPOINT_URL_S3_ENV,
)
"""Every variable that ``read_settings`` looks at."""

# Fixed by AWS: docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
AWS_ACCESS_KEY_ID_ENV = "AWS_ACCESS_KEY_ID"
AWS_SECRET_ACCESS_KEY_ENV = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - a name
AWS_SESSION_TOKEN_ENV = "AWS_SESSION_TOKEN"  # noqa: S105 - a name
CONTAINER_FULL_URI_ENV = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
CONTAINER_RELATIVE_URI_ENV = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
CONTAINER_TOKEN_ENV = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - a name
CONTAINER_TOKEN_FILE_ENV = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - a name
# docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
LAMBDA_INITIALIZATION_ENV = "AWS_LAMBDA_INITIALIZATION_TYPE"
_INITIALIZED_FOR_ITSELF = ("on-demand", "provisioned-concurrency")

# docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
ARRAY_INDEX_ENV = "AWS_BATCH_JOB_ARRAY_INDEX"

INDEX_AUTHS = ("sigv4", "basic", "none")
MAX_THREADS = 1024
TOWERS = ("text", "image")
DEVICES = ("cpu", "cuda", "auto")
PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True, slots=True)
class IndexAccess:
    """How a server or a bucket that holds the index is reached; a file needs none of it."""

    auth: str = ""
    """``sigv4``, ``basic`` or ``none``; empty decides by the host: ``sigv4`` for an Amazon
    OpenSearch Service domain, ``none`` for any other."""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates (PEM) to trust instead of the usual ones."""
    region: str = ""
    """AWS region to sign for where the host's name does not tell."""
    s3_endpoint: str = ""
    """``https://host[:port]`` of the server that buckets lie on; empty for AWS's own."""


@dataclass(frozen=True, slots=True)
class AwsEnvironment:
    """What the environment says about AWS credentials; empty where it says nothing."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    container_full_uri: str = ""
    container_relative_uri: str = ""
    container_token: str = field(default="", repr=False)
    container_token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment decides; the README's table has a row for each field."""

    model_dir: Path = Path("models/demo")
    index_url: str = "sqlite:///build/photos.db"
    index_access: IndexAccess = IndexAccess()
    preload: tuple[str, ...] = ()
    """Towers that ``warm_up()`` loads: any of ``text``, ``image``."""
    allow_image_url: bool = True
    allow_http_image_url: bool = False
    encoder_threads: int = 0
    """Threads of one encoder call; 0 means one per CPU this process may use."""
    encoder_device: str = "cpu"
    """What embeds: ``cpu``, ``cuda``, or ``auto``, which takes CUDA where it can."""
    precision: str = ""
    """What the bundle must be: ``fp32``, ``fp16`` or ``int8``; empty takes any."""
    cors_allow_origin: str = ""
    """Origin that browsers may call the API from; empty sends no CORS header."""
    photos_url: S3Url | None = None
    """Where own photos lie in S3, each at its path; None where they lie on a disk."""
    thumbs_url: S3Url | None = None
    """Where their thumbnails lie in S3."""
    work_url: S3Url | None = None
    """Where the shards lie in S3."""


def read_settings(
    environ: Mapping[str, str] | None = None,
    *,
    fallback: Mapping[str, str | None] | None = None,
) -> Settings:
    """Read the settings.

    Args:
        environ: Names to values; the process environment when left out. An empty value counts
            as not given.
        fallback: Values that count where the environment gives none, such as those of a ``.env``
            file. Names that are no setting are passed over.

    Raises:
        SettingsError: A value is malformed, missing or contradicts another; the message names the
            variable and what it may be, and never repeats a password.
    """
    given = _given(fallback or {}) | _given(_environment(environ))
    defaults = Settings()
    index_url = given.get(INDEX_URL_ENV, defaults.index_url)
    refuse_credentials_in(index_url)
    return Settings(
        model_dir=Path(given.get(MODEL_DIR_ENV, defaults.model_dir)),
        index_url=index_url,
        index_access=_read_index_access(given),
        preload=_read_towers(given.get(PRELOAD_ENV, "")),
        allow_image_url=read_bool(given, ALLOW_IMAGE_URL_ENV, default=defaults.allow_image_url),
        allow_http_image_url=read_bool(
            given, ALLOW_HTTP_IMAGE_URL_ENV, default=defaults.allow_http_image_url
        ),
        encoder_threads=read_count(
            given, ENCODER_THREADS_ENV, default=defaults.encoder_threads, limit=MAX_THREADS
        ),
        encoder_device=_read_word(given, ENCODER_DEVICE_ENV, DEVICES, defaults.encoder_device),
        precision=_read_word(given, PRECISION_ENV, PRECISIONS, defaults.precision),
        cors_allow_origin=read_origin(given, CORS_ALLOW_ORIGIN_ENV, or_all=True),
        photos_url=_read_place(given, PHOTOS_URL_ENV),
        thumbs_url=_read_place(given, THUMBS_URL_ENV),
        work_url=_read_place(given, WORK_URL_ENV),
    )


def read_aws_environment(environ: Mapping[str, str] | None = None) -> AwsEnvironment:
    """Read what the environment says about AWS credentials now; call it at each use.

    Raises:
        SettingsError: There is a key without its secret, or the reverse.
    """
    given = _environment(environ)
    access_key = given.get(AWS_ACCESS_KEY_ID_ENV, "")
    secret_key = given.get(AWS_SECRET_ACCESS_KEY_ENV, "")
    if bool(access_key) != bool(secret_key):
        names = (AWS_ACCESS_KEY_ID_ENV, AWS_SECRET_ACCESS_KEY_ENV)
        there, absent = names if access_key else reversed(names)
        msg = f"{there} is given without {absent}; give both or neither"
        raise SettingsError(msg)
    token_file = given.get(CONTAINER_TOKEN_FILE_ENV, "")
    return AwsEnvironment(
        access_key=access_key,
        secret_key=secret_key,
        session_token=given.get(AWS_SESSION_TOKEN_ENV, ""),
        container_full_uri=given.get(CONTAINER_FULL_URI_ENV, ""),
        container_relative_uri=given.get(CONTAINER_RELATIVE_URI_ENV, ""),
        container_token=given.get(CONTAINER_TOKEN_ENV, ""),
        container_token_file=Path(token_file) if token_file else None,
    )


def may_connect_at_start(environ: Mapping[str, str] | None = None) -> bool:
    """Whether this is a Lambda that starts for itself alone.

    Otherwise the process may be frozen and copied when it has started (SnapStart), with the sockets
    and credentials that it then holds; or it is no Lambda.
    """
    return _environment(environ).get(LAMBDA_INITIALIZATION_ENV) in _INITIALIZED_FOR_ITSELF


def read_array_index(environ: Mapping[str, str] | None = None) -> str:
    """Which child of an array job AWS Batch says that this process is; empty where it is none."""
    return _environment(environ).get(ARRAY_INDEX_ENV, "")


def refuse_credentials_in(index_url: str) -> None:
    """Refuse an index URL that holds a user or a password: URLs end up in logs and messages.

    A password may itself hold a slash or a ``#``, and the scheme may have been forgotten, so an
    ``@`` anywhere is taken for their end, save in the path of a file.

    Raises:
        SettingsError: It does; the message repeats nothing of the URL.
    """
    if "@" in index_url and not index_url.startswith("sqlite:"):
        msg = (
            "the index URL holds a user or a password (it has an @); give them as "
            f"{INDEX_USER_ENV} and {INDEX_PASSWORD_ENV} with {INDEX_AUTH_ENV}=basic"
        )
        raise SettingsError(msg)


def _environment(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ  # noqa: TID251 - the one place


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name in SETTING_NAMES if (value := values.get(name))}


def _read_index_access(given: Mapping[str, str]) -> IndexAccess:
    auth = given.get(INDEX_AUTH_ENV, "")
    if auth and auth not in INDEX_AUTHS:
        msg = f"{INDEX_AUTH_ENV} is {auth!r}; it may be {', '.join(INDEX_AUTHS)}, or left out"
        raise SettingsError(msg)
    for name in (INDEX_USER_ENV, INDEX_PASSWORD_ENV):
        if auth == "basic" and name not in given:
            msg = f"{INDEX_AUTH_ENV} is 'basic' but {name} is not given; it needs both"
            raise SettingsError(msg)
        if auth != "basic" and name in given:
            says = f"is {auth!r}" if auth else "is not given"
            msg = (
                f"{name} is given but {INDEX_AUTH_ENV} {says}; a user and a password go with "
                f"{INDEX_AUTH_ENV}=basic only"
            )
            raise SettingsError(msg)
    user = given.get(INDEX_USER_ENV, "")
    if ":" in user:  # RFC 7617, section 2
        msg = f"{INDEX_USER_ENV} is {user!r}; a user's name has no colon"
        raise SettingsError(msg)
    return IndexAccess(
        auth=auth,
        user=user,
        password=given.get(INDEX_PASSWORD_ENV, ""),
        ca_file=read_file(given, INDEX_CA_FILE_ENV),
        region=given.get(AWS_REGION_ENV) or given.get(AWS_DEFAULT_REGION_ENV, ""),
        s3_endpoint=read_origin(given, AWS_ENDPOINT_URL_S3_ENV),
    )


def _read_place(given: Mapping[str, str], name: str) -> S3Url | None:
    return S3Url.parse(given[name], name=name) if name in given else None


def _read_towers(value: str) -> tuple[str, ...]:
    towers = tuple(tower.strip() for tower in value.split(",") if tower.strip())
    for tower in towers:
        if tower not in TOWERS:
            msg = f"{PRELOAD_ENV} names {tower!r}; it may name {', '.join(TOWERS)}"
            raise SettingsError(msg)
    return towers


def _read_word(given: Mapping[str, str], name: str, words: tuple[str, ...], default: str) -> str:
    word = given.get(name, default)
    if word not in words and word != default:
        msg = f"{name} is {word!r}; it may be {', '.join(words[:-1])} or {words[-1]}"
        raise SettingsError(msg)
    return word
