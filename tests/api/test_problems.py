from __future__ import annotations

import json
import logging
import threading

import pytest

from handler import SERVICE, STATUSES, make_handler
from photo_search import errors
from photo_search.search import PhotoSearch
from photo_search.settings import Settings
from tests.api.events import REQUEST_ID, Context, http_event

SECRET = "/var/secret/photos.db"


def leaves(kind):
    """Leaves of the tree in errors.py; an engine's own kinds have their parent's status."""
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


def raised(kind, message):
    return kind(message, reasons={}) if kind is errors.BulkRejected else kind(message)


def failing(error, **settings):
    """A handler whose search cannot even be opened."""

    def open_search():
        raise error

    handler = make_handler(open_search, read=lambda: Settings(**settings))
    return lambda event: handler(event, Context())


class Collector(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.lines: list[dict[str, object]] = []

    def emit(self, record):
        self.records.append(record)
        powertools, *_ = logging.getLogger(SERVICE).handlers
        self.lines.append(json.loads(powertools.format(record)))


@pytest.fixture
def log(handle):
    """What the handler logs from here on."""
    handle(http_event("GET", "/healthz"))  # Powertools sets its logger up at the first call
    collector = Collector()
    logging.getLogger(SERVICE).addHandler(collector)
    yield collector
    logging.getLogger(SERVICE).removeHandler(collector)


def test_every_leaf_of_the_error_tree_has_a_status():
    assert set(STATUSES) == set(leaves(errors.PhotoSearchError))


@pytest.mark.parametrize("kind", leaves(errors.PhotoSearchError))
def test_every_error_is_answered_with_its_status(kind):
    response = failing(raised(kind, "what and which"))(http_event("GET", "/healthz"))

    assert response["statusCode"] == STATUSES[kind]
    assert response["headers"]["Content-Type"] == "application/problem+json"


def test_a_mendable_error_tells_its_kind_and_its_message():
    response = failing(errors.ImageTooLarge("12 MB; limit 4"))(http_event("GET", "/healthz"))

    assert json.loads(response["body"]) == {
        "type": "urn:photo-search:problem:image-too-large",
        "title": "Image too large",
        "status": 413,
        "detail": "12 MB; limit 4",
        "request_id": REQUEST_ID,
    }


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(SECRET),
        errors.IndexNotFound(SECRET),
        errors.SettingsError(SECRET),
        KeyError(SECRET),
    ],
    ids=repr,
)
def test_an_unknown_failure_shows_nothing_and_logs_everything(error, log):
    response = failing(error)(http_event("GET", "/search", query="q=red"))

    assert response["statusCode"] == 500
    assert SECRET not in json.dumps(response)
    assert json.loads(response["body"])["request_id"] == REQUEST_ID
    (number,) = [n for n, record in enumerate(log.records) if record.levelno == logging.ERROR]
    assert log.records[number].exc_info[1] is error
    assert SECRET in str(log.lines[number]["exception"])
    assert log.lines[number]["request_id"] == REQUEST_ID


def test_a_log_line_holds_the_request_id_but_not_the_query(handle, log):
    handle(http_event("GET", "/search", query="q=green"))

    (line,) = log.lines
    assert line["request_id"] == REQUEST_ID
    assert line["status"] == 200
    assert "green" not in json.dumps(line)


def test_an_index_that_does_not_answer_gives_503_with_retry_after():
    error = errors.IndexUnavailable(SECRET, retry_after_s=7)

    response = failing(error)(http_event("GET", "/search", query="q=red"))

    assert response["statusCode"] == 503
    assert response["headers"]["Retry-After"] == "7"
    assert SECRET not in response["body"]


class AwayIndex:
    """Counts, and fails to do anything else."""

    def count(self):
        return 7

    def __getattr__(self, name):
        raise errors.IndexUnavailable(SECRET, retry_after_s=9)


@pytest.fixture
def away(photo_search):
    search = PhotoSearch(photo_search.encoder, AwayIndex())
    handler = make_handler(lambda: search, read=Settings)
    return lambda event: handler(event, Context())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/search", "q=red"),
        ("/search", "q=red&mode=hybrid"),
        ("/search", "q=red&mode=keyword"),
        ("/search", "photo_id=red"),
        ("/photos/red", ""),
    ],
)
def test_an_index_that_goes_away_later_gives_503_with_its_own_retry_after(away, path, query):
    response = away(http_event("GET", path, query=query))

    assert response["statusCode"] == 503
    assert response["headers"]["Retry-After"] == "9"
    assert SECRET not in response["body"]


def test_health_asks_the_index_for_its_count_alone(away):
    response = away(http_event("GET", "/healthz"))

    assert response["statusCode"] == 200
    assert json.loads(response["body"])["photos"] == 7


def test_settings_that_cannot_be_read_give_a_500(photo_search):
    def read():
        raise errors.SettingsError(SECRET)

    response = make_handler(lambda: photo_search, read=read)(
        http_event("GET", "/healthz"), Context()
    )

    assert response["statusCode"] == 500
    assert SECRET not in json.dumps(response)


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/search/", "/photos", "/photos/", "/%00", "/\n"]
)
def test_an_unknown_path_gives_404(handle, path):
    response = handle(http_event("GET", path))

    assert response["statusCode"] == 404
    assert response["headers"]["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/search", "GET, POST"),
        ("PUT", "/photos/red", "GET"),
        ("POST", "/healthz", "GET"),
        ("HEAD", "/openapi.json", "GET"),
        ("OPTIONS", "/search", "GET, POST"),
    ],
)
def test_a_method_that_a_path_lacks_gives_405_with_allow(handle, method, path, allowed):
    response = handle(http_event(method, path))

    assert response["statusCode"] == 405
    assert response["headers"]["Allow"] == allowed
    assert json.loads(response["body"])["status"] == 405


@pytest.mark.parametrize(
    "event", [{"requestContext": None}, {"requestContext": {}, "version": "1.0"}]
)
def test_an_event_of_another_format_gives_a_500_that_shows_nothing(handle, event):
    response = handle(event)

    assert response["statusCode"] == 500
    assert "requestContext" not in response["body"]


ORIGIN = "https://photos.example"


@pytest.fixture
def cors_handle(photo_search):
    handler = make_handler(lambda: photo_search, read=lambda: Settings(cors_allow_origin=ORIGIN))
    return lambda event: handler(event, Context())


def cors_event(method, path, origin, **more):
    return http_event(method, path, headers={"origin": origin}, **more)


def test_the_allowed_origin_may_ask_before_it_calls(cors_handle):
    response = cors_handle(cors_event("OPTIONS", "/search", ORIGIN))

    assert response["statusCode"] == 204
    assert response["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in response["headers"]["Access-Control-Allow-Methods"]
    assert "Content-Type" in response["headers"]["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [("/search", "q=red", 200), ("/search", "q=", 400), ("/nowhere", "", 404)],
)
def test_the_allowed_origin_may_read_answers_and_problems(cors_handle, path, query, status):
    response = cors_handle(cors_event("GET", path, ORIGIN, query=query))

    assert response["statusCode"] == status
    assert response["headers"]["Access-Control-Allow-Origin"] == ORIGIN


def test_another_origin_gets_no_permission(cors_handle):
    response = cors_handle(cors_event("GET", "/search", "https://evil.example", query="q=red"))

    assert "Access-Control-Allow-Origin" not in response["headers"]


def test_without_an_allowed_origin_there_is_no_cors_header(handle):
    response = handle(cors_event("GET", "/search", ORIGIN, query="q=red"))

    assert not [name for name in response["headers"] if name.startswith("Access-Control")]


def test_concurrent_calls_do_not_mix_their_events(handle):
    wanted = ["red", "green", "blue", "purple"] * 20
    found = {}

    def ask(number, photo_id):
        response = handle(http_event("GET", f"/photos/{photo_id}"))
        found[number] = json.loads(response["body"])["photo_id"]

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[number] for number in range(len(wanted))] == wanted


def test_metrics_are_printed_in_cloudwatch_s_format(handle, capfd):
    handle(http_event("GET", "/search", query="q=red"))
    handle(http_event("GET", "/search", query="k=0"))

    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "_aws" in line]
    answered, refused = [line for line in lines if "Requests" in line]
    assert answered["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "PhotoSearch"
    assert {"EncodeTime", "SearchTime", "TotalTime"} <= set(answered)
    assert (answered["ClientErrors"], refused["ClientErrors"]) == ([0.0], [1.0])
