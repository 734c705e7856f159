"""The report page as a browser shows it: light and dark, wide and narrow, with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import chromium
from tests.browser.chromium import Browser, Page, open_browser
from tests.browser.sample import make_page

SCORES = "#scores table"
CELLS = "[...document.querySelectorAll('{0} tbody tr')].map((row) => row.cells[{1}].textContent)"

Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page_text() -> str:
    return make_page()


@pytest.fixture(scope="module")
def nine_text() -> str:
    return make_page(9)


@pytest.fixture
def show(browser: Browser, page_text: str, tmp_path: Path) -> Show:
    """Opens the page, or a changed one, in a window of some width."""

    def open_page(change: Callable[[str], str] = str, *, script: bool = True, **view: Any) -> Page:
        path = tmp_path / "report.html"
        path.write_text(change(page_text), encoding="utf-8")
        page = browser.new_page()
        page.view(**{"width": 1200, **view})
        if not script:
            page.send("Emulation.setScriptExecutionDisabled", value=True)
        page.open(path)
        return page

    return open_page


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    found: int = page.run(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found


def column(page: Page, position: int, table: str = SCORES) -> list[str]:
    found: list[str] = page.run(CELLS.format(table, position))
    return found


def sort_by(page: Page, position: int, table: str = SCORES) -> str:
    """Clicks a header and returns what it says of its order."""
    head = f"document.querySelector('{table}').tHead.rows[0].cells[{position}]"
    page.run(f"{head}.querySelector('button').click()")
    found: str = page.run(f"{head}.getAttribute('aria-sort')")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_it_renders_without_complaint_and_asks_for_nothing(
    show: Show, scheme: str, width: int
) -> None:
    page = show(width=width, scheme=scheme, phone=width < 500)
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in page.requests) == 1
    assert page.run("document.images.length") > 0
    assert page.run("[...document.images].every((image) => image.naturalWidth === 3)")
    assert overflow(page) == 0


def test_the_console_check_sees_an_error(show: Show) -> None:
    """Negative control: a page whose own script throws, let through by its policy."""

    def broken(text: str) -> str:
        text = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
        return text.replace("</body>", "<script>undefined_function()</script></body>")

    assert any("undefined_function" in error for error in show(broken).errors)


def test_the_policy_stops_a_script_that_slipped_in(show: Show) -> None:
    page = show(
        lambda text: text.replace("</main>", "<script>document.title = 'taken'</script></main>")
    )
    assert page.run("document.title") != "taken"
    assert page.errors


def test_the_request_check_sees_a_request(show: Show) -> None:
    """Negative control: an image from elsewhere, which the policy also forbids."""

    def fetching(text: str) -> str:
        text = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", text)
        return text.replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>')

    assert any(url.startswith("http:") for url in show(fetching).requests)


def test_the_width_check_sees_what_is_too_wide(show: Show) -> None:
    """Negative control."""
    page = show(lambda text: text.replace("</main>", '<div style="width: 700px">.</div></main>'),
                width=360, phone=True)  # fmt: skip
    assert overflow(page) > 300


def test_dark_is_dark_and_light_is_light(show: Show) -> None:
    """Of the page and of the text and axes inside the figures."""
    script = """[document.body, document.querySelector('#training svg text'), document.querySelector('#training svg path'),
        [...document.querySelectorAll('figure use')].find((e) => !e.style.fill && e.style.stroke === 'var(--paper)')]
        .map((e, i) => getComputedStyle(e)[i ? 'fill' : 'backgroundColor'].match(/\\d+/g).reduce((a, b) => a + Number(b), 0) / 3)"""
    paper, ink, panel, black_marker = show(scheme="light").run(script)
    assert paper > 230 and ink < 60 and panel > 230 and black_marker == 0
    paper, ink, panel, black_marker = show(scheme="dark").run(script)
    assert paper < 60 and ink > 200 and panel < 60 and black_marker > 200


def test_numbers_sort_as_numbers_in_both_directions(show: Show) -> None:
    page = show()
    seconds = column(page, 6)
    assert seconds == ["1.0", "11.0", "21.0", "31.0"]
    assert sort_by(page, 6) == "ascending"
    assert column(page, 6) == seconds
    assert sort_by(page, 6) == "descending"
    assert column(page, 6) == seconds[::-1]
    assert column(page, 0)[0].startswith("<img")
    assert sort_by(page, 0) == "ascending"
    assert page.run(f"document.querySelectorAll('{SCORES} [aria-sort]').length") == 1
    assert page.errors == []


def test_text_would_sort_these_numbers_otherwise() -> None:
    """Negative control of the order above: as text, 11.0 comes before 2.0."""
    assert sorted(["2.0", "11.0"]) == ["11.0", "2.0"]


def test_missing_numbers_stay_last(show: Show) -> None:
    page = show(lambda text: text.replace('data-v="11.0"', 'data-v=""', 1))
    assert sort_by(page, 6) == "ascending"
    assert column(page, 6)[-1] == "11.0"
    assert sort_by(page, 6) == "descending"
    assert column(page, 6)[-1] == "11.0"


def test_the_keyboard_reaches_and_sorts_every_table(show: Show) -> None:
    page = show()
    page.run(f"document.querySelector('{SCORES}').parentElement.focus()")
    page.press("Tab")
    assert page.run("document.activeElement.tagName") == "BUTTON"
    for key, order in (("Enter", "ascending"), (" ", "descending")):
        page.press(key)
        assert page.run("document.activeElement.closest('th').getAttribute('aria-sort')") == order
    assert page.run("document.querySelectorAll('.wide:not([tabindex=\"0\"])').length") == 0
    assert page.run("document.querySelectorAll('table.sortable').length") >= 4


def test_without_script_the_tables_are_plain(show: Show) -> None:
    page = show(script=False)
    page.send("DOM.enable")
    root = page.send("DOM.getDocument", depth=1)["root"]["nodeId"]

    def count(selector: str) -> int:
        return len(page.send("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"])

    assert count("button") == 0
    assert count("table") >= 4
    assert count("#scores tbody tr") == 4


def test_names_stay_text(show: Show) -> None:
    page = show()
    assert page.run("document.querySelectorAll('[onerror], img:not(.picture)').length") == 0
    assert page.run("document.body.textContent.includes('<img src=x onerror=')")


# -- more activations than there are colours --------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_nine_activations_fit_and_are_told_apart(
    show: Show, nine_text: str, width: int, scheme: str
) -> None:
    """Each by its pair of colour and dashes; the legend has letters that can be read."""
    page = show(lambda _: nine_text, width=width, scheme=scheme, phone=width < 500)
    assert page.errors == []
    assert overflow(page) == 0
    looks = page.run("""[...document.querySelectorAll('#training svg path')]
        .map((e) => getComputedStyle(e)).filter((s) => s.fill === 'none' && +s.strokeWidth.slice(0, -2) >= 1)
        .map((s) => s.stroke + ' ' + s.strokeDasharray)""")
    assert len(looks) == 18  # in the panel, and in the legend
    assert len(set(looks)) == 9
    assert len({look.split(") ")[0] for look in looks}) == 7
    boxes = page.run("""[...document.querySelectorAll('#training svg text')].map((e) => {
        const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom, r.height] })""")
    assert len(boxes) > 9
    assert min(box[4] for box in boxes) > 8
    assert not [
        (a, b) for i, a in enumerate(boxes) for b in boxes[:i]
        if a[0] < b[2] and b[0] < a[2] and a[1] + 2 < b[3] and b[1] + 2 < a[3]
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1200, 360])
def test_every_column_of_wide_tables_can_be_reached(show: Show, nine_text: str, width: int) -> None:
    """By scrolling the table alone; the first column stays and leaves room for the others."""
    page = show(lambda _: nine_text, width=width, phone=width < 500)
    found = page.run("""[...document.querySelectorAll('.wide')].map((wide) => {
        const row = wide.querySelector('tbody tr').cells, edges = wide.getBoundingClientRect();
        wide.scrollLeft = 1e6;
        const first = row[0].getBoundingClientRect(), last = row[row.length - 1].getBoundingClientRect();
        return [edges.left, edges.right, first.left, first.right, last.left, last.right,
                wide.scrollLeft] })""")
    assert len(found) >= 5
    assert any(scrolled > 0 for *_, scrolled in found)
    for left, right, first_left, first_right, last_left, last_right, _ in found:
        assert first_left == pytest.approx(left, abs=1)
        assert first_right - first_left <= (right - left) / 2
        assert last_right <= right + 1
        assert last_left >= first_right - 1
    assert overflow(page) == 0


# -- on paper ---------------------------------------------------------------------------------

PAPER = 718
"""A sheet's width inside its margins, in CSS pixels: A4 with 1 cm, where a browser's are alike."""
TABLES_CUT = """[...document.querySelectorAll('table')].filter((table) => table.getBoundingClientRect()
    .right > document.querySelector('main').getBoundingClientRect().right + 1).length"""


def without_print_style(text: str) -> str:
    """For controls: the style that the page has on a screen, also on paper."""
    changed = text.replace("@media print", "@media not all")
    assert changed != text
    return changed


def test_paper_is_light_whatever_the_reader_prefers(show: Show, nine_text: str) -> None:
    script = """['backgroundColor', 'color'].map((key) =>
        getComputedStyle(document.body)[key].match(/\\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3)"""
    paper, ink = show(lambda _: nine_text, scheme="dark", media="print").run(script)
    assert paper > 230 and ink < 60
    # The control: the same reader's screen is dark.
    paper, ink = show(lambda _: nine_text, scheme="dark").run(script)
    assert paper < 60 and ink > 200


def test_no_table_is_cut_on_paper(show: Show, nine_text: str) -> None:
    page = show(lambda _: nine_text, width=PAPER, media="print")
    assert page.run("document.querySelectorAll('table').length") >= 5
    assert page.run(TABLES_CUT) == 0
    assert overflow(page) == 0
    styles = page.run("""['tr', 'figure', 'h2', 'thead'].map((name) => getComputedStyle(
        document.querySelector(name))).map((s) => [s.breakInside, s.breakAfter, s.display])""")
    row, figure, heading, head = styles
    assert row[0] == figure[0] == "avoid"
    assert heading[1] == "avoid"
    assert head[2] == "table-header-group"
    assert show(lambda _: without_print_style(nine_text), width=PAPER, media="print").run(
        TABLES_CUT
    )


def test_nothing_scrolls_sorts_or_sticks_on_paper(show: Show, nine_text: str) -> None:
    """Not even the arrow of the column that was sorted by."""
    script = """(() => {
        const look = (e, pseudo) => getComputedStyle(e, pseudo), all = (s) => [...document.querySelectorAll(s)];
        return [all('.wide').filter((e) => look(e).overflowX !== 'visible').length,
                all('th').filter((e) => look(e).position === 'sticky').length,
                all('th button').filter((e) => !['none', ''].includes(look(e, '::after').content)).length,
                all('th button').filter((e) => look(e).display !== 'contents').length] })()"""
    page = show(lambda _: nine_text, width=PAPER)
    assert sort_by(page, 2) == "ascending"
    assert all(count > 0 for count in page.run(script))  # the control: on a screen they do
    page.view(PAPER, media="print")
    assert page.run(script) == [0, 0, 0, 0]
    assert "accuracy" in page.run("document.querySelector('#scores thead').innerText")


def test_shares_that_are_drawn_as_backgrounds_are_printed(show: Show) -> None:
    """Browsers leave out backgrounds on paper unless they are told that these say something."""
    script = """[...document.querySelectorAll('.spread i, .key i')].map((e) =>
        getComputedStyle(e).printColorAdjust)"""
    assert set(show(media="print").run(script)) == {"exact"}
    assert set(show().run(script)) == {"economy"}


def test_a_print_has_all_its_sheets(show: Show, nine_text: str) -> None:
    """As many as the text fills: what was lost beyond an edge would be missing."""
    found = show(lambda _: nine_text).printed()
    assert found.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", found)) <= 14


def test_where_a_browser_is_required_its_absence_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "NAMES", ("no-such-browser",))
    monkeypatch.setenv("RESCU_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="no-such-browser"):
        chromium.find_chromium()
    monkeypatch.delenv("RESCU_BROWSER")
    with pytest.raises(pytest.skip.Exception, match="no-such-browser"):
        chromium.find_chromium()
