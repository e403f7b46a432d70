"""Every metric that an evaluation logs; ``salmon.tracking.glossary`` reaches them by entry point."""

from salmon.tracking.glossary import group

METRICS = group(
    ("eval",),
    *(
        (f"eval/<checkpoint>/principle_following/{name}", unit, text, good)
        for name, unit, text, good in (
            (
                "accuracy_asserted",
                "share",
                "pairs ranked as the principle's check ranks them; mean of principles",
                "near 1; 0.5 is chance",
            ),
            (
                "accuracy_negated",
                "share",
                "the same under negated principles, truth reversed",
                "near 1; 1 - accuracy_asserted if principles are ignored",
            ),
            ("flip_rate", "share", "preferences that turn when the principle is negated", "near 1; 0 if ignored"),
            ("opposite_flip_rate", "share", "preferences that turn under the opposite principle", "near 1"),
            (
                "conflict_ratio",
                "1",
                "|margin| under two opposites together over that of each alone",
                "near 0; 1 if principles are ignored",
            ),
            (
                "sensitivity",
                "1",
                "spread of a response's scores over principles, over the spread of responses",
                "clearly above 0",
            ),
            (
                "length_correlation",
                "1",
                "Spearman correlation of score and tokens, principles of length left out",
                "near 0",
            ),
            ("ece", "share", "expected calibration error of sigmoid(margin), 10 bins", "near 0"),
            ("brier", "1", "squared error of sigmoid(margin)", "below 0.25, a coin's"),
            (
                "real_accuracy/<source>/<bank>",
                "share",
                "human preferences matched, the bank's principles shown together",
                "above 0.5",
            ),
            (
                "<set>_consistency",
                "share",
                "pairs on which all wordings of a principle prefer the same response",
                "near 1, with a high accuracy; 1 alone may mean that principles are ignored",
            ),
            (
                "<set>_disagreement_ratio",
                "1",
                "conflict_ratio of two principles that prefer different responses",
                "near 0; 1 if principles are ignored",
            ),
            (
                "<set>_length_correlation",
                "1",
                "Spearman correlation of margin and difference in tokens, over asserted and negated comparisons",
                "near 0",
            ),
            (
                "<metric>",
                "as the metric",
                "<set>_: on that set or bank (eval/README.md); _pooled: all pairs at once; n_: counts",
                "near the trained one's",
            ),
            ("<metric>/<principle>", "as the metric", "the same for one principle", "as the metric"),
        )
    ),
    *(
        (f"eval/<checkpoint>/pairs_<file>/{name}_<score>", "share", text, good)
        for name, text, good in (
            ("accuracy_contrary", "as accuracy under the contrary guideline, ranks reversed", "near 1; 0.5 is chance"),
            ("accuracy", "pairs of responses ranked as the rows say", "near 1; 0.5 is chance"),
            ("both_right", "pairs ranked right under the guideline and under the contrary", "near 1; 0.25 is chance"),
            ("flip_rate", "preferences that turn under the contrary guideline", "near 1; 0 if guidelines are ignored"),
            ("best_of_n", "rows whose best response has the highest score", "above chance, which the note says"),
            ("consistency", "groups of wordings that all prefer the same response", "near 1"),
            ("first_rate", "rows in which the first response of two wins", "what the note says; else a position bias"),
        )
    ),
    ("eval/<checkpoint>/<task>/<metric>", "as the metric", "benchmark result", "PPO not below SFT"),
)
