from pathlib import Path

from contracts.events import payload_types

DOCUMENT = Path(__file__).parents[2] / "docs" / "EVENTS.md"


def _rows() -> list[str]:
    return [f"| `{name}` | {(struct.__doc__ or '').splitlines()[0]} |" for name, struct in payload_types().items()]


def test_the_table_of_types_is_that_of_the_code():
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.split("<!-- types: begin", 1)[1].split("<!-- types: end -->", 1)[0]
    assert [row for row in table.splitlines() if row.startswith("| `")] == _rows(), "\n".join(_rows())
