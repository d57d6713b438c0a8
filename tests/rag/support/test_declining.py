"""Whether an answer says that the documents do not say."""

from __future__ import annotations

import pytest

from rag.engine.support.declining import declines


@pytest.mark.parametrize(
    "text",
    [
        "The documents do not say when the office opens.",
        "I don't know.",
        "I couldn’t find that in the documents.",
        "There is no information about refunds in the provided context.",
        "This is not mentioned in the passages.",
        "The provided context doesn't contain information on this.",
        "Based on the documents, I cannot determine the price.",
        "Nothing in the documents says who founded it.",
        "The handbook does not mention sabbaticals.",
        "The policy doesn't specify a limit.",
        "Unknown.",
        "Die Dokumente enthalten dazu keine Angaben.",
        "Das steht nicht in den Dokumenten.",
        "Dazu sagen die Unterlagen nichts.",
        "Ich weiß es nicht.",
        "Les documents ne mentionnent pas le prix.",
        "Je ne sais pas.",
        "Los documentos no mencionan el precio.",
        "No lo sé.",
        "Os documentos não mencionam o preço.",
        "I documenti non indicano il prezzo.",
        "De documenten vermelden dit niet.",
        "Dokumenty nie zawierają tej informacji.",
        "В документах нет информации об этом.",
        "У документах немає інформації про це.",
        "文档中没有提到价格。",
        "資料には記載がありません。",
        "문서에 언급되어 있지 않습니다.",
        "Belgelerde bu bilgi yok.",
    ],
)
def test_it_is_said_in_many_ways(text: str):
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "The policy does not cover flood damage.",
        "You do not need to send documents.",
        "Documents must not leave the building.",
        "The contract includes no penalty.",
        "Employees cannot carry over leave.",
        "The information desk opens at nine.",
        "Die Dokumente dürfen nicht kopiert werden.",
        "Les passagers ne doivent pas fumer.",
        "Refunds are not available for gift cards.",
        "I know the answer: it is 5.",
        "Passwords are never stored in plain text.",
        "The file is not included in the backup.",
        "No shipping fee applies to orders over 50 EUR.",
        "Los documentos no se devuelven.",
        "Do not include passwords in documents.",
    ],
)
def test_what_a_document_denies_is_an_answer(text: str):
    assert not declines(text)
