"""The walls of the house: which room may import which (CONTRIBUTING.md draws them)."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "genesis_hub"

# Each room, from the ground up, and the rooms of ours it may import.
GROUND = {"errors", "entry", "version", "atomic", "extras"}
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "entry": set(),
    "version": set(),
    "atomic": {"errors"},
    "extras": {"errors"},
    "sampling": set(),
    "mistakes": {"entry", "sampling"},
    "layers": {"errors"},
    "page": {"page"},
    "show": {"data", "errors", "extras", "layers", "show"},
    "cards": {"entry", "provenance", "worth"},
    "provenance": {"worth"},
    "worth": set(),
    "catalog": {"entry", "catalog"},
    "networks": {"errors", "networks"},
    "guests": {"entry", "errors", "networks"},
    "registry": {"catalog", "entry", "errors", "guests"},
    "hosting": {"errors", "models", "names", "networks", "weights"},
    "inputs": {"entry", "errors", "mistakes", "sampling"},
    "data": {"atomic", "errors", "extras", "version", "data"},
    "weights": {*GROUND, "cards", "weights"},
    "spec": {"entry", "errors", "registry", "networks"},
    "saved": {"entry", "errors", "registry", "networks", "spec"},
    "names": {"networks", "spec"},
    "models": {"entry", "errors", "networks", "weights"},
    "volumes": {"models", "networks"},
    "adopted": {"errors", "networks", "models"},
    "assemble": {
        "entry", "errors", "inputs", "models", "adopted", "spec", "networks", "weights",
        "names", "saved", "volumes", "assemble",
    },
    "plan": {"entry", "errors", "assemble", "names", "networks", "spec", "weights"},
    "importing": {
        "entry", "errors", "registry", "version", "assemble", "plan", "spec", "weights",
    },
    "inspecting": {"errors", "plan", "registry", "weights"},
    "doctor": {
        "api", "assemble", "entry", "errors", "importing", "networks", "registry", "saved", "spec",
        "weights",
    },
    "exporting": {
        "api", "atomic", "extras", "entry", "errors", "models", "names", "networks", "weights",
    },
    "auditing": {"api", "atomic", "data", "errors", "registry", "weights"},
    "write_cards": {"cards", "entry", "registry", "weights"},
    "api": {
        "registry", "entry", "errors", "weights", "spec", "saved", "assemble", "hosting",
        "importing",
    },
    "infer": {
        "api", "atomic", "data", "errors", "extras", "inputs", "layers", "models", "version",
        "weights", "infer",
    },
    "gallery": {
        "atomic", "data", "entry", "errors", "infer", "inputs", "models", "networks", "show",
        "gallery",
    },
    "reporting": {
        "api", "atomic", "data", "errors", "extras", "gallery", "infer", "models", "page", "show",
        "reporting",
    },
    "searching": {
        "api", "atomic", "data", "errors", "evaluate", "infer", "inputs", "models", "page",
        "show", "searching",
    },
    "losses": {"errors", "losses"},
    "evaluate": {"errors", "evaluate"},
    "engine": {"atomic", "errors", "version", "weights", "engine"},
    "tuning": {
        "api", "atomic", "data", "engine", "entry", "errors", "evaluate", "infer", "inputs",
        "losses", "models", "names", "networks", "registry", "reporting", "saved", "volumes",
        "weights", "extras", "tuning",
    },
    "configs": {"configs", "data", "engine", "errors"},
    "benchmarking": {
        "api", "atomic", "data", "engine", "entry", "errors", "evaluate", "extras", "infer",
        "models", "networks", "page", "registry", "saved", "show", "tuning", "weights",
        "benchmarking",
    },
    "trials": {
        "atomic", "configs", "data", "engine", "entry", "errors", "evaluate", "losses",
        "page", "registry", "saved", "show", "spec", "tuning", "weights", "trials",
    },
    "demo": {
        "api", "atomic", "benchmarking", "data", "engine", "errors", "evaluate", "extras", "infer",
        "models", "tuning", "demo",
    },
    "cli": {
        "cli",
        "importing", "api", "registry", "cards", "entry", "errors", "version", "weights", "demo",
        "auditing", "benchmarking", "data", "engine", "gallery", "infer", "tuning", "inspecting",
        "doctor", "exporting", "searching", "trials",
    },
    "__init__": {
        "version", "api", "auditing", "benchmarking", "data", "errors", "importing", "infer",
        "searching", "show", "tuning",
    },
    "__main__": {"cli"},
}  # fmt: skip

# Each foreign library has one door.
DOORS = {
    "timm": {"networks"},
    "segmentation_models_pytorch": {"networks"},
    "huggingface_hub": {"weights"},
    "safetensors": {"weights"},
    "filelock": {"weights"},
    "h5py": {"weights"},
    "torch": {
        "networks",
        "engine",
        "tuning",
        "losses",
        "weights",
        "mistakes",
        "sampling",
        "inputs",
        "infer",
        "models",
        "volumes",
        "adopted",
        "assemble",
        "hosting",
        "demo",
        "plan",
        "importing",
        "doctor",
        "exporting",
        "layers",
        "show",
        "gallery",
        "reporting",
        "searching",
        "benchmarking",
    },
    "numpy": {
        "benchmarking",
        "data",
        "demo",
        "engine",
        "evaluate",
        "gallery",
        "infer",
        "inputs",
        "mistakes",
        "reporting",
        "sampling",
        "searching",
        "show",
        "trials",
        "tuning",
        "weights",
    },
    "scipy": {"data", "evaluate"},
    "sklearn": {"benchmarking", "evaluate", "show"},
    "matplotlib": {"show"},
    "lightning_fabric": {"engine"},
    "PIL": {"data"},
    "pydicom": {"data"},
    "highdicom": {"data"},
    "isal": {"data"},
    "tqdm": {"infer"},
    "peft": {"tuning"},
}

# Pre-training stands beside the package; of it, its rooms may import these of their own.
TRAINING = PACKAGE.parent / "training"
TRAINING_ROOMS: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": set(),
    "command": set(),
    "recipe": set(),
    "kinds": {"recipe"},
    "views": {"views"},
    "corpus": {"corpus", "kinds"},
    "contrast": {"contrast"},
    "distillation": {"distillation"},
    "multitask": {"multitask"},
    "examined": set(),
    "methods": {
        "contrast", "distillation", "examined", "kinds", "methods", "multitask", "proxy", "recipe",
        "views",
    },
    "forecast": {"kinds", "network", "recipe"},
    "network": {"kinds", "recipe"},
    "objective": {"contrast", "examined", "methods", "views"},
    "sheets": {"examined"},
    "leaving": {"corpus", "examined", "network", "recipe", "sheets"},
    "handover": {"leaving", "methods", "recipe"},
    "chain": {"handover", "leaving"},
    "pictures": {"corpus", "pictures", "views"},
    "proxy": {"examined", "kinds", "proxy", "views"},
    "slices": {"corpus", "kinds", "pictures", "slices"},
    "wholes": {"corpus", "kinds", "pictures", "wholes"},
    "configs": {"configs", "recipe"},
    "converting": {"converting", "corpus", "pictures", "wholes"},
    "convert": {"command", "converting", "corpus"},
    "discovery": {"corpus", "discovery"},
    "discover": {"command", "discovery"},
    "cubes": {"command", "corpus"},
    "pack": {"command", "corpus"},
    "lists": {"command", "pictures"},
    "pretrain": {
        "chain", "command", "configs", "corpus", "forecast", "handover", "kinds", "leaving",
        "methods", "network", "objective", "pictures", "recipe", "slices", "wholes",
    },
    "release": {"command", "handover", "leaving", "results"},
    "results": set(),
    "minis": {"discovery", "minis"},
    "mini": {"command", "minis", "pretrain", "release", "results"},
}  # fmt: skip
# A view is a pure function of tensors and draws: of the hub it knows the errors alone.
OF_THE_HUB = {
    "views": {"errors"},
    "methods": {"entry", "errors", "losses", "models", "networks"},
    "corpus": {
        "atomic", "catalog", "data", "engine", "entry", "errors", "extras", "infer", "inputs",
        "sampling",
    },
    "pictures": {"atomic", "data", "engine", "errors", "sampling"},
    "contrast": {"errors"},
    "distillation": {"errors"},
    "multitask": {"evaluate"},
    "slices": {"atomic", "data", "engine", "entry", "errors", "infer", "inputs"},
    "converting": {"atomic", "data", "errors", "infer"},
    "proxy": {"errors", "models", "networks"},
    "configs": {"configs", "data", "engine", "errors"},
    "wholes": {"atomic", "data", "engine", "entry", "errors", "infer", "inputs"},
}  # fmt: skip
TRAINING_DOORS = {
    "torch": {
        "views",
        "contrast",
        "distillation",
        "multitask",
        "slices",
        "examined",
        "handover",
        "corpus",
        "discovery",
        "methods",
        "pictures",
        "proxy",
        "wholes",
        "network",
        "forecast",
        "objective",
        "minis",
        "pretrain",
        "release",
    },
    "numpy": {
        "converting",
        "corpus",
        "discovery",
        "minis",
        "multitask",
        "pictures",
        "slices",
        "wholes",
    },
    "scipy": {"converting", "corpus", "discovery", "slices"},
    "tqdm": {"converting", "corpus", "discovery", "pictures", "wholes"},
    "PIL": {"converting"},
}
TRAINING_FILES = sorted(TRAINING.rglob("*.py"))

FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the modules a file imports for real: what stands under TYPE_CHECKING is none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        and isinstance(block.test, ast.Name)
        and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            found |= (
                {f"{module}.{alias.name}" for alias in node.names}
                if module == "genesis_hub"
                else {module}
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = room_of(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("genesis_hub.")}
    assert ours <= ROOMS[room], f"{room} may not import {ours - ROOMS[room]}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_foreign_library_has_one_door(path: Path) -> None:
    room = room_of(path)
    for name in {name.split(".")[0] for name in imports(path)} - {"genesis_hub"}:
        if name in sys.stdlib_module_names:
            continue
        assert room in DOORS.get(name, set()), f"{room} imports {name}"


def test_arrows_only_fall() -> None:
    standing: set[str] = set()
    rooms = {room: uses - {room} for room, uses in ROOMS.items()}
    while rooms:
        next_floor = {room for room, uses in rooms.items() if uses <= standing}
        assert next_floor, f"these import each other in a circle: {sorted(rooms)}"
        standing |= next_floor
        rooms = {room: uses for room, uses in rooms.items() if room not in next_floor}


def test_the_hub_never_imports_training() -> None:
    assert not any(name.split(".")[0] == "training" for path in FILES for name in imports(path))


def training_room_of(path: Path) -> str:
    return path.relative_to(TRAINING).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", TRAINING_FILES, ids=lambda p: str(p.relative_to(TRAINING)))
def test_a_room_of_training_imports_only_what_it_may(path: Path) -> None:
    room = training_room_of(path)
    own = {name.split(".")[1] for name in imports(path) if name.startswith("training.")}
    assert own <= TRAINING_ROOMS[room] | {room}, f"{room} may not import {own}"
    hub = {name.split(".")[1] for name in imports(path) if name.startswith("genesis_hub.")}
    assert hub <= OF_THE_HUB.get(room, hub), f"{room} may not import {hub - OF_THE_HUB[room]}"
    for name in {name.split(".")[0] for name in imports(path)} - {"genesis_hub", "training"}:
        if name not in sys.stdlib_module_names:
            assert room in TRAINING_DOORS.get(name, set()), f"{room} imports {name}"


def test_the_arrows_of_training_only_fall() -> None:
    standing: set[str] = set()
    rooms = {room: uses - {room} for room, uses in TRAINING_ROOMS.items()}
    while rooms:
        floor = {room for room, uses in rooms.items() if uses <= standing}
        assert floor, f"these import each other in a circle: {sorted(rooms)}"
        standing |= floor
        rooms = {room: uses for room, uses in rooms.items() if room not in floor}


def test_methods_know_nothing_of_each_other_and_only_the_roster_names_them() -> None:
    for path in (TRAINING / "methods").glob("*.py"):
        if path.name != "roster.py":
            own = {name for name in imports(path) if name.startswith("training.methods.")}
            assert own <= {"training.methods.base"}, path
