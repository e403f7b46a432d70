"""Token sequences that share a prefix, computed with the prefix once: as packed sequences, kept apart by a mask.

Three sequences with a prefix ``p`` become one row; a token attends to the prefix and to its own sequence::

    tokens        p p p | a a | b b b | c
    sequence_ids  P P P | 0 0 | 1 1 1 | 2
    positions     0 1 2 | 3 4 | 3 4 5 | 3

What a sequence's tokens see is what they would see alone, so their hidden states are those of a forward pass of its
own, up to rounding.

* ``layout``: which token belongs to which sequence, and its position.
* ``mask``: from sequence ids to the additive attention mask.
* ``forward``: last hidden states of many sequences: with gradient in a batch of packed rows, or behind a cached prefix.
* ``cached_prefix``: a prefix's keys and values, and sequences that grow behind them (sampling).
* ``kept_prefixes``: keys and values of many prefixes, kept for sequences that come later (edited guidelines).
* ``continuations``: contexts and their continuations behind a cached prefix (likelihoods).
* ``flat``: sequences in one row without padding, where attention alone sees sequences (training, log-probs, values).
* ``unpacked``: the same numbers without packing, for a base that cannot (``SharedModel.can``).
"""
