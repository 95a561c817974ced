import pytest

from assistant.vision.reading import asks_to_read


@pytest.mark.parametrize(
    "question",
    [
        "What does it say?",
        "Can you read the sign?",
        "What is written on the bottle?",
        "What is the total on this receipt?",
        "How much is the coffee?",
        "Which brand is that?",
        "What time is it?",
        "What is the name of the shop?",
        "Translate this.",
        "这张图片上写了什么？",
        "总价是多少钱？",
        "店名是什么？",
    ],
)
def test_questions_about_words_numbers_prices_and_names_ask_to_read(question: str) -> None:
    assert asks_to_read(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is in the picture?",
        "What is this?",
        "How many dogs are there?",
        "What colour is the car?",
        "Is there a person in the photo? Answer with yes or no.",
        "Describe the number of cups.",
        "图里有什么？",
        "有几只猫？",
    ],
)
def test_questions_about_things_do_not(question: str) -> None:
    assert not asks_to_read(question)


@pytest.mark.parametrize("question", ["", "  ", "Que dit le panneau ?", "Was steht auf dem Schild?", "что это?"])
def test_who_says_nothing_or_speaks_another_language_may_ask_for_anything(question: str) -> None:
    assert asks_to_read(question)
