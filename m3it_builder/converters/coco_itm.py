"""COCO image-text matching: which of five captions belongs to the photograph?

Based on Karpathy's split, one record per image. The four wrong captions belong to other
images of the same split and share a rare word with the right one, so that word counts do
not suffice; none has the text of another caption of the image.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source
from m3it_builder.formats.coco import karpathy_captions, karpathy_images
from m3it_builder.formats.options import choice_turn, seeded
from m3it_builder.formats.similar_texts import Similar, Text

WRONG = 4


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image; the right caption is sampled deterministically by id."""
    similar = Similar(lambda: _texts(source))
    for image in karpathy_images(source):
        number = str(image.number)
        own = {text: key for key, text in image.captions if text}
        if not own:
            yield Reject(number, "no_answer")
            continue
        rng = seeded(source.task, number)
        gold = rng.choice(list(own))
        candidates = similar.sample(rng, gold, number, WRONG + len(own))
        wrong = {text: key for key, _, text in candidates if text not in own}
        if len(wrong) < WRONG:
            yield Reject(number, "too_few_captions", f"{len(wrong)} of {WRONG} wrong ones")
            continue
        others = list(wrong)[:WRONG]
        yield Record(
            id=number,
            turns=(choice_turn(rng, gold, others),),
            images=(image.image,),
            meta={
                "caption_id": own[gold],
                "wrong_caption_ids": [int(wrong[text]) for text in others],
            }
            | image.meta,
        )


def _texts(source: Source) -> Iterator[Text]:
    for owner, key, text in karpathy_captions(source):
        if text:
            yield str(key), str(owner.number), text
