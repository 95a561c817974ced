import pytest

from assistant.evaluation.answers import contains, normalized, number, yes_or_no


@pytest.mark.parametrize(
    ("reply", "yes"),
    [
        ("Yes, there is.", True),
        ("No.", False),
        ("There is not.", False),
        ("No, though I am not sure.", False),
        ("Perhaps", None),
        ("Nobody knows", None),
        ("I am not sure.", None),
        ("I'm not entirely certain, but no.", None),
        ("I do not know whether there is one.", None),
        ("I have no idea.", None),
    ],
)
def test_yes_and_no_are_read_from_a_reply(reply: str, yes: bool | None) -> None:
    assert yes_or_no(reply) is yes


@pytest.mark.parametrize(
    ("reply", "value"), [("3", 3), ("There are two dogs", 2), ("a dog", 1), ("None.", 0), ("many", None), ("12 of them", 12)]
)
def test_numbers_are_read_from_a_reply(reply: str, value: int | None) -> None:
    assert number(reply) == value


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ("The Garbage-Bin.", "garbage bin"),
        ("Two cups", "2 cups"),
        ("don't", "dont"),
        ("RM 1,060.30!", "rm 1060.30"),
        ("19/10/2018", "19 10 2018"),
        ("a.m.", "m"),
        ("", ""),
    ],
)
def test_answers_are_compared_without_articles_punctuation_and_number_words(answer: str, plain: str) -> None:
    assert normalized(answer) == plain


@pytest.mark.parametrize(
    ("reply", "answer", "has"),
    [
        ("There is a pillow on the bed.", "pillows", True),
        ("The boxes are red", "box", True),
        ("two ponies", "a pony", True),
        ("Houses", "house", True),
        ("It is a catalogue", "cat", False),
        ("garbage in the bin", "garbage bin", False),
        ("The total is 60.30.", "60.30", True),
        ("anything", "the", False),
    ],
)
def test_an_answer_may_stand_within_a_reply_in_singular_or_plural(reply: str, answer: str, has: bool) -> None:
    assert contains(reply, answer) is has
