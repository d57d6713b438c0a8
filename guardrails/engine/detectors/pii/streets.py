"""Words of which the names of streets are made, by where in the name they stand."""

from __future__ import annotations

from typing import Final

SURE: Final = (
    "street|avenue|boulevard|blvd|road|lane|drive|parkway|pkwy|highway|hwy|terrace|crescent|turnpike"
    "|expressway|esplanade"
)
"""English, after a name: hardly anything but a street."""
UNSURE: Final = (
    "st|ave|rd|ln|dr|court|ct|place|pl|square|sq|way|circle|cir|trail|close|row|gardens|mews|quay"
    "|alley|hill|grove|park|walk|wharf"
)
"""English, after a name: a street where a number stands before it."""
ENDINGS: Final = (
    "stra.e|strasse|str\\.|weg|gasse|platz|allee|damm|ufer|gatan|gata|gr.nd|v.gen|v.gan|v.g|vegen"
    "|veien|vei|veg|vej|gade|v.nget|str.de"
    "|katu|kuja|polku|tie|kaari|laan|straat|plein|dreef|kade|singel|dijk|gracht|steeg|vegur|str.ti"
    "|braut|ger.i|holt|straede|puiestee|maantee|t.nav"
)
"""Ends of German, Dutch, Nordic and Estonian names, before the number; a dot for letters that are no ASCII."""
BEFORE: Final = (
    "rue|avenue|boulevard|place|quai|cours|chemin|all.e|impasse|route|chauss.e|passage|via|viale"
    "|piazza|piazzale|corso|vicolo|contrada|largo|strada"
    "|calle|avenida|avda|plaza|paseo|camino|carretera|ronda|carrer|r.a|travessa|pra.a|estrada"
    "|alameda|ul\\.|ulica|aleja|ulitsa|bulevard|bulevar|jalan|jl\\.|caminho|beco"
)
"""French, Italian, Spanish, Portuguese, Polish and others, before a name."""
AFTER: Final = (
    "street|str\\.|u\\.|utca|.tja|t.r|tere|ulica|ulice|cesta|trg|n.m.st.|t..da|kalea|enparantza"
    "|sokak|caddesi|cad\\.|gatve|iela|t.nav"
)
"""Hungarian, Slovenian, Czech, Basque, Turkish, Baltic, after a name and before the number."""
