"""Names that cards give to files and folders: relative paths that stay in their folder.

A card is data, and may come with an installed package: it must not be able to name a file
outside the folder of its source, on any operating system.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_MAX_COMPONENT_BYTES = 200  # file systems allow 255; suffixes such as ``.partial`` are added
_DRIVE = re.compile(r"[A-Za-z]:")


def path_problem(path: str) -> str | None:
    """Return why a path is not a plain relative path inside its folder; None if it is one."""
    if path.startswith("/"):
        return "it is absolute"
    if "\\" in path:
        return "it contains a backslash"
    if _DRIVE.match(path):
        return "it starts with a drive letter"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        return "it contains a control character"
    return next(filter(None, map(_component_problem, path.split("/"))), None)


def _component_problem(component: str) -> str | None:
    if component in ("", ".", ".."):
        return f"{component!r} is not a file or folder name"
    if component != component.strip():
        return f"{component!r} starts or ends with a space"
    if len(component.encode()) > _MAX_COMPONENT_BYTES:
        return f"a component has more than {_MAX_COMPONENT_BYTES} bytes"
    return None


def _path(path: str) -> str:
    if problem := path_problem(path):
        raise PydanticCustomError(
            "path", "must be a relative path inside its folder ({problem})", {"problem": problem}
        )
    return path


def _prefix(prefix: str) -> str:
    if prefix:
        _path(prefix.removesuffix("/"))
    return prefix


def _folder(name: str) -> str:
    if "/" in name or path_problem(name):
        raise PydanticCustomError("folder", "must be usable as the name of a folder")
    return name


RelativePath = Annotated[str, AfterValidator(_path)]  # a file, or a pattern of files
PathPrefix = Annotated[str, AfterValidator(_prefix)]  # may be empty, or end with ``/``
FolderName = Annotated[str, AfterValidator(_folder)]  # one component
