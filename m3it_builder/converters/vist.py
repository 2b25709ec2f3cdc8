"""VIST: a story in five sentences for five photographs in order.

Annotations are a list of one-element lists, one sentence each. A story follows the order
in which its worker arranged the photos, not the time they were taken.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn

LENGTH = 5  # photographs per story


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per story; the target is its sentences, joined."""
    file = f"vist-annotations-sis/sis/{source.file_split}.story-in-sequence.json"
    titles = source.lookup((album["id"], album["title"]) for album in source.items(file, "albums"))
    stories = source.lookup(
        (entry["story_id"], entry) for (entry,) in source.items(file, "annotations")
    )
    for story, entries in stories.groups():
        entries.sort(key=lambda entry: entry["worker_arranged_photo_order"])
        orders = [entry["worker_arranged_photo_order"] for entry in entries]
        if orders != list(range(LENGTH)):
            yield Reject(story, "incomplete_story", f"places {orders}")
            continue
        photos = [entry["photo_flickr_id"] for entry in entries]
        yield Record(
            id=story,
            turns=(Turn("", " ".join(entry["original_text"].strip() for entry in entries)),),
            images=tuple(
                source.image(f"vist-images/images/{source.file_split}/{id}.jpg") for id in photos
            ),
            meta={
                "album_id": entries[0]["album_id"],
                "album_title": titles.get(entries[0]["album_id"]),
                "photo_ids": photos,
                "tokenised": [entry["text"] for entry in entries],
            },
        )
