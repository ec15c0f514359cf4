"""Finds a Java that starts a given release of OpenSearch."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.opensearch_server.account import Account
from local.opensearch_server.releases import Release
from photo_search.errors import SettingsError

# Where Debian and Fedora, and macOS, keep theirs.
INSTALLED = ("/usr/lib/jvm/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")
_TIMEOUT_S = 30
# 'openjdk version "25.0.1"', and 'java version "1.8.0_442"' up to Java 8.
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """One installation.

    Attributes:
        home: The directory that holds ``bin/java``.
        version: Its major version; None where it does not say one.
    """

    home: Path
    version: int | None

    def __str__(self) -> str:
        return f"{self.version or 'one that does not run'} in {self.home}"


def find_java(
    release: Release,
    account: Account,
    *,
    java_home: Path | None = None,
    search_path: str | None = None,
    installed: Iterable[str] = INSTALLED,
) -> Java:
    """Find a Java for a release: the one named, that of the PATH, otherwise the oldest that fits.

    Args:
        release: What shall run on it.
        account: The user that must be able to run it.
        java_home: The only one to consider, if given.
        search_path: Directories to look for ``java`` in; PATH when left out.
        installed: Patterns of directories that may be a Java's home.

    Raises:
        SettingsError: None fits; the message says what was found.
    """
    if java_home is not None:
        found = [_look_at(java_home, account)]
    else:
        found = [_look_at(home, account) for home in _homes(search_path, installed)]
    fitting = [java for java in found if java.version is not None and release.runs_on(java.version)]
    if not fitting:
        seen = "; ".join(map(str, found)) or "none"
        msg = (
            f"OpenSearch {release.version} needs Java {release.java_range} that user "
            f"{account.name} can run; found: {seen}. Install one "
            f"(Debian: apt-get install openjdk-21-jre-headless; macOS: brew install openjdk@21) "
            "or name its directory by --java-home (make opensearch: OPENSEARCH_JAVA_HOME=…)"
        )
        raise SettingsError(msg)
    if fitting[0] is found[0]:
        return fitting[0]
    # A release is tested on the Java versions of its time rather than on later ones.
    return min(fitting, key=lambda java: java.version or 0)


def _homes(search_path: str | None, installed: Iterable[str]) -> Iterator[Path]:
    """Give each home once, that of the PATH first; links lead to the same one."""
    on_path = shutil.which("java", path=search_path)
    homes = [] if on_path is None else [Path(on_path).resolve().parent.parent]
    for pattern in installed:
        homes += sorted(Path("/").glob(pattern.lstrip("/")))
    yield from dict.fromkeys(home.resolve() for home in homes if (home / "bin" / "java").exists())


def _look_at(home: Path, account: Account) -> Java:
    try:
        told = subprocess.run(  # noqa: S603 - a Java of this machine, no shell
            [home / "bin" / "java", "-version"],
            cwd="/",
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Java(home, None)
    version = _VERSION.search(told.stderr + told.stdout)
    return Java(home, int(version[1]) if version and told.returncode == 0 else None)
