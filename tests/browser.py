"""A real browser, for the tests of the web page."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_S = 150

# A part of the plotting library that draws maps brings a style sheet; the policy keeps it out, and no plot wants it.
_REFUSED_STYLE = "plotly.min.js"


class Browser:
    """What a person does with a page, and sees of it. Whatever is looked for is waited for."""

    def __init__(self, driver: webdriver.Chrome, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, address: str) -> None:
        """Load a page anew, as in a tab of its own."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def find(self, selector: str, text: str = "") -> WebElement:
        """The first element of a CSS selector that shows a text, as soon as there is one."""

        def look(_: object) -> WebElement | None:
            found = self.driver.find_elements(By.CSS_SELECTOR, selector)
            return next((each for each in found if text in each.text), None)

        element: WebElement = self._waited(look, f"{selector} with {text!r}")
        return element

    def press(self, selector: str, text: str = "") -> None:
        def click(_: object) -> bool:
            element = self.find(selector, text)
            self.script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        self._waited(click, f"{selector} with {text!r} to be pressed")

    def control(self, label: str) -> WebElement:
        """The control that a label, of just these words, names."""

        def look(_: object) -> WebElement | None:
            found = self.driver.find_elements(By.CSS_SELECTOR, "label:not(.choice label)")
            return next((each for each in found if each.text == label), None)

        name = self._waited(look, f"a label {label!r}").get_attribute("for")
        return self.driver.find_element(By.ID, name)

    def enter(self, label: str, text: str) -> None:
        def write(_: object) -> bool:
            control = self.control(label)
            control.clear()
            control.send_keys(text)
            return True

        self._waited(write, f"{label!r} to be written")

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def until(self, code: str, what: str) -> Any:
        """What an expression gives, as soon as that is true."""
        return self._waited(lambda _: self.script(f"return {code}"), what)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def complaints(self) -> list[str]:
        """What has gone wrong in the page since this was last asked; that the service has refused a request has not."""
        logged = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        found = [entry["message"] for entry in logged if entry["level"] == "SEVERE" and entry["source"] != "network"]
        return [each for each in found if not (_REFUSED_STYLE in each and "Applying inline style" in each)]

    def barriers(self) -> list[str]:
        """What keeps people out who cannot see the page or use a mouse, as axe finds it."""
        rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
        found = Axe().run(self.driver, options=rules)
        return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]

    def loaded(self) -> list[str]:
        """Addresses of all that the page has loaded."""
        found: list[str] = self.script("return performance.getEntriesByType('resource').map((each) => each.name)")
        return found

    def _waited(self, look: Any, what: str) -> Any:
        # What is looked at may be replaced at the same moment.
        passing = [StaleElementReferenceException]
        wait = WebDriverWait(self.driver, _PATIENCE_S, poll_frequency=0.1, ignored_exceptions=passing)
        try:
            return wait.until(look)
        except TimeoutException as error:
            shown = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"waited in vain for {what}; the page shows:\n{shown[:2000]}") from error


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Chromium without a window; skips the test where it is not installed."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs["chromium"])
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    with tempfile.TemporaryDirectory() as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(str(programs["chromedriver"])))
        try:
            yield Browser(driver, folder)
        finally:
            driver.quit()
