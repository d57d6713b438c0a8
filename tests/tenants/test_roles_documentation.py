"""The table of roles in the documentation is the one of the code."""

from controlplane.settings.env import BASE_DIR
from tenants.roles import AUDITORS_MAY, LABELS, OPERATORS_MAY, ROLE_CHOICES, ROLES, TenantPermission


def rows() -> list[str]:
    """One row a permission, one column a role."""
    roles = [role for role, _label in ROLE_CHOICES]
    found = []
    for permission in TenantPermission:
        held = [role in ROLES[permission] for role in roles]
        held += [permission in OPERATORS_MAY, permission in AUDITORS_MAY]
        marks = " | ".join("✓" if has else "" for has in held)
        found.append(f"| `{permission}` | {LABELS[permission]} | {marks} |")
    return found


def test_the_table_of_roles_is_that_of_the_code():
    text = (BASE_DIR / "docs" / "INTERFACES.md").read_text(encoding="utf-8")
    table = text.split("<!-- roles: begin", 1)[1].split("<!-- roles: end -->", 1)[0]

    assert [row for row in table.splitlines() if row.startswith("| `")] == rows(), "\n".join(rows())
