"""Prompts whose answer is soon out of date: "the weather today" must not be answered with yesterday's.

Told by words that speak of the present or of what changes by the day, in the last thing that the user says. A word too
many only shortens the time for which an answer is kept.
"""

from __future__ import annotations

import re
from typing import Final

from contracts.chat import ChatRequest, Message

TTL_S: Final = 60
"""How long such an answer is kept, where the route keeps answers for longer."""

LOOKED_AT: Final = 4_000
"""Characters from the start and as many from the end of the message."""

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "today", "tonight", "tomorrow", "yesterday", "now", "right now", "currently", "current", "latest", "newest",
        "most recent", "recent", "recently", "this week", "this month", "this year", "this morning", "up to date",
        "so far", "live", "news", "headlines", "weather", "forecast", "temperature outside", "price", "prices",
        "stock", "stocks", "share price", "exchange rate", "score", "standings", "what time", "what date", "what day",
        "balance", "availability", "in stock", "status of my", "where is my",
    ),
    "de": (
        "heute", "jetzt", "aktuell", "aktuelle", "aktuellen", "aktueller", "derzeit", "momentan", "gerade", "morgen",
        "gestern", "neueste", "neuesten", "letzte woche", "diese woche", "dieses jahr", "wetter", "nachrichten",
        "preis", "preise", "kurs", "wechselkurs", "wie spät", "uhrzeit", "kontostand",
    ),
    "fr": (
        "aujourd'hui", "aujourd\u2019hui",
        "maintenant", "actuel", "actuelle", "actuellement", "demain", "hier", "dernier",
        "dernière", "dernières", "récent", "récente", "cette semaine", "météo", "actualités", "prix", "cours",
        "taux de change", "quelle heure", "solde",
    ),
    "es": (
        "hoy", "ahora", "actual", "actualmente", "mañana", "ayer", "último", "última", "últimas", "reciente",
        "esta semana", "tiempo hace", "clima", "noticias", "precio", "precios", "cotización", "tipo de cambio",
        "qué hora", "saldo",
    ),
    "it": (
        "oggi", "adesso", "ora", "attuale", "attualmente", "domani", "ieri", "ultimo", "ultima", "ultime", "recente",
        "questa settimana", "meteo", "notizie", "prezzo", "prezzi", "quotazione", "tasso di cambio", "che ore", "saldo",
    ),
    "pt": (
        "hoje", "agora", "atual", "atualmente", "amanhã", "ontem", "último", "última", "últimas", "recente",
        "esta semana", "previsão", "notícias", "preço", "preços", "cotação", "câmbio", "que horas", "saldo",
    ),
    "nl": (
        "vandaag", "nu", "momenteel", "actueel", "actuele", "huidige", "morgen", "gisteren", "laatste", "nieuwste",
        "deze week", "weer", "nieuws", "prijs", "prijzen", "koers", "wisselkoers", "hoe laat", "saldo",
    ),
    "pl": (
        "dzisiaj", "dziś", "teraz", "obecnie", "aktualny", "aktualna", "jutro", "wczoraj", "najnowsze", "ostatnio",
        "pogoda", "wiadomości", "cena", "ceny", "kurs", "która godzina",
    ),
    "tr": ("bugün", "şimdi", "güncel", "yar\u0131n", "dün", "son dakika", "hava durumu", "haberler", "fiyat", "kur"),
    "ru": (
        "сегодня", "сейчас", "текущий", "текущая", "завтра", "вчера", "последние", "недавно", "погода", "новости",
        "цена", "цены", "курс", "который час",
    ),
    "uk": ("сьогодні", "зараз", "поточний", "завтра", "вчора", "останні", "погода", "новини", "ціна", "курс"),
    "ar": ("اليوم", "الآن", "حاليا", "غدا", "أمس", "أحدث", "الطقس", "أخبار", "سعر", "كم الساعة"),
    "hi": ("आज", "अभी", "वर्तमान", "कल", "नवीनतम", "मौसम", "समाचार", "कीमत", "भाव"),
}  # fmt: skip
"""By language; whole words."""

PARTS: Final[dict[str, tuple[str, ...]]] = {
    "zh": (
        "今天", "今日", "现在", "現在", "目前", "当前", "最新", "明天", "昨天", "最近", "天气", "天氣", "新闻", "价格",
        "股价", "汇率", "几点",
    ),
    "ja": ("今日", "今", "現在", "最新", "明日", "昨日", "最近", "天気", "ニュース", "価格", "株価", "為替", "何時"),
    "ko": ("오늘", "지금", "현재", "최신", "내일", "어제", "최근", "날씨", "뉴스", "가격", "주가", "환율", "몇 시"),
    "th": ("วันนี้", "ตอนนี้", "ปัจจุบัน", "ล่าสุด", "พรุ่งนี้", "อากาศ", "ข่าว", "ราคา"),
}  # fmt: skip
"""By language; anywhere, for these are written without spaces or with endings."""

_PATTERN: Final = re.compile(
    r"(?<!\w)(?:" + "|".join(re.escape(word) for words in WORDS.values() for word in words) + r")(?!\w)"
    "|" + "|".join(re.escape(part) for parts in PARTS.values() for part in parts)
)


def is_time_sensitive(request: ChatRequest) -> bool:
    """Whether the last message of the user asks for something that changes."""
    for message in reversed(request.messages):
        if message.role == "user":
            text = _text_of(message)
            if len(text) > 2 * LOOKED_AT:
                text = f"{text[:LOOKED_AT]} {text[-LOOKED_AT:]}"
            return _PATTERN.search(text.casefold()) is not None
    return False


def _text_of(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return " ".join(str(part.get("text") or "") for part in message.content or () if isinstance(part, dict))
