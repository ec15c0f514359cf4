"""What the files from Maven must be, to the byte.

Maven can check a file only by the sums that lie beside it, and mirrors do not always have those.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from photo_search.errors import SettingsError

# By Maven coordinates. Taken on 2026-11-28; Maven had checked them by Maven Central's SHA-1, and
# of OpenSearch 3.5.0, whose sum was not to be had that day, the jars inside agree with theirs.
SHA256 = {
    "org.opensearch.distribution.integ-test-zip:opensearch:2.19.1:zip": (
        "af7152d8b7f6f1cee09d47276b32b70479fe6dd8cdbb61213f84eb7f8098b261"
    ),
    "org.opensearch.distribution.integ-test-zip:opensearch:3.5.0:zip": (
        "b676ad392c95a94d8d2bd8785b8b922c7811536daf6a9ec0c7277a34bd8a17a9"
    ),
    "org.opensearch.distribution.integ-test-zip:opensearch:3.6.0:zip": (
        "a91faa1dc1cadc78cb278b4f63847e19e1627a4e9de698e14e7efc14ee37b286"
    ),
    "org.opensearch.plugin:opensearch-knn:2.19.1.0:zip": (
        "eab8c9818865bc035212eab5068cdacae164baa09d4c152f49b736d6f6b0e85c"
    ),
    "org.opensearch.plugin:opensearch-knn:3.5.0.0:zip": (
        "99fdf3ac9ef95974e276298b83a58532bf21ba13bd5fd96a4b59465b7e613309"
    ),
    "org.opensearch.plugin:opensearch-knn:3.6.0.0:zip": (
        "ac392ca28a39b3bf290648a422ef30cb149dda2963a9d7feb26060e932341c9a"
    ),
    "org.opensearch.plugin:lang-painless:2.19.1:jar": (
        "3cf5e02efa40ff5b88e74e1ab66a0bc462de3509fab4a6a4ffe90b8d13777a9a"
    ),
    "org.opensearch.plugin:opensearch-scripting-painless-spi:2.19.1:jar": (
        "c2598797a5f6f897ce7e8d05f593ff96de3fbc56c52f299d63cddcae41556dda"
    ),
    "org.opensearch.plugin:analysis-common:2.19.1:jar": (
        "13fdc1071af42946b13153a62491a5e9b0ad214d44f7c8153d3afef60f558821"
    ),
    "org.antlr:antlr4-runtime:4.13.1:jar": (
        "54665d2838cc66458343468efc539e454fc95b46a8a04b13c6ac43fc9be63505"
    ),
    "org.ow2.asm:asm:9.7:jar": ("adf46d5e34940bdf148ecdd26a9ee8eea94496a72034ff7141066b3eea5c4e9d"),
    "org.ow2.asm:asm-analysis:9.7:jar": (
        "7bc6bcbc21379948a0c8c467fb0f864206e5b818f6bc0b546872f5c9f941556f"
    ),
    "org.ow2.asm:asm-commons:9.7:jar": (
        "389bc247958e049fc9a0408d398c92c6d370c18035120395d4cba1d9d9304b7a"
    ),
    "org.ow2.asm:asm-tree:9.7:jar": (
        "62f4b3bc436045c1acb5c3ba2d8ec556ec3369093d7f5d06c747eb04b56d52b1"
    ),
    "org.ow2.asm:asm-util:9.7:jar": (
        "37a6414d36641973f1af104937c95d6d921b2ddb4d612c66c5a9f2b13fc14211"
    ),
}


def check_file(path: Path, coordinates: str) -> None:
    """Compare a file with its pinned sum.

    Args:
        path: The file.
        coordinates: What it is said to be, as ``group:artifact:version:type``.

    Raises:
        SettingsError: It is another file.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256[coordinates]:
        msg = (
            f"{path.name} from Maven is not the {coordinates} that is pinned in "
            f"local/opensearch_server/checksums.py: its SHA-256 is {found}; delete it from "
            "~/.m2/repository and run the same again"
        )
        raise SettingsError(msg)
