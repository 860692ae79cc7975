"""Sliding windows beside MONAI's `sliding_window_inference`, in one run: answer, time, memory.

    python -m benchmarks.sliding_window [--sides 512 512 300] [--device cuda]

The same narrow U-Net, windows of 64 x 64 x 32, overlap and Gaussian blending. Each measurement is
a process of its own, taken in turn; memory is the most it held over what it held before the call.
A user has an int16 volume in HU: MONAI gets it scaled to float32 as it needs it, genesis_hub
scales each window as it is cut. "labels" is what both end with: the class of each voxel.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.rows import faster, needs_gpu, of_memory, tell
from benchmarks.timing import times

SIZE = (64, 64, 32)


def volume(sides: tuple[int, ...]):
    """Return a made-up chest CT, int16, of any size."""
    import numpy as np

    from genesis_hub.data.phantoms import chest_ct

    small = chest_ct(0, size=(128, 128, 75)).image
    index = [np.arange(side) * n // side for side, n in zip(sides, small.shape[1:], strict=True)]
    return np.ascontiguousarray(small[:, index[0]][:, :, index[1]][:, :, :, index[2]])


def model(width: float):
    """Return a narrow Models Genesis segmenter."""
    import torch

    import genesis_hub

    torch.manual_seed(0)
    return genesis_hub.create_model(
        "models-genesis", task="segmentation", num_classes=2, width=width
    )


class Peak:
    """The most memory held while a block runs, over what was held before it, in bytes."""

    def __enter__(self) -> "Peak":
        self.before, self.most, self.running = held(), 0, True
        self.watch = threading.Thread(target=self.look)
        self.watch.start()
        return self

    def look(self) -> None:
        """Look every few milliseconds."""
        while self.running:
            self.most = max(self.most, held())
            time.sleep(0.005)

    def __exit__(self, *error: object) -> None:
        self.running = False
        self.watch.join()
        self.bytes = max(self.most, held()) - self.before


def held() -> int:
    """Return the memory this process holds."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def measure(options: argparse.Namespace) -> None:
    """Run one way once; print what it took and a digest of its answer."""
    import numpy as np
    import torch

    torch.set_num_threads(options.threads)
    stored, network = volume(tuple(options.sides)), model(options.width).to(options.device)
    inputs = network.inputs
    with torch.inference_mode():
        network(torch.zeros(1, 1, *SIZE, device=options.device))  # Warm.
        with Peak() as peak:
            begin = time.perf_counter()
            if options.way == "monai":
                from monai.inferers import sliding_window_inference

                x = inputs(stored, check=False)[None]
                logits = sliding_window_inference(
                    x, SIZE, options.batch, network, overlap=options.overlap, mode="gaussian",
                    sw_device=options.device, device="cpu",
                )[0]  # fmt: skip
                answer = logits if options.answer == "logits" else logits.argmax(0).byte()
            else:
                from genesis_hub.infer.sliding import slabs, sliding_windows

                how = {
                    "size": SIZE, "overlap": options.overlap, "batch_size": options.batch,
                    "prepare": lambda w: inputs(w, patch=True, check=False),
                    "device": options.device,
                }  # fmt: skip
                if options.answer == "logits":
                    answer = sliding_windows(network, stored, **how)
                else:
                    answer = torch.zeros(options.sides, dtype=torch.uint8)
                    for start, part in slabs(network, stored, **how):
                        answer[..., start : start + part.shape[-1]] = part.argmax(0)
            seconds = time.perf_counter() - begin
    if options.keep:
        np.save(options.keep, answer.numpy())
    print(json.dumps({"seconds": seconds, "bytes": peak.bytes}))


def once(options: argparse.Namespace, way: str, answer: str, keep: str = "") -> dict[str, float]:
    """Measure one way in a fresh process."""
    words = [
        sys.executable, "-m", "benchmarks.sliding_window", "--way", way, "--answer", answer,
        "--keep", keep,
        "--sides", *map(str, options.sides), "--overlap", str(options.overlap),
        "--batch", str(options.batch), "--width", str(options.width),
        "--device", options.device, "--threads", str(options.threads),
    ]  # fmt: skip
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(options: argparse.Namespace) -> None:
    """Print both side by side."""
    import tempfile

    import numpy as np

    sides = " x ".join(map(str, options.sides))
    print(f"{sides}, overlap {options.overlap}, windows at once {options.batch}, {options.device}")
    with tempfile.TemporaryDirectory() as work:
        for answer in ("logits", "labels"):
            found: dict[str, list[dict[str, float]]] = {"ours": [], "monai": []}
            for turn in range(options.repeats):
                for way in ("ours", "monai") if turn % 2 else ("monai", "ours"):
                    keep = f"{work}/{way}.npy" if turn == 0 else ""
                    found[way].append(once(options, way, answer, keep))
            ours, theirs = (np.load(f"{work}/{way}.npy", mmap_mode="r") for way in found)
            if answer == "logits":
                planes = range(ours.shape[-1])
                off = max(float(np.abs(ours[..., z] - theirs[..., z]).max()) for z in planes)
                said = f"largest difference {off:.1e}"
            else:
                said = f"{float(np.mean(ours != theirs)):.1e} of the voxels differ"
            took = [[one["seconds"] for one in some] for some in found.values()]
            held_by = [[one["bytes"] for one in some] for some in found.values()]
            print(f"{answer:<7} {'':<12}{'time':>9} {'memory':>10}")
            for way, title in (("ours", "genesis_hub"), ("monai", "MONAI")):
                seconds = statistics.median(one["seconds"] for one in found[way])
                held_mb = statistics.median(one["bytes"] for one in found[way]) / 1e6
                print(f"{'':<7} {title:<12}{seconds:8.1f}s {held_mb:7.0f} MB")
            what, beside = f"{sides}, {answer} ({said})", "MONAI's sliding_window_inference"
            tell(what, beside, f"{faster(times(*took))}, {of_memory(1 / times(*held_by))}")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs=3, default=[512, 512, 300])
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--width", type=float, default=0.0625)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--way", choices=("ours", "monai"), help=argparse.SUPPRESS)
    parser.add_argument("--answer", default="logits", help=argparse.SUPPRESS)
    parser.add_argument("--keep", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure(options)
        return
    compare(options)
    if options.device == "cpu":
        needs_gpu("sliding windows", "MONAI's sliding_window_inference")


if __name__ == "__main__":
    main()
