"""Small valid files of each format, from which fuzzing starts."""

from __future__ import annotations

import base64
import io
import json
import pickle
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from tests.support.paths import ROOT


def images() -> Iterator[bytes]:
    """Yield one image of each codec, small and with several segments or chunks."""
    image = Image.radial_gradient("L").resize((24, 16)).convert("RGB")
    for codec, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0", "comment": b"x"}),
        ("PNG", {}),
        ("GIF", {"save_all": True, "append_images": [image]}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
    ):
        file = io.BytesIO()
        image.save(file, codec, **options)
        yield file.getvalue()


def zips() -> Iterator[bytes]:
    """Yield archives with stored, deflated and zip64 members, and with a comment."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/b.jpg", b"stored")
        archive.writestr("c.json", b"deflated " * 9, zipfile.ZIP_DEFLATED)
        with archive.open("d", "w", force_zip64=True) as member:
            member.write(b"zip64")
        archive.comment = b"PK\5\6 comment"
    yield file.getvalue()


def tars() -> Iterator[bytes]:
    """Yield tars in the formats of POSIX, GNU and ustar, with long names, links and sizes."""
    for version in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=version) as archive:
            for name in ("a.jpg", "é.jpg" if version == tarfile.PAX_FORMAT else "b.jpg", "n/" * 45):
                info = tarfile.TarInfo(name.rstrip("/"))
                info.size = 5
                archive.addfile(info, io.BytesIO(b"bytes"))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.LNKTYPE, "a.jpg"
            archive.addfile(link)
        yield file.getvalue()[:8192]
    pax = tarfile.TarInfo("sparse")
    pax.size, pax.pax_headers = 5, {"GNU.sparse.major": "1", "GNU.sparse.realsize": "10"}
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(pax, io.BytesIO(b"bytes"))
    yield file.getvalue()[:4096]


def members() -> Iterator[bytes]:
    """Yield directory entries, each followed by the member."""
    content = b"content " * 8
    stored = zlib.compress(content)[2:-4]
    header = struct.pack("<4s5H3L2H", b"PK\3\4", *bytes(5), 0, 0, 0, 1, 0) + b"a"
    crc = zlib.crc32(content)
    yield struct.pack(">6L", 0, len(content), len(stored), crc, 1, 0) + header + stored
    yield struct.pack(">6L", 0, len(content), len(content), crc, 0, 0) + header + content


def pickles() -> Iterator[bytes]:
    """Yield references like those of RefCOCO, in each protocol, and one that is refused."""
    value = [{"ref_id": 1, "sentences": [{"sent": "é", "tokens": ("a", 1.5, None)}], "split": "x"}]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(value, protocol)
    yield b"cos\nsystem\n(S'true'\ntR."


def json_texts() -> Iterator[bytes]:
    """Yield documents with every kind of value."""
    yield json.dumps({"a": [1, -2.5e300, True, None, "é\n\ud83d"], "b": {"": {}}}).encode()
    yield b'[NaN, -Infinity, 123456789012345678901234567890, "\\u00e9\\/", [], {}]'
    yield '\ufeff{"é": "漢字"}'.encode()


def cards() -> Iterator[bytes]:
    """Yield task cards."""
    for name in ("okvqa", "refcoco", "science-qa"):
        yield (ROOT / "task_cards" / f"{name}.yaml").read_bytes()
    yield b"a: &a [1, 2]\nb: *a\n? c\n: !!str d\n"


def manifests() -> Iterator[bytes]:
    """Yield the manifest of a build."""
    # Here: instrumenting all modules of a build takes long.
    from m3it_builder import load_task
    from m3it_builder.build.builder import Build
    from m3it_builder.build.plan import Plan
    from m3it_builder.tasks.sampling import write_sample

    task = load_task("okvqa")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sample(task, folder / "src", 4)
        Build(sources=folder / "src", out=folder, plan=Plan()).unit(task, "train")
        yield (folder / "okvqa" / "meta" / "train" / "manifest.json").read_bytes()


def arrays() -> Iterator[bytes]:
    """Yield arrays of images, in versions 1 and 2 of the format."""
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4, 3), }"
    for version, form in ((1, "<H"), (2, "<I")):
        size = struct.pack(form, len(text) + 1)
        yield b"\x93NUMPY" + bytes((version, 0)) + size + text + b"\n" + bytes(96)


def base64_texts() -> Iterator[bytes]:
    """Yield base64 as it occurs between the quotes of a JSON string."""
    text = base64.b64encode(bytes(range(60)))
    yield text
    yield text.replace(b"/", b"\\/") + b"\\n\\u002b==="
