from hypothesis import given
from hypothesis import strategies as st

from assistant.dialogue.clauses import ClauseSplitter


def split(text: str, *, size: int = 3) -> list[str]:
    splitter = ClauseSplitter()
    clauses = [clause for i in range(0, len(text), size) for clause in splitter.feed(text[i : i + size])]
    return clauses + splitter.finish()


def test_sentences_are_spoken_one_by_one() -> None:
    assert split("It is raining today. Take your umbrella with you. Bye!") == [
        "It is raining today.",
        " Take your umbrella with you.",
        " Bye!",
    ]


def test_the_first_clause_comes_at_an_early_comma() -> None:
    assert split("Yes of course, I can look that up for you right away.")[0] == "Yes of course,"


def test_a_long_first_clause_is_cut_between_words() -> None:
    clauses = split("The library on the corner of the street opens at nine in the morning and closes at five.")
    assert clauses[0] == "The library on the"
    assert len(clauses) == 2


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert split("Ask Dr. Miller. It costs 3.50 euros.") == ["Ask Dr. Miller.", " It costs 3.50 euros."]


def test_chinese_is_cut_at_its_own_punctuation() -> None:
    assert split("今天天气很好,我们去公园吧。你觉得怎么样？", size=1)[-1] == "你觉得怎么样？"
    assert split("图书馆早上九点开门，晚上六点关门。", size=1) == ["图书馆早上九点开门，", "晚上六点关门。"]


def test_nothing_but_spaces_is_no_clause() -> None:
    assert split("  \n ") == []


@given(st.text(alphabet="ab .,!?。，\n1", max_size=80), st.integers(1, 7))
def test_the_clauses_joined_are_the_text(text: str, size: int) -> None:
    assert "".join(split(text, size=size)).strip() == text.strip()
