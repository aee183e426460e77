"""The web page in a real browser, as people use it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from selenium.webdriver.support.select import Select

from tacit.fits import FitStore, Scope, open_keys
from tacit.settings import Settings
from tests.app.bodies import DRAWS, EIGHT_SCHOOLS, REASON, miss
from tests.browser import Browser, open_browser
from tests.running import Up, wait_for
from tests.serving import serving

_HEADING = "document.getElementById('fit-status')?.textContent"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("downloads")) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A window in the light, wide, and without a complaint at the end."""
    chromium.size(1200, 900)
    chromium.colours("light")
    yield chromium
    assert chromium.complaints() == []


def _start(browser: Browser, service: Up, model: str, **options: int) -> None:
    """Start a fit of a model's example."""
    browser.open(service.address)
    browser.press(".cards a", model)
    browser.find("h1", model)
    for label, value in options.items():
        browser.enter(label.replace("_", " "), str(value))
    browser.press("button", "Start the fit")


def test_from_the_models_to_a_posterior(browser: Browser, service: Up) -> None:
    _start(browser, service, "Rate of a Poisson count", Seed=1, steps=300)
    browser.until(f"{_HEADING} === 'succeeded'", "the fit to succeed")
    fit_id = browser.find("main code", "fit_").text
    summary = service.client.get(f"/v1/fits/{fit_id}/summary").json()["vars"]["z"]
    row = browser.find("tr", "z")
    assert row.text.split()[1] == f"{summary['mean']:.4g}"
    # Marginal, predictions of each value, all values, losses: each with bars or marks in it.
    browser.until("document.querySelectorAll('figure .plot .trace, figure .plot .bars').length >= 5", "the plots")
    assert len(browser.script("return document.querySelectorAll('figure')")) == 4
    widths = "[...each.querySelectorAll('.legendlines path')].map((line) => line.style.strokeWidth)"
    legend = browser.script(f"return [...document.querySelectorAll('.legend .traces')].map((each) => {widths})")
    assert legend[:2] == [["2px"], ["6px"]]  # the middle 90 % and 50 % look different
    assert "of 10 values of x" in browser.find("section", "x").text
    assert all(address.startswith(service.address) for address in browser.loaded())
    assert browser.barriers() == []
    browser.colours("dark")
    assert browser.barriers() == []
    browser.size(360, 740)
    browser.until("document.scrollingElement.scrollWidth <= 360", "the page to fit on a phone")


def test_watching_a_fit_and_cancelling_it(browser: Browser, service: Up) -> None:
    _start(browser, service, "Rate of a Poisson count", steps=1000000)
    browser.script("arguments[0].focus()", browser.find("button", "Cancel the fit"))
    browser.until("document.querySelector('progress')?.position > 0", "the first steps")
    assert re.match(r"Step [\d,]+ of 1,000,000", browser.find(".progress-words").text)
    rows = "document.querySelectorAll('figure details tbody tr').length"
    before = browser.until(f"{rows} >= 2 && {rows}", "losses")
    browser.until(f"{rows} > {before}", "more losses")
    assert browser.script(f"return {_HEADING}") == "running"
    # The button has been there since the fit was queued, and so has whoever had come to it by the keyboard.
    assert browser.script("return document.activeElement?.textContent") == "Cancel the fit"
    browser.press("button", "Cancel the fit")
    browser.until(f"{_HEADING} === 'cancelled'", "the fit to be cancelled")
    assert "cancelled" in browser.script("return document.getElementById('announcer').textContent")
    fit_id = browser.find("main code", "fit_").text
    assert service.fit(fit_id)["status"] == "cancelled"


def test_the_list_follows_the_fits_and_leaves_the_rest_in_place(browser: Browser, service: Up) -> None:
    endless = {"model": "poisson-rate", "data": {"x": [6, 3, 1]}, "inference": {"steps": 1000000}}
    old = service.post({**endless, "tags": ["old"]})["id"]
    browser.open(f"{service.address}/#/fits")
    browser.find("tbody tr", "old")
    browser.script("document.querySelectorAll('tbody tr').forEach((row) => { row.wasThere = true; })")
    link = browser.find(f"a[href='#/fits/{old}']")
    browser.script("arguments[0].focus()", link)
    browser.find("tbody tr", "running (")
    status = f"document.querySelector('a[href=\"#/fits/{old}\"]').closest('tr').querySelector('.status').textContent"
    before = browser.script(f"return {status}")
    browser.until(f"{status} !== {before!r}", "its progress to change")
    new = service.post({**endless, "tags": ["new"]})["id"]
    browser.find("tbody tr:first-child", "new")
    service.client.post(f"/v1/fits/{old}/cancel")
    browser.until(f"{status} === 'cancelled'", "the fit to be cancelled")
    assert browser.script("return document.activeElement") == link
    later = browser.script("return [...document.querySelectorAll('tbody tr')].filter((row) => !row.wasThere)")
    assert [row.text.split()[-1] for row in later] == ["new"]
    # Among those that run, until it runs no more. Who stands on a row that goes stays at the table.
    Select(browser.control("Status")).select_by_value("running")
    browser.until("document.querySelectorAll('tbody tr').length === 1", "the only fit that runs")
    browser.script("arguments[0].focus()", browser.find(f"a[href='#/fits/{new}']"))
    service.client.post(f"/v1/fits/{new}/cancel")
    browser.find(".muted", "There are none.")
    assert browser.script("return document.activeElement.getAttribute('aria-label')") == "Fits, latest first"
    assert browser.barriers() == []


def test_what_is_wrong_stands_beside_what_it_is_about(browser: Browser, service: Up) -> None:
    browser.open(f"{service.address}/#/models/poisson-rate")
    browser.enter("x", "6, 3, -1")
    browser.press("button", "Start the fit")
    error = browser.find(".field .error", "x[2] is -1")
    control = browser.control("x")
    assert error.get_attribute("id") in str(control.get_attribute("aria-describedby")).split()
    assert control.get_attribute("aria-invalid") == "true"
    assert browser.driver.switch_to.active_element == control
    browser.enter("x", "6, three")
    browser.press("button", "Start the fit")
    browser.find(".field .error", "“three” is not a number")
    browser.enter("x", "6, 3")
    browser.enter("steps", "1")
    browser.press("button", "Check")
    browser.find(".field .error", "greater than or equal to 100")
    assert browser.barriers() == []


def test_data_from_files(browser: Browser, service: Up, tmp_path: Path) -> None:
    path = tmp_path / "schools.csv"
    path.write_text("school;effect;sigma\n1;28;15\n2;8;10\n3;-3;16\n")
    browser.open(f"{service.address}/#/models/eight-schools")
    browser.control("Data from a file").send_keys(str(path))
    boxes = browser.find("fieldset", "Columns for y").find_elements("css selector", "label")
    next(each for each in boxes if each.text == "effect").click()
    browser.press("button", "Check")
    browser.find(".good", "J = 3")
    assert browser.control("y").get_attribute("value") == "28, 8, -3"
    assert browser.control("sigma").get_attribute("value") == "15, 10, 16"
    path = tmp_path / "claims.csv"
    path.write_text("x.one,x.age,y\n1,-0.5,0\n1,0.5,3\n")
    browser.open(f"{service.address}/#/models/poisson-regression")
    browser.control("Data from a file").send_keys(str(path))
    browser.until("document.querySelector('.columns')", "the columns")
    assert browser.control("x").get_attribute("value") == "1, -0.5\n1, 0.5"
    path = tmp_path / "claims.json"
    path.write_text('{"y": [1, 2], "z": 1}')
    browser.control("Data from a file").send_keys(str(path))
    browser.until("!document.querySelector('.columns')", "the JSON to be read")
    assert browser.control("y").get_attribute("value") == "1, 2"
    path = tmp_path / "broken.json"
    path.write_text('{"y": [1, 2')
    browser.control("Data from a file").send_keys(str(path))
    browser.find(".field .error", "not JSON")


def test_tables_are_read_as_the_command_line_reads_them(browser: Browser, service: Up, tmp_path: Path) -> None:
    path = tmp_path / "schools.csv"
    path.write_text("y\tsigma\tnote\n28,5\t15\tcafé\n8\t10,5\t\n7\t\t\n", encoding="utf-16")
    browser.open(f"{service.address}/#/models/eight-schools")
    browser.control("Data from a file").send_keys(str(path))
    browser.find(".columns li", "Column sigma: its last cell is empty and was left out.")
    assert browser.control("y").get_attribute("value") == "28.5, 8, 7"
    assert browser.control("sigma").get_attribute("value") == "15, 10.5"
    path = tmp_path / "row-names.csv"
    path.write_text("y,sigma\n1,28,15\n2,8,10\n")
    browser.control("Data from a file").send_keys(str(path))
    browser.find(".field .error", "Row 1 has 3 cells, the header 2")
    path = tmp_path / "underscores.csv"
    path.write_text("y,sigma\n2_8,15\n8,10\n")
    browser.control("Data from a file").send_keys(str(path))
    browser.find(".field .error", "Row 1 (line 2), column y: '2_8' is not a number")
    browser.enter("y", "28,5; 8,5")
    browser.enter("sigma", "0x0F, 10")
    browser.press("button", "Check")
    browser.find(".field .error", "separate all in the same way")
    browser.find(".field .error", "“0x0F” is not a number")


def test_the_example_does_not_pass_for_the_data_of_a_file(browser: Browser, service: Up, tmp_path: Path) -> None:
    path = tmp_path / "schools.csv"
    path.write_text("school,effect,se\n1,28,15\n2,8,10\n")
    browser.open(f"{service.address}/#/models/eight-schools")
    browser.control("Data from a file").send_keys(str(path))
    for name in ("y", "sigma"):
        browser.find(".field .error", f"No column of the file is chosen for {name}.")
        assert browser.control(name).get_attribute("value") == ""
    browser.press("button", "Check")
    browser.find(".error", "not numbers")
    boxes = browser.find("fieldset", "Columns for y").find_elements("css selector", "label")
    next(each for each in boxes if each.text == "effect").click()
    assert browser.control("y").get_attribute("value") == "28, 8"
    # What was typed stays, whatever a file has.
    browser.enter("sigma", "15, 10")
    path = tmp_path / "effects.json"
    path.write_text('{"y": [1, 2]}')
    browser.control("Data from a file").send_keys(str(path))
    browser.until("!document.querySelector('.columns')", "the JSON to be read")
    assert [browser.control(name).get_attribute("value") for name in ("y", "sigma")] == ["1, 2", "15, 10"]
    browser.press("button", "Use the example")
    again = tmp_path / "again.json"
    again.write_text(path.read_text())
    browser.control("Data from a file").send_keys(str(again))
    browser.find(".field .error", "The file has no sigma.")
    assert browser.control("sigma").get_attribute("value") == ""


def test_many_models_are_looked_through(browser: Browser, service: Up) -> None:
    browser.open(service.address)
    browser.find(".cards")
    heights = browser.script("return [...document.querySelectorAll('.cards .about')].map((each) => each.clientHeight)")
    assert len(heights) > 20
    assert max(heights) <= 4 * 26
    assert "`" not in browser.find("main").text


def test_results_are_saved_and_the_lines_shown_do_the_same(browser: Browser, service: Up) -> None:
    browser.open(f"{service.address}/#/models/poisson-rate")
    browser.enter("Seed", "1")
    browser.enter("steps", "300")
    line, program = browser.find(".code pre", "curl").text, browser.find(".code pre", "import").text
    answer = _output("bash", "-c", line)
    browser.press("button", "Start the fit")
    browser.until(f"{_HEADING} === 'succeeded'", "the fit to succeed")
    fit_id = browser.find("main code", "fit_").text
    assert f'"id":"{fit_id}"' in answer  # the same request, so the same fit
    results = _output("bash", "-c", browser.find(".code pre", "curl").text)
    assert results.count(f'"fit":"{fit_id}"') == 3
    mean = service.client.get(f"/v1/fits/{fit_id}/summary").json()["vars"]["z"]["mean"]
    for lines in (program, browser.find(".code pre", "import").text):
        assert f"{mean:.4g}" in _output(sys.executable, "-c", lines)
    browser.press(".downloads button", "npz")
    saved = browser.downloads / f"{fit_id}-posterior.npz"
    wait_for(saved.exists, what="the file to be saved")
    with np.load(saved) as arrays:
        assert arrays["z"].shape == (2000,)
    browser.press("a", "Fit again with changes")
    browser.find("h1", "Rate of a Poisson count")
    assert [browser.control(name).get_attribute("value") for name in ("Seed", "steps")] == ["1", "300"]
    assert browser.control("x").get_attribute("value") == "6, 3, 1, 8, 7, 0, 6, 4, 7, 5"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_keyboard_is_enough(browser: Browser, service: Up) -> None:
    browser.open(service.address)
    browser.find(".cards")
    assert browser.barriers() == []
    browser.driver.switch_to.active_element.send_keys("\ue004")  # tab
    skip = browser.driver.switch_to.active_element
    assert skip.text == "Skip to the content"
    skip.send_keys("\n")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "content"
    browser.driver.switch_to.active_element.send_keys("\ue004")
    browser.driver.switch_to.active_element.send_keys("\n")
    browser.until("document.activeElement.tagName === 'H1' && location.hash.length > 2", "the heading to be read")


def test_the_explorer_of_the_api_works_without_a_network(browser: Browser, service: Up) -> None:
    browser.open(f"{service.address}/docs")
    browser.find(".opblock-summary", "/v1/fits")
    assert all(address.startswith(service.address) for address in browser.loaded() if not address.startswith("data:"))


@pytest.fixture
def closed(settings: Settings) -> Iterator[tuple[str, str]]:
    """Address of an API that wants a key, without a worker; and a key."""
    _, token = open_keys(settings).create("ann", [Scope.READ, Scope.SUBMIT])
    with serving(settings) as address:
        yield address, token


def test_logging_in_with_a_key(browser: Browser, closed: tuple[str, str]) -> None:
    address, token = closed
    browser.open(f"{address}/#/models/poisson-rate")
    assert browser.barriers() == []
    browser.enter("API key", token[:-1] + ("1" if token.endswith("0") else "0"))
    browser.press("dialog button", "Log in")
    browser.find("dialog .error", "not known")
    browser.enter("API key", token)
    browser.press("dialog button", "Log in")
    browser.enter("Tags", "<img src=x>")
    browser.press("button", "Start the fit")
    browser.until(f"{_HEADING} === 'queued'", "the fit to be queued")
    # The stream of events carries the key as well: the end of the fit comes by it.
    browser.press("button", "Cancel the fit")
    browser.until(f"{_HEADING} === 'cancelled'", "the fit to be cancelled")
    assert token not in browser.driver.current_url
    cancelled = browser.find("main code", "fit_").text
    browser.press("button", "Retry")
    browser.until(f"{_HEADING} === 'queued'", "another fit to be queued")
    assert browser.find("main code", "fit_").text != cancelled
    browser.press("nav a", "Fits")
    rows = [browser.find(f"tbody tr:nth-child({number})").text for number in (1, 2)]
    # What people write is text, whatever it looks like.
    assert ["queued" in rows[0], "cancelled" in rows[1], *("<img src=x>" in row for row in rows)] == [True] * 4
    browser.press("tbody tr:nth-child(2) a")
    browser.press("button", "Delete")
    browser.driver.switch_to.alert.accept()
    browser.until("document.querySelectorAll('tbody tr').length === 1", "the fit to be gone")
    browser.press("#key-button", "Log out")
    browser.find("dialog h2", "Log in")
    assert browser.script("return sessionStorage.length") == 0


def test_a_fit_that_has_not_converged_shows_its_draws_to_those_who_want_them(
    browser: Browser, settings: Settings, store: FitStore
) -> None:
    with serving(settings) as address:
        body = {**EIGHT_SCHOOLS, "draws": DRAWS, "seed": 1}
        fit_id = httpx.post(f"{address}/v1/fits", json=body, trust_env=False).json()["id"]
        miss(store, fit_id)
        browser.open(f"{address}/#/fits/{fit_id}")
        browser.until(f"{_HEADING} === 'failed'", "the failed fit")
        assert "not_converged" in browser.find("main p", REASON).text
        browser.find(".warning li", "It wobbles.")
        browser.until("document.querySelectorAll('figure .plot .trace').length >= 1", "the losses")
        assert browser.script("return document.querySelectorAll('figure').length") == 1
        buttons = browser.script("return [...document.querySelectorAll('main button')].map((each) => each.textContent)")
        assert "Retry" not in buttons
        assert browser.barriers() == []
        browser.press("button", "Show the draws anyway")
        browser.find("h2", "The draws, which are no posterior")
        assert browser.find("tr", "mu").text.split()[1] == "2.5"
        # The pairs, the losses, and what is predicted: all of what is asked for is given.
        browser.until("document.querySelectorAll('figure').length >= 5", "the plots")
        browser.find("section[aria-label='Check of y']")
        assert browser.driver.find_elements("css selector", ".problem") == []
        assert "unconverged=True" in browser.find(".code pre", "posterior_predictive").text
        browser.press("button[aria-label$='posterior-unconverged.npz']")
        saved = browser.downloads / f"{fit_id}-posterior-unconverged.npz"
        wait_for(saved.exists, what="the draws to be saved")
        assert np.load(saved)["mu"].tolist() == [0, 1, 2, 3, 4, 5]
        assert browser.barriers() == []
