"""Pictures that a pre-training run leaves: restored slices, views, and its curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genesis_hub.atomic import new_file
from genesis_hub.errors import BadInput
from genesis_hub.show.curves import curves, read_log
from genesis_hub.show.restoration import Restored, restoration
from genesis_hub.show.style import png
from genesis_hub.show.views import views
from training.examined import Examined

ROWS = 4
CURVES = "curves.png"


def sheet(seen: Sequence[Examined], path: Path, title: str) -> None:
    """Draw some of a validation: original, perturbed and restored, or a part and its views."""
    if seen and seen[0].shown is not None:
        drawn(path, views_of(seen, title))
        return
    rows: list[Restored] = []
    for one in seen:
        if one.answer is None or one.target is None:
            return  # Nothing is restored by this method.
        for original, view, answer in zip(one.target, one.view, one.answer, strict=True):
            perturbed = view[0].float().cpu().numpy()
            if perturbed.min() < 0 or perturbed.max() > 1:  # Standardised for the network.
                low, high = float(perturbed.min()), float(perturbed.max())
                perturbed = (perturbed - low) / max(high - low, 1e-12)
            rows.append(
                Restored(
                    original[0].float().cpu().numpy(), perturbed, answer[0].float().cpu().numpy()
                )
            )
    picked = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    drawn(path, restoration(picked, title=title))


def views_of(seen: Sequence[Examined], title: str) -> Any:
    """Return pictures beside their views."""
    rows = [
        {name: some[at].float().cpu().numpy() for name, some in one.shown.items()}
        for one in seen
        if one.shown is not None
        for at in range(len(next(iter(one.shown.values()))))
    ]
    grey = [{name: x[0] if len(x) == 1 else x for name, x in row.items()} for row in rows]
    return views(grey[:: max(1, len(grey) // ROWS)][:ROWS], title=title)


def drawn(path: Path, figure: Any) -> None:
    """Write a figure, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    with new_file(path) as aside:
        aside.write_bytes(png(figure))


def draw_curves(log: Path, path: Path, title: str = "") -> None:
    """Draw a run's losses over its steps, and what answering with the mean would cost."""
    told = read_log(log)
    lines = {}
    if "total" in told.get("train", {}):
        lines["training"] = told["train"]["total"]
    for name, said in (("loss", "validation"), ("mean_would_cost", "the mean as the answer")):
        if name in told.get("validation", {}):
            lines[said] = told["validation"][name]
    if not lines:
        raise BadInput(f"{log} holds no loss yet")
    drawn(path, curves(lines, y="loss", title=title))
