from __future__ import annotations

import pytest

from local.opensearch_server.jdk import find_java
from local.opensearch_server.releases import RELEASES, release_of
from photo_search.errors import SettingsError
from tests.opensearch_server.fakes import write_java, write_program

V3 = RELEASES["3.5.0"]
V2 = RELEASES["2.19.1"]


def test_the_java_of_the_path_is_taken_where_it_fits(tmp_path, ourselves):
    home = write_java(tmp_path / "on-path", "25.0.1")
    write_java(tmp_path / "jvm" / "21", "21")

    java = find_java(V3, ourselves, search_path=str(home / "bin"), installed=[f"{tmp_path}/jvm/*"])

    assert (java.home, java.version) == (home, 25)


def test_the_oldest_that_fits_is_taken_where_that_of_the_path_does_not(tmp_path, ourselves):
    old = write_java(tmp_path / "on-path", "17.0.15")
    for version in ("25.0.1", "11.0.2", "21.0.9"):
        write_java(tmp_path / "jvm" / version, version)

    java = find_java(V3, ourselves, search_path=str(old / "bin"), installed=[f"{tmp_path}/jvm/*"])

    assert (java.home.name, java.version) == ("21.0.9", 21)


def test_a_java_that_is_named_is_the_only_one_considered(tmp_path, ourselves):
    write_java(tmp_path / "jvm" / "25", "25")
    named = write_java(tmp_path / "named", "17.0.15")

    with pytest.raises(SettingsError, match=f"found: 17 in {named}"):
        find_java(V3, ourselves, java_home=named, installed=[f"{tmp_path}/jvm/*"])


def test_opensearch_2_does_not_get_a_java_without_security_manager(tmp_path, ourselves):
    for version in ("25.0.1", "24", "17.0.15"):
        write_java(tmp_path / "jvm" / version, version)

    java = find_java(V2, ourselves, search_path="", installed=[f"{tmp_path}/jvm/*"])

    assert java.version == 17
    with pytest.raises(SettingsError, match="needs Java 11 to 23"):
        find_java(V2, ourselves, java_home=tmp_path / "jvm" / "24")


def test_the_complaint_names_what_was_found_and_what_is_needed(tmp_path, ourselves):
    write_java(tmp_path / "jvm" / "8", "1.8.0_442")
    write_program(tmp_path / "jvm" / "broken" / "bin" / "java", "#!/bin/sh\nexit 1\n")

    with pytest.raises(SettingsError) as caught:
        find_java(V3, ourselves, search_path="", installed=[f"{tmp_path}/jvm/*"])

    assert "OpenSearch 3.5.0 needs Java 21 or newer" in str(caught.value)
    assert f"8 in {tmp_path}/jvm/8; one that does not run in {tmp_path}/jvm/broken" in str(
        caught.value
    )
    assert "--java-home" in str(caught.value)


def test_no_java_at_all_is_said_so(tmp_path, ourselves):
    with pytest.raises(SettingsError, match="found: none"):
        find_java(V3, ourselves, search_path="", installed=[f"{tmp_path}/*"])


def test_links_to_one_java_count_once(tmp_path, ourselves):
    home = write_java(tmp_path / "jvm" / "17", "17")
    (tmp_path / "jvm" / "default").symlink_to(home)

    with pytest.raises(SettingsError) as caught:
        find_java(V3, ourselves, search_path=str(home / "bin"), installed=[f"{tmp_path}/jvm/*"])

    assert str(caught.value).count(str(home)) == 1


def test_a_release_that_cannot_be_run_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"'9\.9\.9' cannot be run.*2\.19\.1, 3\.5\.0, 3\.6\.0"):
        release_of("9.9.9")
