"""How a violated clause of the contract is reported."""

from __future__ import annotations

import traceback
from pathlib import Path

from m3it_builder.errors import ContractError
from m3it_builder.tasks.registry import Task


def require(condition: bool, task: Task | str, problem: str) -> None:
    """Require a clause of the contract.

    Raises:
        ContractError: the condition is false; the message is the problem, after the task's name.
    """
    if not condition:
        raise ContractError(f"{task if isinstance(task, str) else task.name}: {problem}")


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
