"""Personal data in texts: what is told, what is not, and where it stands."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.engine.detectors.pii import DEFAULT, ENTITIES, PersonalData
from guardrails.engine.text import Text

EVERYTHING = PersonalData(ENTITIES)


def found(text: str, detector: PersonalData = EVERYTHING) -> list[tuple[str, str]]:
    return [(str(one.entity), text[one.start : one.end]) for one in detector.find(Text(text))]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("write to jo.o'neil+x@mail.example.co.uk, please", "EMAIL_ADDRESS", "jo.o'neil+x@mail.example.co.uk"),
        ("write to jo [at] example [dot] org", "EMAIL_ADDRESS", "jo [at] example [dot] org"),
        ("ring +44 20 7946 0958 today", "PHONE_NUMBER", "+44 20 7946 0958"),
        ("call me on 785 8949", "PHONE_NUMBER", "785 8949"),
        ("Tel. 089 72 63 41", "PHONE_NUMBER", "089 72 63 41"),
        ("(978)645-9740x11144", "PHONE_NUMBER", "(978)645-9740x11144"),
        ("2813882583 mobile", "PHONE_NUMBER", "2813882583"),
        ("paid with 4556 2991 9792 5850.", "CREDIT_CARD", "4556 2991 9792 5850"),
        ("amex 378282246310005", "CREDIT_CARD", "378282246310005"),
        ("to GB82 WEST 1234 5698 7654 32 by Friday", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("to de89370400440532013000", "IBAN_CODE", "de89370400440532013000"),
        ("my SSN: 536-32-3065", "US_SSN", "536-32-3065"),
        ("ITIN 912-70-1234", "US_ITIN", "912-70-1234"),
        ("NHS number 943 476 5919", "UK_NHS", "943 476 5919"),
        ("SIN 130 692 544", "CA_SIN", "130 692 544"),
        ("PESEL 44051401359", "PL_PESEL", "44051401359"),
        ("Aadhaar 2341 2341 2346", "IN_AADHAAR", "2341 2341 2346"),
        ("CPF 111.444.777-35", "BR_CPF", "111.444.777-35"),
        ("DNI 54362315K", "ES_NIF", "54362315K"),
        ("NIE X2482300W", "ES_NIE", "X2482300W"),
        ("codice fiscale RCCMNL83S18D969H", "IT_FISCAL_CODE", "RCCMNL83S18D969H"),
        ("hetu 131052-308T", "FI_PERSONAL_IDENTITY_CODE", "131052-308T"),
        ("AHV 756.9217.0769.85", "CH_AHV", "756.9217.0769.85"),
        ("NRIC S1234567D", "SG_NRIC_FIN", "S1234567D"),
        ("NINO AB 12 34 56 C", "UK_NINO", "AB 12 34 56 C"),
        ("my driver's license number is U62928788557186", "US_DRIVER_LICENSE", "U62928788557186"),
        ("passport no. C01X00T47 / passport: 533380006", "PASSPORT", "533380006"),
        ("account number 12345678 at your bank", "BANK_ACCOUNT", "12345678"),
        ("from 192.168.10.24 again", "IP_ADDRESS", "192.168.10.24"),
        ("from 3b20:9a3a:1b2f:7ce:9ef1:4787:85fc:261e", "IP_ADDRESS", "3b20:9a3a:1b2f:7ce:9ef1:4787:85fc:261e"),
        ("at 00:1B:44:11:3A:B7", "MAC_ADDRESS", "00:1B:44:11:3A:B7"),
        ("see https://example.com/a?b=1.", "URL", "https://example.com/a?b=1"),
        ("our host is shop.example.com today", "DOMAIN_NAME", "shop.example.com"),
        ("on 2007-03-23 18:43:36 it", "DATE_TIME", "2007-03-23 18:43:36"),
        ("on 12 March 2024 it", "DATE_TIME", "12 March 2024"),
        ("am 3. Oktober 1990 war", "DATE_TIME", "3. Oktober 1990"),
        ("see you Thursday", "DATE_TIME", "Thursday"),
        ("She was born on 2/7/1961.", "DATE_OF_BIRTH", "2/7/1961"),
        ("geboren am 02.07.1961 in Wien", "DATE_OF_BIRTH", "02.07.1961"),
        ("I live at 14 Baker Street with him", "ADDRESS", "14 Baker Street"),
        ("nach Schaarsteinweg 58 fahren", "ADDRESS", "Schaarsteinweg 58"),
        ("chez 40 rue Victor Hugo demain", "ADDRESS", "40 rue Victor Hugo"),
        ("in Via Goffredo Mameli 149 abita", "ADDRESS", "Via Goffredo Mameli 149"),
        ("to 51 ul. Posejdona 90", "ADDRESS", "51 ul. Posejdona 90"),
        ("P.O. Box 41 please", "ADDRESS", "P.O. Box 41"),
        ("PSC 1139, Box 7638\nAPO AP 94917", "ADDRESS", "PSC 1139, Box 7638\nAPO AP 94917"),
        ("my zip code is 84271", "ADDRESS", "84271"),
        ("in London NW1 6XE now", "ADDRESS", "NW1 6XE"),
        ("ask Dr. Ada van Dijk for it", "PERSON", "Dr. Ada van Dijk"),
        ("her maiden name is Fedorov", "PERSON", "Fedorov"),
        ("Dear Joan,\nthank you", "PERSON", "Joan"),
    ],
)
def test_is_found_where_it_stands(text, entity, value):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "the number 4556 2991 9792 5851 fails the check of cards",
        "GB82 WEST 1234 5698 7654 33 fails the check of accounts",
        "an amount of 250 000 000 and one of 1,234,567.89",
        "order 48213 of 1200 pieces, 3.14159 and 2024",
        "version 1.2.3.4 of it",
        "SSN 000-12-3456 is none, nor is 666-12-3456",
        "x = a[1:2]; y = b::c",
        "print('hello') # main.py, node.js and e.g. this",
        "I may drive down the road and walk the lane",
        "the way to go is to place an order, close the case and park it",
        "Hi there, how are you",
        "10:1 against it",
        "3. Insert the USB drive or DVD\n10. James Park\n5. Hiking the Inca Trail",
        "it took place between 1765 and 1783, a passage for every 15 of us",
        "open it in the Google Drive app",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert found(text, PersonalData(DEFAULT)) == []


def test_findings_point_into_the_original_behind_disguises():
    wide = "".join(chr(ord(figure) + 0xFEE0) for figure in "4556299197925850")
    text = f"card {wide[:4]}\u200b{wide[4:]}, mail jo\u200b@example.com"
    assert found(text) == [
        ("CREDIT_CARD", f"{wide[:4]}\u200b{wide[4:]}"),
        ("EMAIL_ADDRESS", "jo\u200b@example.com"),
    ]


def test_spaced_figures_of_a_card_are_one_number():
    assert ("CREDIT_CARD", "4 5 5 6 2 9 9 1 9 7 9 2 5 8 5 0") in found("it is 4 5 5 6 2 9 9 1 9 7 9 2 5 8 5 0 ok")


def test_an_address_in_lines_has_a_street_a_town_and_a_code():
    assert found("01 Purje 57\n Apt. 626\n Ridalepa\n Mali 44998") == [
        ("ADDRESS", "01 Purje 57\n Apt. 626"),
        ("LOCATION", "Ridalepa"),
        ("LOCATION", "Mali"),
        ("ADDRESS", "44998"),
    ]


def test_only_what_is_asked_for_is_told():
    text = "jo@example.com, 192.168.10.24"
    assert found(text, PersonalData(["IP_ADDRESS"])) == [("IP_ADDRESS", "192.168.10.24")]
    assert found(text, PersonalData([])) == []


def test_weak_findings_are_left_out_above_a_score():
    assert found("see you Thursday", PersonalData(["DATE_TIME"], least_score=0.6)) == []


@given(st.text(alphabet=st.sampled_from("0123456789 -./+()@:aAbzZé\n,\u200b\uff14#"), max_size=300))
@settings(max_examples=150, deadline=None)
def test_findings_are_in_order_apart_and_within_the_text(text):
    end = 0
    for one in EVERYTHING.find(Text(text)):
        assert end <= one.start < one.end <= len(text)
        assert 0.5 <= one.score <= 1
        end = one.end


def steps(text: str) -> int:
    """Lines of Python that looking at the text executes: a busy machine changes nothing in them."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        EVERYTHING.find(Text(text))
    finally:
        sys.settrace(before)
    return count


@given(st.text(alphabet=st.sampled_from("0123456789 -./+()@:aAzZ,#\n"), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None)
def test_work_grows_with_the_length_alone(piece):
    assert steps(piece * 200) <= 8 * steps(piece * 50) + 2_000


@pytest.mark.parametrize("around", ["", " ", "_", "é", "-"])
@pytest.mark.parametrize("code", ["RSSMRA85T10A562S", "rssmra85t10a562s", "RSSMRAURTMLARSNL"])
def test_a_fiscal_code_is_found_whatever_stands_around_it(code: str, around: str) -> None:
    assert ("IT_FISCAL_CODE", code) in found(f"code:{around}{code}{around}")


@pytest.mark.parametrize("blank", [" ", "  ", "\n", "\r\n", "\t"])
@pytest.mark.parametrize("name", ["Anna", "Émile", "Łukasz", "Ömer"])
def test_a_name_after_a_greeting_is_found_in_any_alphabet_of_latin_letters(name: str, blank: str) -> None:
    assert ("PERSON", name) in found(f"Hello{blank}{name},")


def test_ordinary_prose_is_looked_at_no_closer() -> None:
    prose = "Hello there, thanks for asking. Particularly international comparisons remain comfortable."
    assert EVERYTHING._triggers.scan(prose) == {}
