import numpy as np
import pytest

from assistant.types import Evidence, Label, Region, RememberedPicture
from assistant.vision.picture_search import search_by_picture, search_by_words


def region(name: str, colour: str = "", confidence: float = 0.9) -> Region:
    return Region(name, confidence, 0, 0, 1, 1, colour)


def picture(name: str, evidence: Evidence | None = None, said: str = "") -> RememberedPicture:
    return RememberedPicture(name, "alice", "t", "2026-11-22T06:00:00", said=said, evidence=evidence)


def labelled(name: str, *labels: tuple[str, float]) -> RememberedPicture:
    return picture(name, Evidence(8, 6, tuple(Label(*label) for label in labels)))


def found(text: str, *pictures: RememberedPicture) -> list[str]:
    return [one.picture.sha256 for one in search_by_words(text, pictures)]


RED_CAR = picture("red car", Evidence(8, 6, regions=(region("car", "red"),), colours=(Label("grey", 0.6),)))
BLUE_CAR = picture("blue car", Evidence(8, 6, regions=(region("car", "blue"),), colours=(Label("red", 0.4),)))
DOG = labelled("dog", ("golden retriever", 0.6), ("Labrador Retriever", 0.3))
SIGN = picture("sign", Evidence(8, 6, text_lines=("OPEN DAILY", "营业时间"), regions=(region("stop sign"),)))


def test_a_colour_counts_most_where_it_is_the_things_own() -> None:
    assert found("a red car", BLUE_CAR, DOG, RED_CAR) == ["red car", "blue car"]
    assert found("my blue cars", RED_CAR, BLUE_CAR)[0] == "blue car"


def test_chinese_words_find_what_experts_call_in_english() -> None:
    assert found("红色汽车", BLUE_CAR, DOG, RED_CAR) == ["red car", "blue car"]
    assert found("动物", RED_CAR, DOG) == ["dog"]
    assert found("我的狗", picture("told", None, said="这是我的狗。"), RED_CAR) == ["told"]


def test_a_kind_finds_what_is_of_it() -> None:
    assert found("animals", RED_CAR, DOG) == ["dog"]
    assert found("vehicles", RED_CAR, DOG) == ["red car"]


def test_a_narrower_word_finds_what_may_be_it_after_what_surely_is() -> None:
    person, groom = picture("person", Evidence(8, 6, regions=(region("person"),))), labelled("groom", ("man", 0.9))
    assert found("a man", person, RED_CAR, groom) == ["groom", "person"]


def test_of_two_names_for_one_thing_both_speak_for_their_kind() -> None:
    doubtful = labelled("doubtful", ("golden retriever", 0.6), ("sports car", 0.3))
    assert found("dog", doubtful, DOG) == ["dog", "doubtful"]


@pytest.mark.parametrize("text", ["open", "OPEN daily", "营业", "stop sign", "signs"])
def test_what_is_written_and_what_is_there_are_both_found(text: str) -> None:
    assert found(text, DOG, SIGN, RED_CAR) == ["sign"]


def test_a_name_of_two_words_is_not_found_by_the_one_that_misleads() -> None:
    teddy, snack = labelled("teddy", ("teddy bear", 0.9)), labelled("snack", ("hot dog", 0.9))
    assert found("bear", teddy, labelled("bear", ("brown bear", 0.8))) == ["bear"]
    assert found("dog", snack, DOG) == ["dog"]
    assert found("teddy bears", teddy) == ["teddy"]


def test_what_was_said_about_a_picture_finds_it_after_what_is_seen() -> None:
    told = picture("told", Evidence(8, 6), said="This was my grandmother's dog.")
    assert found("grandmother", told, DOG) == ["told"]
    assert found("dog", told, DOG) == ["dog", "told"]
    assert found("grandmother", picture("unseen", None, said="grandmother")) == ["unseen"]


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    person = [picture(f"person {i}", Evidence(8, 6, regions=(region("person"),))) for i in range(5)]
    kite = picture("kite", Evidence(8, 6, regions=(region("kite"),)))
    assert found("a person with a kite", *person, kite)[0] == "kite"


def test_why_a_picture_was_found_is_told() -> None:
    (best, *_) = search_by_words("red car", [RED_CAR, DOG])
    assert best.because == ("red car",)
    assert best.score > 0
    (told,) = search_by_words("word", [picture("told", None, said="word " * 60)])
    assert len(told.because[0]) < 90


@pytest.mark.parametrize("text", ["", "the of", "?!", "submarine"])
def test_nothing_is_found_by_nothing(text: str) -> None:
    assert found(text, RED_CAR, DOG) == []
    assert found(text) == []


def test_the_most_alike_picture_comes_first_and_one_without_a_vector_not_at_all() -> None:
    vectors = {"red car": np.array([1, 0], np.float32), "dog": np.array([1, 3], np.float32)}
    ranked = search_by_picture(np.array([0, 2], np.float32), [RED_CAR, DOG, SIGN], vectors)
    assert [one.picture.sha256 for one in ranked] == ["dog", "red car"]
    assert ranked[0].score == pytest.approx(3 / 10**0.5)
    assert ranked[0].because == ("golden retriever", "Labrador Retriever")
