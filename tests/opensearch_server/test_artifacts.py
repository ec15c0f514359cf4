from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.opensearch_server.artifacts import install
from local.opensearch_server.cache import open_cache
from local.opensearch_server.checksums import SHA256
from local.opensearch_server.jdk import Java
from local.opensearch_server.maven import fetch
from local.opensearch_server.releases import RELEASES
from photo_search.errors import SettingsError
from tests.opensearch_server.fakes import (
    maven_calls,
    sums_of_fakes,
    write_java,
    write_maven,
    write_program,
)

SERVER = "org.opensearch.distribution.integ-test-zip:opensearch:3.5.0:zip"
PLUGIN = "org.opensearch.plugin:opensearch-knn:3.5.0.0:zip"


@pytest.fixture
def java(tmp_path):
    return Java(write_java(tmp_path / "java", "21"), 21)


@pytest.fixture
def installed(programs, cache_dir, java):
    """Installs OpenSearch; all of it is fake."""

    def run(version="3.5.0", say=lambda _line: None):
        return install(RELEASES[version], java, cache_dir=open_cache(cache_dir), say=say)

    return run


def test_server_and_plugin_are_fetched_once_and_said_so_once(installed, programs, cache_dir):
    said: list[str] = []

    first = installed(say=said.append)
    second = installed(say=said.append)

    assert first == second == cache_dir / "opensearch-3.5.0"
    assert (first / "plugins" / "opensearch-knn").is_dir()
    assert maven_calls(programs) == [SERVER, PLUGIN]
    assert said == ["Fetching OpenSearch 3.5.0 and its k-NN plugin by Maven, once …"]


def test_every_user_may_read_and_run_it_whatever_the_umask(installed):
    before = os.umask(0o077)
    try:
        home = installed()
    finally:
        os.umask(before)

    assert home.stat().st_mode & 0o777 == 0o755
    assert (home / "bin" / "opensearch").stat().st_mode & 0o777 == 0o755
    assert (home / "config" / "jvm.options").stat().st_mode & 0o777 == 0o644
    assert (home / "plugins" / "opensearch-knn").stat().st_mode & 0o777 == 0o755


def test_two_at_once_fetch_once(installed, programs):
    with ThreadPoolExecutor(2) as both:
        homes = {future.result() for future in [both.submit(installed) for _ in range(2)]}

    assert len(homes) == 1
    assert maven_calls(programs) == [SERVER, PLUGIN]


def test_what_a_killed_run_left_is_replaced(installed, cache_dir):
    (open_cache(cache_dir) / "opensearch-3.5.0.partial" / "server").mkdir(parents=True)
    (cache_dir / "opensearch-3.5.0").mkdir()

    home = installed()

    assert (home / "bin" / "opensearch").exists()
    assert not (cache_dir / "opensearch-3.5.0.partial").exists()


def test_an_installation_that_lost_a_file_is_made_again(installed, programs):
    (installed() / "config" / "jvm.options").unlink()

    home = installed()

    assert (home / "config" / "jvm.options").exists()
    assert len(maven_calls(programs)) == 4


def test_2_19_gets_the_modules_that_its_distribution_lacks(installed, programs, monkeypatch):
    write_maven(programs, "2.19.1")
    for module in RELEASES["2.19.1"].missing_modules:
        for jar in module.jars:
            _, name, version, _ = jar.split(":")
            (programs / f"{name}-{version}.jar").write_text("")
    for coordinates, sha256 in sums_of_fakes(programs).items():
        monkeypatch.setitem(SHA256, coordinates, sha256)

    home = installed("2.19.1")

    painless = home / "modules" / "lang-painless"
    assert (painless / "antlr4-runtime-4.13.1.jar").exists()
    assert (
        "classname=org.opensearch.painless.PainlessPlugin\n"
        in (painless / "plugin-descriptor.properties").read_text()
    )
    assert "createClassLoader" in (painless / "plugin-security.policy").read_text()
    analysis = home / "modules" / "analysis-common" / "plugin-descriptor.properties"
    assert "extended.plugins=lang-painless\n" in analysis.read_text()


def test_nothing_is_left_of_an_installation_that_fails(installed, programs, cache_dir):
    (programs / "opensearch-knn-3.5.0.0.zip").unlink()

    with pytest.raises(SettingsError, match=r"no opensearch-knn of 3\.5\.0\.0 at the far end"):
        installed()

    assert [path.name for path in cache_dir.iterdir()] == ["opensearch-3.5.0.lock"]


def test_a_file_that_is_not_the_pinned_one_is_refused_and_named(installed, programs, cache_dir):
    with (programs / "opensearch-knn-3.5.0.0.zip").open("ab") as file:
        file.write(b"one more byte")

    with pytest.raises(SettingsError, match=r"^opensearch-knn-3\.5\.0\.0\.zip from Maven is not"):
        installed()

    assert [path.name for path in cache_dir.iterdir()] == ["opensearch-3.5.0.lock"]


def test_every_file_that_a_release_takes_is_pinned():
    taken = {
        coordinates
        for release in RELEASES.values()
        for coordinates in (
            SERVER.replace("3.5.0", release.version),
            PLUGIN.replace("3.5.0.0", release.knn_version),
            *(jar for module in release.missing_modules for jar in module.jars),
        )
    }

    assert taken == SHA256.keys()


def test_an_archive_that_cannot_be_unpacked_is_named(installed, programs, monkeypatch):
    (programs / "opensearch-3.5.0.zip").write_bytes(b"no archive")
    monkeypatch.setitem(SHA256, SERVER, sums_of_fakes(programs)[SERVER])

    with pytest.raises(SettingsError, match=r"OpenSearch 3\.5\.0 cannot be unpacked into .*zip"):
        installed()


def test_an_installer_that_refuses_the_plugin_is_quoted(installed, programs, java):
    write_program(java.home / "bin" / "java", "").chmod(0o644)

    with pytest.raises(SettingsError, match=r"installer refused opensearch-knn-3\.5\.0\.0\.zip"):
        installed()


def test_no_maven_is_named_with_what_to_install(tmp_path):
    with pytest.raises(SettingsError, match=r"Maven \(mvn\) is needed .* apt-get install maven"):
        fetch(SERVER, tmp_path, search_path=str(tmp_path))


def test_maven_s_own_complaint_is_shown(tmp_path):
    write_program(tmp_path / "mvn", "#!/bin/sh\necho '[ERROR] no route to host'; exit 1\n")

    with pytest.raises(SettingsError, match=r"could not fetch .*\n\[ERROR\] no route to host"):
        fetch(SERVER, tmp_path, search_path=f"{tmp_path}:/bin")
