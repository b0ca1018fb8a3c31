"""What is kept of the suite's runs on real Gradios: all there, nothing failed, and compared as it should be."""

from __future__ import annotations

import json

import pytest

from gradproto_conformance import Level, Result, Verdict, all_checks
from gradproto_conformance._clauses import version_of
from gradproto_conformance._suite import all_scenarios
from tests.conformance.results import (
    FOLDER,
    differences,
    document,
    kept_for,
    render,
    troubles,
    variants,
    verdicts,
)
from tests.matrix.versions import VERSIONS


def test_there_is_a_file_for_each_version_of_the_matrix() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{version}.json" for version in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_kept_is_of_the_checks_that_there_are(version: str) -> None:
    kept = kept_for(version)
    assert kept["gradio"] == version
    assert verdicts(kept).keys() == all_checks().keys()
    assert (FOLDER / f"{version}.json").read_text(encoding="utf-8") == render(kept)


@pytest.mark.parametrize("version", VERSIONS)
def test_real_servers_keep_every_clause_of_their_range(version: str) -> None:
    kept = kept_for(version)
    about = version_of(version)
    for name, verdict in verdicts(kept).items():
        one = all_checks()[name]
        if not one.is_about(about):
            assert (verdict, kept["skip"][name]) == ("skip", f"not about Gradio {version}"), name
        elif one.level is Level.MAY:
            assert verdict in ("pass", "skip", "warn"), name
        else:
            assert verdict in ("pass", "skip"), name


def test_each_check_that_is_about_a_version_of_the_matrix_passed_on_one() -> None:
    passed = {name for version in VERSIONS for name in kept_for(version)["pass"]}
    about = [one.id for one in all_checks().values() if any(one.is_about(version_of(version)) for version in VERSIONS)]
    assert set(about) - passed == set()


def results_with(**found: Verdict) -> list[Result]:
    """Results of checks with these verdicts; a check's name is written with underscores."""
    return [
        Result(check=all_checks()[name.replace("_", "-")], verdict=verdict, reason="why" if verdict is SKIP else "")
        for name, verdict in found.items()
    ]


PASS, SKIP, WARN, FAIL, UNTESTABLE = Verdict.PASS, Verdict.SKIP, Verdict.WARN, Verdict.FAIL, Verdict.UNTESTABLE


def test_a_document_has_the_verdicts_and_why() -> None:
    results = results_with(payload_text=PASS, info_openapi=WARN, config_run=SKIP, payload_inputs=FAIL)
    kept = document("6.31.0", results)
    assert kept == {
        "gradio": "6.31.0",
        "pass": ["payload-text"],
        "skip": {"config-run": "why"},
        "warn": {"info-openapi": all_checks()["info-openapi"].title},
        "fail": {"payload-inputs": all_checks()["payload-inputs"].title},
    }
    assert json.loads(render(kept)) == kept
    assert verdicts(kept) == {
        "payload-text": "pass",
        "config-run": "skip",
        "info-openapi": "warn",
        "payload-inputs": "fail",
    }


def test_other_verdicts_and_other_checks_are_differences() -> None:
    was = document("6.31.0", results_with(payload_text=PASS, payload_state=PASS, config_run=SKIP))
    now = document("6.31.0", results_with(payload_text=PASS, payload_state=FAIL, info_openapi=PASS))
    assert differences(was, was) == {}
    assert differences(was, now) == {
        "payload-state": "was pass, is fail",
        "config-run": "was skip, is not there",
        "info-openapi": "was not there, is pass",
    }
    assert set(differences({}, now)) == {"payload-text", "payload-state", "info-openapi"}


def test_what_fails_and_a_must_that_was_not_tried_are_troubles() -> None:
    results = results_with(payload_text=FAIL, payload_state=UNTESTABLE, file_head=UNTESTABLE, info_openapi=WARN)
    assert [line.partition(":")[0] for line in troubles(results)] == ["payload-text", "payload-state"]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_check_is_looked_at_on_one_server(version: str) -> None:
    found = variants(version_of(version), all_scenarios())
    names = [name for ids in found.values() for name in ids]
    assert sorted(names) == sorted(all_checks())


def test_what_wants_another_app_gets_one() -> None:
    found = variants((6, 31, 0), all_scenarios())
    assert set(found) == {(), ("--auth", "reader:secret-word"), ("--max-size", "1"), ("--closable",)}
    assert "event-app-closes" in found["--closable",]
    old = variants((2, 9, 4), all_scenarios())
    assert "payload-gradio-2-image" in old["--function", "image"]
    assert "auth-login-by-redirect" in next(ids for arguments, ids in old.items() if "--auth" in arguments)
