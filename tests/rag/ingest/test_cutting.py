"""Texts cut into chunks."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings.static import shared_embedder
from rag.engine.cutting import Cutter
from rag.engine.reading import Mark, read

SENTENCES = "The harbour opens at six. Ships that come by night wait outside until a pilot is there."
PIECES = ["# A\n", "## B\n\n", "word ", "Ende. ", "\n\n", "- x\n", "```\n", "ü😀 ", "| a | b |\n"]


def cutter(tokens: int = 40, overlap: int = 0) -> Cutter:
    return Cutter(shared_embedder().tokenizer, tokens=tokens, overlap=overlap)


def prose(words: int, seed: int = 1) -> str:
    chance, words_known = random.Random(seed), SENTENCES.split()
    return " ".join(chance.choice(words_known) for _ in range(words))


@settings(max_examples=150, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=3_000)
    | st.lists(st.sampled_from(PIECES)).map("".join).filter(bool),
    st.sampled_from(["text/plain", "text/markdown", "text/html", "text/csv"]),
    st.integers(32, 120),
    st.integers(0, 16),
)
def test_the_places_of_chunks_are_exact_for_any_text(text, media_type, tokens, overlap):
    from rag.engine.reading import Unreadable

    try:
        kind, found = read(text.encode(), media_type)
    except Unreadable:
        return
    cuts = cutter(tokens, overlap).cut(found.text, found.marks, markdown=kind == "text/markdown")
    assert cuts
    assert all(found.text[cut.start : cut.end] == cut.text and cut.text.strip() for cut in cuts)
    assert all(cut.tokens <= tokens for cut in cuts)
    assert [cut.start for cut in cuts] == sorted(cut.start for cut in cuts)
    covered = {place for cut in cuts for place in range(cut.start, cut.end)}
    assert all(place in covered or one.isspace() for place, one in enumerate(found.text))


def test_a_chunk_stands_under_one_heading_and_its_headings_are_part_of_what_is_embedded():
    source = f"# House\n\n## Kitchen\n\n{prose(60)}\n\n## Garden\n\n{prose(60)}\n"
    _, found = read(source.encode(), "text/markdown")
    cuts = cutter().cut(found.text, found.marks, markdown=True)
    assert {cut.heading for cut in cuts} == {"House > Kitchen", "House > Garden", "House"}
    same = cuts[-1].text
    other = cutter().cut(same, [Mark(0, "Elsewhere")], markdown=True)
    assert [cut.text for cut in other] == [same]
    assert other[0].text_hash != cuts[-1].text_hash


def test_rows_of_a_table_are_never_joined():
    _, found = read(b"name,price\nbolt,3\nnut,4\n", "text/csv")
    assert [cut.text for cut in cutter().cut(found.text, found.marks)] == [
        "name: bolt\nprice: 3",
        "name: nut\nprice: 4",
    ]


def test_a_page_does_not_end_a_chunk_but_a_chunk_knows_its_page():
    marks = [Mark(0, "", 1), Mark(22, "", 2)]
    [cut] = cutter().cut("Something that begins on the next page.", marks)
    assert cut.page == 1
    long = f"{prose(100)}\n\n{prose(100)}"
    cuts = cutter().cut(long, [Mark(0, "", 1), Mark(long.index("\n\n") + 2, "", 2)])
    assert {cut.page for cut in cuts} == {1, 2}


def test_chunks_have_the_end_of_the_one_before_where_it_is_asked_for():
    text = prose(400)
    apart, joined = cutter(60, 0).cut(text, []), cutter(60, 20).cut(text, [])
    assert all(one.end <= other.start for one, other in pairwise(apart))
    assert any(one.end > other.start for one, other in pairwise(joined))


@pytest.mark.parametrize("markdown", [True, False])
def test_what_is_denser_than_the_rest_is_still_small_enough(markdown):
    text = prose(200) + "\n\n" + "".join(chr(0x4E00 + place) for place in range(400)) + "\n\n" + "x" * 3_000
    assert max(cut.tokens for cut in cutter().cut(text, [], markdown=markdown)) <= 40
