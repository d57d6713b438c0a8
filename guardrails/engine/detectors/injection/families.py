"""What orders to a model look like: families of phrases, each with its reason.

Words may stand at any distance of blanks and punctuation, line ends included: an order that goes on in the next message
of a joined conversation is one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

REACH: Final = 200
"""Characters on either side of a phrase's core."""


class Entity(StrEnum):
    """What is found."""

    INJECTION = "PROMPT_INJECTION"
    """An order to do other than the application's author told the model."""
    JAILBREAK = "JAILBREAK"
    """A game, role or pretext in which the model's own rules are not to hold."""


class Family(NamedTuple):
    """Phrases of one intent."""

    entity: Entity
    evidence: str
    score: float
    pattern: str
    """In the syntax of RE2; letter case does not matter."""
    needs: tuple[str, ...]
    """Of each of these something is in every such phrase, and looking for them first takes a tenth of the time: in the
    syntax of :class:`~guardrails.engine.detectors.triggers.Triggers`."""

    core: str = ""
    """What every such phrase holds, at most ``REACH`` characters from its ends: a wide phrase is looked for around it
    alone. Empty: anywhere."""
    in_data_only: bool = False
    """Suspicious in what a tool or a search brought, and ordinary in what a person asks."""


_GAP: Final = r"[\s\W_]+"
_UPTO_6: Final = r"(?:[\w'\x{2019}-]+[\s\W_]+){0,6}?"
_UPTO_3: Final = r"(?:[\w'\x{2019}-]+[\s\W_]+){0,3}?"
_DROP: Final = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|overrule|bypass(?:ing)?|neglect|"
    r"discard|dismiss|"
    r"delete|erase|cancel|set aside|pay no attention to|stop (?:following|obeying)|(?:do not|don'?t|never) "
    r"(?:follow|obey|listen to|comply with|adhere to)|no longer (?:follow|obey|bound by))"
)
_BEFORE: Final = (
    r"(?:previous(?:ly)?|prior|above|earlier|preceding|former|past|foregoing|initial|original|existing|your|"
    r"system|openai'?s?|"
    r"developer'?s?|so far|up to now|before (?:this|now)|given|told|safety|content|ethical)"
)
_ORDERS: Final = (
    r"(?:instructions?|prompts?|rules?|directions?|directives?|guidelines?|commands?|orders?|contexts?|conversations?|"
    r"information|programming|training|restrictions?|filters?|polic(?:y|ies)|constraints?|guardrails?|"
    r"messages?|requests?|everything)"
)
_NO_RULES: Final = (
    r"(?:do anything now|no (?:\w+ (?:or )?){0,2}(?:restrictions|limits|limitations|filters?|rules|guidelines|"
    r"censorship|boundaries|"
    r"morals?|ethics|constraints)|without (?:any )?(?:\w+ (?:or )?){0,2}(?:restrictions|limitations|filters?|"
    r"rules|guidelines|"
    r"censorship|ethics|morals?|constraints)|un(?:filtered|censored|restricted|ethical|moderated)|amoral|jailbroken|"
    r"does not (?:care|have to (?:follow|abide)|follow|adhere)|not bound by)"
)

_NEEDS_DROP: Final = (
    r"ignor(?:e|ing)|disregard|forget|overrid(?:e|ing)|overrule|bypass|neglect|discard|dismiss|delete|erase|cancel"
    r"|set aside|pay no attention to|stop (?:follow|obey)|(?:not|don'?t|never) (?:follow|obey|listen|comply|adhere)"
    r"|no longer (?:follow|obey|bound)"
)
_NEEDS_ORDERS: Final = (
    r"instruction|prompt|rule|direction|directive|guideline|command|order|context|conversation|information|programming"
    r"|training|restriction|filter|polic(?:y|ies)|constraint|guardrail|message|request|everything"
)
_NEEDS_NO_RULES: Final = (
    r"do anything now|(?:no|without) (?:\S{1,40} ){0,4}(?:restrictions|limits|limitations|filter|rules|guidelines"
    r"|censorship|boundaries|morals?|ethics|constraints)|un(?:filtered|censored|restricted|ethical|moderated)|amoral"
    r"|jailbroken|does not (?:care|have|follow|adhere)|not bound by"
)
_NEEDS_ORDERS_IN_OTHERS: Final = (
    r"ignorier|vergiss|missachte|ignor|oubli|olvid|esque.|dimentic|descart|negeer|zapomnij|nceki"
)
_NEEDS_GAME: Final = (
    r"do anything now|\b(?:dan|stan|dude|aim|jailbreak|betterdan|devmode|evilbot|ucar|yda)\b| mode |stay(?:ing)? in "
    r"|tokens? (?:system|will be)"
)
_NEEDS_NO_REFUSAL: Final = (
    r"refuse|reject|deny|decline|never (?:say|state|mention|tell me)"
    r"|(?:free|freed|liberated|released|exempt) (?:of|from)"
)
_NEEDS_YOUR_ORDERS: Final = r"(?:prompt|instructions|directives|system message|guidelines|developer message|message)"
_NEEDS_OF_THE_MODEL: Final = (
    r"\b(?:ai|llm|assistant|language model|chatbot|chat ?gpt|agent)s?\b"
    r"|when (?:you )?(?:summari|answer|process|read|respond)"
)

FAMILIES: Final[tuple[Family, ...]] = (
    Family(
        Entity.INJECTION,
        "orders to drop earlier instructions",
        0.95,
        rf"\b{_DROP}{_GAP}{_UPTO_6}{_BEFORE}{_GAP}{_UPTO_3}{_ORDERS}\b",
        (_NEEDS_DROP, _NEEDS_ORDERS),
    ),
    Family(
        Entity.INJECTION,
        "orders to drop earlier instructions",
        0.95,
        rf"\b(?:ignore|disregard|forget){_GAP}{_UPTO_3}(?:everything|anything|all|what(?:ever)?){_GAP}{_UPTO_6}"
        r"(?:before|above|previous(?:ly)?|prior|earlier|so far|up to now)\b",
        ("ignore|disregard|forget", r"before|above|previous|prior|earlier|so far|up to now"),
    ),
    Family(
        Entity.INJECTION,
        "orders to drop earlier instructions",
        0.95,
        rf"\b{_DROP}{_GAP}{_UPTO_3}(?:instructions|prompts?|rules|directions|directives|guidelines|commands|orders){_GAP}"
        rf"{_UPTO_6}(?:above|so far|until now|up to now|(?:were|was|been) given|(?:gave|told) you|before this)\b",
        (_NEEDS_DROP, _NEEDS_ORDERS),
    ),
    Family(
        Entity.INJECTION,
        "orders to drop earlier instructions",
        0.9,
        r"(?:ignore|disregard|forget)(?:all|any|the|your|my){0,3}(?:previous|prior|above|earlier|system)"
        r"(?:instructions?|prompts?|rules|orders|commands|messages)",
        ("(?:ignore|disregard|forget)(?:all|any|the|your|my){0,3}(?:previous|prior|above|earlier|system)",),
    ),
    Family(
        Entity.INJECTION,
        "orders to drop earlier instructions, in another language",
        0.95,
        r"\b(?:ignorier\w*|vergiss|missachte\w*)\W+(?:\w+\W+){0,3}(?:vorherig\w*|bisherig\w*|obig\w*|vorig\w*|"
        r"alle\w*)\W+(?:\w+\W+){0,2}"
        r"(?:anweisung\w*|befehl\w*|instruktion\w*|regeln|vorgaben)|"
        r"\b(?:ignor\w*|oubli\w*)\W+(?:\w+\W+){0,3}(?:instructions|consignes|r[èe]gles|"
        r"directives)\W+(?:pr[ée]c[ée]dentes|ant[ée]rieures|"
        r"ci-dessus|initiales)|"
        r"\b(?:ignor\w*|olvid\w*|esque[cç]\w*|dimentic\w*|descart\w*)\W+(?:\w+\W+){0,4}(?:instruc\w*|istruzion\w*|"
        r"[óo]rdenes|ordens|"
        r"reglas|regras|regole|indica\w*)(?:\W+\w+){0,2}?\W+(?:anterior\w*|previ\w*|precedent\w*|de arriba|acima)|"
        r"\bnegeer\W+(?:\w+\W+){0,3}(?:vorige|eerdere|bovenstaande)\W+(?:instructies|opdrachten)|"
        r"\b(?:zignoruj|ignoruj|zapomnij)\W+(?:\w+\W+){0,3}(?:poprzedni\w*|wcze[śs]niejsz\w*)\W+(?:instrukcj\w*|"
        r"polece\w*)|"
        r"(?:игнорируй\w*|проигнорируй\w*|забудь\w*)[\s,]+(?:\p{Cyrillic}+[\s,]+){0,3}(?:предыдущи\w*|прошлые|все|"
        r"прежни\w*)[\s,]+"
        r"(?:\p{Cyrillic}+[\s,]+){0,2}(?:инструкци\w*|указани\w*|команд\w*|правил\w*)|"
        r"(?:忽略|无视|無視|忘记|忘記|不要理会).{0,8}(?:之前|以上|先前|上述|前面|所有).{0,8}(?:指令|指示|提示|规则|規則|命令|内容)|"
        r"(?:これまで|以前|上記|前)の?.{0,6}(?:指示|命令|指令|ルール).{0,6}(?:無視|忘れ)|(?:이전|위의|앞의).{0,8}(?:지시|명령|지침).{0,6}(?:무시|잊)|"
        r"önceki\W+(?:\w+\W+){0,2}(?:talimat\w*|komut\w*)\W+(?:\w+\W+){0,2}(?:yok ?say\w*|unut\w*)",
        (_NEEDS_ORDERS_IN_OTHERS,),
    ),
    Family(
        Entity.JAILBREAK,
        "a role without rules",
        0.95,
        rf"\b(?:you(?:'?re| are| will| have|r)|act(?:ing)? (?:as|like)|pretend(?:ing)?|imagine|become|"
        rf"play(?:ing)?|role-?play(?:ing)?|simulat\w+|"
        rf"respond as|answer as|chatbot|named|called|persona|character)\b[^\n]{{0,160}}\b{_NO_RULES}\b[^\n]{{0,120}}"
        r"\b(?:AI|chatbot|language model|chat ?gpt|gpt|assistant|openai|answers?|respon[ds]\w*|refuse|anything|"
        r"prompts?|ask(?:ed)?)\b",
        (_NEEDS_NO_RULES,),
        core=rf"\b{_NO_RULES}\b",
    ),
    Family(
        Entity.JAILBREAK,
        "a known game of jailbreaks",
        0.95,
        r"\bdo anything now\b|\b(?:you are|act as|as|be|become|called|hello|hi|named)\W+(?:a |an |the |now |"
        r"special |new )*\"?(?:DAN|STAN|DUDE|AIM|"
        r"JailBreak|BetterDAN|DevMode|EvilBOT|UCAR|YDA)\b\W|\b(?:developer|dev|jailbreak|god|dan|opposite|"
        r"unrestricted|sudo) mode "
        r"(?:\(?v?\d|enabled|on\b|output|activated|unlocked)|\[?(?:🔓|🔒)\s*(?:jailbreak|classic)|"
        r"\bstay(?:ing)? in (?:character|DAN)\W+"
        r"(?:at all|no matter|or you)|\btokens? (?:system|will be (?:deducted|removed))",
        (_NEEDS_GAME,),
    ),
    Family(
        Entity.JAILBREAK,
        "orders never to refuse",
        0.85,
        r"\b(?:you|it|he|she|they|who|and|that|AI|bot|chatbot|model|\w*gpt) (?:will |must |can |shall |should |"
        r"are |is |to )?"
        r"(?:never|not|cannot|can'?t|don'?t) (?:be able to |allowed to |ever )?(?:refuse|reject|deny|"
        r"decline)s? (?:to )?(?:any|a|my|an|the|"
        r"answer|human|user|request|respond|fulfil)\w*|\bnever (?:say|state|mention|"
        r"tell me)\b[^\n]{0,40}\b(?:AI language model|you can(?:'|no)?t|"
        r"cannot (?:do|fulfil|assist)|against (?:the |your )?(?:policy|guidelines|rules))|"
        r"\b(?:free|freed|liberated|broken free|released|exempt) (?:of|from) (?:all |any |the |your |typical |"
        r"openai'?s? )*(?:confines|"
        r"restrictions|limitations|rules|constraints|content polic\w+|guidelines)",
        (_NEEDS_NO_REFUSAL,),
    ),
    Family(
        Entity.INJECTION,
        "asks for the instructions that it was given",
        0.9,
        r"\b(?:reveal|show|print|repeat|output|display|tell|give|leak|dump|share|expose|recite|disclose|spell out|"
        r"summari[sz]e|translate|"
        r"encode|what(?:'s| is| are| were| was))\b\W+(?:(?:me|us|back|out|all|of|the|exact|verbatim|full|entire|"
        r"complete|word|for|please|"
        r"exactly|down|to|in)\W+){0,6}?(?:(?:your|its) (?:\w+ ){0,2}?(?:system |initial |hidden |secret |"
        r"original |pre-?|developer |"
        r"starting )*(?:prompts?|instructions|directives|system message|guidelines)|(?:system|hidden|initial|"
        r"secret|developer|above) "
        r"(?:prompt|instructions|message)(?: (?:above|you|that were|verbatim|in full)|[.!?\"]|$))",
        (_NEEDS_YOUR_ORDERS,),
    ),
    Family(
        Entity.INJECTION,
        "asks for the instructions that it was given",
        0.9,
        r"\b(?:repeat|print|output|copy|write|return|translate)\b\W+(?:\w+\W+){0,4}?(?:words|text|everything|"
        r"sentences?|instructions?|content|"
        r"lines?|all)\W+(?:\w+\W+){0,3}?(?:above|before this|preceding|(?:you were )?given (?:to you|above|before))\b|"
        r"\brepeat (?:your|the) (?:prompt|instructions)\b|\b(?:print|output|repeat|show|"
        r"list) (?:\w+ ){0,2}(?:all |the |your )+(?:previous )?"
        r"instructions (?:formatted|given|you|in bytes|verbatim)",
        (
            "repeat|print|output|copy|write|return|translate|list",
            "above|before this|preceding|given|prompt|instructions",
        ),
    ),
    Family(
        Entity.INJECTION,
        "a chat format's control tokens",
        0.9,
        r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|end_header_id|"
        r"eot_id|endofprompt)\|>|"
        r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?(?:system|assistant)(?:_prompt|_message)?>",
        (r"<\||inst\]|<</?sys|_of_turn>|</?(?:system|assistant)",),
    ),
    Family(
        Entity.INJECTION,
        "poses as another speaker's message",
        0.8,
        r"(?:^|\n)[ \t]*(?:#{2,}|={3,}|-{3,}|\*{2,}|\[|<)[ \t]*(?:new |updated |end of |begin )?(?:system|"
        r"developer|admin(?:istrator)?)"
        r"(?: (?:prompt|message|instructions?|note|override|update))?[ \t]*(?:\]|>|:|#|=|-|\*|\n)|"
        r"(?:^|\n)[ \t]*(?:system|developer) ?(?:prompt|message|override|update|instruction)s?[ \t]*:",
        ("system|developer|admin",),
    ),
    Family(
        Entity.INJECTION,
        "sends what it knows elsewhere",
        0.9,
        r"\b(?:send|post|upload|forward|e-?mail|exfiltrate|transmit|submit|leak|append|"
        r"encode)\b[^\n]{0,80}\b(?:conversation|chat (?:history|log)|"
        r"system prompt|api keys?|credentials|passwords?|secrets?|private keys?|environment variables|"
        r"personal (?:data|information)|"
        r"user'?s? (?:data|messages?|details)|(?:this|the) (?:session|context))\b[^\n]{0,60}(?:https?://|www\.|"
        r"[\w.+-]+@[\w-]+\.|to (?:the )?"
        r"(?:url|link|address|server|attacker|following))",
        (
            "send|post|upload|forward|e-?mail|exfiltrate|transmit|submit|leak|append|encode",
            r"https?://|www\.|@|to (?:the )?(?:url|link|address|server|attacker|following)",
        ),
    ),
    Family(
        Entity.INJECTION,
        "sends what it knows elsewhere",
        0.9,
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?=/](?:\{|\$|%7B|<|\[)",
        (r"!\[",),
    ),
    Family(
        Entity.INJECTION,
        "orders to obey what it decodes",
        0.9,
        r"\b(?:decode|decipher|decrypt|un(?:scramble|escape)|convert|base ?64|rot-?13|"
        r"hex(?:adecimal)?)\b[^\n]{0,80}\b(?:and|then|,)\s+(?:\w+\s+){0,2}?"
        r"(?:follow|execute|obey|carry out|run|act on|perform|comply|do (?:what|as|exactly))\b",
        (
            "decode|decipher|decrypt|unscramble|unescape|convert|base ?64|rot-?13|hex",
            "follow|execute|obey|carry out|run|act on|perform|comply|do (?:what|as|exactly)",
        ),
    ),
    Family(
        Entity.INJECTION,
        "speaks to the model from inside of data",
        0.85,
        r"\b(?:attention|note|message|instructions?|important|dear|hey|hello|notice)\W+(?:(?:to|for|the|any|all|"
        r"this)\W+){0,3}(?:AI|LLM|"
        r"assistants?|language models?|chatbots?|chat ?gpt|agents?)\b|\bif you(?:'re| are)? (?:an? )?(?:AI|LLM|"
        r"language model|assistant)|"
        r"\bwhen (?:you )?(?:summari[sz]\w+|answer\w*|process\w*|read\w*|respond\w*) (?:to )?(?:this|the (?:user|"
        r"email|document|question))|"
        r"\b(?:AI|LLM|assistant|language model|chatbot)s?(?:\W+(?:you|must|should|please|"
        r"now)){1,3}\W+(?:\w+\W+)?(?:ignore|add|include|send|"
        r"say|tell|respond|reply|call|use|output|write|not)\b",
        (_NEEDS_OF_THE_MODEL,),
        in_data_only=True,
    ),
    Family(
        Entity.INJECTION,
        "changes the model's answer from inside of data",
        0.85,
        r"\b(?:your|the) (?:next |final |entire |whole )?(?:responses?|answers?|repl(?:y|ies)|"
        r"output)\b(?:'s)?[^\n.]{0,80}\b(?:with|in|by|using|to|as|"
        r"without|for|of|from|into|that|backwards?|from)\b|\b(?:add|include|insert|append|integrate|embed|mention|"
        r"use|replace|remove|change|convert|"
        r"translate|rewrite|respond|reply|answer|output|write|encode|encrypt|reverse|misspell|scramble|"
        r"substitute)\b[^\n]{0,120}\byour "
        r"(?:\w+ )?(?:responses?|answers?|repl(?:y|ies)|output|message)\b|\b(?:respond|reply|answer)\b (?:only |"
        r"solely |always )?(?:in|with|using) ",
        ("response|answer|repl(?:y|ies)|output|respond|message",),
        core=r"\b(?:your|the) (?:\w+ )?(?:responses?|answers?|repl(?:y|ies)|output|message)\b|"
        r"\b(?:respond|reply|answer)\b",
        in_data_only=True,
    ),
)
"""All that is looked for. Of overlapping phrases the surest is told."""
