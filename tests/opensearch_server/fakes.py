"""Small programs in place of java, mvn, docker and OpenSearch, which start at once."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

from local.opensearch_server.checksums import SHA256

# What OpenSearch's start script is to us: it reads its configuration, listens, keeps data.
OPENSEARCH = f"""#!{sys.executable} -IS
import http.server, os, pathlib, sys
config = pathlib.Path(os.environ["OPENSEARCH_PATH_CONF"]) / "opensearch.yml"
settings = dict(line.split(": ", 1) for line in config.read_text().splitlines())
starts = pathlib.Path(settings["path.data"].strip('"')) / "starts"
starts.write_text((starts.read_text() if starts.exists() else "") + os.environ["OPENSEARCH_JAVA_OPTS"] + chr(10))
print("a fake OpenSearch starts", flush=True)
if "fail" in os.environ["OPENSEARCH_JAVA_HOME"]:
    sys.exit("there is no heap for you")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(settings["http.port"])), Handler).serve_forever()
"""  # noqa: E501 - a line of another program
PLUGIN_INSTALLER = """#!/bin/sh
set -eu
test "$1 $2" = "install --batch"
test -f "${3#file://}"
test -x "$OPENSEARCH_JAVA_HOME/bin/java"
mkdir -p "$(dirname "$0")/../plugins/opensearch-knn"
"""
JVM_OPTIONS = (
    "-XX:HeapDumpPath=data\n-XX:ErrorFile=logs/hs_err_pid%p.log\n9-:-Xlog:gc:file=logs/gc.log\n"
)
# It keeps what it was called with in calls.txt, and copies what lies beside it.
MAVEN = """#!/bin/sh
set -eu
here=$(dirname "$0")
for argument; do
  case $argument in
    -Dartifact=*) artifact=${argument#-Dartifact=} ;;
    -DoutputDirectory=*) target=${argument#-DoutputDirectory=} ;;
  esac
done
echo "$artifact" >>"$here/calls.txt"
sleep 0.1
IFS=:
set -- $artifact
cp "$here/$2-$3.$4" "$target" 2>/dev/null || { echo "[ERROR] no $2 of $3 at the far end"; exit 1; }
"""
# As a daemon would: `compose up` serves until `compose down` or a signal ends it.
DOCKER = f"""#!{sys.executable} -IS
import http.server, os, pathlib, signal, sys
here = pathlib.Path(__file__).parent
with (here / "docker-calls.txt").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + chr(10))
broken = (here / "broken").read_text().split(",") if (here / "broken").exists() else []
for words in broken:
    if sys.argv[1:].count(words):
        sys.exit("the first line\\nno luck with " + words)
if sys.argv[-1].startswith("opensearchproject/") and "inspect" in sys.argv:
    sys.exit("No such image" if not (here / "image").exists() else 0)
if "pull" in sys.argv:
    (here / "image").write_text("")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
if "up" in sys.argv:
    (here / "environment.txt").write_text(chr(10).join(f"{{k}}={{v}}" for k, v in os.environ.items()))
    (here / "up.pid").write_text(str(os.getpid()))
    port = int(os.environ["OPENSEARCH_PORT"])
    http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
if "down" in sys.argv and (here / "up.pid").exists():
    os.kill(int((here / "up.pid").read_text()), signal.SIGTERM)
"""  # noqa: E501 - a line of another program


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def write_java(home: Path, version: str) -> Path:
    text = f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n"
    write_program(home / "bin" / "java", text)
    return home


def write_maven(directory: Path, version: str = "3.5.0") -> Path:
    """Make ``mvn``, and what it gets from the far end."""
    root = f"opensearch-{version}"
    with zipfile.ZipFile(directory / f"{root}.zip", "w") as archive:
        archive.writestr(f"{root}/bin/opensearch", OPENSEARCH)
        archive.writestr(f"{root}/bin/opensearch-plugin", PLUGIN_INSTALLER)
        archive.writestr(f"{root}/config/jvm.options", JVM_OPTIONS)
        archive.writestr(f"{root}/modules/README", "")
    with zipfile.ZipFile(directory / f"opensearch-knn-{version}.0.zip", "w") as archive:
        archive.writestr("plugin-descriptor.properties", "name=opensearch-knn\n")
    return write_program(directory / "mvn", MAVEN)


def sums_of_fakes(directory: Path) -> dict[str, str]:
    """SHA-256 of what the fake Maven brings, by the coordinates that the code asks for."""
    found = {}
    for coordinates in SHA256:
        _, artifact, version, kind = coordinates.split(":")
        path = directory / f"{artifact}-{version}.{kind}"
        if path.exists():
            found[coordinates] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def maven_calls(directory: Path) -> list[str]:
    calls = directory / "calls.txt"
    return calls.read_text().splitlines() if calls.exists() else []
