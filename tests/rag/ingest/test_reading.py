"""Files as text: each kind, and what is none."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from rag.engine.reading import Kind, Unreadable, read
from rag.engine.reading.result import ReadDocument


def headings(found: ReadDocument) -> dict[str, str]:
    """The beginning of each marked stretch, by its headings."""
    return {mark.heading: found.text[mark.start : mark.start + 12] for mark in found.marks}


def pdf(*pages: str, password: str = "") -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=A4, encrypt=password or None)
    for page in pages:
        for place, line in enumerate(page.split("\n")):
            canvas.drawString(72, 760 - 16 * place, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def word(build) -> bytes:
    made = docx.Document()
    build(made)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def test_markdown_keeps_its_source_and_knows_its_headings():
    front, code = "---\ntitle: Rules\n---\n", "```\n# no heading\n```\n\n"
    source = f"{front}# House\n\nIntro.\n\n## Kitchen `A`\n\n{code}Cleaning\n--------\nDaily.\n"
    kind, found = read(source.encode(), "text/markdown; charset=utf-8")
    assert (kind, found.title) == (Kind.MARKDOWN, "Rules")
    assert found.text.startswith("# House")
    assert headings(found) == {
        "House": "# House\n\nInt",
        "House > Kitchen A": "## Kitchen `",
        "House > Cleaning": "Cleaning\n---",
    }


def test_html_gives_the_main_text_with_headings_and_tables_and_leaves_the_rest_out():
    page = """<!doctype html><html><head><title>T</title><style>p{}</style></head><body><nav>Menu</nav><header>Logo
    </header><main><h1>Fees</h1><p>Ten   <b>euros</b><br>a month.</p><script>track()</script><h2>Refunds</h2><ul><li>
    Within a week</li><li>In full</li></ul><table><tr><th>Plan</th><th>Price</th></tr><tr><td>A</td><td>3</td></tr>
    </table><pre>a\n  b</pre></main><footer>Imprint</footer></body></html>"""
    kind, found = read(page.encode(), "")
    assert (kind, found.title) == (Kind.HTML, "Fees")
    assert found.text == (
        "Fees\n\nTen euros\na month.\n\nRefunds\n\n- Within a week\n\n- In full\n\nPlan | Price\n\nA | 3\n\na\n  b"
    )
    assert headings(found) == {"Fees": "Fees\n\nTen eu", "Fees > Refunds": "Refunds\n\n- W"}


def test_html_without_a_main_part_gives_its_body_and_takes_the_title_of_its_head():
    _, found = read(b"<html><head><title>Fees</title></head><body><p>Ten.</p><aside>Ads</aside></body></html>", "")
    assert (found.title, found.text) == ("Fees", "Ten.")


def test_html_nested_very_deeply_is_read_to_a_depth():
    deep = b"<p>Before</p>" + b"<div>" * 50_000 + b"deep" + b"</div>" * 50_000
    assert read(deep, "text/html")[1].text.startswith("Before")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<p>Größe</p>".encode("cp1252"), "text/html; charset=windows-1252"),
        (b"<meta charset='iso-8859-1'><p>Gr\xf6\xdfe</p>", "text/html"),
        ("<p>Größe</p>".encode(), "text/html"),
        ("<p>Größe</p>".encode("utf-16"), "text/html"),
    ],
)
def test_html_is_decoded_as_it_says(content, said):
    assert read(content, said)[1].text == "Größe"


def test_pdf_gives_its_pages():
    kind, found = read(
        pdf("The first page about ships\nand har-\nbours of old.", "The second page."), "application/pdf"
    )
    assert kind is Kind.PDF
    assert found.text == "The first page about ships and harbours of old.\n\nThe second page."
    assert [(mark.start, mark.page) for mark in found.marks] == [(0, 1), (found.text.index("The second"), 2)]


def test_docx_gives_headings_lists_and_rows_with_the_names_of_their_columns():
    def build(made):
        made.add_heading("Fees", 1)
        made.add_paragraph("Ten euros.")
        made.add_paragraph("Monthly", style="List Bullet")
        made.add_heading("Plans", 2)
        table = made.add_table(rows=2, cols=2)
        for cell, text in zip((c for row in table.rows for c in row.cells), ("Plan", "Price", "A", "3"), strict=True):
            cell.text = text

    kind, found = read(word(build), "application/octet-stream", name="fees.docx")
    assert kind is Kind.DOCX
    assert found.text == "Fees\n\nTen euros.\n\n- Monthly\n\nPlans\n\nPlan | Price\n\nPlan: A\nPrice: 3"
    assert headings(found) == {"Fees": "Fees\n\nTen eu", "Fees > Plans": "Plans\n\nPlan "}


def test_a_row_of_a_table_is_a_passage_with_the_names_of_its_columns():
    kind, found = read(b'name;price;note\nbolt;3;\n\nnut;4;"two\nlines"\n', "text/csv")
    assert kind is Kind.CSV
    assert found.text == "name: bolt\nprice: 3\n\nname: nut\nprice: 4\nnote: two lines"
    assert [(mark.start, mark.alone) for mark in found.marks] == [(0, True), (21, True)]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Größe".encode(), "Größe"),
        ("Größe".encode("utf-8-sig"), "Größe"),
        ("Größe".encode("utf-16"), "Größe"),
        ("Größe – „gut“".encode("cp1252"), "Größe – „gut“"),
        (b"a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_texts_are_decoded_by_mark_as_utf_8_or_as_windows_has_it(content, text):
    assert read(content, "text/plain")[1].text == text


def bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 150_000_000)
    return target.getvalue()


def archive(name: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        made.writestr(name, b"<not xml")
    return target.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("make", "said", "code"),
    [
        (lambda: b"", "text/plain", "no_text"),
        (lambda: b"  \n ", "text/plain", "no_text"),
        (lambda: b"<html><body><script>x</script></body></html>", "text/html", "no_text"),
        (lambda: pdf(""), "application/pdf", "no_text"),
        (lambda: pdf("Secret", password="x"), "application/pdf", "encrypted"),
        (lambda: pdf("Some text")[:300], "application/pdf", "broken"),
        (lambda: b"no pdf at all", "application/pdf", "broken"),
        (lambda: word(lambda made: made.add_paragraph("x"))[:2_000], OFFICE, "broken"),
        (lambda: archive("word/document.xml"), OFFICE, "broken"),
        (lambda: archive("other.txt"), "application/zip", "not_text"),
        (bomb, OFFICE, "archive_too_large"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "application/msword", "encrypted"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(200), "image/png", "unsupported_type"),
        (lambda: b"text", "image/svg", "unsupported_type"),
        (lambda: b"x" * 20_000_001, "text/plain", "too_large"),
        (lambda: b"x" * 5_000_001, "text/plain", "too_much_text"),
        (lambda: b"a,b\n\n", "text/csv", "no_text"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_code(make, said, code):
    with pytest.raises(Unreadable) as refusal:
        read(make(), said)
    assert refusal.value.code == code
    assert refusal.value.message.endswith(".")


def test_the_kind_is_told_by_what_a_file_holds_before_what_it_is_called():
    assert read(pdf("A page"), "text/plain", name="x.txt")[0] is Kind.PDF
    assert read(b"<!DOCTYPE html><p>x</p>", "text/plain")[0] is Kind.HTML
    assert read(b"# x", "application/octet-stream", name="x.md")[0] is Kind.MARKDOWN
    assert read(b"a\tb\n1\t2\n", "", name="x.tsv")[0] is Kind.TSV
    assert read(b'{"a": 1}', "application/json")[0] is Kind.PLAIN
