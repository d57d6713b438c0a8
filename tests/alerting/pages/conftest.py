"""What tests of these pages share."""

from tests.browser.signed_in import assert_accessible, browser, open_as
from tests.tenants.pages.visitors import as_member, body, developer, no_second_factor, operator

__all__ = ["as_member", "assert_accessible", "body", "browser", "developer", "no_second_factor", "open_as", "operator"]
