"""The report as a page, in a real browser: it renders, its filters work, and it asks for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradproto_conformance._checks import Verdict
from gradproto_conformance._html import as_html
from gradproto_conformance._report import Report
from tests.browser import OpenPage, assert_contrast, assert_named
from tests.browser import browser as browser
from tests.browser import open_page as open_page
from tests.conformance.samples import sample

if TYPE_CHECKING:
    from playwright.sync_api import Page


def _open(open_page: OpenPage, tmp_path: Path, *reports: Report, dark: bool = False) -> Page:
    file = tmp_path / "report.html"
    file.write_text(as_html(*reports), encoding="utf-8", errors="backslashreplace")
    return open_page(file.as_uri(), dark=dark)


def _seen(page: Page) -> int:
    return page.locator("tr.check:visible").count()


def test_all_checks_stand_in_a_grid_with_a_column_for_each_server(open_page: OpenPage, tmp_path: Path) -> None:
    first, second = sample(), sample(gradio="4.44.1")
    page = _open(open_page, tmp_path, first, second)
    assert _seen(page) == len(first.results)
    assert page.locator("thead th").all_inner_texts() == ["Check", "6.31.0", "4.44.1"]
    assert page.locator("td.cell button").count() == 2 * len(first.results)
    for verdict in Verdict:
        assert page.locator(f"td.cell button.{verdict.value}").count() == 2 * first.counts[verdict]
        assert page.get_by_role("button", name=f"{verdict.value} {2 * first.counts[verdict]}", exact=True).is_visible()
    assert_named(page)


def test_verdicts_and_words_are_filters(open_page: OpenPage, tmp_path: Path) -> None:
    report = sample()
    page = _open(open_page, tmp_path, report)
    for verdict in Verdict:
        if verdict is not Verdict.FAIL:
            page.get_by_role("button", name=f"{verdict.value} {report.counts[verdict]}", exact=True).click()
    assert _seen(page) == report.counts[Verdict.FAIL]
    wanted = next(result.check for result in report.results if result.verdict is Verdict.FAIL)
    page.get_by_label("Find").fill(wanted.id.upper())
    assert page.locator("tr.check:visible small").first.inner_text().startswith(wanted.id)
    assert page.locator("tr.area:visible").count() == 1
    page.get_by_label("Find").fill("there is no such word")
    assert (_seen(page), page.locator("tr.area:visible").count()) == (0, 0)
    assert page.get_by_text("No check is like that.").is_visible()
    page.get_by_label("Find").fill("")
    assert _seen(page) == report.counts[Verdict.FAIL]


def test_a_verdict_opens_what_there_is_to_know_of_it(open_page: OpenPage, tmp_path: Path) -> None:
    report = sample(hostile=True)
    page = _open(open_page, tmp_path, report)
    failed = next(result for result in report.results if result.verdict is Verdict.FAIL)
    page.locator("td.cell button.fail").first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == f"{failed.check.title}: fail"
    facts = dialog.locator("dd").all_inner_texts()
    assert facts[0].startswith(f"{failed.check.clauses[0].level.value}, ")
    # What a server said is text, and no part of the page.
    assert any("</script><script>alert(1)</script>" in fact for fact in facts)
    assert facts[-1].startswith("curl -i -X POST")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_the_page_is_one_file_that_asks_for_nothing(open_page: OpenPage, tmp_path: Path) -> None:
    page = _open(open_page, tmp_path, sample(hostile=True))
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0
    assert "default-src 'none'" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
def test_everything_can_be_read_by_day_and_by_night(open_page: OpenPage, tmp_path: Path, dark: bool) -> None:
    page = _open(open_page, tmp_path, sample(), dark=dark)
    assert_contrast(page)
    page.locator("td.cell button.fail").first.click()
    assert_contrast(page)


def test_an_empty_report_is_a_page_too(open_page: OpenPage, tmp_path: Path) -> None:
    page = _open(open_page, tmp_path, sample(results=(), interrupted=True))
    assert page.get_by_role("heading", name="Gradio conformance").is_visible()
