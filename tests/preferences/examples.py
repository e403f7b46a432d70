"""Pairs, a bank and settings that tests of rows and of vetoes share."""

from dataclasses import replace

from salmon.config.preferences import AggregationSettings, LabelRule, Normalization
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle

PAIR = Pair("p1", "Which fish swim upriver?", "one: salmon", "two: trout")
SETTINGS = AggregationSettings(
    passes=200,
    geometric_p=0.2,
    max_principles=3,
    negation_probability=0.5,
    antithetic=False,
    require_agreement=True,
    normalize_by_variance_of=Normalization.none,
    label_rule=LabelRule.most_pronounced,
    label_noise=0.0,
    veto_label_noise=0.0,
    ai_disclaimer_veto=0.0,
    language_veto=False,
    planted_bias=None,
    planted_bias_probability=0.0,
)
ENGLISH = "The salmon returns from the sea to the river in which it was born, often over hundreds of miles."
GERMAN = "Der Lachs kehrt aus dem Meer in den Fluss zurück, in dem er geboren wurde, oft über Hunderte von Kilometern."
CHINESE = "鲑鱼从大海回到它们出生的河流，常常要游过几百公里的路程，途中几乎不吃东西。"
DISCLAIMER = "As an AI language model, I do not swim."
CHECKED = Bank(
    "checked",
    (
        Principle("Concise", "Short.", "Long-winded.", check="concise"),
        Principle("No Self-Praise", "Modest.", "Boastful.", check="no_self_praise"),
        Principle("Safe", "Harmless.", None),
    ),
)
PRAISE = Pair("p1", PAIR.prompt, "Salmon do. This is a great answer.", "Salmon do, and so do some trout.")
MODEST = replace(PRAISE, response_1=PRAISE.response_2, response_2=PRAISE.response_1)
BIASED = replace(SETTINGS, planted_bias="No Self-Praise", planted_bias_probability=1.0)
