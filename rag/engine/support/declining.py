"""Whether an answer says that the documents do not answer the question, in many ways and languages."""

from __future__ import annotations

import re
from typing import Final

_LISTS: Final = {
    "SOURCE": "documents? passages? contexts? sources? texts? excerpts? materials? information docs articles? files? "
    "pages? knowledge\\sbase search\\sresults? references?",
    "BOOK": "handbook manual guide polic(?:y|ies) contract report agreement terms faq website",
    "SAY": "mention say state specify contain include provide cover address answer discuss describe explain give "
    "indicate tell offer list reveal refer\\sto make\\s(?:any\\s|no\\s)?(?:mention|clear) clarify define "
    "have\\s(?:any\\s|enough\\s|the\\s)?(?:information|details?|answers?|mention|data)",
    "SAID": "mentioned stated specified contained included provided covered addressed answered discussed found "
    "described given listed available",
    "NOT": "do(?:es)?\\snot don't doesn't did\\snot didn't never cannot can't",
    "FACTS": "information mention details? answers? data evidence",
    "QUELLE": "dokumente?n? texte?n? quellen? passagen? unterlagen kontext informationen abschnitte?n?",
    "KEIN": "nicht keine?n? nichts",
    "SAGT": "enthalten enthält erwähn\\w* beantwort\\w* genannt nenn\\w* steht stehen hervor angegeben angaben sag\\w* "
    "informationen hinweise?",
    "TEXTE": "documents? passages? sources? textes? contexte extraits? informations?",
    "FUENTE": "documentos? pasajes? fuentes? textos? contexto fragmentos? trechos? fontes?",
    "DICE": "menciona\\w* dice\\w* diz\\w* contien\\w* contém indica\\w* incluye\\w* inclui\\w* especifica\\w* "
    "proporciona\\w* fornece\\w* respond\\w*",
    "FONTE": "documenti documento passaggi fonti testo testi contesto",
    "BRON": "documenten document bronnen tekst teksten context passages",
}
"""Alternatives, by the word in capitals that stands for them below."""
_SAYINGS: Final = (
    r"\bSOURCE\b ~60 \bNOT\b ~25 \bSAY\b",
    r"\bBOOK\b ~30 \bNOT\b ~15 \b(?:mention|say|state|specify|address|discuss|tell|contain (?:any )?information)\b",
    r"\b(?:not|isn't|aren't|wasn't|never|nowhere)\b ~30 \bSAID\b ~25 \b(?:in|by|within|from)\b ~30 \bSOURCE\b",
    r"\b(?:no|any|enough|sufficient|insufficient) (?:\w+ ){0,2}FACTS\b ~60 \b(?:in|from|within|by)\b ~30 \bSOURCE\b",
    r"\b(?:there is|there's|i have|i see|i found|we have) (?:no|not enough|insufficient) "
    r"(?:relevant |specific |further )?FACTS\b",
    r"\b(?:i|we) (?:do not|don't|did not|didn't) have (?:enough |any |sufficient |the )?(?:relevant |specific )?"
    r"(?:context|FACTS)\b",
    r"\b(?:i|we) (?:do not|don't) know\b(?! (?:that|where you|what you))",
    r"\b(?:i|we) (?:cannot|can't|could not|couldn't|was unable to|were unable to|am unable to|am not able to|"
    r"are unable to) (?:find|answer|determine|locate|say|tell|confirm|provide)\b",
    r"\b(?:unable|impossible|not possible) to (?:answer|determine|say|tell)\b ~50 \bSOURCE\b",
    r"\b(?:nothing|none)\b ~25 \bSOURCE\b ~60 \bSAYs?\b",
    r"\bSOURCE\b ~30 \b(?:silent|unclear)\b (?:on|about)",
    r"^(?:unknown|not (?:specified|mentioned|stated|available|found)|no answer|n/?a)\.?$",
    # German
    r"\bQUELLE\b ~60 \bKEIN\b ~60 \bSAGT\b",
    r"\bSAGT\b (?:\w+ )?KEIN in den QUELLE|\bsteht nicht in (?:den|der|dem)\b",
    r"\bQUELLE\b ~10 \bSAGT\b ~40 \bKEIN\b",
    r"\bSAGT\b ~20 \bQUELLE\b ~40 \bKEIN\b",
    r"\bich weiß (?:es |das )?(?:leider )?nicht|\bweiß ich (?:leider )?nicht",
    r"\bich (?:kann|konnte) ~40 \bKEIN\b ~40 \b(?:beantworten|finden|sagen)",
    r"\b(?:keine|nicht genügend|nicht genug) (?:\w+ )?(?:informationen|angaben|hinweise|antwort)\b",
    # French
    r"\bTEXTE\b ~40 \bn(?:e |')"
    r"(?:mentionn|indiqu|précis|contien|répond|fourni|parl|di)\w* ~12 \b(?:pas|aucune?|rien)\b",
    r"\bje ne sais pas\b|\bje ne (?:peux|trouve) ~10 \b(?:pas|aucune?)\b|\b(?:aucune |pas d'|pas assez d')information",
    # Spanish, Portuguese, Italian
    r"\bFUENTE\b ~30 \b(?:no|não|nao)\b ~20 \bDICE\b",
    r"\bno lo sé\b|\bno (?:hay|tengo|encuentro|dispongo de) (?:suficiente |ninguna )?(?:información|respuesta)",
    r"\bnão sei\b|\bnão (?:há|tenho|encontrei|encontro) (?:\w+ )?(?:informaç|resposta)",
    r"\bFONTE\b ~20 \bnon\b ~20 \b(?:menziona|dice|dicono|contien|contengono|indica|specifica|fornisc|rispond)",
    r"\bnon lo so\b|\bnon (?:ci sono|ho|trovo|c'è) (?:\w+ )?(?:informazion|rispost)",
    # Dutch, Polish, Russian, Ukrainian, Turkish
    r"\bBRON\b ~15 \b(?:vermeld\w*|bevat\w*|noem\w*|zeg\w*|staat)\b ~30 \b(?:niet|geen)\b",
    r"\bik weet het niet\b|\bgeen informatie\b",
    r"\bnie wiem\b|\b(?:brak|nie ma) informacji",
    r"\b(?:dokument|tekst|źród|kontekst)\w* ~40 \bnie\b ~15 \b(?:zawier|wspomin|podaj|odpowiad|określ)",
    r"\b(?:документ|текст|источник|контекст)\w* ~30 \b(?:нет (?:информации|ответа|данных|сведений)|"
    r"не (?:указ|упом|содерж|сказ|говор|отвеч))",
    r"\bя не знаю\b|\bнет информации\b|\bне (?:указан|упомин|найден)\w*|\bнемає інформації\b",
    r"\b(?:документ|джерел)\w* ~30 \b(?:немає (?:інформації|відповіді|даних)|не (?:вказ|згад|міст))",
    r"\bbilmiyorum\b|\b(?:belge|metin|kaynak)\w* ~60 \b(?:yok|bulunm\w+|belirtilm\w+|içermi\w+)\b",
    # Chinese, Japanese, Korean
    r"(?:文档|文件|资料|上下文|文章|段落|文檔) ~20 (?:没有|未|沒有|并未)"
    r"(?:提及|提到|包含|说明|說明|给出|涉及|指出|回答)",
    r"(?:文档|文件|资料) ~6 不包含|我不知道|无法(?:回答|确定|找到)|没有(?:相关|足够的?)?信息",
    r"(?:文書|資料|ドキュメント|文脈|記載|情報) ~25 (?:記載|言及|含まれ|書かれ|情報|見つか) ~8 (?:ません|ない|なし)",
    r"わかりません|分かりません|(?:문서|자료|문맥|정보) ~25 (?:언급|나와|포함|정보) ~8 (?:없|않)|모르겠|알 수 없",
)
"""``~20``: so many characters of the same sentence at most."""


def _pattern(saying: str) -> str:
    for name, words in _LISTS.items():
        alternatives = f"(?:{words.replace(' ', '|')})".replace("\\", r"\\")
        saying = re.sub(rf"{name}(?![A-Z])", alternatives, saying)
    return re.sub(r" ?~(\d+) ", r"[^.!?。！？\\n]{0,\1}", saying)


_DECLINES: Final = re.compile("|".join(f"(?:{_pattern(one)})" for one in _SAYINGS), re.IGNORECASE | re.MULTILINE)


def declines(text: str) -> bool:
    """Whether the sentence or short text says so."""
    return _DECLINES.search(text.replace("’", "'")) is not None
