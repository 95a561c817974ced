"""The questions and answers themselves, by language and form. A blank in braces is filled by `Wording`.

Of each form, the phrase that `wording.held_out_phrase` picks is never trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from assistant.training.sample import Language

_EN: Mapping[str, Sequence[str]] = {
    "name": (
        "What is in the picture?",
        "What is this?",
        "What does the picture show?",
        "What do you see?",
        "What can you see in this image?",
        "Can you tell me what this is?",
        "Name what you see.",
        "What am I looking at?",
        "Which thing is shown here?",
        "What's that?",
        "Identify what is in the photo.",
    ),
    "kind": (
        "What kind of thing is it?",
        "What sort of thing is this?",
        "To which group of things does it belong?",
        "Is it an animal, a plant, or what else?",
        "In general terms, what is it?",
    ),
    "presence": (
        "Is there {a_thing} in the picture?",
        "Is there {a_thing} in the image?",
        "Is there {a_thing}?",
        "Can you see {a_thing}?",
        "Do you see {a_thing} here?",
        "Does the picture show {a_thing}?",
        "Does this photo contain {a_thing}?",
        "Is {a_thing} visible?",
        "Would you say there is {a_thing} here?",
    ),
    "is_it": (
        "Is this {a_thing}?",
        "Is it {a_thing}?",
        "Is that {a_thing}?",
        "Would you call this {a_thing}?",
        "Is the thing in the picture {a_thing}?",
        "I think this is {a_thing}. Am I right?",
    ),
    "count": (
        "How many {things} are there?",
        "How many {things} are in the picture?",
        "How many {things} can you see?",
        "Count the {things}.",
        "What is the number of {things}?",
        "How many {things} does the image show?",
        "Tell me how many {things} there are.",
    ),
    "count_all": (
        "How many things are there?",
        "How many objects are in the picture?",
        "How many things can you see?",
        "Count the things in the picture.",
        "How many objects does the image show in all?",
    ),
    "colour": (
        "What colour is the {thing}?",
        "What color is the {thing}?",
        "Which color does the {thing} have?",
        "What is the colour of the {thing}?",
        "What is the color of the {thing}?",
        "Tell me the colour of the {thing}.",
        "The {thing}, what color is it?",
    ),
    "colour_it": (
        "What colour is it?",
        "And what color is it?",
        "Which colour does it have?",
        "And its color?",
    ),
    "has_colour": (
        "Is the {thing} {colour}?",
        "Is the colour of the {thing} {colour}?",
        "Is the color of the {thing} {colour}?",
        "The {thing} is {colour}, isn't it?",
        "Does the {thing} look {colour}?",
    ),
    "shape": (
        "What shape is the {colour} thing?",
        "Which shape does the {colour} object have?",
        "What is the shape of the {colour} one?",
        "What is the {colour} thing?",
        "Tell me the shape of the {colour} object.",
    ),
    "where": (
        "Where is the {thing}?",
        "Where in the picture is the {thing}?",
        "In which part of the image is the {thing}?",
        "Where can I find the {thing}?",
        "Where do you see the {thing}?",
        "Tell me where the {thing} is.",
    ),
    "where_it": ("Where is it?", "And where is it?", "In which part of the picture is it?", "Where in the image do you see it?"),
    "at_place": (
        "What is {at_place}?",
        "What is {at_place} of the picture?",
        "What do you see {at_place}?",
        "Which thing is {at_place}?",
        "Tell me what is {at_place}.",
    ),
    "relation": (
        "Is the {thing} {direction} the {other}?",
        "Would you say the {thing} is {direction} the {other}?",
        "Is it true that the {thing} is {direction} the {other}?",
        "The {thing} is {direction} the {other}, right?",
        "Can you check whether the {thing} is {direction} the {other}?",
    ),
    "beside": (
        "What is {direction} the {other}?",
        "Which thing is {direction} the {other}?",
        "What do you see {direction} the {other}?",
        "Tell me what is {direction} the {other}.",
    ),
    "outermost": (
        "Which thing is furthest {side}?",
        "What is the thing furthest {side}?",
        "Which object lies furthest {side}?",
        "What do you see furthest {side}?",
    ),
    "biggest": (
        "Which thing is the biggest?",
        "What is the largest thing?",
        "Which object is the largest in the picture?",
        "What is the biggest thing you see?",
    ),
    "smallest": (
        "Which thing is the smallest?",
        "What is the smallest thing?",
        "Which object is the smallest in the picture?",
        "What is the littlest thing you see?",
    ),
    "bigger": (
        "Which is bigger, the {thing} or the {other}?",
        "What is larger in the picture, the {thing} or the {other}?",
        "Is the {thing} or the {other} bigger?",
        "Which one looks larger: the {thing} or the {other}?",
    ),
    "same_colour": (
        "Do the {thing} and the {other} have the same colour?",
        "Are the {thing} and the {other} the same color?",
        "Is the {thing} the same colour as the {other}?",
        "Do the {thing} and the {other} match in color?",
    ),
    "more": (
        "Are there more {things} or more {others}?",
        "Which are there more of, {things} or {others}?",
        "Do you see more {things} or more {others}?",
        "What is there more of: {things} or {others}?",
    ),
    "caption": (
        "Describe the picture.",
        "Describe this image.",
        "What does the picture show? Describe it.",
        "Give a short description of the photo.",
        "Write a caption.",
        "Caption this image.",
        "Tell me about the picture in one sentence.",
        "What is going on in the picture?",
    ),
    "place": (
        "Where was the picture taken?",
        "What place is this?",
        "What is in the background?",
        "What kind of place does the picture show?",
        "What is behind it all?",
    ),
    "unsure": (
        "Who owns the {thing}?",
        "How old is the {thing}?",
        "What is the name of the {thing}?",
        "How much did the {thing} cost?",
        "Who put the {thing} there?",
        "What is inside the {thing}?",
        "What happened to the {thing} yesterday?",
        "Who took the picture?",
        "When was the picture taken?",
        "How much does the {thing} weigh?",
    ),
    "read": (
        "What does the sign say?",
        "What does it say?",
        "Read the text.",
        "What is written here?",
        "What is written in the picture?",
        "Which words can you read?",
        "Read this to me.",
        "What text is in the image?",
    ),
    "read_line": (
        "What does the {ordinal} line say?",
        "Read the {ordinal} line.",
        "What is written in the {ordinal} line?",
        "Which words are in the {ordinal} line?",
    ),
    "says": (
        'Does it say "{words}"?',
        'Is "{words}" written in the picture?',
        'Does the sign say "{words}"?',
        'Can you read "{words}" anywhere?',
    ),
    "number_on": (
        "Which number is written here?",
        "What number do you read?",
        "Read the number.",
        "What is the number in the picture?",
    ),
    "which_picture": (
        "Which picture shows {a_thing}?",
        "In which picture is there {a_thing}?",
        "In which of the two images do you see {a_thing}?",
        "Which image has {a_thing} in it?",
    ),
    "in_picture": (
        "What is in the {ordinal} picture?",
        "What does the {ordinal} image show?",
        "And the {ordinal} picture, what does it show?",
        "Tell me what you see in the {ordinal} picture.",
    ),
    "both": (
        "Do both pictures show {a_thing}?",
        "Is there {a_thing} in both pictures?",
        "Do the two images both contain {a_thing}?",
        "Can {a_thing} be seen in both images?",
    ),
    "same_thing": (
        "Do the two pictures show the same thing?",
        "Is the same thing in both pictures?",
        "Are the two pictures of the same thing?",
        "Do both images show the same thing?",
    ),
    "more_in": (
        "Which picture has more {things}?",
        "In which picture are there more {things}?",
        "Which of the two images shows more {things}?",
        "Where are there more {things}, in the first or in the second picture?",
    ),
}

_ZH: Mapping[str, Sequence[str]] = {
    "name": ("图片里有什么？", "这是什么？", "图里是什么？", "你看到了什么？", "请说出图中的东西。", "这张图片显示的是什么？"),
    "kind": ("它属于哪一类东西？", "这是哪种东西？", "这大概是什么类别的东西？"),
    "presence": (
        "图片里有{a_thing}吗？",
        "图中有{a_thing}吗？",
        "你看到{a_thing}了吗？",
        "这张照片里有没有{a_thing}？",
        "能看到{a_thing}吗？",
    ),
    "is_it": ("这是{a_thing}吗？", "它是{a_thing}吗？", "图里的东西是{a_thing}吗？", "我觉得这是{a_thing}，对吗？"),
    "count": ("有几个{things}？", "图片里有多少个{things}？", "数一数有几个{things}。", "你能看到几个{things}？"),
    "count_all": ("图片里有几样东西？", "一共有多少个物体？", "数一数图中的东西。"),
    "colour": ("{thing}是什么颜色的？", "{thing}是什么颜色？", "请说出{thing}的颜色。", "图中{thing}的颜色是什么？"),
    "colour_it": ("它是什么颜色的？", "它的颜色呢？", "它是什么颜色？"),
    "has_colour": ("{thing}是{colour}的吗？", "{thing}的颜色是{colour}吗？", "图中的{thing}是不是{colour}的？"),
    "shape": ("{colour}的东西是什么形状？", "{colour}的物体是什么？", "请说出{colour}物体的形状。"),
    "where": ("{thing}在哪里？", "{thing}在图片的什么位置？", "请告诉我{thing}在哪儿。", "图中{thing}的位置在哪里？"),
    "where_it": ("它在哪里？", "它在图片的什么位置？", "那它在哪儿？"),
    "at_place": ("{at_place}是什么？", "图片的{at_place}有什么？", "你在{at_place}看到了什么？"),
    "relation": (
        "{thing}在{other}的{direction}吗？",
        "{thing}是不是在{other}的{direction}？",
        "{thing}位于{other}的{direction}，对吗？",
    ),
    "beside": ("{other}的{direction}是什么？", "在{other}的{direction}有什么？", "请说出{other}{direction}的东西。"),
    "outermost": ("最{side}的东西是什么？", "哪样东西在最{side}？", "图中最{side}是什么？"),
    "biggest": ("哪样东西最大？", "最大的东西是什么？", "图中最大的物体是什么？"),
    "smallest": ("哪样东西最小？", "最小的东西是什么？", "图中最小的物体是什么？"),
    "bigger": ("{thing}和{other}，哪个更大？", "哪个更大，{thing}还是{other}？", "图中{thing}大还是{other}大？"),
    "same_colour": ("{thing}和{other}的颜色一样吗？", "{thing}和{other}是同一种颜色吗？", "{thing}跟{other}颜色相同吗？"),
    "more": ("{things}多还是{others}多？", "哪个更多，{things}还是{others}？", "图中{things}和{others}哪个多？"),
    "caption": ("描述一下这张图片。", "请描述图片。", "用一句话说说这张图片。", "给这张图写个说明。"),
    "place": ("这张照片是在哪里拍的？", "这是什么地方？", "背景是什么？"),
    "unsure": (
        "{thing}是谁的？",
        "{thing}多少岁了？",
        "{thing}花了多少钱？",
        "谁把{thing}放在那里的？",
        "这张图是谁拍的？",
        "{thing}有多重？",
    ),
    "read": ("牌子上写着什么？", "上面写的是什么？", "读一下文字。", "图片里有什么文字？", "这里写了什么？"),
    "read_line": ("{ordinal}行写的是什么？", "读一下{ordinal}行。", "{ordinal}行是什么字？"),
    "says": ("上面写着“{words}”吗？", "图片里有“{words}”这几个字吗？", "牌子上写的是“{words}”吗？"),
    "number_on": ("上面写的数字是多少？", "读一下数字。", "图片里的数字是几？"),
    "which_picture": ("哪张图片里有{a_thing}？", "{a_thing}在哪张图里？", "两张图中哪一张有{a_thing}？"),
    "in_picture": ("{ordinal}张图里是什么？", "{ordinal}张图片显示的是什么？", "那{ordinal}张图呢，有什么？"),
    "both": ("两张图里都有{a_thing}吗？", "两张图片都有{a_thing}吗？", "是不是两张图都能看到{a_thing}？"),
    "same_thing": ("两张图里是一样的东西吗？", "两张图片显示的东西一样吗？", "两张图里的东西相同吗？"),
    "more_in": ("哪张图里的{things}更多？", "两张图中哪一张有更多{things}？", "{things}在哪张图里更多？"),
}

QUESTIONS: Mapping[Language, Mapping[str, Sequence[str]]] = MappingProxyType({"en": _EN, "zh": _ZH})
"""Ways to ask, by form."""

ANSWERS: Mapping[Language, Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "en": {
            "name": ("The picture shows {answer}.", "This is {answer}.", "I see {answer}.", "It is {answer}."),
            "kind": ("It is {answer}.", "This is {answer}."),
            "yes_presence": ("Yes, there is {a_thing}.", "Yes, I can see {a_thing}."),
            "no_presence": ("No, there is no {thing} in the picture.", "No, I do not see {a_thing}."),
            "yes_is": ("Yes, it is {a_thing}.", "Yes, that is {a_thing}."),
            "no_is": ("No, it is {truth}.", "No, this is {truth}."),
            "count_one": ("There is one {thing}.", "I count one {thing}."),
            "count": ("There are {number} {things}.", "I count {number} {things}."),
            "count_all": ("There are {number} things.", "I count {number} things."),
            "colour": ("The {thing} is {answer}.",),
            "it_is": ("It is {answer}.",),
            "no_colour": ("No, the {thing} is {truth}.", "No, it is {truth}."),
            "where": ("The {thing} is {at_place}.", "It is {at_place}."),
            "absent": ("There is no {thing} in the picture.", "I do not see {a_thing} in the picture."),
            "unsure": (
                "I am not sure; the picture does not show that.",
                "I am not sure. I cannot tell that from the picture.",
                "I am not sure. The picture does not say.",
            ),
            "unclear": (
                "I am not sure what this is.",
                "I am not sure. I cannot make out anything.",
                "I am not sure; I see nothing clear.",
            ),
            "maybe": ("I am not sure, but it looks like {a_thing}.", "I am not sure. It might be {a_thing}."),
            "no_picture": ("I do not see a picture.", "There is no picture here that I could look at."),
            "unreadable": (
                "I am not sure; I cannot read it.",
                "I cannot read the text in this picture.",
                "I am not sure. The text is not readable.",
            ),
            "no_text": ("I do not see any text in the picture.", "There is no text that I can read."),
            "read": ('It says "{answer}".', 'The text is "{answer}".'),
            "same_number": ("There are as many {things} as {others}.",),
            "more": ("There are more {answer}.",),
            "bigger": ("The {answer} is bigger.",),
            "place": ("The picture shows {answer}.", "It is {answer}."),
            "caption_at": ("{things} {at_place} of the picture", "{things}"),
            "caption_before": ("{things} in front of {place}", "{things}, and behind it {place}"),
        },
        "zh": {
            "name": ("图片里是{answer}。", "这是{answer}。", "我看到{answer}。"),
            "kind": ("这是{answer}。", "它属于{answer}。"),
            "yes_presence": ("有，图里有{a_thing}。",),
            "no_presence": ("没有，图里没有{thing}。",),
            "yes_is": ("是的，这是{a_thing}。",),
            "no_is": ("不是，这是{truth}。",),
            "count_one": ("有一个{thing}。",),
            "count": ("有{number}个{things}。",),
            "count_all": ("一共有{number}样东西。",),
            "colour": ("{thing}是{answer}的。",),
            "it_is": ("它是{answer}的。",),
            "no_colour": ("不是，{thing}是{truth}的。",),
            "where": ("{thing}在{at_place}。", "它在{at_place}。"),
            "absent": ("图片里没有{thing}。",),
            "unsure": ("我不确定，图片里看不出来。", "我不确定，从图片上无法知道。"),
            "unclear": ("我不确定这是什么。", "我不确定，看不清楚。"),
            "maybe": ("我不确定，看起来像{a_thing}。",),
            "no_picture": ("我没有看到图片。",),
            "unreadable": ("我不确定，上面的字看不清。", "我读不出图中的文字。"),
            "no_text": ("我没有看到文字。",),
            "read": ("上面写着“{answer}”。",),
            "same_number": ("{things}和{others}一样多。",),
            "more": ("{answer}更多。",),
            "bigger": ("{answer}更大。",),
            "place": ("这是{answer}。",),
            "caption_at": ("图片的{at_place}有{things}", "{things}"),
            "caption_before": ("{things}，背景是{place}",),
        },
    }
)
"""Ways to answer in a sentence, by form."""

OPENINGS: Mapping[Language, Sequence[str]] = MappingProxyType(
    {
        "en": (
            "Look at the picture. ",
            "Please look closely. ",
            "Quick question: ",
            "Hey! ",
            "One more thing. ",
            "Can you help me? ",
        ),
        "zh": ("请看图片。", "请仔细看。", "再问一下，", "你好！"),
    }
)
"""What may stand before a question."""

MANNERS: Mapping[Language, Sequence[str]] = MappingProxyType(
    {
        "en": (" Answer briefly.", " Keep it short.", " Answer in a word or two.", " Just the answer, please."),
        "zh": ("请简短回答。", "只说答案。"),
    }
)
"""What may stand after a question, and makes the answer a phrase."""

NUMBERS: Mapping[Language, Sequence[str]] = MappingProxyType(
    {
        "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
        "zh": ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十"),
    }
)
"""Numbers in words, as one counts things with them."""

ORDINALS: Mapping[Language, Sequence[str]] = MappingProxyType({"en": ("first", "second", "third"), "zh": ("第一", "第二", "第三")})

COLOURS_ZH: Mapping[str, str] = MappingProxyType(
    {
        "black": "黑色",
        "white": "白色",
        "grey": "灰色",
        "red": "红色",
        "orange": "橙色",
        "brown": "棕色",
        "beige": "米色",
        "yellow": "黄色",
        "green": "绿色",
        "teal": "青色",
        "blue": "蓝色",
        "purple": "紫色",
        "pink": "粉色",
    }
)

PLACES_ZH: Mapping[str, str] = MappingProxyType(
    {
        "top left": "左上角",
        "top": "上方",
        "top right": "右上角",
        "left": "左边",
        "center": "中间",
        "right": "右边",
        "bottom left": "左下角",
        "bottom": "下方",
        "bottom right": "右下角",
    }
)

DIRECTIONS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "en": {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"},
        "zh": {"left": "左边", "right": "右边", "above": "上面", "below": "下面"},
    }
)

SIDES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        "en": {"left": "to the left", "right": "to the right", "top": "up", "bottom": "down"},
        "zh": {"left": "左边", "right": "右边", "top": "上面", "bottom": "下面"},
    }
)
