"""Modules that a Maven distribution lacks and the k-NN plugin or our schema needs.

From 3.0 on the distribution holds all modules. That of 2.19 holds one alone, for HTTP; the modules
are on Maven as bare jars, without the two small files that OpenSearch's build adds to each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local.opensearch_server.maven import fetch


@dataclass(frozen=True, slots=True)
class Module:
    """One module of OpenSearch.

    Attributes:
        name: What the module and its directory are called.
        class_name: The Java class that it is entered by.
        jars: Maven coordinates of all its jars.
        extends: The module that it builds on; empty for none.
        permissions: What the security manager shall let it do.
    """

    name: str
    class_name: str
    jars: tuple[str, ...]
    extends: str = ""
    permissions: tuple[str, ...] = ()


# Versions as in the pom of lang-painless 2.19.1; permissions as in the modules of 3.5.0.
MODULES_OF_2_19_1 = (
    Module(
        "lang-painless",  # the k-NN plugin extends it
        "org.opensearch.painless.PainlessPlugin",
        (
            "org.opensearch.plugin:lang-painless:2.19.1:jar",
            "org.opensearch.plugin:opensearch-scripting-painless-spi:2.19.1:jar",
            "org.antlr:antlr4-runtime:4.13.1:jar",
            "org.ow2.asm:asm:9.7:jar",
            "org.ow2.asm:asm-analysis:9.7:jar",
            "org.ow2.asm:asm-commons:9.7:jar",
            "org.ow2.asm:asm-tree:9.7:jar",
            "org.ow2.asm:asm-util:9.7:jar",
        ),
        permissions=("createClassLoader", "getClassLoader"),
    ),
    Module(
        "analysis-common",  # the English analyzer
        "org.opensearch.analysis.common.CommonAnalysisPlugin",
        ("org.opensearch.plugin:analysis-common:2.19.1:jar",),
        extends="lang-painless",
    ),
)


def add_module(module: Module, home: Path, *, version: str, java: int) -> None:
    """Fetch one module into an unpacked OpenSearch.

    Args:
        module: Which.
        home: The directory of OpenSearch.
        version: OpenSearch's version.
        java: The oldest Java that starts it.

    Raises:
        SettingsError: Maven lacks or could not get a jar.
    """
    directory = home / "modules" / module.name
    directory.mkdir()
    for jar in module.jars:
        fetch(jar, directory)
    descriptor = {
        "description": module.name,
        "version": version,
        "name": module.name,
        "classname": module.class_name,
        "java.version": str(java),
        "opensearch.version": version,
        "custom.foldername": "",
        "extended.plugins": module.extends,
        "has.native.controller": "false",
    }
    lines = [f"{name}={value}\n" for name, value in descriptor.items()]
    (directory / "plugin-descriptor.properties").write_text("".join(lines), encoding="utf-8")
    if module.permissions:
        granted = "".join(
            f'  permission java.lang.RuntimePermission "{name}";\n' for name in module.permissions
        )
        (directory / "plugin-security.policy").write_text(
            f"grant {{\n{granted}}};\n", encoding="utf-8"
        )
