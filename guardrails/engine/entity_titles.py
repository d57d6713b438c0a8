"""What entities are called where people choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TITLES: Final = "titles"
"""In what options say of themselves: values to choose among, with their titles."""

PERSONAL_DATA: Final[Mapping[str, str]] = {
    "EMAIL_ADDRESS": "E-mail address",
    "PHONE_NUMBER": "Phone number",
    "ADDRESS": "Postal address",
    "LOCATION": "Town and country",
    "PERSON": "Name after a title",
    "DATE_OF_BIRTH": "Date of birth",
    "DATE_TIME": "Any date or time",
    "CREDIT_CARD": "Credit card",
    "IBAN_CODE": "IBAN",
    "BANK_ACCOUNT": "Bank account",
    "IP_ADDRESS": "IP address",
    "MAC_ADDRESS": "MAC address",
    "URL": "Web address",
    "DOMAIN_NAME": "Domain name",
    "PASSPORT": "Passport",
    "AU_TFN": "Australia: tax file number",
    "BE_NN": "Belgium: national number",
    "BR_CPF": "Brazil: CPF",
    "CA_SIN": "Canada: social insurance",
    "CN_RESIDENT_ID": "China: resident id",
    "FI_PERSONAL_IDENTITY_CODE": "Finland: identity code",
    "FR_NIR": "France: NIR",
    "DE_TAX_ID": "Germany: tax id",
    "IN_AADHAAR": "India: Aadhaar",
    "IN_PAN": "India: PAN",
    "IT_FISCAL_CODE": "Italy: fiscal code",
    "NL_BSN": "Netherlands: BSN",
    "PL_PESEL": "Poland: PESEL",
    "SG_NRIC_FIN": "Singapore: NRIC, FIN",
    "ES_NIE": "Spain: NIE",
    "ES_NIF": "Spain: NIF",
    "SE_PERSONNUMMER": "Sweden: personnummer",
    "CH_AHV": "Switzerland: AHV",
    "TR_TCKN": "Türkiye: TCKN",
    "UK_NHS": "UK: NHS number",
    "UK_NINO": "UK: national insurance",
    "US_DRIVER_LICENSE": "US: driver's licence",
    "US_ITIN": "US: ITIN",
    "US_SSN": "US: social security",
}
NAMES: Final[Mapping[str, str]] = {"PERSON": "People", "LOCATION": "Places", "ORGANIZATION": "Organisations"}
