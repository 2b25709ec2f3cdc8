"""MMChat: Chinese dialogs below posts with images.

Three files of a split are joined by line number: dialogs and posts in JSON, and the addresses of
the images as plain text, separated by semicolons. The images were never distributed. The authors'
script saves one under the SHA-256 of its address; many are gone, so a dialog keeps those that are
there.
"""

from collections.abc import Iterator
from hashlib import sha256
from itertools import zip_longest

from m3it_builder import Image, Record, Reject, Source, Turn
from m3it_builder.formats.chinese import without_gaps
from m3it_builder.formats.img2dataset import is_present, names_by_url
from m3it_builder.records import JsonObject
from m3it_builder.sources.decoding import parse_json
from m3it_builder.sources.lookup import Lookup

SPLITS = {"train": "train", "validation": "dev", "test": "test"}
KINDS = ("dialog", "img_url", "weibo")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per dialog; its last utterance is the target."""
    downloaded = names_by_url(source, "mmchat-images")
    files = [f"mmchat-annotations/{kind}_{SPLITS[source.split]}.jsonl" for kind in KINDS]
    for number, lines in enumerate(zip_longest(*map(source.text, files))):
        name, (dialog, addresses, post) = str(number), lines
        if not any(map(str.strip, filter(None, lines))):
            continue
        if not dialog or not post or addresses is None:
            yield Reject(name, "unmatched_line", "not all files of the split have this line")
            continue
        texts = [without_gaps(text) for text in parse_json(dialog.encode(), f"{files[0]}: {name}")]
        content = without_gaps(parse_json(post.encode(), f"{files[2]}: {name}"))
        urls = list(dict.fromkeys(filter(None, map(str.strip, addresses.split(";")))))
        if not urls:
            yield Reject(name, "no_image")
        elif len(texts) < 2 or not all(texts):
            yield Reject(name, "incomplete_dialog")
        else:
            first = [content] if content and source.option("post") == "first" else []
            images = _images(source, urls, downloaded)
            yield _record(name, first + texts, images, {"post": content, "urls": urls})


def _record(name: str, texts: list[str], images: tuple[Image, ...], meta: JsonObject) -> Record:
    odd = len(texts) % 2  # the first utterance of an odd number is no question of a turn
    pairs = zip(texts[odd::2], texts[odd + 1 :: 2], strict=True)
    return Record(
        id=name,
        turns=tuple(Turn(said, reply) for said, reply in pairs),
        images=images,
        context=texts[0] if odd else "",
        meta=meta,
    )


def _images(source: Source, urls: list[str], downloaded: Lookup[str]) -> tuple[Image, ...]:
    """Return the images that are there; all of them if none is."""
    images = [
        source.image(f"mmchat-images/image/{_file_name(url)}", *downloaded.all(url)) for url in urls
    ]
    present = [one for one in images if is_present(source, one)]
    return tuple(present or images)


def _file_name(url: str) -> str:
    """Return the name that the authors' script gives an image."""
    path = url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[2]
    _, _, ending = path.rpartition(".") if "." in path else ("", "", "jpg")
    return f"{sha256(url.encode()).hexdigest()}.{ending}"
