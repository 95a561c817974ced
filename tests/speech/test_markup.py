"""Markdown, HTML and SSML read aloud without their marks."""

from __future__ import annotations

import pytest

from assistant.speech.markup import plain

READ = [
    ("# Heading\nSome **bold**, *slanted* and `code`.", "Heading. Some bold, slanted and  code ."),
    ("See [the manual](https://example.com/a_(b)).", "See the manual."),
    ("![a cat](cat.png) sits", "a cat sits"),
    ("- one\n- [x] two\n2. three", "one. two. 2, three."),
    ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b. 1, 2."),
    ("> quoted\n\n---\nafter", "quoted after"),
    ("```python\nprint(1)\n```\nDone.", "Code. Done."),
    ("```\nnever closed", "Code."),
    ("text[^1] and source[2]", "text and source"),
    ("2 * 3, snake_case, a*b", "2 * 3, snake_case, a*b"),
    ("<speak>Hello <break time='1s'/>there</speak>", "Hello there"),
    ("<script>alert(1)</script>fine<!-- hidden -->", "fine"),
    ("a script never closed <script>alert(1)", "a script never closed"),
    ("&lt;b&gt;5 &lt; 6&lt;/b&gt;", "5 < 6"),
    ('cut in a tag <break time="1', "cut in a tag"),
]


@pytest.mark.parametrize(("written", "read"), READ, ids=[written for written, _ in READ])
def test_words_remain_and_marks_go(written: str, read: str) -> None:
    assert plain(written, code_block="Code", stop=".").split() == read.split()
