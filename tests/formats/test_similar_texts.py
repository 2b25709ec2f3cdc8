"""Hard negatives: similar texts of another owner."""

from __future__ import annotations

from m3it_builder.formats.options import seeded
from m3it_builder.formats.similar_texts import Similar


def test_similar_texts_share_a_rare_word_and_have_another_owner() -> None:
    animals = ("dog", "cat", "horse", "zebra", "train", "boat", "clock", "pizza")
    texts = [
        (f"{owner}-{n}", str(owner), f"a {animals[owner % 8]} seen by camera {owner} {n}")
        for owner in range(400)
        for n in range(3)
    ]
    index = Similar(lambda: texts)
    similar = 0
    for owner in range(0, 400, 7):
        gold = texts[owner * 3][2]
        sample = index.sample(seeded("t", owner), gold, str(owner), 4)
        assert len({text for _, _, text in sample}) == len(sample) == 4
        assert all(entry[1] != str(owner) for entry in sample)
        similar += sum(animals[owner % 8] in text for _, _, text in sample)
        assert sample == index.sample(seeded("t", owner), gold, str(owner), 4)
    assert similar > 0.7 * 4 * 58, "most share the rare word, far more than one in eight"
    assert index.sample(seeded("t"), "nothing of the kind", "x", 4), "a fallback for other texts"
