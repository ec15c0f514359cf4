"""The OpenSearch releases that can be run, and the Java that each needs."""

from __future__ import annotations

from dataclasses import dataclass

from local.opensearch_server.modules import MODULES_OF_2_19_1, Module
from photo_search.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Release:
    """One release of OpenSearch.

    Attributes:
        version: Three numbers, as in ``3.5.0``.
        least_java: Oldest Java that starts it.
        most_java: Newest Java that starts it; None where none is known to be too new.
        missing_modules: Modules to add to its distribution on Maven, in this order.
    """

    version: str
    least_java: int
    most_java: int | None = None
    missing_modules: tuple[Module, ...] = ()

    @property
    def knn_version(self) -> str:
        """The version of the k-NN plugin that fits this release and no other."""
        return f"{self.version}.0"

    @property
    def java_range(self) -> str:
        """The versions of Java that start it, in words."""
        if self.most_java is None:
            return f"{self.least_java} or newer"
        return f"{self.least_java} to {self.most_java}"

    def runs_on(self, java: int) -> bool:
        """Tell whether this major version of Java starts it."""
        return self.least_java <= java and (self.most_java is None or java <= self.most_java)


DEFAULT_VERSION = "3.5.0"
# OpenSearch 2 asks for a security manager, which Java 24 does away with (openjdk.org/jeps/486).
RELEASES = {
    release.version: release
    for release in (
        Release("2.19.1", least_java=11, most_java=23, missing_modules=MODULES_OF_2_19_1),
        Release("3.5.0", least_java=21),
        Release("3.6.0", least_java=21),
    )
}


def release_of(version: str) -> Release:
    """Look a release up.

    Raises:
        SettingsError: It is none of those that can be run.
    """
    if version not in RELEASES:
        msg = f"OpenSearch {version[:20]!r} cannot be run; it may be one of {', '.join(RELEASES)}"
        raise SettingsError(msg)
    return RELEASES[version]
