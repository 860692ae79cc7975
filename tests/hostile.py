"""Files made to harm or to mislead, one by one: `corpus(folder)` writes them all."""

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch

MAGIC = 0x1950A86A20F9469CFC6C

# What a pickle could call; none of it belongs beside weights.
GADGETS = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("os", "popen"), ("os", "execv"),
    ("os", "remove"), ("os", "rename"), ("builtins", "eval"), ("builtins", "exec"),
    ("builtins", "compile"), ("builtins", "open"), ("builtins", "getattr"),
    ("builtins", "__import__"), ("__builtin__", "eval"), ("subprocess", "Popen"),
    ("subprocess", "check_output"), ("shutil", "rmtree"), ("socket", "socket"),
    ("runpy", "run_path"), ("importlib", "import_module"), ("operator", "attrgetter"),
    ("functools", "partial"), ("types", "FunctionType"), ("types", "CodeType"),
    ("pathlib", "PosixPath"), ("webbrowser", "open"), ("urllib.request", "urlopen"),
    ("torch", "load"), ("torch.hub", "load"), ("torch.storage", "_load_from_bytes"),
    ("torch.nn.modules.linear", "Linear"), ("torch._utils", "_rebuild_sparse_tensor"),
    ("torch._utils", "_rebuild_qtensor"), ("torch._utils", "_rebuild_meta_tensor_no_storage"),
    ("numpy", "load"), ("numpy", "fromfile"), ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.testing._private.utils", "runstring"), ("pickle", "loads"), ("ctypes", "CDLL"),
    ("code", "interact"), ("pdb", "run"), ("timeit", "timeit"), ("collections", "defaultdict"),
    ("_codecs", "decode"), ("argparse", "ArgumentParser"), ("genesis_hub.api", "from_pretrained"),
]  # fmt: skip


def call(module: str, name: str, argument: str, protocol: int) -> bytes:
    """Return the opcodes that call module.name(argument) and leave the result."""
    if protocol >= 4:
        named = (
            b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name))
            + b"\x93"
        )
    else:
        named = f"c{module}\n{name}\n".encode()
    text = argument.encode()
    return named + b"X" + struct.pack("<I", len(text)) + text + b"\x85R"


def gadget(module: str, name: str, protocol: int) -> bytes:
    return b"\x80" + bytes([protocol]) + call(module, name, "touch ran.txt", protocol) + b"."


def zipped(data: bytes, extra: dict[str, bytes] | None = None, **options) -> bytes:
    """Return a torch-like archive around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", options.get("compression", zipfile.ZIP_STORED)) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", options.get("byteorder", b"little"))
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def legacy(data: bytes, *, keys: object = (), system: object = None, tail: bytes = b"") -> bytes:
    """Return a file of before torch 1.6 around a pickle."""
    told = {"protocol_version": 1001, "little_endian": True} if system is None else system
    return b"".join(
        (
            pickle.dumps(MAGIC, 2),
            pickle.dumps(1001, 2),
            pickle.dumps(told, 2),
            data,
            pickle.dumps(list(keys), 2),
            tail,
        )
    )


class Pickler:
    """Writes descriptions of tensors that torch itself would not write."""

    def __init__(self) -> None:
        self.out = b"\x80\x02}"

    def tensor(self, key: str, storage: str, numbers: str, kind: str = "FloatStorage") -> bytes:
        """Add one entry; numbers are the opcodes of offset, size and stride."""
        reference = (
            b"("
            + text("storage")
            + f"ctorch\n{kind}\n".encode()
            + text(storage)
            + text("cpu")
            + integer(4)
            + b"tQ"
        )
        self.out += (
            text(key) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + reference
            + numbers.encode("latin1") + b"\x89ccollections\nOrderedDict\n)Rts"
        )  # fmt: skip
        return self.out + b"."


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    return (
        b"\x8a"
        + bytes([n := max(1, (value.bit_length() + 8) // 8)])
        + value.to_bytes(n, "little", signed=True)
    )


def numbers(offset: int, size: tuple, stride: tuple) -> str:
    pack = b"(" + b"".join(integer(v) for v in size) + b"t"
    step = b"(" + b"".join(integer(v) for v in stride) + b"t"
    return (integer(offset) + pack + step).decode("latin1")


def good_torch(**more: object) -> bytes:
    """Return a small honest checkpoint."""
    file = io.BytesIO()
    tensors = OrderedDict((f"layer{i}.weight", torch.randn(3, 4)) for i in range(4))
    torch.save({"state_dict": tensors, "epoch": 3}, file, **more)
    return file.getvalue()


def good_safetensors() -> bytes:
    from safetensors.torch import save

    return save({f"layer{i}.weight": torch.randn(3, 4) for i in range(4)})


def good_keras(change: Callable[[h5py.File], None] | None = None) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        for i in range(4):
            root[f"depth_{i}_conv/depth_{i}_conv/kernel:0"] = np.ones((3, 3, 3, 1, 2), "f4")
            root[f"depth_{i}_conv/depth_{i}_conv/bias:0"] = np.ones(2, "f4")
        if change is not None:
            change(root)
    return file.getvalue()


def safetensors_of(header: object, data: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


def corpus() -> Iterator[tuple[str, bytes]]:
    """Give every hostile file as (what it is, its bytes)."""
    yield from pickles()
    yield from archives()
    yield from descriptions()
    yield from structures()
    yield from safetensors()
    yield from keras()
    yield from other_things()


def pickles() -> Iterator[tuple[str, bytes]]:
    for module, name in GADGETS:
        for protocol in (2, 4):
            data = gadget(module, name, protocol)
            yield f"zip {module}.{name} {protocol}", zipped(data)
            yield f"legacy {module}.{name} {protocol}", legacy(data)
        yield f"bare {module}.{name}", gadget(module, name, 2)
        yield f"first {module}.{name}", gadget(module, name, 2) + legacy(pickle.dumps({}, 2))


def archives() -> Iterator[tuple[str, bytes]]:
    empty = pickle.dumps({}, 2)
    yield "deflated", zipped(empty, compression=zipfile.ZIP_DEFLATED)
    bomb = zipped(empty, {"archive/data/0": b"\0" * 50_000_000}, compression=zipfile.ZIP_DEFLATED)
    yield "deflate bomb", bomb
    yield (
        "bzip2 bomb",
        zipped(empty, {"archive/data/0": b"\0" * 10_000_000}, compression=zipfile.ZIP_BZIP2),
    )
    yield "nested bomb", zipped(empty, {"archive/data/0": bomb})
    yield "two pickles", zipped(empty, {"other/data.pkl": empty})
    yield "no pickle", zipped(empty).replace(b"data.pkl", b"data.pkk")
    yield "torchscript", zipped(empty, {"archive/constants.pkl": empty})
    yield "big-endian", zipped(empty, byteorder=b"big")
    yield "long byteorder", zipped(empty, byteorder=b"x" * 100_000)
    yield "climbing name", zipped(empty, {"../../etc/passwd": b"x"})
    yield "absolute name", zipped(empty, {"/etc/passwd": b"x"})
    yield "deep root", zipped(empty).replace(b"archive/", b"a/b/c/d/")
    yield "nul in a name", zipped(empty, {"archive/da\0ta/0": b"x"})
    good = good_torch()
    yield "wrong crc", good.replace(b"epoch", b"epoXh", 1)
    for cut in range(1, len(good), max(1, len(good) // 25)):
        yield f"zip cut at {cut}", good[:cut]
    yield "encrypted flag", flagged(good)
    yield "overlapping members", overlapping(good)
    yield "size lies", good.replace(struct.pack("<I", 48), struct.pack("<I", 2**31 - 1))
    yield "many members", zipped(empty, {f"archive/x{i}": b"" for i in range(60_000)})
    yield "twice the same member", doubled(empty)


def flagged(data: bytes) -> bytes:
    changed = bytearray(data)
    at = data.find(b"PK\x01\x02")
    changed[at + 8] |= 1
    return bytes(changed)


def overlapping(data: bytes) -> bytes:
    """Let the second member's entry point to the first one's header."""
    changed = bytearray(data)
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    changed[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(changed)


def doubled(data: bytes) -> bytes:
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(file, "w") as archive:
            for _ in range(2):
                archive.writestr("archive/data.pkl", data)
    return file.getvalue()


def descriptions() -> Iterator[tuple[str, bytes]]:
    """Tensors that their storage cannot hold."""
    data = struct.pack("<4f", 1, 2, 3, 4)
    cases = {
        "stride-0 giant": (0, (10**6, 10**6), (0, 0)),
        "stride-0 big": (0, (1000, 1000), (0, 1)),
        "huge shape": (0, (2**62, 2**62), (1, 1)),
        "huge stride": (0, (2, 2), (2**62, 1)),
        "beyond the end": (3, (2,), (1,)),
        "negative offset": (-1, (2,), (1,)),
        "negative size": (0, (-2,), (1,)),
        "negative stride": (3, (2,), (-1,)),
        "more sizes than strides": (0, (2, 2), (1,)),
        "a hundred axes": (0, (1,) * 100, (1,) * 100),
        "offset of a thousand bits": (2**1000, (1,), (1,)),
    }
    for label, (offset, size, stride) in cases.items():
        body = Pickler().tensor("w", "0", numbers(offset, size, stride))
        yield f"zip {label}", zipped(body, {"archive/data/0": data})
        yield f"legacy {label}", legacy(body, keys=["0"], tail=struct.pack("<q", 4) + data)
    plain = numbers(0, (2,), (1,))
    yield "missing storage", zipped(Pickler().tensor("w", "7", plain), {"archive/data/0": data})
    yield (
        "odd storage",
        zipped(Pickler().tensor("w", "0", plain, "EvilStorage"), {"archive/data/0": data}),
    )
    yield (
        "storage of odd bytes",
        zipped(Pickler().tensor("w", "0", plain), {"archive/data/0": b"x"}),
    )
    yield "storage named by a path", zipped(Pickler().tensor("w", "../../etc/passwd", plain))
    many = Pickler()
    for i in range(2000):
        body = many.tensor(f"w{i}", "0", numbers(0, (4,), (1,)))
    yield "two thousand views of one storage", zipped(body, {"archive/data/0": data})
    many = Pickler()
    for i in range(400):
        body = many.tensor(f"w{i}", str(i % 2), numbers(i, (1,), (1,)))
    large = {f"archive/data/{i}": bytes(4_000_000) for i in range(2)}
    yield "a large storage for every small tensor", zipped(body, large)
    good = Pickler().tensor("w", "0", numbers(0, (4,), (1,)))
    for label, more in {
        "storage length lies": {"keys": ["0"], "tail": struct.pack("<q", 2**60) + data},
        "negative length": {"keys": ["0"], "tail": struct.pack("<q", -4) + data},
        "storage twice": {"keys": ["0", "0"], "tail": 2 * (struct.pack("<q", 4) + data)},
        "stray storage": {"keys": ["0", "1"], "tail": 2 * (struct.pack("<q", 4) + data)},
        "bytes behind": {"keys": ["0"], "tail": struct.pack("<q", 4) + data + b"more"},
        "no data": {"keys": ["0"]},
        "keys that are numbers": {"keys": [1]},
        "big-endian": {"keys": ["0"], "system": {"little_endian": False}},
        "system that is a list": {"keys": ["0"], "system": [1]},
    }.items():
        yield f"legacy {label}", legacy(good, **more)
    whole = good_torch(_use_new_zipfile_serialization=False)
    for cut in range(1, len(whole), max(1, len(whole) // 25)):
        yield f"legacy cut at {cut}", whole[:cut]


def structures() -> Iterator[tuple[str, bytes]]:
    """Pickles that are wrong in themselves."""
    bodies = {
        "no end": b"\x80\x02}",
        "empty": b"",
        "stop at once": b".",
        "nothing below": b"\x80\x02R.",
        "mark missing": b"\x80\x02t.",
        "unknown opcode": b"\x80\x02\xff.",
        "extension": b"\x80\x02\x82\x01.",
        "inst": b"(ios\nsystem\n.",
        "obj": b"(cos\nsystem\no.",
        "newobj_ex": b"\x80\x04cos\nsystem\n)}\x92.",
        "state on a plain value": b"\x80\x02}}b.",
        "append to a dict": b"\x80\x02}K\x01a.",
        "set on a list": b"\x80\x02]K\x01K\x02s.",
        "unhashable key": b"\x80\x02}]K\x01s.",
        "get of nothing": b"\x80\x02h\x07.",
        "call of a number": b"\x80\x02K\x01)R.",
        "call with a list": b"\x80\x02ctorch\nSize\n]R.",
        "stack global of numbers": b"\x80\x04K\x01K\x02\x93.",
        "persistent by text": b"Pabc\n.",
        "next buffer": b"\x80\x05\x97.",
        "deep tuples": b"\x80\x02" + b"]" + b"\x85" * 200_000 + b".",
        "deep lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "itself in a dict": b"\x80\x02}q\x00" + text("a") + b"h\x00s.",
        "itself in a list": b"\x80\x02]q\x00h\x00a.",
        "laughs": b"\x80\x02]q\x00" + b"".join(
            b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1])
            for i in range(60)
        ) + b".",
        "a number of a million digits": b"\x80\x02L" + b"9" * 100_000 + b"L\n.",
        "text that lies about its length": b"\x80\x02X\xff\xff\xff\x7fabc.",
        "bytes that lie": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
        "frame that lies": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
        "memo at a billion": b"\x80\x02}r\xff\xff\xff\x7f.",
        "encode with another coding": b"\x80\x02c_codecs\nencode\n" + text("x") + text("rot13")
        + b"\x86R.",
    }  # fmt: skip
    for label, body in bodies.items():
        yield f"zip {label}", zipped(body)
        yield f"legacy {label}", legacy(body)


def safetensors() -> Iterator[tuple[str, bytes]]:
    row = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    headers: dict[str, tuple[object, bytes]] = {
        "overlap": ({"a": row, "b": row}, b"\0" * 8),
        "gap": ({"a": {**row, "data_offsets": [8, 16]}}, b"\0" * 16),
        "short": ({"a": row}, b"\0" * 4),
        "long": ({"a": row}, b"\0" * 40),
        "negative": ({"a": {**row, "data_offsets": [-8, 0]}}, b""),
        "wrong order": ({"a": {**row, "data_offsets": [8, 0]}}, b"\0" * 8),
        "huge shape": ({"a": {**row, "shape": [2**62, 2**62]}}, b"\0" * 8),
        "float shape": ({"a": {**row, "shape": [2.0]}}, b"\0" * 8),
        "bool shape": ({"a": {**row, "shape": [True, 2]}}, b"\0" * 8),
        "unknown dtype": ({"a": {**row, "dtype": "F8"}}, b"\0" * 8),
        "no dtype": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        "row is a list": ({"a": [1]}, b""),
        "list": ([1, 2], b""),
        "number": (b"7", b""),
        "twice": (b'{"a":%s,"a":%s}' % ((json.dumps(row).encode(),) * 2), b"\0" * 8),
        "not utf-8": (b'{"\xff":1}', b""),
        "bom": (b"\xef\xbb\xbf{}", b""),
        "deep": (b"[" * 100_000 + b"]" * 100_000, b""),
        "metadata of numbers": ({"__metadata__": {"a": 1}, "a": row}, b"\0" * 8),
        "metadata list": ({"__metadata__": [1], "a": row}, b"\0" * 8),
        "facts that are no JSON": ({"__metadata__": {"genesis_hub": "{"}, "a": row}, b"\0" * 8),
        "nan": ({"layer.weight": row}, struct.pack("<2f", float("nan"), 1)),
        "nul in a name": ({"a\0b": row}, b"\0" * 8),
        "case twins": ({"A": row, "a": {**row, "data_offsets": [8, 16]}}, b"\0" * 16),
    }  # fmt: skip
    for label, (header, data) in headers.items():
        yield f"safetensors {label}", safetensors_of(header, data)
    yield "safetensors giant header", struct.pack("<Q", 2**60) + b"{}"
    yield "safetensors header of 16 MB", struct.pack("<Q", 17 * 2**20) + b"{" + b" " * (17 * 2**20)
    good = good_safetensors()
    for cut in range(1, len(good), max(1, len(good) // 20)):
        yield f"safetensors cut at {cut}", good[:cut]


def keras() -> Iterator[tuple[str, bytes]]:
    layer = "depth_9_conv/depth_9_conv"
    changes: dict[str, Callable[[h5py.File], object]] = {
        "external link": lambda f: f.__setitem__(
            "depth_9_conv", h5py.ExternalLink("/etc/passwd", "/")
        ),
        "soft link": lambda f: f.__setitem__("depth_9_conv", h5py.SoftLink("/depth_0_conv")),
        "dangling link": lambda f: f.__setitem__("depth_9_conv", h5py.SoftLink("/none")),
        "hard link loop": lambda f: f["depth_0_conv"].__setitem__("loop", f["depth_0_conv"]),
        "twin hard links": lambda f: f.__setitem__("twin", f["depth_0_conv"]),
        "external data": lambda f: f.create_dataset(
            f"{layer}/kernel:0", (10,), "f4", external=[("/etc/passwd", 0, 40)]
        ),
        "virtual data": virtual,
        "compressed": lambda f: f.create_dataset(
            f"{layer}/kernel:0", data=np.zeros((100, 100)), compression="gzip"
        ),
        "compressed bomb": lambda f: f.create_dataset(
            f"{layer}/kernel:0", data=np.zeros(10_000_000, "u1"), compression="gzip"
        ),
        "giant without values": lambda f: f.create_dataset(
            f"{layer}/kernel:0", (2**20, 2**20), "f4"
        ),
        "chunked giant": lambda f: f.create_dataset(
            f"{layer}/kernel:0", (2**20, 2**20), "f4", chunks=(64, 64)
        ),
        "text": lambda f: f.create_dataset(f"{layer}/kernel:0", data="abc"),
        "objects": lambda f: f.create_dataset(
            f"{layer}/kernel:0", data=f["depth_0_conv"].ref, dtype=h5py.ref_dtype
        ),
        "compound": lambda f: f.create_dataset(
            f"{layer}/kernel:0", data=np.zeros(3, dtype=[("a", "f4"), ("b", "f8")])
        ),
        "complex": lambda f: f.create_dataset(f"{layer}/kernel:0", data=np.zeros(3, "c8")),
        "strange leaf": lambda f: f.create_dataset(f"{layer}/evil:0", data=np.zeros(3)),
        "twice one weight": lambda f: f.create_dataset(
            "depth_0_conv/other/kernel:0", data=np.zeros(3, "f4")
        ),
        "no shape": lambda f: f.create_dataset(f"{layer}/kernel:0", data=h5py.Empty("f4")),
        "deep groups": lambda f: f.create_group("/".join(["g"] * 200)),
        "many groups": lambda f: [f.create_group(f"depth_9_conv/g{i}") for i in range(3000)],
        "model_weights is data": lambda f: f.create_dataset("model_weights", data=np.zeros(3)),
        "model_weights is a link": lambda f: f.__setitem__(
            "model_weights", h5py.ExternalLink("/etc/passwd", "/")
        ),
        "nan": lambda f: f.create_dataset(f"{layer}/bias:0", data=np.full(3, np.nan, "f4")),
    }
    for label, change in changes.items():
        yield f"keras {label}", good_keras(change)
    good = good_keras()
    for cut in range(1, len(good), max(1, len(good) // 25)):
        yield f"keras cut at {cut}", good[:cut]


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file.create_virtual_dataset("depth_9_conv/depth_9_conv/kernel:0", layout)


def other_things() -> Iterator[tuple[str, bytes]]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("../../evil")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    yield from {
        "nothing": b"",
        "one byte": b"P",
        "web page": b"<!DOCTYPE html><html><body>404</body></html>",
        "page of a login": b"\n\n  <html>please log in</html>",
        "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "JSON": b'{"error": "not found"}',
        "text": b"not weights at all\n" * 10,
        "PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "ELF": b"\x7fELF" + bytes(100),
        "PDF": b"%PDF-1.7\n" + bytes(100),
        "zeros": bytes(100_000),
        "tar with a link out": tar.getvalue(),
        "zip of a document": zipfile_of("word/document.xml"),
        "HDF5 magic alone": b"\x89HDF\r\n\x1a\n",
        "HDF5 magic and noise": b"\x89HDF\r\n\x1a\n" + random.Random(0).randbytes(5000),
        "zip magic and noise": b"PK\x03\x04" + random.Random(1).randbytes(5000),
        "pickle magic and noise": b"\x80\x02" + random.Random(2).randbytes(5000),
        "BOM": b"\xef\xbb\xbf" + b"x" * 50,
    }.items()


def zipfile_of(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"x")
    return file.getvalue()


def write(folder: Path) -> list[tuple[str, Path]]:
    """Write the whole corpus into a folder."""
    found = []
    for number, (label, data) in enumerate(corpus()):
        path = folder / f"{number:04d}.bin"
        path.write_bytes(data)
        found.append((label, path))
    return found
