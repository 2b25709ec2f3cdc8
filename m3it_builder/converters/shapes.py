"""SHAPES: yes-or-no questions about images of a few colored shapes.

Images are entries of a NumPy array, 30 by 30 pixels, channels in BGR order; line n of the
query file and of the output file belong to image n. There are no ids. Queries are
S-expressions such as ``(is green (left_of red))``.
"""

import re
from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

FILE_SPLITS = {"train": "train.large", "validation": "val", "test": "test"}
SHAPES = ("circle", "square", "triangle")
ANSWERS = {"true": "yes", "false": "no"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per query, rendered in English."""
    stem = f"shapes/{FILE_SPLITS[source.split]}"
    scale = int(source.option("scale"))
    pairs = zip(source.text(f"{stem}.query"), source.text(f"{stem}.output"), strict=True)
    for number, (query, output) in enumerate(pairs):
        if output not in ANSWERS:
            yield Reject(str(number), "no_answer", f"output {output!r}")
            continue
        yield Record(
            id=str(number),
            turns=(Turn(english(query), ANSWERS[output]),),
            images=(source.array(f"{stem}.input.npy", number, "BGR", scale),),
            meta={"query": query, "index": number},
        )


def english(query: str) -> str:
    """Return a query as a question: ``(is red (above circle))`` asks for a red shape.

    Raises:
        ValueError: the query is malformed.
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
