"""What a card says of the weights beside it: how they were made, as far as their folder tells."""

from collections.abc import Mapping
from typing import Any

from genesis_hub.worth import worth


def this_folder(facts: Mapping[str, Any]) -> list[str]:
    """Say what the weights beside a card are, as far as their maker's steps are known."""
    spec, made = facts["spec"], facts["provenance"]
    what = [f"task {spec['task']}", f"{spec['in_channels']} input channel(s)"]
    if spec["num_classes"]:
        what.append(f"{spec['num_classes']} classes")
    what += [f"{key} {spec[key]}" for key in ("decoder", "operator", "norm") if spec[key]]
    if spec["width"] != 1.0:
        what.append(f"width {spec['width']:g}")
    if facts.get("dtype") == "float16":
        what.append("numbers of two bytes")
    tuned = made.get("fine_tuned")
    if tuned:
        cases = tuned["data"]["cases"]
        origin = (
            f"Trained by `genesis-hub finetune` for {tuned['recipe']['task']} on {cases['train']} "
            f"labelled cases ({cases['val']} to choose the weights by), "
            f"{tuned['recipe']['steps']} steps; classes: {', '.join(tuned['classes'][:20])}. "
            "How well it does on other cases stands in its run's metrics.json."
        )
        if made.get("source"):
            origin += f" It began with weights from `{made['source']}` (sha256 `{made['sha256']}`)."
        if made.get("pretrained"):
            scans = made["pretrained"]["data"]["cases"]["train"]
            origin += f" It began with weights pre-trained on {scans:,} unlabelled scans."
    elif made.get("pretrained"):
        origin = "\n\n".join(filter(None, (pretraining(made["pretrained"]), made.get("about"))))
    elif made.get("source"):
        origin = (
            f"Converted from `{made['source']}` (sha256 `{made['sha256']}`), "
            f"{'a known file' if made.get('known') else 'a file that fits, its origin unproven'}."
        )
        if made.get("saved_again"):
            origin += " Saved again by a user since; values may have been trained or replaced."
    else:
        origin = (
            "Saved by a user of genesis_hub. Whether and on what it was trained is theirs to say; "
            "what stands below is true of the published method."
        )
    measured = None if tuned else made.get("measured")
    section = ["## This folder", f"{', '.join(what).capitalize()}. {origin}"]
    return [*section, *(worth(measured) if measured else [])]


def pretraining(told: Mapping[str, Any]) -> str:
    """Say what weights were pre-trained on, how long, and what was measured, by their run."""
    recipe, data, reached = told["recipe"], told["data"], told["reached"]
    labelled = "tasks" in recipe  # Slices of SMART-Net's, whose masks are known.
    flat = not labelled and ("input_side" in recipe or told["method"].endswith("-2d"))
    what = "pictures" if flat else "scans"
    if data.get("classes"):
        source = (
            f"{data['patterns']:,} patterns in {data['classes']} classes, discovered in unlabelled "
            "scans (those of others chose the weights)"
        )
    else:
        cases = data["cases"]
        of = "of" if labelled or "data_dim" in recipe else "cut from"
        source = (
            f"{of} {cases['train']:,} {'labelled' if labelled else 'unlabelled'} {what} "
            f"({cases['val']:,} more to choose the weights by)"
        )
    keys = ("views", "preset", "phase", "top_architecture", "code_size")
    views = next((f"; {key} {recipe[key]}" for key in keys if recipe.get(key)), "")
    said = (
        f"Pre-trained by `python -m training.pretrain` with the method {told['method']} "
        f"({'as published' if recipe['faithful'] else 'mended'}{views}): "
        f"{told['steps']:,} steps of {recipe['batch_size']} {windows_of(recipe)} "
        f"({told['steps'] * recipe['batch_size']:,} in all), {source}."
    )
    if recipe.get("stage") == "en":
        said += " It is the first stage of two: the decoder has learned nothing yet."
    if "loss" in reached:
        said += f"\n\nOn the {what} that chose the weights: loss {reached['loss']:.4g}"
        if "top_1" in reached:
            said += (
                f" ({reached['chance']:.4g} is chance); {reached['top_1']:.1%} of the views find "
                "the other of their picture before all others; spread of the codes "
                f"{reached['spread']:.2f}"
            )
        elif "chance" in reached:
            said += f" ({reached['chance']:.4g} is chance)"
        if "mean_would_cost" in reached:
            said += f" (answering with the mean would cost {reached['mean_would_cost']:.4g})"
        if "accuracy" in reached:
            said += f"; {reached['accuracy']:.1%} of the classes told right"
        if "auc" in reached:
            said += f", AUC {reached['auc']:.3f}"
        if "dice" in reached:
            said += f"; what is there outlined with a Dice of {reached['dice']:.2f}"
        if "mae" in reached:
            said += f"; slices restored within {reached['mae']:.3f} of their values in [0, 1]"
        if "effective_rank" in reached:
            said += f"; effective rank of the features {reached['effective_rank']:.1f}"
        said += ". What they are worth for a task is not told by that."
    if recipe["weights"]:
        # Of a chain the stage before lies beside the run, where no reader of a card can look.
        stage = str(recipe["weights"]).startswith("..")
        before = "those of the stage before" if stage else f"`{recipe['weights']}`"
        said += f" They went on from {before}."
    return said


def windows_of(recipe: Mapping[str, Any]) -> str:
    """Say what a step's images were."""
    if "data_dim" in recipe:
        grid = recipe.get("patches_per_side")
        parts = f", {grid} patches a side" if grid else ""
        return f"whole images brought to {recipe['data_dim']} a side{parts}"
    if "input_side" not in recipe:
        sides = (recipe[f"input_{name}"] for name in ("rows", "cols", "deps"))
        return f"cubes of {' x '.join(map(str, sides))}"
    if "tasks" in recipe:
        return f"slices, seen as {recipe['input_side']} x {recipe['input_side']}"
    grid = recipe.get("n") if recipe.get("decompose", True) else 0
    what = f"parts of a {grid} x {grid} grid" if grid else "whole pictures"
    if recipe.get("granularity"):
        what = f"regions of 1 / {2 ** recipe['granularity']} of the sides"
    return f"{what}, seen as {recipe['input_side']} x {recipe['input_side']}"
