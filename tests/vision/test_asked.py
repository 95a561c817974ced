"""The things of a question are looked up in what was seen, with what experts were half sure of, and what they did not see."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from assistant.types import Evidence, Label, Region
from assistant.vision.asked import asked_about

DRAWING = Evidence(
    320,
    240,
    regions=(
        Region("circle", 0.9, 0.1, 0.1, 0.3, 0.4, colour="red"),
        Region("circle", 0.9, 0.7, 0.1, 0.9, 0.4, colour="blue"),
        Region("square", 0.9, 0.35, 0.7, 0.6, 0.95, colour="yellow"),
    ),
)
PHOTO = Evidence(
    640,
    480,
    labels=(Label("golden retriever", 0.93),),
    regions=(Region("dog", 0.9, 0.4, 0.4, 0.6, 0.6), Region("person", 0.8, 0.7, 0.2, 0.9, 0.9)),
    glimpses=(Label("car", 0.1),),
)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How many circles are there?", "[There are 2 of circle: red, at the top left; blue, at the top right.]"),
        ("Where is the red circle?", "[There is one red circle: at the top left.]"),
        ("Is there a red square?", "[No, there is no red square. There is one square: yellow, at the bottom.]"),
        ("Is there a star?", "[No, there is no star.]"),
        ("What is the blue thing?", "[The blue thing is a circle.]"),
        ("Is there an orange star?", "[No, there is no orange star.]"),
        ("What is the orange thing?", "[There is no orange thing.]"),
        ("Is anything green here?", "[There is no green thing.]"),
        ("How many things are there in all?", "[There are 3 things.]"),
        ("What do you see at the top left?", "[At the top left: a red circle.]"),
        ("What is in the bottom right corner?", "[There is nothing at the bottom right.]"),
        ("What is on the right?", "[At the right: a blue circle.]"),
        ("Which thing is furthest to the right?", "[The blue circle is furthest to the right.]"),
        ("Which is the lowest?", "[The yellow square is furthest down.]"),
        ("Which thing is furthest up?", ""),
        ("What is the biggest thing?", ""),
        ("What is to the left of the square?", "[To the left of the square: a red circle.]"),
        ("Which thing is below the red circle?", "[Below the red circle: a yellow square.]"),
        ("What is above the red circle?", "[No thing was found above the red circle.]"),
        ("Which circle is furthest to the right?", "[The blue circle is furthest to the right.]"),
        ("Which shape is leftmost?", "[The red circle is furthest to the left.]"),
        (
            "Is the red circle bigger than the square?",
            "[There is one red circle: at the top left. There is one square: yellow, at the bottom."
            " The red circle is to the left of and above the square.]",
        ),
        ("Is the red circle to the left of the blue circle?", "[Yes, the red circle is to the left of the blue circle.]"),
        (
            "Is it true that the blue circle is below the yellow square?",
            "[No, the blue circle is not below the yellow square.]",
        ),
    ],
)
def test_a_drawing_is_asked_for_colours_shapes_and_where_they_are(question: str, told: str) -> None:
    assert asked_about(question, [DRAWING], (1,)) == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is there a dog?", "[Yes, there is one dog: at the center.]"),
        ("Is there an animal in the photo?", "[Yes, there is one animal: at the center.]"),
        ("Is it a golden retriever?", "[Yes, there is a golden retriever (93% sure).]"),
        ("Do you see a man?", "[There is one person: at the right.]"),
        ("Isn't there a dog?", "[There is one dog: at the center.]"),
        ("Is there a dog or a cat?", "[There is one dog: at the center. No cat was found.]"),
        ("Is there a car?", "[There is probably one car, not seen clearly.]"),
        ("Are there any cats?", "[No, no cat was found.]"),
        ("Is there a hot dog?", "[No, no hot dog was found.]"),
        ("Is it a woman's hat?", ""),
        ("Is there an orange?", "[No, no orange was found.]"),
        ("Is there a ghost?", ""),
        ("What is the weather like?", ""),
        ("Are there two dogs?", "[There is one dog: at the center.]"),
        ("Is there another dog?", "[There is one dog: at the center.]"),
        ("Is it a stuffed dog?", "[There is one dog: at the center.]"),
        ("Are there dogs in Australia?", "[There is one dog: at the center.]"),
        ("Is there a dog at the left?", "[There is one dog: at the center.]"),
        ("Is there a person sitting?", "[There is one person: at the right.]"),
        ("In a few words, what is in the picture?", "[The main thing is a golden retriever.]"),
        ("Is there a dog? Say yes or no.", "[Yes, there is one dog: at the center.]"),
        ("What is the largest country in the world?", ""),
        ("What is the largest building in the picture?", ""),
        ("What makes you smile?", ""),
        ("What is in the picture?", "[The main thing is a golden retriever.]"),
        ("Could you please tell me what you can see in this picture?", "[The main thing is a golden retriever.]"),
        ("What's this?", "[The main thing is a golden retriever.]"),
        ("这是什么？", "[The main thing is a golden retriever.]"),
        ("What is in the left hand?", ""),
        ("What is the biggest thing?", "[The person is the biggest.]"),
        ("What is in the middle?", "[At the center: a dog.]"),
        ("What do you see at the top left?", "[No thing was found at the top left.]"),
        ("What does the sign say?", "[No text was read.]"),
    ],
)
def test_a_photo_is_asked_for_things_of_known_kinds(question: str, told: str) -> None:
    assert asked_about(question, [PHOTO], (1,)) == told


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("图里有狗吗？", "[Yes, there is one dog: at the center.]"),
        ("有没有热狗？", "[No, no hot dog was found.]"),
        ("最右边的是什么？", "[The person is furthest to the right.]"),
        ("人的左边是什么？", "[To the left of the person: a dog.]"),
        ("中间是什么？", "[At the center: a dog.]"),
    ],
)
def test_chinese_words_for_things_are_known(question: str, told: str) -> None:
    assert asked_about(question, [PHOTO], (1,)) == told
    assert asked_about("红色的圆形在哪里？", [DRAWING], (1,)) == "[There is one red circle: at the top left.]"
    assert asked_about("一共有几个形状？", [DRAWING], (1,)) == "[There are 3 things.]"


def test_a_doubtful_name_is_told_as_one_and_beside_what_was_found() -> None:
    regions = (Region("bird", 0.9, 0, 0, 1, 1), Region("bird", 0.8, 0, 0, 1, 1), Region("boat", 0.8, 0, 0, 1, 1))
    doubtful = Evidence(640, 480, labels=(Label("tench", 0.4),), regions=regions)
    told = "[There are 2 of bird, one boat. The main thing may be a tench.]"
    assert asked_about("What is this?", [doubtful], (1,)) == told
    assert asked_about("Describe it.", [doubtful], (1,)) == told
    sure = replace(doubtful, labels=(Label("American robin", 0.9),))
    assert asked_about("Describe it.", [sure], (1,)) == "[There is one boat. The main thing is an American robin.]"


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ('Is "Dead End" written in the picture?', "[Yes, that is written there.]"),
        ('Does it say "live-music"?', "[Yes, that is written there.]"),
        ('Does it say "Welcome"?', "[No, that was not read there.]"),
        ('Does it say "End Dead"?', "[No, that was not read there.]"),
        ('Does it say "usic"?', "[No, that was not read there.]"),
        ('Does it say "!!!"?', ""),
        ('Does it read "8" or "9"?', ""),
        ('Say "hello" in French.', ""),
        ("Write a text to my boss that I am ill.", ""),
        ("What is written in the second line?", '[The second line is "Dead End".]'),
        ("Can you read the last line?", '[The last line is "Dead End".]'),
        ("第一行写的是什么？", '[The first line is "Live Music".]'),
        ("What does the third line say?", "[No third line was read.]"),
        ("What text is in the image?", '[All that is written: "Live Music / Dead End".]'),
        ("What does the sign mean?", ""),
        ("Is there a cat? Answer in a word or two.", "[No, no cat was found.]"),
    ],
)
def test_text_is_asked_for_its_words_and_lines(question: str, told: str) -> None:
    sign = Evidence(640, 480, text_lines=("Live Music", "Dead End"))
    assert asked_about(question, [sign], (1,)) == told


def test_text_that_nobody_waited_for_is_not_denied() -> None:
    unread = Evidence(640, 480, read_later=True)
    assert asked_about('Does it say "Welcome"?', [unread], (1,)) == asked_about("What does it say?", [unread], (1,)) == ""
    read = replace(unread, text_lines=("Welcome",))
    assert asked_about('Does it say "Welcome"?', [read], (1,)) == "[Yes, that is written there.]"


def test_a_photo_with_an_edge_like_a_rectangle_is_no_drawing() -> None:
    dial = Evidence(640, 480, labels=(Label("sundial", 0.6),), regions=(Region("rectangle", 0.8, 0, 0, 1, 1),))
    assert asked_about("What is this?", [dial], (1,)) == "[The main thing is most likely a sundial.]"
    assert asked_about("Is there a dog?", [dial], (1,)) == "[No, no dog was found.]"


def test_smiles_are_told_where_faces_were_looked_for() -> None:
    faces = (Region("smiling face", 0.9, 0, 0, 0.1, 0.1), Region("face", 0.9, 0.5, 0, 0.6, 0.1))
    group = Evidence(640, 480, faces=faces)
    assert asked_about("Is anyone smiling?", [group], (1,)) == "[1 of the 2 faces seen smiles.]"
    assert asked_about("Who laughs?", [replace(group, faces=faces[1:])], (1,)) == "[The one face seen does not smile.]"
    assert asked_about("Is anyone smiling?", [Evidence(640, 480)], (1,)) == ""


def test_a_name_that_stands_alone_in_the_note_of_the_picture_is_not_told_twice() -> None:
    alone = Evidence(640, 480, labels=(Label("espresso", 0.97),))
    assert asked_about("What is in the picture?", [alone], (1,)) == ""
    rival = replace(alone, labels=(Label("espresso", 0.6), Label("cup", 0.3)))
    assert asked_about("What is in the picture?", [rival], (1,)) == "[The main thing is most likely an espresso.]"


def test_a_later_question_is_about_the_last_picture() -> None:
    assert asked_about("And is there a dog?", [PHOTO, DRAWING], ()) == "[No, there is no dog.]"


def test_another_picture_than_the_last_is_not_answered_from_the_last() -> None:
    assert asked_about("Is there a dog in the first picture?", [PHOTO, DRAWING], ()) == ""


def test_a_letter_is_not_searched_for_questions() -> None:
    start = time.perf_counter()
    assert asked_about("Is there a dog? " + "what 「" * 20_000, [PHOTO], (1,)) == ""
    assert time.perf_counter() - start < 1


def test_talk_that_is_not_about_the_picture_is_left_alone() -> None:
    assert asked_about("I have a cat called Rex.", [PHOTO], ()) == ""
    assert asked_about("Is there a dog?", [], ()) == ""


def test_of_several_pictures_each_is_told_by_its_number() -> None:
    assert asked_about("Which one shows a dog?", [DRAWING, PHOTO, DRAWING], (52, 53)) == (
        "[In picture 52: There is one dog: at the center. In picture 53: There is no dog.]"
    )


def test_a_shape_cannot_be_denied_where_nobody_looked_for_shapes() -> None:
    assert asked_about("Is there a circle?", [PHOTO], (1,)) == ""


@pytest.mark.parametrize("word", ["count ", "几"])
def test_a_question_of_32768_characters_is_read_once(word: str) -> None:
    begun_s = time.process_time()
    asked_about(word * (32_768 // len(word)), (DRAWING,), (1,))
    assert time.process_time() - begun_s < 2
