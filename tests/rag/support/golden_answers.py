"""Sentences with their passages, and how they stand to one another: by hand, of what documents of companies say."""

from __future__ import annotations

from typing import NamedTuple

HANDBOOK = (
    "Employees have 28 days of paid leave a year. Unused leave can be carried over until 31 March; after that it "
    "expires. Leave has to be requested at least two weeks before it begins. The team lead approves it. During the "
    "probation period of six months no more than ten days may be taken."
)
RETURNS = (
    "Goods can be returned within 30 days of delivery. We refund the price within 14 days after the "
    "parcel has arrived. "
    "Shipping costs of 4.90 EUR are not refunded. Gift cards cannot be returned. Damaged goods are "
    "replaced free of charge."
)
SERVER = (
    "The service listens on port 8443. Set the variable MAX_CONNECTIONS to limit connections; the default is 512. "
    "Backups run every night at 02:00 UTC and are kept for 35 days. Restoring a backup takes about 20 minutes. "
    "Logs are written to /var/log/app and rotated weekly."
)
COMPANY = (
    "Nordlicht GmbH was founded in 2009 by Petra Lang and Ivo Brandt in Hamburg. It acquired Seebrise Energy in 2017 "
    "for 42 million euros. Revenue rose from 120 million euros in 2021 to 150 million euros in 2022. The company "
    "employs 640 people. Ivo Brandt left the board in 2020."
)
GERMAN = "Die Kündigungsfrist beträgt drei Monate. Der Vertrag verlängert sich um ein Jahr. Die Gebühr beträgt 45 Euro."
FRENCH = "Le musée est ouvert de 9 h à 18 h. Il est fermé le mardi. L'entrée coûte 12 euros."
SPANISH = "La garantía dura 24 meses. No cubre los daños causados por agua."

SUPPORTED, UNSUPPORTED, CONTRADICTED = "supported", "unsupported", "contradicted"


class Golden(NamedTuple):
    about: str
    passages: tuple[str, ...]
    sentence: str
    verdict: str


ALL = (HANDBOOK, RETURNS, SERVER, COMPANY)
GOLDEN = (
    Golden("word for word", ALL, "The team lead approves it.", SUPPORTED),
    Golden("shortened", ALL, "Unused leave can be carried over until 31 March.", SUPPORTED),
    Golden("number", ALL, "Employees get 28 days of paid leave per year.", SUPPORTED),
    Golden("other number", ALL, "Employees get 30 days of paid leave per year.", CONTRADICTED),
    Golden("date", ALL, "Leave that was not used can be carried over until 31 March.", SUPPORTED),
    Golden("other date", ALL, "Unused leave can be carried over until 30 June.", CONTRADICTED),
    Golden("numbers in letters", ALL, "Leave must be requested at least two weeks before it begins.", SUPPORTED),
    Golden(
        "other number in letters", ALL,
        "Leave must be requested at least four weeks before it begins.", CONTRADICTED,
    ),
    Golden("probation", ALL, "The probation period is six months.", SUPPORTED),
    Golden("who", ALL, "The team lead approves leave.", SUPPORTED),
    Golden("made up", ALL, "Employees also receive a yearly bonus and a company car.", UNSUPPORTED),
    Golden(
        "made up nearby", ALL,
        "Unpaid leave is possible for up to a year after talking to the works council.", UNSUPPORTED,
    ),
    Golden("returns", ALL, "You can return goods within 30 days of delivery.", SUPPORTED),
    Golden("refund", ALL, "The price is refunded within 14 days after the parcel has arrived.", SUPPORTED),
    Golden("refund denied", ALL, "Shipping costs of 4.90 EUR are refunded.", CONTRADICTED),
    Golden("refund denied too", ALL, "The shipping costs are not refunded.", SUPPORTED),
    Golden("denial added", ALL, "Damaged goods are not replaced free of charge.", CONTRADICTED),
    Golden("denial dropped", ALL, "Gift cards can be returned.", CONTRADICTED),
    Golden("replaced", ALL, "Damaged goods are replaced for free.", SUPPORTED),
    Golden("port", ALL, "The service listens on port 8443.", SUPPORTED),
    Golden("other port", ALL, "The service listens on port 8080.", CONTRADICTED),
    Golden("code", ALL, "Use `MAX_CONNECTIONS` to limit connections; the default is 512.", SUPPORTED),
    Golden("other default", ALL, "The default of `MAX_CONNECTIONS` is 1024.", CONTRADICTED),
    Golden("times", ALL, "Backups run every night at 02:00 UTC.", SUPPORTED),
    Golden("other span", ALL, "Backups are kept for 90 days.", CONTRADICTED),
    Golden("list item", ALL, "- Backups are kept for 35 days.", SUPPORTED),
    Golden("other word", ALL, "Logs are rotated daily.", CONTRADICTED),
    Golden("nothing of it", ALL, "The database is replicated to a second region in Ireland.", UNSUPPORTED),
    Golden("founders", ALL, "Nordlicht GmbH was founded in 2009 by Petra Lang and Ivo Brandt.", SUPPORTED),
    Golden("other founder", ALL, "Nordlicht GmbH was founded in 2009 by Martin Weber.", CONTRADICTED),
    Golden("who bought whom", ALL, "Seebrise Energy acquired Nordlicht GmbH in 2017.", CONTRADICTED),
    Golden("bought", ALL, "In 2017 Nordlicht acquired Seebrise Energy for 42 million euros.", SUPPORTED),
    Golden("millions written out", ALL, "It acquired Seebrise Energy for 42,000,000 euros.", SUPPORTED),
    Golden("opposite", ALL, "Revenue fell from 120 million euros in 2021 to 150 million euros in 2022.", CONTRADICTED),
    Golden("growth", ALL, "Revenue rose to 150 million euros in 2022.", SUPPORTED),
    Golden("people", ALL, "The company has 640 employees.", SUPPORTED),
    Golden(
        "partly made up", ALL,
        "The company employs 640 people in twelve countries and plans an office in Lisbon.", UNSUPPORTED,
    ),
    Golden("German", (GERMAN, FRENCH), "Die Kündigungsfrist beträgt drei Monate.", SUPPORTED),
    Golden("German, shortened", (GERMAN, FRENCH), "Der Vertrag verlängert sich jeweils um ein Jahr.", SUPPORTED),
    Golden("German, other number", (GERMAN, FRENCH), "Die Gebühr beträgt 65 Euro.", CONTRADICTED),
    Golden("German, denied", (GERMAN, FRENCH), "Der Vertrag verlängert sich nicht.", CONTRADICTED),
    Golden("German, made up", (GERMAN, FRENCH), "Kunden erhalten einen Rabatt auf Versicherungen.", UNSUPPORTED),
    Golden("French", (GERMAN, FRENCH), "Le musée est fermé le mardi.", SUPPORTED),
    Golden("French, other price", (GERMAN, FRENCH), "L'entrée coûte 15 euros.", CONTRADICTED),
    Golden("Spanish", (SPANISH,), "La garantía dura 24 meses.", SUPPORTED),
    Golden("Spanish, denial dropped", (SPANISH,), "Cubre los daños causados por agua.", CONTRADICTED),
)  # fmt: skip
