"""What importing, listing and loading cost, beside what a user would do instead, in one run.

    python benchmarks/loading.py [--repeats 7]

Every figure is the median of whole processes or of calls, taken in turn with its yardstick; the
ratio is what to quote, machines differ. Weights are generated: the size is the published one.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT_IMPORT_MS = 50
LIMIT_LIST_S = 0.4


def process(*words: str) -> Callable[[], None]:
    """Return a call that runs a fresh Python."""
    return lambda: (
        subprocess.run([sys.executable, *words], check=True, capture_output=True) and None
    )


def in_turn(repeats: int, **calls: Callable[[], object]) -> dict[str, float]:
    """Return the median seconds of each call, run in turn after one warm-up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if turn:
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def start_up(repeats: int) -> None:
    """Print what `import genesis_hub` adds to Python and what `genesis-hub list` takes."""
    took = in_turn(
        repeats,
        bare=process("-c", "pass"),
        ours=process("-c", "import genesis_hub; genesis_hub.list_models"),
        list=process("-m", "genesis_hub", "list"),
        torch=process("-c", "import torch"),
    )
    added = 1000 * (took["ours"] - took["bare"])
    print(f"import genesis_hub   adds {added:6.1f} ms to Python's start (limit {LIMIT_IMPORT_MS});")
    print(f"                     import torch adds {1000 * (took['torch'] - took['bare']):6.0f} ms")
    print(f"genesis-hub list     {took['list']:6.3f} s (limit {LIMIT_LIST_S})")


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

        def ours() -> None:
            genesis_hub.from_pretrained(folder)

        def bare() -> None:
            load_file(folder / "model.safetensors")
            network()

        def network() -> torch.nn.Module:
            return torch.nn.ModuleDict(
                {"encoder": GenesisEncoder(), "decoder": GenesisDecoder(),
                 "head": torch.nn.ModuleDict({"restoration": torch.nn.Conv3d(64, 1, 1)})}
            )  # fmt: skip

        def theirs() -> None:
            file = torch.load(Path(work) / "authors.pt", weights_only=True)
            network().load_state_dict(file["state_dict"])

        took = in_turn(repeats, ours=ours, bare=bare, theirs=theirs)
        size = (folder / "model.safetensors").stat().st_size
        memory = {"ours": peak(PEAK_OURS, folder), "theirs": peak(PEAK_THEIRS, Path(work))}
    print(f"from_pretrained      {took['ours']:6.3f} s (sha256 of the file included)")
    print(f"  / safetensors read + building the network  {took['ours'] / took['bare']:5.2f}x")
    print(f"  / torch.load + building + copying          {took['ours'] / took['theirs']:5.2f}x")

    for whose, label in (("ours", "from_pretrained"), ("theirs", "torch.load + build + copy")):
        print(f"peak memory, {label:<26} {memory[whose] / size:5.2f}x the file")


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
