"""What words have to do with one another: opposites, kinds of things, other words for the same, and words of denial.

Written by hand from everyday and business English; what is not here is left to vectors. Words stand as they are looked
up: in lower case, in their base form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_OPPOSITES: Final = """
accept reject
accept refuse|accept decline|add remove|add subtract|admit deny|advance retreat|agree disagree
allow forbid|allow prohibit|allow ban|allow deny|allow block|allow prevent|always never|ancient modern
appear disappear|appear vanish|approve reject|approve deny|arrive depart|arrive leave|ask answer|asleep awake
attach detach|attack defend|attract repel|available unavailable|awake sleep|backward forward|bad good|beautiful ugly
before after|begin end|begin finish|begin stop|below above|beneath above|best worst|better worse|big little|big small
bitter sweet|black white|blunt sharp|bore excite|borrow lend|bottom top|boy girl|brave afraid|break fix|break repair
bright dark|bright dim|bring take|broad narrow|brother sister|build destroy|build demolish|busy idle|buy sell
calm angry|cheap expensive|clean dirty|clean dirt|clear cloudy|clear vague|clever stupid|climb descend|close open
closed open|cold hot|cold warm|cool hot|cool warm|combine separate|come go|compulsory optional|confirm deny
connect disconnect|correct incorrect|correct wrong|cover uncover|crash launch|create destroy|create delete
cry laugh|damage repair|dangerous safe|dark light|daughter son|day night|dead alive|death birth|decrease increase
decrease rise|deep shallow|defeat victory|demand supply|deny grant|deposit withdraw|destroy save|die live|different same
difficult easy|dry wet|dry soak|early late|east west|easy hard|empty full|empty fill|enable disable|enter exit
enter leave|even odd|exclude include|expand shrink|expand contract|export import|external internal|fail succeed
fail pass|failure success|fake real|fall rise|fall climb|false true|far near|far close|fast slow|fat thin|father mother
female male|few many|few several|first last|float sink|forget remember|found lost|find lose|free paid|freeze melt
freeze thaw|fresh stale|friend enemy|front back|gain lose|gain loss|gather scatter|gentle rough|giant tiny|give take
go stop|grow shrink|guilty innocent|happy sad|hard soft|hate love|head tail|healthy sick|heavy light|help hinder
hide show|hide reveal|high low|higher lower|hire fire|hold drop|horizontal vertical|huge tiny|husband wife|ignore notice
import export|improve worsen|inbound outbound|include omit|incoming outgoing|increase fall|increase drop|increase reduce
indoor outdoor|indoors outdoors|inside outside|input output|junior senior|keep discard|king queen|large small|large tiny
large little|laugh weep|lead follow
leave stay|left right|legal illegal|lengthen shorten|less more|lift lower|like dislike
lock unlock|long short|loose tight|loss profit|loud quiet|loud silent|lower raise|lower upper|lower rise|man woman
mandatory optional|married single|maximum minimum|maximise minimise|most least|move stand|negative positive|new old
noisy quiet|noon midnight|north south|obey disobey|off on|old young|open shut|open seal|optimist pessimist|out in
over under|pack unpack|part whole|pass fail|past future|permanent temporary|permit forbid|permit prohibit|play work
plural singular|poor rich|possible impossible|praise criticise|presence absence|present absent|private public
profit loss|proper improper|protect attack|public secret|pull push|punish reward|put remove|quick slow|quiet shout
raise drop|raise cut|rapid slow|raw cooked|real imaginary|receive send|reduce raise|reject approve|reject support
relax work|remain leave|remember forget|required optional|resume pause|right wrong|rise drop|rise sit|rough smooth
run rest|run sit|run sleep|sad joyful|save delete|save spend|seldom often|rarely often|sell purchase
send receive|shallow deep|short tall|show conceal|shrink swell|simple complex|simple complicated|sit stand|sit walk
sit jump|sleep wake|slow quick|smile frown|solid liquid|start stop|start end|start finish|stand lie
stay move|still moving|strength weakness|strict lax|strong weak|succeed fail|success failure|sunny rainy|support oppose
surplus deficit|sunrise sunset|swim walk|tall little|thick thin|throw catch|tie untie|together apart
top base|true untrue
up down|upstairs downstairs|upward downward|urban rural|use waste|valid invalid
victory loss|visible invisible
wake sleep|war peace|wax wane|wealthy poor|wide narrow|win lose|win loss|winter summer|with without|worse improve
write erase|yes no|zip unzip|on-time late|profitable unprofitable|refundable nonrefundable|all none|everybody nobody
everyone nobody|everything nothing|someone nobody|something nothing|acquire divest|hit miss|land takeoff|load unload
online offline|upload download|encrypt decrypt|activate deactivate|publish retract|hire dismiss|promote demote
majority minority|superior inferior|former latter|exceed underperform|guest host|teacher student|doctor patient
lender borrower|buyer seller|employer employee|landlord tenant|parent child|uncle aunt
"""

_KINDS: Final = """
person: man woman boy girl child kid lady guy gentleman baby toddler teenager adult player worker soldier officer chef
 cook musician dancer singer athlete runner swimmer biker cyclist skater surfer rider climber climber hiker fisherman
 farmer teacher student doctor nurse patient customer client employee manager director driver pilot actor artist
 guitarist drummer pianist someone somebody human individual citizen resident worker pedestrian crowd spectator fan
 bride groom father mother son daughter brother sister friend engineer lawyer minister president user
man: guy gentleman boy groom father husband
woman: lady girl bride mother wife
child: kid boy girl baby toddler
animal: dog cat puppy kitten horse cow sheep goat pig bird fish monkey elephant lion tiger bear panda rabbit squirrel
 fox wolf deer turtle lizard snake frog hamster mouse rat zebra giraffe lemur kangaroo koala beast pet creature
dog: puppy bulldog terrier poodle hound
bird: parrot eagle duck chicken owl penguin pigeon gull
vehicle: car truck bus van bike bicycle motorcycle motorbike scooter train boat ship plane tractor automobile suv
bike: bicycle motorbike motorcycle
food: bread meat fish fruit vegetable potato tomato onion carrot garlic egg cheese rice pasta noodle soup salad cake
 pizza burger sandwich shrimp chicken beef pork butter cookie meal dish
vegetable: potato tomato onion carrot garlic pepper cucumber broccoli zucchini lettuce cabbage spinach
fruit: apple banana orange pear grape strawberry melon lemon
meat: beef pork chicken lamb steak ham bacon
drink: water beer wine milk juice coffee tea soda beverage
instrument: guitar piano flute violin drum trumpet harp saxophone keyboard cello banjo
clothes: shirt trousers pants dress skirt hat cap coat jacket shoe jean uniform suit vest sweater sock glove
sport: football soccer basketball baseball tennis rugby hockey golf volleyball cricket skiing boxing
move: run walk jump swim climb ride drive fly dance skate crawl jog hike leap race
make: cook build prepare draw paint write produce create craft
cut: slice chop peel dice carve trim
speak: say tell talk shout whisper discuss announce state declare explain
building: house school church hospital hotel office shop store tower castle temple station
water: river lake sea ocean pool pond stream waterfall
plant: tree flower grass bush
group: crowd team band family class gang bunch
place: city town village country park street beach field yard garden
company: firm bank insurer airline retailer manufacturer startup
payment: refund fee deposit invoice charge
colour: red blue green yellow black white brown orange pink purple grey gray
weekday: monday tuesday wednesday thursday friday saturday sunday
month: january february march april may june july august september october november december
frequency: hourly daily weekly monthly quarterly yearly annually
span: second minute hour day week month quarter year decade
currency: euro dollar pound yen franc krone krona rupee
direction: north south east west
season: spring summer autumn winter
continent: africa asia europe america australia
level: basic standard premium silver gold platinum
document: report letter contract form file email memo
"""

_SAME: Final = """
kid child youngster|man guy gentleman male|woman lady female|big large huge giant|small little tiny|fast quick rapid
speak talk|say state tell|begin start|end finish|stop halt cease|buy purchase|get obtain receive|near close|happy glad
cut slice chop|jump leap hop|run jog sprint|walk stroll|eat consume|look watch stare gaze view|picture photo image
bike bicycle cycle|motorbike motorcycle|car automobile|boat ship vessel|rock stone|road street|forest wood woods
yard garden|shop store|sofa couch|pan skillet pot|bag sack|hat cap|pants trousers|make prepare|fix repair mend
throw toss hurl|hit strike|hold carry|ride drive|grass lawn field|ocean sea|beach shore|mountain hill|near beside
rise increase grow climb|fall decrease drop decline|reply answer respond|help assist aid|allow permit|need require
show display|build construct|choose select pick|job work|pay salary wage|fee charge|staff employee worker|firm company
illness disease|doctor physician|shut close|require must|annual yearly|begin commence|perform do|outdoors outside
film movie|infant baby|location place|whole entire|about approximately roughly|over above|under below|group bunch
person someone somebody individual human|people crowd|dirt mud|cook prepare|play perform|smile grin|remove peel take
"""

_DENIALS: Final = (
    "no not none nobody nothing never neither nor without cannot nowhere hardly lack lacks lacking fail fails failed "
    "non kein keine keinen nicht nie niemals ohne pas jamais aucun aucune sans ningún ninguna nunca sin nem não sem "
    "jamás mai nessuno senza niet geen nooit zonder ikke ingen inte ei не нет без никогда ні немає"
)
NEGATIONS: Final = frozenset(_DENIALS.split())
"""Words that deny, in several languages; endings in n't are seen apart."""

_UNITS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBERS: Final = {
    **{word: value for value, word in enumerate(_UNITS.split())},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), start=2)},
    "dozen": 12,
}
SCALES: Final = {
    "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "mn": 10**6, "m": 10**6, "billion": 10**9,
    "bn": 10**9, "b": 10**9, "trillion": 10**12,
}  # fmt: skip
MONTHS: Final = {
    name: number
    for number, names in enumerate(
        ("january jan januar janvier enero", "february feb februar février febrero", "march mar märz mars marzo",
         "april apr avril abril", "may mai mayo", "june jun juni juin junio", "july jul juli juillet julio",
         "august aug août agosto", "september sep sept septembre septiembre", "october oct oktober octobre octubre",
         "november nov novembre noviembre", "december dec dezember décembre diciembre"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip

_FREQUENT: Final = (
    "the a an and or but if of to in on at by for with from as is are was were be been being am this that these those "
    "it its he she they we you i his her hers their our your my me him them us do does did done has have had having "
    "can could will would shall should may might must there here than then so such also very just only both each "
    "which who whom whose what when where how why about into onto upon while during because through s t re ve ll d "
    "some any other another own same too again once per via "
    "der die das ein eine einen einem einer und oder ist sind war von zu im in den dem des mit auf für es sich wird "
    "le la les un une des et ou est sont de du au aux en dans sur pour par que qui il elle ce cette "
    "el los las una unos y o es son del al en con por para que se su lo"
)
STOPWORDS: Final = frozenset(_FREQUENT.split())

_IRREGULAR: Final = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "mice": "mouse",
    "teeth": "tooth", "ran": "run", "sat": "sit", "stood": "stand", "went": "go", "gone": "go", "came": "come",
    "took": "take", "taken": "take", "gave": "give", "given": "give", "made": "make", "said": "say", "told": "tell",
    "bought": "buy", "sold": "sell", "rose": "rise", "risen": "rise", "fell": "fall", "fallen": "fall", "grew": "grow",
    "grown": "grow", "began": "begin", "begun": "begin", "wrote": "write", "written": "write", "ate": "eat",
    "eaten": "eat", "held": "hold", "kept": "keep", "left": "left", "lost": "lose", "paid": "pay", "met": "meet",
    "sent": "send", "spoke": "speak", "spoken": "speak", "swam": "swim", "threw": "throw", "thrown": "throw",
    "won": "win", "wore": "wear", "worn": "wear", "found": "find", "felt": "feel", "drove": "drive",
    "driven": "drive", "rode": "ride", "ridden": "ride", "knew": "know", "known": "know", "slept": "sleep",
    "lying": "lie", "lain": "lie", "dying": "die", "died": "die", "built": "build", "led": "lead", "hidden": "hide",
    "broke": "break", "broken": "break", "chose": "choose", "chosen": "choose", "wives": "wife", "lives": "live",
    "better": "better", "worse": "worse", "best": "best", "worst": "worst", "indoors": "indoor", "outdoors": "outdoor",
}  # fmt: skip
_ENDINGS: Final = ("ingly", "edly", "ings", "ing", "ied", "ies", "ed", "es", "ly", "s")


def stem(word: str) -> str:
    """The word without endings of English that change little about what it means; others stay nearly as they are."""
    word = _IRREGULAR.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.rstrip("eiy") if len(word) > 3 else word


def _groups(text: str) -> Iterator[list[str]]:
    for line in text.replace("\n", "|").split("|"):
        if line.strip():
            yield [stem(one) for one in line.split()]


def _pairs(text: str) -> frozenset[tuple[str, str]]:
    return frozenset((a, b) for group in _groups(text) for a in group for b in group if a != b)


def _kinds(text: str) -> frozenset[tuple[str, str]]:
    found = set()
    for line in text.replace("\n ", " ").split("\n"):
        kind, _, members = line.partition(":")
        found |= {(stem(member), stem(kind)) for member in members.split()}
    return frozenset(found)


SAME: Final = _pairs(_SAME)
"""Pairs of stems that mean the same, both ways."""
OPPOSITE: Final = _pairs(_OPPOSITES) - SAME
"""Pairs of stems that mean the opposite, both ways."""
KIND_OF: Final = _kinds(_KINDS)
"""Pairs of stems: the first is a kind of the second."""
SIBLINGS: Final = (
    frozenset(
        (a, b) for a, kind in KIND_OF for b, other in KIND_OF if a != b and kind == other and kind != stem("person")
    )
    - SAME
    - KIND_OF
    - frozenset((b, a) for a, b in KIND_OF)
)
"""Pairs of stems that are kinds of the same, and so not one another."""
