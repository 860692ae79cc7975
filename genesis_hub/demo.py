"""What `make demo` shows: every part that stands, run for real, offline."""

import tempfile
import time
from pathlib import Path

import timm
import torch

from genesis_hub import api
from genesis_hub.errors import WeightsUnavailable


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
    classifier = api.create_model("adam-resnet50", num_classes=14)
    unet = api.create_model("adam-resnet50", task="segmentation", num_classes=2)
    with torch.inference_mode():
        say(f"adam-resnet50 is a {type(classifier).__mro__[2].__module__} ResNet: "
            f"logits {shape(classifier(image))}")  # fmt: skip
        say(f"its segmenter is a {type(unet).__mro__[2].__module__} Unet: {shape(unet(image))}")

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
