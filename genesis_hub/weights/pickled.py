"""Reading a pickle as a description: nothing in it is ever imported, called or built.

torch.load(weights_only=True) calls no foreign code either, but it makes every tensor that a
pickle describes, and a few hundred bytes can describe one of petabytes. Here a pickle becomes a
tree of plain values, in which calls stay descriptions; what may stand in it is a short list.
"""

import pickletools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from genesis_hub.errors import UnsafeFile

# Nothing that describes weights comes near these.
MOST_STEPS = 3_000_000
MOST_BYTES = 64 * 2**20

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
ALLOWED = {
    "torch._utils": {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"},
    "torch": {*STORAGES, "Size", "device", *STORAGES.values()},
    "torch.nn.parameter": {"Parameter"},
    "collections": {"OrderedDict"},
    "argparse": {"Namespace"},
    "numpy": {"dtype", "float64", "float32", "int64", "int32", "bool_"},
    "numpy.core.multiarray": {"scalar"},
    "numpy._core.multiarray": {"scalar"},
    "numpy.dtypes": {"Float64DType", "Float32DType", "Int64DType", "Int32DType", "BoolDType"},
    # How protocol 2 writes bytes: text and the word "latin1".
    "_codecs": {"encode"},
}


@dataclass(frozen=True)
class Global:
    """The name of something importable; only its name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Call:
    """What would be called with what; `state` is what would be set on the result."""

    function: Any
    arguments: tuple[Any, ...]
    state: list[Any] = field(default_factory=list)
    items: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False)
class Persistent:
    """A reference to data outside the pickle, as torch makes them for storages."""

    reference: Any


MARK = object()


def read_pickle(data: bytes | BinaryIO, where: str, *, globals_seen: set[str] | None = None) -> Any:
    """Return the value that a pickle describes, or raise `UnsafeFile` naming what is foreign.

    data: the pickle, or a stream that is left where the pickle ends.
    globals_seen: where given, every name is noted there and none is refused (for `inspect`).
    """
    if isinstance(data, bytes) and len(data) > MOST_BYTES:
        raise UnsafeFile(
            f"{where}: its description of the tensors takes {len(data)} bytes, more than any "
            "checkpoint needs; it was not read"
        )
    return Reader(where, globals_seen).run(data)


class Reader:
    """A pickle machine without a way to call anything."""

    def __init__(self, where: str, globals_seen: set[str] | None) -> None:
        self.where, self.globals_seen = where, globals_seen
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes | BinaryIO) -> Any:
        """Follow the opcodes to STOP; return what is on top."""
        try:
            for step, (opcode, argument, _) in enumerate(pickletools.genops(data)):
                if step > MOST_STEPS:
                    raise self.unsafe("it is longer than any checkpoint's")
                if opcode.name == "STOP":
                    return self.stack.pop()
                self.step(opcode.name, argument)
        except UnsafeFile:
            raise
        except (IndexError, KeyError, ValueError, TypeError, struct.error, OverflowError,
                MemoryError, RecursionError, AttributeError, UnicodeError) as error:  # fmt: skip
            raise self.unsafe(f"it is damaged ({type(error).__name__}: {error})"[:200]) from error
        raise self.unsafe("it has no end")

    def step(self, name: str, argument: Any) -> None:
        """Do what one opcode says, on descriptions."""
        stack = self.stack
        if name in VALUES:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[argument])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            stack.append(tuple(self.marked()))
        elif name == "LIST":
            stack.append(list(self.marked()))
        elif name == "DICT":
            stack.append(dict(pairs(self.marked())))
        elif name in ("SETITEM", "SETITEMS"):
            items = self.marked() if name == "SETITEMS" else [stack.pop() for _ in "kv"][::-1]
            self.set_items(stack[-1], list(pairs(items)))
        elif name in ("APPEND", "APPENDS"):
            items = self.marked() if name == "APPENDS" else [stack.pop()]
            if not isinstance(stack[-1], list):
                raise self.unsafe("it appends to what is no list")
            stack[-1].extend(items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self.name_global(argument)
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = stack.pop(), stack.pop()
            stack.append(self.call(function, arguments))
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], Call):
                raise self.unsafe("it sets the state of a plain value")
            stack[-1].state.append(state)
        elif name == "BINPERSID":
            stack.append(Persistent(stack.pop()))
        elif name not in ("PROTO", "FRAME"):
            raise self.unsafe(f"it uses {name}, which no checkpoint needs")

    def marked(self) -> list[Any]:
        """Pop everything above the last mark, and the mark."""
        above = []
        while (top := self.stack.pop()) is not MARK:
            above.append(top)
        return above[::-1]

    def set_items(self, target: Any, items: list[tuple[Any, Any]]) -> None:
        """Put items into a dict, or note them on the description of one."""
        if isinstance(target, Call):
            target.items.extend(items)
        elif isinstance(target, dict):
            target.update(items)
        else:
            raise self.unsafe("it sets items on what is no dict")

    def name_global(self, argument: str | None) -> None:
        """Push the name of a global, if it is one that weights need."""
        if argument is None:
            name, module = self.stack.pop(), self.stack.pop()
        else:
            module, _, name = argument.partition(" ")
        if not isinstance(module, str) or not isinstance(name, str):
            raise self.unsafe("it names a global by something that is no text")
        found = Global(module, name)
        if self.globals_seen is not None:
            self.globals_seen.add(str(found))
        elif name not in ALLOWED.get(module, ()):
            raise UnsafeFile(
                f"{self.where} would import and could run {found}, which no weights need; it was "
                "refused and nothing in it ran; `genesis-hub inspect` lists what it holds"
            )
        self.stack.append(found)

    def call(self, function: Any, arguments: Any) -> Any:
        """Describe a call; the one that only turns text into bytes is done here."""
        if not isinstance(function, Global) or not isinstance(arguments, tuple):
            raise self.unsafe("it calls what is not named")
        if function == Global("_codecs", "encode"):
            text, *coding = arguments
            if coding == ["latin1"] and isinstance(text, str):
                return text.encode("latin1")
        return Call(function, arguments)

    def unsafe(self, why: str) -> UnsafeFile:
        """Return the error for a pickle that is not to be believed."""
        return UnsafeFile(f"{self.where}: its pickle cannot be read: {why}; get the file again")


VALUES = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}


def pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Return a flat list as (key, value) pairs; keys are what a checkpoint may use as keys."""
    if len(items) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int | float | bool | None | tuple):
            key = repr(type(key))
        yield key, value


def as_mapping(value: Any) -> dict[Any, Any] | None:
    """Return a description as a dict, if it is one: a dict, an OrderedDict, a Namespace."""
    if isinstance(value, dict):
        return value
    if isinstance(value, Call) and isinstance(value.function, Global):
        if str(value.function) == "collections.OrderedDict":
            first = value.arguments[0] if value.arguments else []
            first = first if isinstance(first, list | tuple) else []
            listed = [p for p in first if isinstance(p, list | tuple) and len(p) == 2]
            return dict([*map(tuple, listed), *value.items])
        if str(value.function) == "argparse.Namespace":
            return {
                k: v for state in value.state if isinstance(state, dict) for k, v in state.items()
            }
    return None
