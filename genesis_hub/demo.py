"""What `make demo` shows: every part that stands, run for real, offline."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from genesis_hub import api
from genesis_hub.data import Image, phantoms, read
from genesis_hub.errors import BadInput, WeightsUnavailable
from genesis_hub.infer.embed import embed
from genesis_hub.infer.predict import predict
from genesis_hub.tuning.finetune import finetune


def demo() -> int:
    """Build, adapt, save and load models of every family, and show what each step gives."""
    begin = time.perf_counter()
    torch.manual_seed(0)
    print(f"{len(api.list_models())} names, of five families; `genesis-hub list` shows them all.\n")

    title("A volume in, an embedding, maps and labels out (untrained: no weights ship yet)")
    cube = torch.rand(1, 1, 64, 64, 32)
    for name in ("models-genesis", "semantic-genesis", "models-genesis-nnunet", "cpc-3d"):
        encoder = api.create_model(name)
        segmenter = api.create_model(name, task="segmentation", num_classes=3)
        with torch.inference_mode():
            say(f"{name:<22} embedding {shape(encoder(cube))}, labels {shape(segmenter(cube))}")

    title("Images: real timm and smp models")
    image = torch.rand(1, 3, 224, 224)
    classifier: Any = api.create_model("adam-resnet50", num_classes=14)
    unet: Any = api.create_model("adam-resnet50", task="segmentation", num_classes=2)
    with torch.inference_mode():
        say(f"adam-resnet50 is {classifier.library_class.__module__}.ResNet: "
            f"logits {shape(classifier(image))}")  # fmt: skip
        say(f"its segmenter is {unet.library_class.__module__}.Unet: {shape(unet(image))}")

    title("An image in, a label map in its own space and features out")
    with tempfile.TemporaryDirectory() as work:
        images_and_answers(Path(work))

    title("Ten labelled scans to a model, from scratch, in one call")
    with tempfile.TemporaryDirectory() as work:
        scans_to_a_model(Path(work))

    title("Save, load, and the receipt")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "adam"
        api.create_model("adam-resnet50").save_pretrained(folder)
        again = api.from_pretrained(folder, num_classes=5, in_channels=1)
        print(indented(str(again.load_report).replace(work, "...")))
        plain = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        ours = api.from_pretrained(folder)
        with torch.inference_mode():
            same = torch.equal(plain(image), ours(image))
        say(f"plain timm reads the folder and gives the same features: {same}")

    title("A name whose weights are not here says so, and what to do")
    try:
        api.from_pretrained("adam-resnet50")
    except WeightsUnavailable as error:
        say(str(error))
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")
    return 0


def images_and_answers(work: Path) -> None:
    """Show a phantom's way from a file to its answers."""
    chest = phantoms.chest_ct(0, size=(96, 96, 48), nodules=3)
    affine: Any = chest.affine
    np.savez(work / "phantom.npz", image=chest.image, affine=affine)
    image = read(work / "phantom.npz")
    diameters: Any = chest.truth["diameters_mm"]
    nodules = " and ".join(f"{d:.0f}" for d in diameters)
    say(f"a phantom of a chest CT: {sides(image)}, {image.orientation}, nodules of {nodules} mm")
    model = api.create_model("models-genesis", task="segmentation", num_classes=2, width=0.25)
    done = predict(model, work / "phantom.npz", work / "answers", overlap=0.25, quiet=True)
    if done.failed:  # Without the extra that reads and writes NIfTI.
        say(done.failed["phantom"])
    else:
        answer = read(work / "answers" / "phantom.nii.gz")
        same = answer.affine is not None and np.allclose(answer.affine, affine)
        say(f"its label map: {sides(answer)}, {answer.orientation}, in the same place: {same} "
            "(untrained, so it means nothing)")  # fmt: skip
    vector = embed(api.create_model("models-genesis"), work / "phantom.npz", quiet=True)
    say(f"its features: {vector.results['phantom'].shape[0]} numbers")
    try:
        model.inputs(model.inputs(chest.image))
    except BadInput as error:
        say(f"windowed twice? {error}")


def scans_to_a_model(work: Path) -> None:
    """Fine-tune on made-up scans with their lungs marked."""
    for seed in range(10):
        chest = phantoms.chest_ct(seed, size=(32, 32, 32))
        affine: Any = chest.affine
        lungs = chest.masks["lungs"].astype(np.uint8)
        for name, values in (("images", chest.image), ("labels", lungs)):
            (work / "scans" / name).mkdir(parents=True, exist_ok=True)
            np.savez(work / "scans" / name / f"{seed}.npz", image=values, affine=affine)
    recipe = {
        "scratch": True, "width": 0.0625, "steps": 60, "batch_size": 2, "validate_every": 60,
        "size": [32, 32, 32], "report": False,
    }  # fmt: skip
    run = finetune("models-genesis", work / "scans", work / "run", recipe=recipe, quiet=True)
    say(f"a sixteenth of the width, {run.steps} steps: Dice {run.metrics['dice']:.2f} on the "
        f"{run.metrics['cases']} scans kept aside")  # fmt: skip
    say(f"left in the run: {', '.join(sorted(path.name for path in run.folder.iterdir()))}")


def sides(image: Image) -> str:
    """Return an image's shape as people write it."""
    return "x".join(map(str, image.shape))


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


def say(text: str) -> None:
    """Print one line of a section."""
    print(f"  {text}")


def shape(tensor: torch.Tensor) -> str:
    """Return a tensor's shape as people write it."""
    return "x".join(map(str, tensor.shape))


def indented(text: str) -> str:
    """Return a text two spaces to the right."""
    return "\n".join(f"  {line}" for line in text.splitlines())
