"""Writes the configuration of one node, apart from the installed files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def write_configuration(home: Path, config_dir: Path, *, port: int, data: Path, logs: Path) -> None:
    """Make a node's configuration from that of the installation.

    Args:
        home: The installed OpenSearch.
        config_dir: Where to; it must not exist.
        port: The port for HTTP.
        data: Directory of the indexes.
        logs: Directory of all that the node and its JVM print to files; without blanks.
    """
    shutil.copytree(home / "config", config_dir)
    settings: dict[str, str | int | bool] = {
        "cluster.name": "photo-search",
        "node.name": "local",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": "0",  # any: there is no other node to find this one
        "path.data": str(data),
        "path.logs": str(logs),
        # Otherwise a disk that others have filled to 95 % turns every index read-only.
        "cluster.routing.allocation.disk.threshold_enabled": False,
        # The artifacts lack its native libraries; ingest/faiss_guard.py asks, before a write to a
        # field of faiss ends the process.
        "node.attr.faiss": "missing",
    }
    # JSON's scalars are YAML's too.
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]
    (config_dir / "opensearch.yml").write_text("".join(lines), encoding="utf-8")
    options = config_dir / "jvm.options"
    # They are relative to the installation, which the node must not and need not write to.
    text = options.read_text(encoding="utf-8").replace("=logs/", f"={logs}/")
    options.write_text(text.replace("HeapDumpPath=data", f"HeapDumpPath={logs}"), encoding="utf-8")
