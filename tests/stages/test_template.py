"""Sentences made of short answers: always with the answer in them, and never ungrammatical."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.records import Turn
from m3it_builder.stages.render import letter
from m3it_builder.stages.template import has_language, sentence

ENDS = tuple(".!?。！？…\"'”’）)]")
QUESTIONS = {
    "en": [
        "How many dogs are there?", "What color is the man's shirt?", "Is it raining?", "",
        "Who is the author of this book?", "Where is the cat sitting?", "What is this?",
        "Who painted the ceiling?", "Hint: look closely.\nWhat is shown?",
    ],
    "zh": ["图中有几个人？", "这是什么颜色的？", "他在做什么？", "这是狗吗？", "谁在打球？", "",
           "他在哪里"],
}  # fmt: skip
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["yes", "No", "3", "red", "on the table", "race.", "Yes.", "On it"]),
    st.sampled_from(["是的", "不是", "3个", "在家里", "有。"]),
    st.sampled_from(["{box:0}", "in the {box:0}.", "a (b", "%s", "he said \"no\""]),
)  # fmt: skip


@pytest.mark.parametrize("lang", QUESTIONS)
@given(data=st.data())
def test_a_sentence_has_the_answer_and_an_end(lang: str, data: st.DataObject) -> None:
    answer = data.draw(texts)
    question = data.draw(st.one_of(st.sampled_from(QUESTIONS[lang]), st.text(max_size=30)))
    form = data.draw(st.sampled_from(["text", "letter", "both"]))
    choices = data.draw(st.sampled_from([(), (answer, "other"), ("other", answer)]))
    gold = choices.index(answer) if choices else None
    made = sentence(Turn(question, answer, choices, gold), lang, form)
    if not answer.strip():
        assert made == ""
        return
    assert answer.strip() in made
    assert made.endswith(ENDS)
    if gold is not None and form != "text":
        assert f"({letter(gold)})" in made


@pytest.mark.parametrize(
    ("lang", "question", "answer", "expected"),
    [
        ("en", "Is it raining?", "yes", "The answer is yes: it is raining."),
        ("en", "Does it look cold?", "no", "The answer is no: it does not look cold."),
        ("en", "Is the man happy?", "yes", "The answer is yes."),
        ("en", "Are there any dogs?", "yes", "The answer is yes."),
        ("en", "How many lives does this have?", "9", "The number of lives is 9."),
        ("en", "How many of the dogs are white?", "2", "The answer is 2."),
        ("en", "How many people?", "2", "The answer is 2."),
        ("en", "How many dogs are there?", "a lot", "The answer is a lot."),
        ("en", "What color is the car?", "red", "The color of the car is red."),
        ("en", "What colour are the walls", "white", "The color of the walls is white."),
        ("en", "What color is the man wearing?", "red", "The answer is red."),
        ("en", "Where is the cat?", "on the table", "The cat is on the table."),
        ("en", "Where is the man sitting?", "on a bench", "The man is sitting on a bench."),
        ("en", "Where was the building?", "Paris", "The answer is Paris."),
        ("en", "What is the breed of the dog?", "poodle", "The breed of the dog is poodle."),
        ("en", "What is the handler of it known as?", "boss", "The answer is boss."),
        ("en", "Where are these fruits grown?", "in Asia", "The answer is in Asia."),
        ("en", "Where is this scene usually seen?", "in town", "The answer is in town."),
        ("en", "Where is this a native meal?", "in Asia", "The answer is in Asia."),
        ("en", "What are the name of these birds?", "finch", "The answer is finch."),
        ("en", "What are the legs of the table made of?", "oak", "The answer is oak."),
        ("en", "What color is the sky?", "I don't know", "The answer is I don't know."),
        ("en", "What color is the ball being shown is?", "red", "The answer is red."),
        ("en", "Has he ever been there?", "yes", "The answer is yes."),
        ("en", "Is there some food left?", "no", "The answer is no."),
        ("en", "Who wrote this book?", "Dan Brown", "Dan Brown wrote this book."),
        ("en", "Who wrote this book?", "man", "The answer is man."),
        ("en", "What sport is this?", "race", "The answer is race."),
        ("en", "What is it?", "Yahoo!", "The answer is Yahoo!"),
        ("en", "What do you see?", "A man walks his dog along a quiet beach", None),
        ("zh", "桌子上有什么？", "苹果", "桌子上有苹果。"),
        ("zh", "这是什么颜色？", "红色。", "这是红色。"),
        ("zh", "正方形是什么颜色的？", "紫色。", "正方形是紫色。"),
        ("zh", "他在哪里？", "在家里", "他在家里。"),
        ("zh", "这里有几个人？", "3", "这里有3个人。"),
        ("zh", "这里有几个人？", "两个", "这里有两个人。"),
        ("zh", "谁在打球？", "一个男孩", "一个男孩在打球。"),
        ("zh", "人在干什么？", "在玩电脑。", "人在玩电脑。"),
        ("zh", "这是狗吗？", "是的", "是的，这是狗。"),
        ("zh", "这是狗吗？", "是的。", "这是狗，是的。"),
        ("zh", "这是狗吗？", "不是", "不是，情况并非如此。"),
        ("zh", "这个人在干什么？", "他在做饭。", "他在做饭。"),
        ("zh", "这是什么动物？", "狗", "答案是狗。"),
        ("zh", "天空中有什么？", "没有", "答案是没有。"),
        ("zh", "谁在打球？", "我不知道", "答案是我不知道。"),
        ("zh", "桌上有什么？", "什么也没有", "答案是什么也没有。"),
        ("zh", "他们会不会在干什么坏事？", "不会", "答案是不会。"),
        ("zh", "厨房台什么颜色的？", "银色的。", "答案是银色的。"),
        ("zh", "筐子里是什么？", "一些面包，。", "筐子里是一些面包，。"),
        ("zh", "为什么？", "狗", "答案是狗。"),
    ],
)  # fmt: skip
def test_sentences(lang: str, question: str, answer: str, expected: str | None) -> None:
    made = sentence(Turn(question, answer), lang)
    assert made == (expected or f"{answer}.")


def test_options() -> None:
    turn = Turn("Which one?", "dog", ("cat", "dog"), 1)
    assert sentence(turn, "en", "both") == "The correct option is (B) dog."
    assert sentence(turn, "en-GB") == "The correct option is dog."
    assert sentence(Turn("哪个？", "狗", ("猫", "狗"), 1), "zh", "both") == "正确的选项是(B) 狗。"


def test_languages() -> None:
    assert has_language("en-US")
    assert has_language("zh-Hant")
    assert not has_language("fr")
    with pytest.raises(KeyError):
        sentence(Turn("Quoi ?", "chien"), "fr")
