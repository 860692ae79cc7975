"""Runs in a process of its own: opens hostile files under a watch, and says what happened.

python -m tests.watched FOLDER        every *.bin of a folder
python -m tests.watched --fuzz N      N mutated files of every format, from a seed
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import genesis_hub  # noqa: F401
from genesis_hub.errors import GenesisHubError
from genesis_hub.inspecting import inspect
from genesis_hub.weights.foreign import open_foreign
from tests import hostile

# What code that came in with a file would do. `open` for reading is what a reader does.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod",
    "subprocess.Popen", "socket.connect", "socket.bind", "shutil.rmtree", "ctypes.dlopen",
    "pickle.find_class", "urllib.Request", "webbrowser.open", "exec",
)  # fmt: skip
SECONDS, MEMORY = 5.0, 256 * 2**20

seen: list[str] = []
watching = False


def watch(event: str, arguments: tuple) -> None:
    """Note what no reader of weights does."""
    if not watching:
        return
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event in FORBIDDEN:
        seen.append(f"{event} {arguments!r}"[:200])


def peak() -> int:
    """Return the greatest resident memory since the last `reset`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def reset() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def read_all(path: Path) -> str:
    """Open a file as an import would and read every tensor of it; return how it ended."""
    try:
        foreign = open_foreign(path)
        for key in foreign.tensors.keys():
            foreign.tensors.read(key)
    except GenesisHubError as error:
        if not str(error) or "\n" in str(error):
            return f"error is not one line: {error!r}"
        return "refused"
    return "read"


def examine(label: str, path: Path) -> dict | None:
    """Open one file under the watch; return what is wrong, if anything is."""
    global watching
    seen.clear()
    reset()
    before, begin = peak(), time.perf_counter()
    watching = True
    try:
        ended = read_all(path)
        inspect(path)
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"[:300]
    finally:
        watching = False
    seconds, memory = time.perf_counter() - begin, peak() - before
    wrong = [*seen]
    if ended not in ("refused", "read"):
        wrong.append(ended)
    if seconds > SECONDS:
        wrong.append(f"{seconds:.1f} s")
    if memory > 2 * path.stat().st_size + MEMORY:
        wrong.append(f"{memory / 2**20:.0f} MB for {path.stat().st_size} bytes")
    return {"label": label, "wrong": wrong} if wrong else None


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Return a file with a few bytes changed, cut, doubled or moved."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        if not changed:
            break
        at = draw.randrange(len(changed))
        how = draw.randrange(6)
        if how == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            changed[at] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        elif how == 2:
            changed[at : at + draw.randint(1, 16)] = b""
        elif how == 3:
            changed[at:at] = draw.randbytes(draw.randint(1, 16))
        elif how == 4:
            piece = changed[at : at + draw.randint(1, 64)]
            to = draw.randrange(len(changed))
            changed[to : to + len(piece)] = piece
        else:
            changed[at : at + 8] = draw.choice((b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f"))
    return bytes(changed)


def fuzz(rounds: int, seed: int) -> tuple[int, list[dict]]:
    """Open mutated files of every format in turn."""
    seeds = {
        "zip": hostile.good_torch(),
        "legacy": hostile.good_torch(_use_new_zipfile_serialization=False),
        "safetensors": hostile.good_safetensors(),
        "keras": hostile.good_keras(),
    }
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.bin"
        for number in range(rounds):
            for kind, data in seeds.items():
                path.write_bytes(mutate(data, random.Random(f"{seed}/{kind}/{number}")))
                wrong = examine(f"{kind} {seed}/{number}", path)
                if wrong is not None:
                    found.append(wrong)
    return rounds * len(seeds), found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?")
    options.add_argument("--fuzz", type=int, default=0, help="mutated files of each format")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (64 * 2**30, 64 * 2**30))
    # What reading loads lazily is loaded now, so that the watch sees the files alone.
    import encodings.cp437  # names in zip archives
    import encodings.raw_unicode_escape  # text in old pickles
    import encodings.unicode_escape  # noqa: F401

    hostile.good_keras()
    sys.addaudithook(watch)
    if chosen.fuzz:
        count, found = fuzz(chosen.fuzz, chosen.seed)
    else:
        paths = sorted(Path(chosen.folder).glob("*.bin"))
        count, found = len(paths), [w for p in paths if (w := examine(p.name, p)) is not None]
    print(json.dumps({"files": count, "wrong": found}))


if __name__ == "__main__":
    main()
