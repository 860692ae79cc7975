"""`python -m training`: the verbs of pre-training, in a line each."""

import sys

VERBS = {
    "pretrain": "unlabelled scans or pictures in, new weights out",
    "cubes": "scans in, files of cubes out, as the published training reads them",
    "convert": "BraTS, pancreas, retina as published in, what the proxy tasks' JSON names out",
    "pack": "scans into chunks, for corpora larger than a machine",
    "discover": "scans in, anatomical patterns out; also autoencoder, features, patterns, show",
    "lists": "NIH's own lists of ChestX-ray14 in, lists to pre-train on out",
    "release": "a finished run becomes a folder to pass on",
    "mini": "the small weights that ship, made anew",
}


def main() -> int:
    """Print the verbs; return 2, since none was asked for."""
    print("python -m training.VERB --help; verbs:")
    for name, said in VERBS.items():
        print(f"  {name:9} {said}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
