"""A recipe of several stages: each an ordinary run, which goes on from where the last one ended."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from genesis_hub.atomic import new_file, new_folder
from genesis_hub.errors import BadInput
from training.handover import STAGES
from training.leaving import METRICS, MODEL


class Stage(Protocol):
    """A run that is over."""

    @property
    def model(self) -> Path: ...


Over = TypeVar("Over", bound=Stage)


@dataclass(frozen=True)
class Chain:
    """The stages of a recipe, each by the keys it has of its own; `folder` holds one of each."""

    folder: Path
    stages: Mapping[str, Mapping[str, Any]]
    quiet: bool

    def run(self, one: Callable[[Path, Mapping[str, Any]], Over]) -> list[Over]:
        """Run the stages in turn, and leave the last one's weights as those of the whole.

        one: runs a stage in its folder, with these keys set; of one that is over it says so.
        """
        self.begin()
        done: list[Over] = []
        for number, (name, keys) in enumerate(self.stages.items(), 1):
            if not self.quiet and leading():
                sys.stderr.write(f"stage {name}, {number} of {len(self.stages)}\n")
            # By where it lies beside this one: so the folder of a run can be moved.
            before = {"weights": f"../{list(self.stages)[number - 2]}"} if done else {}
            done.append(one(self.folder / name, {**keys, **before}))
        if leading():
            self.leave(done[-1])
        return done

    def begin(self) -> None:
        """Write down which stages there are, or refuse a folder that holds anything else."""
        wanted = {"stages": list(self.stages)}
        table = self.folder / STAGES
        if table.is_file():
            then = json.loads(table.read_text(encoding="utf-8"))
            if then != wanted:
                raise BadInput(
                    f"{self.folder} was begun with the stages {', '.join(then['stages'])}, not "
                    f"{', '.join(self.stages)}; give the same to go on, or another RUN"
                )
        elif self.folder.exists() and any(
            not one.name.startswith(".") for one in self.folder.iterdir()
        ):
            raise BadInput(f"{self.folder} holds other files; give a new folder for the run")
        elif leading():
            with new_file(table) as aside:
                aside.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")

    def leave(self, last: Stage) -> None:
        """Copy what the last stage left to where the run's own is looked for."""
        with new_file(self.folder / METRICS) as aside:
            shutil.copyfile(last.model.parent / METRICS, aside)
        with new_folder(self.folder / MODEL) as aside:
            for file in last.model.iterdir():
                shutil.copyfile(file, aside / file.name)


def leading() -> bool:
    """Say whether this process writes, of several that were started."""
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0) == 0
