"""SHAPES: yes-or-no questions about drawings of a few colored shapes.

Drawings are cells of a NumPy array, 30 by 30 pixels, channels in the order BGR;
line n of the query and of the output file belong to drawing n. There are no ids.
Queries are S-expressions such as ``(is green (left_of red))``.
"""

import re
from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

PARTS = {"train": "train.large", "validation": "val", "test": "test"}
SHAPES = ("circle", "square", "triangle")
ANSWERS = {"true": "yes", "false": "no"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record a query, put into English."""
    part = f"shapes/{PARTS[source.split]}"
    scale = int(source.option("scale"))
    pairs = zip(source.text(f"{part}.query"), source.text(f"{part}.output"), strict=True)
    for number, (query, output) in enumerate(pairs):
        if output not in ANSWERS:
            yield Reject(str(number), "no_answer", f"output {output!r}")
            continue
        yield Record(
            id=str(number),
            turns=(Turn(english(query), ANSWERS[output]),),
            images=(source.array(f"{part}.input.npy", number, "BGR", scale),),
            meta={"query": query, "index": number},
        )


def english(query: str) -> str:
    """Return a query as a question: ``(is red (above circle))`` asks after a red shape.

    Raises:
        ValueError: it is no such query.
    """
    words = re.findall(r"\w+", query)
    if len(words) < 3 or words[0] != "is":
        raise ValueError(f"not a query: {query}")
    *relations, last = words[2:]
    if not relations:
        rest = _noun(last) if last in SHAPES else last
    else:
        steps = [relation.replace("_", " ") for relation in relations]
        rest = f"{' something '.join(steps)} {_noun(last)}"
    return f"Is {_noun(words[1])} {rest}?"


def _noun(word: str) -> str:
    return f"a {word}" if word in SHAPES else f"a {word} shape"
