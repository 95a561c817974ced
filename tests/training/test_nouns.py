"""Kinds of things."""

from __future__ import annotations

from assistant.training.data_store import DataStore
from assistant.training.nouns import _SENSES, KINDS, Noun, WordNet, surely_not


def test_kinds_are_found_up_the_tree(store: DataStore) -> None:
    nouns = WordNet(store.folder("nouns"))
    assert nouns.kinds("tiger") == {"animal"}
    assert nouns.kinds("apple") == {"fruit", "food"}
    assert nouns.kinds("bird") == {"bird", "animal"}


def test_a_longer_name_is_the_kind_of_its_last_word_and_of_what_stands_before_of(store: DataStore) -> None:
    nouns = WordNet(store.folder("nouns"))
    assert nouns.kinds("baby tiger") == {"animal"}
    assert nouns.kinds("tiger of paper") == {"animal"}
    assert nouns.kinds("gizmo", within=["animal"]) == {"animal"}
    assert nouns.kinds("gizmo") == frozenset()


def test_a_noun_knows_its_synonyms_place(store: DataStore) -> None:
    nouns = WordNet(store.folder("nouns"))
    (sense,) = nouns.senses("tiger")
    assert nouns.names(sense) == ("tiger",)
    assert len(nouns.above(sense)) == 2


def test_names_that_could_mean_the_same_thing_overlap() -> None:
    assert Noun("sports car").overlaps(Noun("car"))
    assert Noun("beagle", kinds=frozenset({"dog"})).overlaps(Noun("dog"))
    assert not Noun("tiger").overlaps(Noun("lion"))
    assert Noun("bunch of grapes").head == "bunch"


def test_what_a_thing_is_not_is_only_said_where_it_is_certain() -> None:
    assert surely_not(frozenset()) == ()
    assert "vehicle" in surely_not(frozenset({"animal", "bird"}))
    assert "food" not in surely_not(frozenset({"animal"}))  # a lobster is both


def test_every_kind_has_a_chinese_name_and_a_meaning() -> None:
    assert KINDS.keys() == _SENSES.keys()
