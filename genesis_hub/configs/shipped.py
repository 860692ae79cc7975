"""The configs that come along: in a checkout, beside the package; an installed one has none."""

from pathlib import Path
from typing import Literal

from genesis_hub.data.nearest import close_names
from genesis_hub.errors import BadInput

Kind = Literal["train", "finetune"]
SHIPPED = Path(__file__).parents[2] / "training" / "recipes" / "proxy_tasks"
VERBS = {"train": "python -m training.pretrain", "finetune": "genesis-hub finetune --config"}


def located(source: str | Path, kind: Kind) -> Path:
    """Return the file of a config: the path as given, else the shipped one of that name."""
    path = Path(source).expanduser()
    if path.is_file():
        return path
    shipped = {one.name: one for one in (SHIPPED / kind).glob("*.json")}
    bare = path.parent == Path()
    if bare and path.name in shipped:
        return shipped[path.name]
    if not shipped:
        raise BadInput(
            f"{source}: there is no such file; configs come along in a checkout alone, under "
            f"training/recipes/proxy_tasks/{kind}"
        )
    other: Kind = "finetune" if kind == "train" else "train"
    if bare and (SHIPPED / other / path.name).is_file():
        raise BadInput(
            f"{source} comes along for {VERBS[other]} alone; here there are "
            f"{', '.join(sorted(shipped))}"
        )
    raise BadInput(
        f"{source}: there is no such file, and no config of that name comes along"
        f"{close_names(path.name, shipped)}; there are {', '.join(sorted(shipped))}"
    )
