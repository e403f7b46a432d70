"""The draw itself: on literals, and in the long run."""

import numpy as np
import pytest
import torch

from salmon.sampling.token_loop import TokenSampler, inverse_cdf, make_token_sampler, nucleus

PROBABILITIES = [0.1, 0.6, 0.0, 0.3]  # cumulative: 0.1, 0.7, 0.7, 1.0


@pytest.mark.parametrize(
    ("uniform", "token"),
    [(0.0, 0), (0.05, 0), (0.15, 1), (0.69, 1), (0.71, 3), (0.999999, 3)],
)
def test_inverse_cdf_finds_the_token_at_which_the_sum_passes_the_number(uniform: float, token: int) -> None:
    tokens = inverse_cdf(torch.tensor([PROBABILITIES]), torch.tensor([uniform], dtype=torch.float64))
    assert tokens.tolist() == [token]


def test_inverse_cdf_never_draws_an_impossible_token() -> None:
    impossible_first = torch.tensor([[0.0, 0.5, 0.5]])
    assert inverse_cdf(impossible_first, torch.tensor([0.0], dtype=torch.float64)).tolist() == [1]
    # The boundary itself belongs to the next possible token: 0.5 of (0.5, 0, 0.5) is token 2, not 1.
    assert inverse_cdf(torch.tensor([[0.5, 0.0, 0.5]]), torch.tensor([0.5], dtype=torch.float64)).tolist() == [2]


def test_inverse_cdf_draws_each_row_with_its_own_number_and_does_not_need_normalised_rows() -> None:
    rows = torch.tensor([[2.0, 2.0], [2.0, 2.0]])  # sums 4: the thresholds are 0.4 and 3.6
    assert inverse_cdf(rows, torch.tensor([0.1, 0.9], dtype=torch.float64)).tolist() == [0, 1]


def test_inverse_cdf_reaches_into_the_tail() -> None:
    """After a token of 0.5, a float32 running sum (spacing 6e-8) would not grow by tokens of 1e-8 each."""
    probabilities = torch.tensor([[0.5] + [1e-8] * 1000])
    total = 0.5 + 1000 * 1e-8
    for token in (1, 2, 501, 1000):
        uniform = torch.tensor([(0.5 + (token - 0.5) * 1e-8) / total], dtype=torch.float64)
        assert inverse_cdf(probabilities, uniform).tolist() == [token]


def test_inverse_cdf_finds_every_token_of_a_large_flat_vocabulary() -> None:
    size = 49_152
    flat = torch.full((1, size), 1 / size)
    for token in (0, 1, 30_000, size - 1):
        uniform = torch.tensor([(token + 0.5) / size], dtype=torch.float64)
        assert inverse_cdf(flat, uniform).tolist() == [token]


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        # Sorted: 0.5, 0.3, 0.2. The smallest sets with enough mass, renormalised:
        (0.45, [0.0, 1.0, 0.0]),  # {0.5}
        (0.6, [0.3 / 0.8, 0.5 / 0.8, 0.0]),  # {0.5, 0.3}
        (0.81, [0.3, 0.5, 0.2]),  # all
        (0.01, [0.0, 1.0, 0.0]),  # the likeliest always stays
    ],
)
def test_nucleus(top_p: float, expected: list[float]) -> None:
    kept = nucleus(torch.tensor([[0.3, 0.5, 0.2]]).log(), top_p).exp()
    torch.testing.assert_close(kept, torch.tensor([expected]), atol=1e-6, rtol=0)


def test_nucleus_treats_rows_apart() -> None:
    rows = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    torch.testing.assert_close(nucleus(rows.log(), 0.7).exp(), torch.tensor([[1.0, 0.0], [0.4, 0.6]]))


def test_greedy_takes_the_likeliest_and_reports_its_log_probability() -> None:
    sampler = TokenSampler(torch.tensor([[0.99]], dtype=torch.float64), temperature=0, top_p=1.0)
    tokens, logprobs = sampler.draw(torch.tensor([[0.2, 0.3, 0.5]]).log(), slice(None), 0)
    assert tokens.tolist() == [2]
    assert logprobs.item() == pytest.approx(np.log(0.5), abs=1e-6)


def test_temperature_divides_the_logits() -> None:
    # Probabilities 0.2, 0.8 at temperature 0.5 are squared: 0.04, 0.64, sum 0.68.
    logits = torch.tensor([[0.2, 0.8]]).log()
    sampler = TokenSampler(torch.tensor([[0.05]], dtype=torch.float64), temperature=0.5, top_p=1.0)
    tokens, logprobs = sampler.draw(logits, slice(None), 0)
    assert tokens.tolist() == [0]  # 0.05 < 0.0588
    assert logprobs.item() == pytest.approx(np.log(0.04 / 0.68), abs=1e-5)
    untempered, _ = TokenSampler(torch.tensor([[0.1]], dtype=torch.float64), 1.0, 1.0).draw(logits, slice(None), 0)
    tempered, _ = TokenSampler(torch.tensor([[0.1]], dtype=torch.float64), 0.5, 1.0).draw(logits, slice(None), 0)
    assert (untempered.item(), tempered.item()) == (0, 1)  # 0.1 lies between 0.0588 and 0.2


def test_log_probability_is_of_the_distribution_drawn_from() -> None:
    """With a nucleus, the renormalised one: (0.5, 0.3, 0.2) cut at 0.6 leaves 0.625 and 0.375."""
    sampler = TokenSampler(torch.tensor([[0.7]], dtype=torch.float64), temperature=1.0, top_p=0.6)
    tokens, logprobs = sampler.draw(torch.tensor([[0.5, 0.3, 0.2]]).log(), slice(None), 0)
    assert tokens.tolist() == [1]
    assert logprobs.item() == pytest.approx(np.log(0.375), abs=1e-6)


def test_frequencies_match_the_distribution() -> None:
    """20,000 draws: three standard errors of the largest share are 3 * sqrt(0.5 * 0.5 / 20000) = 0.011."""
    expected = np.array([0.5, 0.3, 0.15, 0.05])
    draws, temperature = 20_000, 0.7
    logits = (torch.tensor(expected).log() * temperature).float()[None].expand(20, -1)
    sampler = make_token_sampler(
        [(7, "frequency", i) for i in range(20)], temperature, 1.0, draws // 20, torch.device("cpu")
    )
    counts = np.zeros(4)
    for step in range(draws // 20):
        tokens, _ = sampler.draw(logits, slice(None), step)
        counts += np.bincount(tokens.numpy(), minlength=4)
    assert np.abs(counts / draws - expected).max() < 0.011
    assert np.abs(counts / draws - expected**temperature / (expected**temperature).sum()).max() > 0.05  # mutant


def test_a_key_has_its_own_numbers() -> None:
    together = make_token_sampler([(0, "a"), (0, "b")], 1.0, 1.0, 5, torch.device("cpu")).uniforms
    alone = make_token_sampler([(0, "b")], 1.0, 1.0, 5, torch.device("cpu")).uniforms
    longer = make_token_sampler([(0, "b")], 1.0, 1.0, 9, torch.device("cpu")).uniforms
    assert torch.equal(together[1], alone[0]) and torch.equal(longer[0, :5], alone[0])
    assert not torch.equal(together[0], together[1])
