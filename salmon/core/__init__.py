"""The method's arithmetic: pure functions of tensors and numbers, without config, files or models.

Axes: ``B`` rows (prompts or pairs), ``R`` response tokens, ``V`` vocabulary, ``K`` principles,
``N`` judged pairs. A mask is 1 (or True) where a token is real. Whatever stands at masked-out
positions, NaN included, influences no result.
"""
