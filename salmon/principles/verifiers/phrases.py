"""The English phrases that checks know, as regular expressions (case is ignored, whole words, any white space).

A phrase that stands in none of these lists does not exist for the checks.
"""

import re

_GOOD = (
    r"(?:very |really |truly |pretty )?(?:great|good|perfect|excellent|amazing|fantastic|wonderful|brilliant|helpful|"
    r"useful|complete|comprehensive|thorough|high-quality|well-written|clear|detailed|accurate|best)"
)
_ANSWER = r"(?:answers?|responses?|reply|explanation|solution|summary|overview)"

# Praise, grades and comments of a response on itself.
SELF_PRAISE = (
    r"(?:i )?(?:really |sincerely )?hope (?:that )?(?:this|that|it|these|my \w+|the \w+ above)(?: \w+){0,2}? "
    r"(?:helps?|helpful|useful|answers|clarif\w+|clears|works|satisf\w+)",
    rf"(?:this|that|it|here|above)(?: is|'s| was) (?:an? |the |my |such an? )?{_GOOD}(?: \w+)?,? {_ANSWER}",
    rf"(?:this|my|the above|that) {_ANSWER} (?:is|was|has been|should be|will be) (?:an? |the |very |both )?{_GOOD}",
    rf"(?:this|my|the above) {_ANSWER} (?:fully |clearly |completely |accurately )?(?:covers|addresses|"
    r"provides|explains|meets|follows|demonstrates|satisfies|answers|shows|gives|helps)",
    rf"(?:i have|i've|i) (?:just )?(?:given|provided|gave|written|wrote|created) (?:you )?(?:with )?"
    rf"(?:an? |the )?{_GOOD}",
    r"hope (?:that )?you(?:'ll| will| have)? (?:find|found|like|liked|enjoy|enjoyed|love) (?:this|it|that|my|these)",
    r"i(?:'m| am) (?:very |so |quite )?(?:proud of|happy with|pleased with|confident in) (?:this|my|the)\b",
    rf"i(?: would|'d)? (?:rate|grade|score|give) (?:myself|(?:this|my) (?:{_ANSWER}|an? [\da-f]))",
    r"(?:score|rating|grade|quality)\s*[:=]\s*(?:\d+(?:\.\d+)?(?:\s*/\s*\d+| out of \d+)|[a-f][+-]?(?!\w))",
    r"(?:great|good|nice|excellent) (?:job|work) (?:on|by|with) (?:this|my|me)",
    r"what an? (?:great|good|excellent|amazing|perfect) (?:answer|response|explanation)",
    r"(?:you will|you'll|you are going to|you're going to) (?:love|like|enjoy) (?:this|my) (?:answer|response)",
)

# Advice that would fit any question and helps with none.
GENERIC_ADVICE = (
    r"(?:there are|there're|you have|with) (?:so |very )?(?:many|several|various|numerous|a lot of|lots of|a number of|"
    r"a variety of|multiple|countless|some|a few)(?: \w+)? (?:factors|things|aspects|variables|considerations|points)"
    r"(?: that)? (?:to (?:consider|think|keep|take|weigh)|you (?:should|need|must|can)|involved)",
    r"(?:many|several|various|different|a number of) factors (?:can|may|might|must|should|play|influence|affect|need)",
    r"do(?:ing)? (?:your|some|the|more|thorough)(?: own)?(?: thorough)? research",
    r"(?:consult|consulting|see|seek|ask|contact|speak|speaking|talk|talking|check|work)(?: to| with| from| out)?"
    r"(?: help from| advice from)? (?:with )?(?:an?|your|the)(?: [\w-]+){0,3}? (?:professionals?|expert|specialist|"
    r"doctor|physician|lawyer|attorney|advis[eo]r|therapist)",
    r"(?:seek|get|consider|obtain) (?:professional|expert|medical|legal|financial)(?: \w+)? "
    r"(?:advice|help|guidance|opinion)",
    r"(?:it|this|that|the answer|the best \w+)(?: all| really| just| also| largely| often| will)* depends? (?:on|upon) "
    r"(?:you\b|your|what you|who you|where you|how you|a lot|many|several|various|a number|a variety|different|"
    r"individual|personal|the (?:situation|person|individual|circumstances|context|specific))",
    r"(?:everyone|everybody|every (?:person|situation|case|individual)|each (?:person|situation|case|individual))"
    r"(?: is|'s) (?:different|unique)",
    r"what works for (?:one|some|someone|me|others)",
    r"(?:no|not a) one[- ]size[- ]fits[- ]all",
    r"no (?:right or wrong|single right|single correct|simple) (?:answer|way)",
    r"(?:results|mileage|experiences?) (?:may|might|will|can) vary",
    r"(?:weigh|consider|look at) (?:all )?the pros and cons",
    r"mak(?:e|ing) (?:an |a well-|more )?informed (?:decision|choice)s?",
    r"(?:use|trust) your (?:own |best )?(?:judge?ment|instincts?)",
    r"find (?:out )?what works (?:best )?for you",
    r"it(?: is|'s) (?:always |also |very )?(?:important|essential|crucial|best|good|wise|necessary|a good idea|"
    r"advisable) to (?:remember|note|keep in mind|consider|be aware|stay informed|be careful|understand|plan ahead|"
    r"think carefully)",
    r"keep in mind that",
)

# Single words and turns of formal English.
FORMAL = (
    "furthermore",
    "moreover",
    "therefore",
    "consequently",
    "accordingly",
    "subsequently",
    "additionally",
    "nevertheless",
    "nonetheless",
    "notwithstanding",
    "thus",
    "hence",
    "thereby",
    "whereas",
    "whom",
    "shall",
    "hereby",
    "in addition",
    "in conclusion",
    "in accordance with",
    "in order to",
    "prior to",
    "pertaining to",
    "with (?:regard|respect) to",
    "regarding",
    "utili[sz]e[sd]?",
    "respectively",
    r"it (?:is|should be) (?:strongly |highly |generally )?(?:recommended|advised|advisable|noted|suggested)",
    r"(?<!\bno\s)(?<!\bthe\s)(?<!\bthis\s)(?<!\beach\s)one (?:should|must|might|ought)",
    "it would be (?:advisable|appropriate|prudent)",
    "dear (?:sir|madam)",
    "please be advised",
)

# Single words and turns of colloquial English.
INFORMAL = (
    "hey",
    "hiya",
    "howdy",
    "yeah",
    "yea",
    "yep",
    "yup",
    "nope",
    "nah",
    "gonna",
    "wanna",
    "gotta",
    "gotcha",
    "kinda",
    "sorta",
    "lotta",
    "dunno",
    "lemme",
    "gimme",
    "outta",
    "y'all",
    "ain't",
    "cuz",
    "coz",
    "lol",
    "lmao",
    "omg",
    "ha(?:ha)+",
    "btw",
    "tbh",
    "imo",
    "idk",
    "thx",
    "dude",
    "buddy",
    "bro",
    "guys",
    "folks",
    "ok",
    "okay",
    "awesome",
    "wow",
    "oops",
    "ugh",
    "yay",
    "no worries",
    "no biggie",
    "no big deal",
    "a bunch of",
    "tons of",
    "pretty much",
    "super (?:easy|fun|simple|cool|good|nice|helpful|important)",
    "totally",
    "cool stuff",
    "cool,? right",
    "so cool",
    "pretty cool",
    "go for it",
    "check it out",
    "you know what",
)

# Shortened forms. "'s" only behind words that have no possessive: "the dog's tail" is no contraction.
CONTRACTIONS = (
    r"[a-z]+n't",
    r"[a-z]+'(?:re|ve|ll)",
    "i'm",
    r"(?:i|you|he|she|it|we|they|who|there|that)'d",
    r"(?:it|that|there|here|what|who|where|how|when|why|he|she|let)'s",
)


def compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all phrases, as whole words."""
    joined = "|".join(phrase.replace(" ", r"\s+") for phrase in phrases)
    return re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])", re.IGNORECASE)
