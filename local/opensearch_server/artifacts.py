"""Installs OpenSearch and its k-NN plugin from Maven, once for all clones of this user.

A version is unpacked under another name and gets its own by one rename, under a lock: it is there
whole or not at all, also with two processes at once or one that is killed.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from local.opensearch_server.cache import locked
from local.opensearch_server.jdk import Java
from local.opensearch_server.maven import fetch
from local.opensearch_server.modules import add_module
from local.opensearch_server.releases import Release
from photo_search.errors import SettingsError

# Systems that clean /var/tmp take single files away; the list tells whether all are still there.
_FILE_LIST = "installed-files.txt"
_PRIVATE, _READABLE, _EXECUTABLE = 0o700, 0o644, 0o755


def install(release: Release, java: Java, *, cache_dir: Path, say: Callable[[str], None]) -> Path:
    """Give the directory of an installed release; fetch and unpack it at the first call.

    Args:
        release: Which.
        java: Runs OpenSearch's own installer of plugins.
        cache_dir: Holds the installed releases.
        say: Told, in a line, of what takes long.

    Returns:
        The directory, which all users may read; OpenSearch's own files are never altered.

    Raises:
        SettingsError: Maven lacks, or the files cannot be had or unpacked.
    """
    home = cache_dir / f"opensearch-{release.version}"
    if _is_whole(home):
        return home
    with locked(cache_dir / f"{home.name}.lock"):
        if _is_whole(home):  # another process was faster
            return home
        say(f"Fetching OpenSearch {release.version} and its k-NN plugin by Maven, once …")
        work = cache_dir / f"{home.name}.partial"
        for leftover in (work, home):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            _unpack(release, java, work).rename(home)
        except (OSError, zipfile.BadZipFile) as error:
            msg = f"OpenSearch {release.version} cannot be unpacked into {cache_dir}: {error}"
            raise SettingsError(msg) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return home


def _unpack(release: Release, java: Java, work: Path) -> Path:
    """Make a whole installation inside a directory of work, and give its directory."""
    work.mkdir(mode=_PRIVATE)  # whatever the umask: nobody else may slip anything in
    for part in ("server", "plugin", "unpacked"):
        (work / part).mkdir()
    server = fetch(
        f"org.opensearch.distribution.integ-test-zip:opensearch:{release.version}:zip",
        work / "server",
    )
    plugin = fetch(
        f"org.opensearch.plugin:opensearch-knn:{release.knn_version}:zip", work / "plugin"
    )
    with zipfile.ZipFile(server) as archive:
        archive.extractall(work / "unpacked")
    root = work / "unpacked" / f"opensearch-{release.version}"
    _make_readable(root)
    for module in release.missing_modules:
        add_module(module, root, version=release.version, java=release.least_java)
    _install_plugin(root, plugin, java)
    _make_readable(root)
    _list_files(root)
    return root


def _install_plugin(home: Path, plugin: Path, java: Java) -> None:
    command = [
        "/usr/bin/env",
        f"OPENSEARCH_JAVA_HOME={java.home}",
        f"OPENSEARCH_PATH_CONF={home / 'config'}",
        str(home / "bin" / "opensearch-plugin"),
        "install",
        "--batch",
        plugin.as_uri(),
    ]
    told = subprocess.run(  # noqa: S603 - a fixed command, no shell
        command, cwd=home, check=False, capture_output=True, text=True, errors="replace"
    )
    if told.returncode != 0:
        msg = f"OpenSearch's installer refused {plugin.name}:\n{told.stdout}{told.stderr}"
        raise SettingsError(msg)


def _make_readable(home: Path) -> None:
    """Let every user read and run the files, whatever the umask; zipfile keeps no modes."""
    home.chmod(_EXECUTABLE)
    for path in home.rglob("*"):
        runs = path.is_dir() or path.parent.name == "bin"
        path.chmod(_EXECUTABLE if runs else _READABLE)


def _list_files(home: Path) -> None:
    names = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    (home / _FILE_LIST).write_text("\n".join(names), encoding="utf-8")


def _is_whole(home: Path) -> bool:
    try:
        names = (home / _FILE_LIST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return all((home / name).exists() for name in names)
