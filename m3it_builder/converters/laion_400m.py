"""LAION-400M, CC3M, CC12M and SBU: captioned images of the web, downloaded with img2dataset.

The captions of LAION are the alternative texts of web pages, with HTML entities in them. The
columns that LAION adds are filters: ``similarity`` of image and text, which is outside its
range in some rows, and ``NSFW``, a word.
"""

from collections.abc import Iterator
from html import unescape

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.img2dataset import downloads
from m3it_builder.records import JsonObject

ALLOWED = {"unlikely": ("UNLIKELY",), "unsure": ("UNLIKELY", "UNSURE")}
KEPT = ("url", "original_width", "original_height", "NSFW", "similarity", "LICENSE")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per downloaded image; its caption is the target."""
    release = str(source.option("release"))
    source_id = f"cc3m-{source.split}" if release == "cc3m" else release
    for entry in downloads(source, source_id):
        if isinstance(entry, Reject):
            yield entry
            continue
        fields = entry.fields
        caption = " ".join(unescape(fields.get("caption") or "").split())
        reason, detail = ("no_answer", "") if not caption else _filtered(source, fields)
        if reason:
            yield Reject(entry.key, reason, detail)
            continue
        license_ = fields.get("LICENSE")
        yield Record(
            id=entry.key,
            turns=(Turn("", caption),),
            images=(entry.image,),
            meta={key: fields[key] for key in KEPT if key in fields},
            image_license=None if license_ == "?" else license_,
        )


def _filtered(source: Source, fields: JsonObject) -> tuple[str, str]:
    """Return the reason to reject an example and a detail; the reason is "" if there is none."""
    allowed = ALLOWED.get(str(source.option("nsfw")))
    if allowed and fields.get("NSFW", "UNLIKELY") not in allowed:
        return "nsfw", f"{fields['NSFW']}"
    minimum = float(source.option("min_similarity"))
    similarity = fields.get("similarity")
    detail = f"similarity {similarity}"
    if similarity is None:
        return ("similarity_too_low", detail) if minimum > -1 else ("", "")
    if not -1 <= similarity <= 1:
        return "similarity_invalid", detail
    return ("similarity_too_low", detail) if similarity < minimum else ("", "")
