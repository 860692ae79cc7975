"""Random numbers as a pure function of a key: even, apart from one another, the same anywhere."""

from zlib import crc32

import numpy as np
import pytest
import torch
from scipy import stats

from training.views.draws import Draws

# Keys such as an epoch gives, and keys that differ in few bits.
KEYS = torch.tensor([0, 1, 2, 3, 2**32, 2**33, 2**62, 2**62 + 1, 8_674_665_223_082_153_551])
WIDE, WORD = 2**64 - 1, 2**32 - 1


def word_by_hand(key: int, name: str, counter: int) -> int:
    """A word in whole numbers without limits, step by step."""
    salted = (key ^ finished(crc32(name.encode()))) + 0x9E3779B97F4A7C15
    wide = finished(salted & WIDE)
    x = counter
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = (x ^ x >> shift) * factor & WORD
    x = (x * (wide & WORD | 1) + (wide >> 32)) & WORD
    x = (x ^ x >> 16) * 0x7FEB352D & WORD
    return x ^ x >> 15


def finished(x: int) -> int:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ x >> shift) * factor & WIDE
    return x ^ x >> 31


def evenness(table: np.ndarray) -> float:
    """The p-value of all cells being equally likely."""
    return float(stats.chisquare(table.ravel()).pvalue)


def test_words_are_those_of_the_hash_worked_out_by_hand() -> None:
    words = Draws(KEYS).words("a name", 100_000)
    for counter in (0, 1, 99_999):
        expected = [word_by_hand(key, "a name", counter) for key in KEYS.tolist()]
        assert (words[:, counter].long() & WORD).tolist() == expected


def test_a_sample_draws_the_same_alone_and_anywhere_in_a_batch() -> None:
    whole = Draws(KEYS)
    order = torch.randperm(len(KEYS), generator=torch.Generator().manual_seed(0))
    for name, shape in (("a", (7,)), ("b", (3, 50))):
        drawn = whole.uniform(name, *shape)
        assert torch.equal(whole.of(order).uniform(name, *shape), drawn[order])
        assert torch.equal(whole.of(slice(4, 5)).uniform(name, *shape), drawn[4:5])
        assert torch.equal(whole.stream(name).of(slice(2, 6)).uniform(*shape), drawn[2:6])


def test_fewer_numbers_are_the_beginning_of_more() -> None:
    draws = Draws(KEYS)
    assert torch.equal(draws.words("a", 5), draws.words("a", 5000)[:, :5])


def test_names_keys_channels_and_parts_draw_apart() -> None:
    draws = Draws(KEYS)
    drawn = [draws.words("a", 2000), draws.words("b", 2000)]
    drawn += [stream.words(2000) for stream in draws.streams("a", 3)]
    drawn.append(draws.each(2).words("a", 2000))
    assert len(torch.cat(drawn).flatten().unique()) > 0.999 * sum(map(torch.numel, drawn))


@pytest.mark.parametrize("low_bit", [0, 10, 16, 26])
def test_words_are_even_in_all_their_bits_by_themselves_and_in_pairs(low_bit: int) -> None:
    words = Draws(KEYS).words("evenness", 1 << 17).numpy()
    six = (words >> low_bit) & 63
    after, beside = six * 64 + np.roll(six, 1, 1), six * 64 + np.roll(six, 1, 0)
    found = [evenness(np.bincount(row, minlength=64)) for row in six]
    for pairs in (after, beside):  # with the next number, and with the next sample's
        found += [evenness(np.bincount(row, minlength=4096)) for row in pairs]
    assert min(found) > 1e-4
    assert max(found) < 1 - 1e-4


def test_the_same_number_of_many_keys_is_even() -> None:
    drawn = Draws(torch.arange(20_000)).uniform("few", 8).numpy()
    for column in drawn.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4
    apart = np.corrcoef(drawn.T) - np.eye(8)
    assert np.abs(apart).max() < 4.5 / np.sqrt(20_000)


@pytest.mark.parametrize("kind", ["uniform", "noise"])
def test_numbers_fill_the_unit_interval_and_never_reach_one(kind: str) -> None:
    stream = Draws(KEYS).stream("filled")
    drawn = stream.uniform(99, 1001) if kind == "uniform" else stream.noise(99, 1001)
    assert drawn.shape == (len(KEYS), 99, 1001)
    assert drawn.dtype == torch.float32
    assert 0 <= float(drawn.min()) < 1e-4
    assert 1 - 1e-4 < float(drawn.max()) < 1
    assert evenness(np.bincount((drawn.numpy().ravel() * 64).astype(int))) > 1e-4


def test_whole_numbers_reach_both_ends_and_follow_their_limits() -> None:
    draws = Draws(torch.arange(4000))
    drawn = draws.integers("sides", torch.tensor([1, 5]), torch.tensor([6, 5]), 2)
    assert drawn[:, 1].unique().tolist() == [5]
    assert drawn[:, 0].unique().tolist() == [1, 2, 3, 4, 5, 6]
    assert evenness(np.bincount(drawn[:, 0])[1:]) > 1e-4


def test_chances_come_true_as_often_as_they_say() -> None:
    hits = Draws(torch.arange(50_000)).chance("gate", 0.3)
    assert hits.dtype == torch.bool
    assert float(hits.float().mean()) == pytest.approx(0.3, abs=0.01)
