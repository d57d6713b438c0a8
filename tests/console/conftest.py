"""What tests of pages share."""

from tests.browser.signed_in import assert_accessible, browser, open_as

__all__ = ["assert_accessible", "browser", "open_as"]
