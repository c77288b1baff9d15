"""A headless Chromium for tests of pages: what it logs, what it asks for, what axe-core finds in it.

Loaded by tests through runpy, since tests are no package. Nothing is downloaded: where there is no browser,
`missing()` says what to install.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-dev-shm-usage", "--force-device-scale-factor=1", "--force-color-profile=srgb",
)  # fmt: skip
AXE = ("axe_playwright_python", "axe_core_python")


def browser():
    """Return the browser's path: FUSEBENCH_BROWSER, or the first that is installed; None where there is none."""
    named = os.environ.get("FUSEBENCH_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def missing():
    """Say what has to be installed before a page can be opened; nothing where all is there."""
    if importlib.util.find_spec("selenium") is None:
        return "no selenium: pip install 'fusebench[dev]'"
    if browser() is None or not Path(browser()).exists():
        return "no browser: apt-get install chromium chromium-driver, or name one in FUSEBENCH_BROWSER"
    return "" if shutil.which("chromedriver") else "no chromedriver: apt-get install chromium-driver"


def axe():
    """Return the path of axe.min.js: FUSEBENCH_AXE, or a package that holds it; None where there is none."""
    if named := os.environ.get("FUSEBENCH_AXE"):
        return Path(named)
    found = (importlib.util.find_spec(name) for name in AXE)
    paths = (Path(folder) / "axe.min.js" for spec in found if spec for folder in spec.submodule_search_locations)
    return next((path for path in paths if path.is_file()), None)


@contextlib.contextmanager
def opened(folder):
    """Yield a driver whose profile and downloads lie in `folder`; console and network are logged."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser()
    for flag in (*QUIET, f"--user-data-dir={Path(folder) / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        where = {"behavior": "allow", "downloadPath": str(Path(folder) / "downloads")}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
        driver.execute_cdp_cmd("Network.enable", {})
        yield driver
    finally:
        driver.quit()


def until(driver, script, *arguments, seconds=20):
    """Return what a script returns as soon as that is true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := driver.execute_script(script, *arguments)):
        assert time.monotonic() < end, f"never true: {script}"
        time.sleep(0.03)
    return found


def resize(driver, width, height=900, scale=1):
    """Give the page a size, below the smallest window too, as on a telephone."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(driver, **features):
    """Set media features, such as prefers_color_scheme='dark'."""
    told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": told})


def scripts(driver, allowed):
    """Allow scripts, or block them, from the next page on."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})


def errors(driver):
    """Return what the console has said since the last call that is worse than information."""
    return [line["message"] for line in driver.get_log("browser") if line["level"] in ("SEVERE", "WARNING")]


def requests(driver):
    """Return the addresses asked for since the last call; data inside the page is none."""
    told = [json.loads(line["message"])["message"] for line in driver.get_log("performance")]
    urls = [each["params"]["request"]["url"] for each in told if each["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


def faults(driver):
    """Return the serious and critical faults that axe-core finds, each with the elements it is about."""
    driver.execute_script(axe().read_text("utf-8"))
    found = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations), (e) => done(String(e)))"
    )
    assert isinstance(found, list), found
    bad = [each for each in found if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in bad]
