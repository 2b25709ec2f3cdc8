"""Properties of the acceptance rules."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from m3it_builder.paraphrase.acceptance import REASONS, AnswerForm, Reply, judge
from m3it_builder.records import Turn
from m3it_builder.stages.template import sentence

LANGUAGES = ("en", "zh", "zh-Hans", "ja", "ko", "ar", "ru", "fr", "de", "vi", "th")
UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
HAN = "零一二三四五六七八九"
forms: st.SearchStrategy[AnswerForm] = st.sampled_from(get_args(AnswerForm))


def in_english(value: int) -> str:
    if value < 13:
        return UNITS[value]
    if 20 <= value < 100:
        tens, unit = divmod(value, 10)
        return TENS[tens - 2] + (f"-{UNITS[unit]}" if unit else "")
    if value >= 1000 and value % 1000 == 0 and value < 13_000:
        return f"{UNITS[value // 1000]} thousand"
    return f"{value:,}"


def in_chinese(value: int) -> str:
    if value < 10:
        return HAN[value]
    if value < 100:
        tens, unit = divmod(value, 10)
        return ("" if tens == 1 else HAN[tens]) + "十" + (HAN[unit] if unit else "")
    return str(value)


numbers = st.one_of(st.integers(2, 99), st.sampled_from([100, 250, 1000, 1984, 5000, 12_345]))
ENGLISH = [
    ("How many {n} are there?", "There are {v} {n} in the image."),
    ("How many {n} does he have?", "He has {v} {n}."),
    ("What number is on the {n}?", "The number on the {n} is {v}."),
    ("how many {n} are in the video", "In the video, {v} {n} can be seen."),
]
CHINESE = [("图中有几个{n}？", "图中有{v}个{n}。"), ("有多少{n}？", "这里一共有{v}个{n}。")]


@given(st.sampled_from(ENGLISH), st.sampled_from(["dogs", "cups", "men"]), numbers, numbers)
def test_a_changed_english_number_is_rejected(
    frame: tuple[str, str], noun: str, value: int, other: int
) -> None:
    turn = Turn(frame[0].format(n=noun), str(value))
    for write in (str, in_english):
        said = frame[1].format(n=noun, v=write(value))
        assert judge(turn, Reply(said), "en") is None
        changed = frame[1].format(n=noun, v=write(other))
        assert judge(turn, Reply(changed), "en") == (None if value == other else "number_changed")


@given(st.sampled_from(CHINESE), st.sampled_from(["人", "苹果", "杯子"]), numbers, numbers)
def test_a_changed_chinese_number_is_rejected(
    frame: tuple[str, str], noun: str, value: int, other: int
) -> None:
    turn = Turn(frame[0].format(n=noun), f"{in_chinese(value)}个")
    for write in (str, in_chinese):
        said = frame[1].format(n=noun, v=write(value))
        assert judge(turn, Reply(said), "zh") is None
        changed = frame[1].format(n=noun, v=write(other))
        assert judge(turn, Reply(changed), "zh") == (None if value == other else "number_changed")


@given(numbers, numbers, numbers)
def test_a_number_of_the_question_is_not_changed_either(asked: int, value: int, new: int) -> None:
    assume(len({asked, value, new}) == 3)
    turn = Turn(f"How many of the {asked} birds are white?", str(value))
    said = "{} of the {} birds are white."
    assert judge(turn, Reply(said.format(value, in_english(asked))), "en") is None
    for first, second in [
        (new, asked),
        (value, new),
        (asked, value),
        (value, value),
        (asked, asked),
    ]:
        assert judge(turn, Reply(said.format(first, second)), "en") == "number_changed"


@given(st.data())
def test_every_number_in_an_accepted_planted_sentence_counts(data: st.DataObject) -> None:
    from tests.paraphrase.planted import good

    pairs = [p for p in good() if re.search(r"\d", p.said) and p.answer_form != "letter"]
    pair = data.draw(st.sampled_from(pairs))
    digits = data.draw(st.sampled_from(list(re.finditer(r"\d+", pair.said))))
    new = data.draw(st.integers(0, 99_999).map(str))
    assume(int(new) != int(digits[0]))
    assume(new not in re.findall(r"\d+", pair.turn.question + pair.turn.answer))
    said = pair.said[: digits.start()] + new + pair.said[digits.end() :]
    accepted = judge(pair.turn, Reply(pair.said), pair.lang, pair.answer_form) is None
    assert not accepted or judge(pair.turn, Reply(said), pair.lang, pair.answer_form) is not None


SUBJECTS = ["the man", "the dog", "the woman in red", "this child", "it", "he"]
VERBS = [("is", "wearing a hat"), ("is", "happy"), ("does", "look cold"), ("can", "fly"),
         ("was", "eaten"), ("has", "a long tail"), ("will", "stop"),
         ("should", "be here")]  # fmt: skip
LEADS = {True: ["", "Yes, ", "Yes: ", "Indeed, ", "In the image, "], False: ["", "No, ", "No. "]}


@given(st.sampled_from(SUBJECTS), st.sampled_from(VERBS), st.booleans(), st.data())
def test_a_negation_more_or_less_flips_acceptance(
    subject: str, verb: tuple[str, str], is_yes: bool, data: st.DataObject
) -> None:
    auxiliary, rest = verb
    turn = Turn(f"{auxiliary.capitalize()} {subject} {rest}?", "yes" if is_yes else "no")
    lead = data.draw(st.sampled_from(LEADS[is_yes]))
    ending = data.draw(st.sampled_from(["", " in the photo", ", because the day is not warm"]))
    negated = {"can": "can't", "will": "won't"}.get(auxiliary, f"{auxiliary}n't")
    plain = f"{lead}{subject} {auxiliary} {rest}{ending}."
    denied = [f"{lead}{subject} {word} {rest}{ending}." for word in (f"{auxiliary} not", negated)]
    assert (judge(turn, Reply(plain), "en") is None) == is_yes
    for said in denied:
        assert (judge(turn, Reply(said), "en") is None) == (not is_yes)


@given(
    st.sampled_from(["他", "这个男人", "图中的狗"]),
    st.sampled_from([("在跑步", "没有在跑步"), ("戴着帽子", "没有戴着帽子"),
                     ("是黑色的", "不是黑色的"),
                     ("会游泳", "不会游泳"), ("很高兴", "不高兴")]),
    st.sampled_from([("是的", "不是"), ("对。", "不。"), ("是", "没有")]),
    st.booleans(),
)  # fmt: skip
def test_a_chinese_negation_more_or_less_flips_acceptance(
    subject: str, verb: tuple[str, str], answers: tuple[str, str], leads: bool
) -> None:
    for position in (0, 1):
        answer = answers[position]
        turn = Turn(f"{subject}{verb[0]}吗？", answer)
        lead = answer.strip("。") + "，" if leads else ""
        assert judge(turn, Reply(f"{lead}{subject}{verb[position]}。"), "zh") is None
        assert judge(turn, Reply(f"{lead}{subject}{verb[1 - position]}。"), "zh") is not None


@given(st.text(), st.text(), st.text(), st.sampled_from(LANGUAGES), st.data())
def test_any_text_is_judged(
    question: str, answer: str, said: str, lang: str, data: st.DataObject
) -> None:
    choices = data.draw(st.sampled_from([(), (answer, "b"), ("a", answer, "3")]))
    gold = choices.index(answer) if choices else None
    turn = Turn(question, answer, choices, gold)
    assert judge(turn, Reply(said), lang, data.draw(forms)) in (None, *REASONS)


number_like = st.text("0123456789.,:/%-⁄ 一二两三十百千万亿点半分之第个and half ", max_size=60)


@given(number_like, number_like, number_like, st.sampled_from(["en", "zh"]))
def test_any_text_of_digits_is_judged(question: str, answer: str, said: str, lang: str) -> None:
    assert judge(Turn(question, answer), Reply(said + "."), lang) in (None, *REASONS)


def test_very_long_numbers_are_judged() -> None:
    for digits in ("9" * 10_000, "九" * 10_000, "1," * 5_000, "万" * 3_000, "1/" * 5_000):
        turn = Turn("How many?", digits)
        assert judge(turn, Reply(f"There are {digits} dogs."), "en") in (None, *REASONS)
        assert judge(turn, Reply(f"有{digits}个。"), "zh") in (None, *REASONS)


QUESTIONS = {
    "en": ["How many dogs are there?", "What color is the man's shirt?", "Is it raining?", "",
           "Who is the author of this book?", "Where is the cat sitting?", "What is this?",
           "Who painted the ceiling?", "Hint: look closely.\nWhat is shown?", "Isn't it red?",
           "Does he not have 3 hats?", "What is the caption?"],
    "zh": ["图中有几个人？", "这是什么颜色的？", "他在做什么？", "这是狗吗？", "谁在打球？", "",
           "他在哪里", "这里没有人吗？", "两个人在干什么？"],
}  # fmt: skip
ANSWERS = {
    "en": ["yes", "no", "No.", "3", "1,000", "10:30", "half", "50%", "red", "on the table", "race.",
           "none", "nothing", "no parking", "Dan Brown", '"STOP"', "B12", "not sure", "unknown",
           "an AI prompt", "I'm sorry", "a caption", "it", "the", "up", "{box:0}", "東京", "...",
           "el hombre de la casa", "He is a man who does not like to eat the food, I think.",
           "2 of the 3 men", "third", "can't tell", "Yes, two", "a", "{box:0} and", "What?"],
    "zh": ["是的", "不是", "3个", "两个人", "在家里", "有。", "没有", "不", "白色。", "三点半",
           "什么都没有", "Apple", "T恤", "不知道", "作为AI", "半个", "的",
           "他不在家里，他在学校里和同学们一起打篮球"],
}  # fmt: skip


@pytest.mark.parametrize("lang", QUESTIONS)
@pytest.mark.parametrize("form", ["text", "letter", "both"])
def test_the_template_is_accepted(lang: str, form: AnswerForm) -> None:
    rejected = []
    for question in QUESTIONS[lang]:
        for answer in ANSWERS[lang]:
            for choices in ((), (answer, "other"), ("other", answer, "7")):
                turn = Turn(question, answer, choices, choices.index(answer) if choices else None)
                said = sentence(turn, lang, form)
                if (reason := judge(turn, Reply(said), lang, form)) is not None:
                    rejected.append((question, answer, said, reason))
    assert rejected == []


def test_finish_reason_and_refusal() -> None:
    turn, said = Turn("What color is it?", "red"), "It is red."
    assert judge(turn, Reply(said, "stop"), "en") is None
    assert judge(turn, Reply(said, "length"), "en") == "cut_off"
    assert judge(turn, Reply("", "length"), "en") == "empty"
    assert judge(turn, Reply(said, "content_filter"), "en") == "refusal"
    assert judge(turn, Reply(said, "stop", "I can't help with that."), "en") == "refusal"


@pytest.mark.parametrize(
    ("lang", "said"),
    [("ja", "これは赤い車です。"), ("ko", "이것은 빨간 차입니다."), ("ar", "هذه سيارة حمراء."),
     ("ru", "Это красная машина."), ("fr", "C'est une voiture rouge."), ("th", "นี่คือรถสีแดง.")],
)  # fmt: skip
def test_the_script_of_other_languages(lang: str, said: str) -> None:
    turn = Turn("", "")
    assert judge(turn, Reply(said), lang) is None
    assert judge(turn, Reply("这辆车是红色的。"), lang) == "wrong_language"
