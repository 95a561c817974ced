from __future__ import annotations

import math

import pytest

from assistant.evaluation.caption_scores import bleu_4, cider_d, rouge_l, words

CAT = words("the cat sat on the mat")


def test_words_are_cut_as_the_treebank_cuts_them() -> None:
    assert words("It's a well-known dog, isn't it?") == ("it", "'s", "a", "well-known", "dog", "is", "n't", "it")
    assert words("don’t pay 3.50!") == ("do", "n't", "pay", "3.50")
    assert words("...") == ()


def test_bleu_is_one_for_a_reference_and_nought_without_a_common_four_gram() -> None:
    assert bleu_4([CAT], [[CAT, words("a dog")]]) == pytest.approx(1.0)
    assert bleu_4([words("a cat on a mat")], [[CAT]]) == 0.0


def test_bleu_counts_an_ngram_as_often_as_a_reference_has_it_and_punishes_brevity() -> None:
    caption, reference = words("the cat sat on the"), CAT
    # 5/5, 4/4, 3/3, 2/2 n-grams are there; five words for six
    assert bleu_4([caption], [[reference]]) == pytest.approx(math.exp(1 - 6 / 5))
    repeated = words("the the the the the cat sat on")
    # unigrams 5 of 8 (two "the"), bigrams 3 of 7, trigrams 2 of 6, one four-gram of 5
    assert bleu_4([repeated], [[reference]]) == pytest.approx((5 / 8 * 3 / 7 * 2 / 6 * 1 / 5) ** 0.25)


def test_rouge_is_the_f_score_of_the_longest_common_subsequence() -> None:
    # "the cat on mat": common subsequence of 4; precision 4/4, recall 4/6
    precision, recall, beta2 = 1.0, 4 / 6, 1.44
    expected = (1 + beta2) * precision * recall / (recall + beta2 * precision)
    assert rouge_l([words("the cat on mat")], [[CAT]]) == pytest.approx(expected)
    assert rouge_l([words("dogs"), CAT], [[CAT], [CAT]]) == pytest.approx(0.5)
    assert rouge_l([()], [[CAT]]) == 0.0


def test_cider_is_ten_for_the_reference_itself_and_ignores_what_every_picture_has() -> None:
    references = [[words("a red bird sings now")], [words("a green fish swims away")]]
    own = [words("a red bird sings now"), words("a green fish swims away")]
    assert cider_d(own, references) == pytest.approx(10.0)
    assert cider_d([words("a"), words("a")], references) == 0.0  # in both references: worth nothing


def test_cider_by_hand_for_two_pictures() -> None:
    references = [[words("red bird")], [words("green fish")]]
    # caption 1: unigram "red" of "red bird", both weigh log 2: cosine 1/sqrt(2); no bigram; one word shorter
    one = math.exp(-1 / 72) / math.sqrt(2)
    assert cider_d([words("red"), words("blue")], references) == pytest.approx(10 * one / 4 / 2)
