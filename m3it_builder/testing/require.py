"""How a violated clause of the contract is reported."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from m3it_builder.errors import ContractError, ConverterError, ConvertError, SourceError
from m3it_builder.tasks.registry import Task


def require(condition: bool, task: Task | str, problem: str) -> None:
    """Require a clause of the contract.

    Raises:
        ContractError: the condition is false; the message is the problem, after the task's name.
    """
    if not condition:
        raise ContractError(f"{task if isinstance(task, str) else task.name}: {problem}")


@contextmanager
def error_in_source(task: Task, is_sample: bool) -> Iterator[None]:
    """Report a missing file, or one of unexpected structure, as an error of fixture or sample.

    What the error recommends to users of official files, such as a download, cannot help here.

    Raises:
        ContractError: the block raised such an error.
    """
    try:
        yield
    except ConverterError:
        raise  # its remedy is right whatever the source contains
    except (SourceError, ConvertError) as error:
        source = "sample data" if is_sample else "the fixture's source"
        remedy = f"write the source again with `m3it check {task.name} --update`"
        raise ContractError(
            f"{task.name}: {source} does not have what the converter reads: {error.problem}; "
            f"correct the converter, or {'the sample writer' if is_sample else remedy}"
        ) from error


def error_in_task(task: str, error: BaseException) -> ContractError | None:
    """Return an error that names the line of the task's code that raised another, or None.

    None means that no code of the task was involved: the error is a bug of this package.
    """
    ours = Path(__file__).parent.parent
    own = ("converters", "samples")  # code of built-in tasks
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if not path.is_relative_to(ours) or path.relative_to(ours).parts[0] in own:
            if "importlib" in path.parts or path.name.startswith("<"):
                continue
            where = f"{path.name} line {frame.lineno}"
            return ContractError(f"{task}: {type(error).__name__} in {where}: {error}; correct it")
    return None
