"""A headless chromium that loads nothing by itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver import ChromeOptions


def chromium_options() -> "ChromeOptions":
    """Returns the options of a chromium without a window, also for root in a container."""
    from selenium.webdriver import ChromeOptions

    options = ChromeOptions()
    for option in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run"):
        options.add_argument(f"--{option}")
    return options
