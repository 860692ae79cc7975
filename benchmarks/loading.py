"""What importing, listing and loading cost, beside what a user would do instead, in one run.

    python -m benchmarks.loading [--repeats 7]

Every figure is the median of whole processes or of calls, taken in turn with its yardstick; the
ratio is what to quote, machines differ. Weights are generated: the size is the published one.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.rows import faster, of_memory, tell
from benchmarks.timing import in_turn, times

LIMIT_IMPORT_MS = 50
LIMIT_LIST_S = 0.4


def process(*words: str) -> Callable[[int], object]:
    """Return a call that runs a fresh Python."""
    return lambda _: subprocess.run([sys.executable, *words], check=True, capture_output=True)


def start_up(repeats: int) -> None:
    """Print what `import genesis_hub` adds to Python and what `genesis-hub list` takes."""
    found = in_turn(
        {
            "bare": process("-c", "pass"),
            "ours": process("-c", "import genesis_hub; genesis_hub.list_models"),
            "list": process("-m", "genesis_hub", "list"),
            "torch": process("-c", "import torch"),
        },
        repeats,
    )
    took = {name: statistics.median(some) for name, some in found.items()}
    added, heavy = (took[name] - took["bare"] for name in ("ours", "torch"))
    print(f"import genesis_hub adds {1000 * added:.1f} ms (limit {LIMIT_IMPORT_MS})")
    print(f"genesis-hub list {took['list']:.3f} s (limit {LIMIT_LIST_S})")
    # A millisecond at least: what is less drowns in what starting a process varies by.
    tell("import genesis_hub", "import torch", faster(heavy / max(added, 1e-3)))
    tell("genesis-hub list", "import torch", faster(times(found["list"], found["torch"])))


def loading(repeats: int) -> None:
    """Print what loading a published-size model takes, beside doing it by hand."""
    import torch
    from safetensors.torch import load_file

    import genesis_hub
    from genesis_hub.networks.genesis import GenesisDecoder, GenesisEncoder

    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "models-genesis"
        source = genesis_hub.create_model("models-genesis", task="pretext")
        source.save_pretrained(folder)
        torch.save({"state_dict": source.state_dict()}, Path(work) / "authors.pt")

        def ours(_: int) -> None:
            genesis_hub.from_pretrained(folder)

        def bare(_: int) -> None:
            load_file(folder / "model.safetensors")
            network()

        def network() -> torch.nn.Module:
            return torch.nn.ModuleDict(
                {"encoder": GenesisEncoder(), "decoder": GenesisDecoder(),
                 "head": torch.nn.ModuleDict({"restoration": torch.nn.Conv3d(64, 1, 1)})}
            )  # fmt: skip

        def theirs(_: int) -> None:
            file = torch.load(Path(work) / "authors.pt", weights_only=True)
            network().load_state_dict(file["state_dict"])

        took = in_turn({"ours": ours, "bare": bare, "theirs": theirs}, repeats)
        size = (folder / "model.safetensors").stat().st_size
        memory = {"ours": peak(PEAK_OURS, folder), "theirs": peak(PEAK_THEIRS, Path(work))}
    what = "from_pretrained, sha256 of the file included"
    print(f"{what}: {statistics.median(took['ours']):.3f} s")
    by_hand = {"bare": "reading safetensors, building", "theirs": "torch.load, building, copying"}
    for name, beside in by_hand.items():
        tell(what, beside, faster(times(took["ours"], took[name])))
    held = {whose: f"{memory[whose] / size:.2f} of the file" for whose in memory}
    print(f"peak memory: from_pretrained {held['ours']}, by hand {held['theirs']}")
    tell("from_pretrained", by_hand["theirs"], of_memory(memory["ours"] / memory["theirs"]))


# Linux tells the greatest resident memory, and lets it be counted from a moment on.
PEAK = """
import resource, sys
from pathlib import Path
def peak():
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l)
    return int(line.split()[1]) * 1024
"""
PEAK_OURS = (
    PEAK
    + """
import genesis_hub, genesis_hub.assemble
genesis_hub.create_model("models-genesis", width=0.1, task="pretext")
Path("/proc/self/clear_refs").write_text("5"); before = peak()
model = genesis_hub.from_pretrained(sys.argv[1])
print(peak() - before)
"""
)
PEAK_THEIRS = (
    PEAK
    + """
import torch
import genesis_hub, genesis_hub.assemble
genesis_hub.create_model("models-genesis", width=0.1, task="pretext")
Path("/proc/self/clear_refs").write_text("5"); before = peak()
file = torch.load(sys.argv[1] + "/authors.pt", weights_only=True)
model = genesis_hub.create_model("models-genesis", task="pretext")
model.load_state_dict(file["state_dict"])
print(peak() - before)
"""
)


def peak(code: str, folder: Path) -> int:
    """Return the bytes that a load adds to a fresh process at its peak."""
    words = [sys.executable, "-c", code, str(folder)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Run all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=7)
    repeats = options.parse_args().repeats
    start_up(repeats)
    loading(repeats)


if __name__ == "__main__":
    main()
