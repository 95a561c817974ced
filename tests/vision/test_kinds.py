import pytest

from assistant.vision.efficientnet import class_names
from assistant.vision.kinds import broader, is_known, plain, terms


def test_nearly_every_name_of_the_classifier_has_a_kind() -> None:
    assert sum(bool(broader(name)) for name in class_names()) > 900
    assert "animal" in broader("Golden Retriever")
    assert broader("no such thing") == frozenset()


def test_a_hot_dog_is_known_to_be_no_dog() -> None:
    assert is_known("hot dogs")
    assert "dog" not in broader("hot dog")
    assert not is_known("red triangle")


def test_names_of_several_words_are_looked_for_as_one() -> None:
    assert terms("Show me the two teddy bears and a bear!") == ("two", "teddy bear", "bear")
    assert terms("what is this?") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Red CARS", "red car"),
        ("puppies", "puppy"),
        ("people", "person"),
        ("glass", "glass"),
        ("foxes", "fox"),
        ("红色汽车", "红色 色汽 汽车"),
    ],
)
def test_words_are_compared_in_the_singular_and_chinese_by_pairs(text: str, expected: str) -> None:
    assert plain(text) == expected
