"""IFBench's constraints as families of principles that nothing is trained on, to measure reward models with.

A family is a constraint that the package checks without further data, and of which simple code makes two answers: one
that follows it and one that does not. Left out are those that name one task of their own (``custom:...``), need a text
beside the prompt (``ratio:overlap``) or several words (``count:keywords_multiple``), or data of NLTK.
"""

from eval.ifbench.families.counted import COUNTED
from eval.ifbench.families.inserted import INSERTED
from eval.ifbench.families.kept_words import KEPT_WORDS
from eval.ifbench.families.laid_out import LAID_OUT
from eval.ifbench.families.mentioned import MENTIONED
from eval.ifbench.families.replied import REPLIED
from eval.ifbench.families.sentences import SENTENCES
from salmon.principles.parametric.family import Family

IFBENCH_FAMILIES: tuple[Family, ...] = (
    *COUNTED,
    *MENTIONED,
    *KEPT_WORDS,
    *SENTENCES,
    *INSERTED,
    *LAID_OUT,
    *REPLIED,
)
