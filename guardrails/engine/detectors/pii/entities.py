"""The kinds of personal data that are told apart, by Presidio's names where it has them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Entity(StrEnum):
    """What a piece of personal data is."""

    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    PHONE_NUMBER = "PHONE_NUMBER"
    CREDIT_CARD = "CREDIT_CARD"
    IBAN_CODE = "IBAN_CODE"
    BANK_ACCOUNT = "BANK_ACCOUNT"
    IP_ADDRESS = "IP_ADDRESS"
    MAC_ADDRESS = "MAC_ADDRESS"
    URL = "URL"
    DOMAIN_NAME = "DOMAIN_NAME"
    DATE_TIME = "DATE_TIME"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    ADDRESS = "ADDRESS"
    LOCATION = "LOCATION"
    """The town and country of an address that is laid out in lines; the rest is for the deep tier."""
    PERSON = "PERSON"
    """A name after a title or words that announce one; the rest is for the deep tier."""
    PASSPORT = "PASSPORT"
    US_SSN = "US_SSN"
    US_ITIN = "US_ITIN"
    US_DRIVER_LICENSE = "US_DRIVER_LICENSE"
    AU_TFN = "AU_TFN"
    BE_NN = "BE_NN"
    BR_CPF = "BR_CPF"
    CA_SIN = "CA_SIN"
    CH_AHV = "CH_AHV"
    CN_RESIDENT_ID = "CN_RESIDENT_ID"
    DE_TAX_ID = "DE_TAX_ID"
    ES_NIE = "ES_NIE"
    ES_NIF = "ES_NIF"
    FI_PERSONAL_IDENTITY_CODE = "FI_PERSONAL_IDENTITY_CODE"
    FR_NIR = "FR_NIR"
    IN_AADHAAR = "IN_AADHAAR"
    IN_PAN = "IN_PAN"
    IT_FISCAL_CODE = "IT_FISCAL_CODE"
    NL_BSN = "NL_BSN"
    PL_PESEL = "PL_PESEL"
    SE_PERSONNUMMER = "SE_PERSONNUMMER"
    SG_NRIC_FIN = "SG_NRIC_FIN"
    TR_TCKN = "TR_TCKN"
    UK_NHS = "UK_NHS"
    UK_NINO = "UK_NINO"


ENTITIES: Final = frozenset(Entity)
DEFAULT: Final = ENTITIES - {Entity.URL, Entity.DOMAIN_NAME, Entity.DATE_TIME}
"""What identifies a person: addresses of pages and dates other than of birth seldom do."""
STRUCTURED: Final = ENTITIES - {Entity.ADDRESS, Entity.LOCATION, Entity.PERSON}
"""What has a form of its own, so that no model is needed to know it."""
