"""The steps of a discovery, each of which goes on where a kill left it."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genesis_hub.engine.recipe import plain
from genesis_hub.errors import BadInput
from training.corpus.leftout import LeftOut
from training.discovery.classes import Discoverer
from training.discovery.features import Featured, features_of, read_features
from training.discovery.filling import digest_of, sealed
from training.discovery.framing import Framing, framing_of
from training.discovery.learning import Trained, autoencoder_of
from training.discovery.patterns import compact, cut_all, planned, seeds
from training.discovery.room import refuse_crowded, refuse_few, without_thin
from training.discovery.scans import Scans, scans_of
from training.discovery.telling import (
    DISCOVERED,
    earlier,
    write_facts,
    write_seed_files,
    write_table,
)  # fmt: skip
from training.discovery.wishes import Wishes

WORK = "work"  # What only the steps themselves need; gone when all are done.
# What may differ from one call to the next without another outcome.
FREE = ("workers", "save_every", "tolerate")


@dataclass(frozen=True)
class Done:
    """What was discovered. before: it was there already."""

    folder: Path
    rows: int
    classes: int
    left_out: tuple[str, ...]
    before: bool = False


@dataclass(eq=False)
class Discovery:
    """One discovery: its data, its wishes, its folder."""

    data: Path
    folder: Path
    wishes: Wishes
    device: torch.device
    quiet: bool = False

    @property
    def work(self) -> Path:
        """Where steps keep what the next ones need."""
        return self.folder / WORK

    def scans(self) -> Scans:
        """Return the scans, and say what a user may want to know of them."""
        found = scans_of(self.data, self.wishes)
        if not self.quiet:
            sys.stderr.writelines(f"data: {note}\n" for note in found.notes)
        return found

    def framing(self, *, cutting: bool = False) -> Framing:
        """Return all scans in their common frame.

        cutting: patterns are cut in the end, so what these scans cannot give is refused at once.
        """
        scans = self.scans()
        if cutting:
            refuse_few(self.wishes, len(scans.of("train")), len(scans.of("val")))
        found = framing_of(scans, self.wishes, self.work, quiet=self.quiet)
        if not self.quiet:
            step = " x ".join(f"{one:g}" for one in found.frame.spacing)
            sides = " x ".join(map(str, found.frame.sides))
            sys.stderr.write(f"common frame: {sides} voxels of {step} mm\n")
            sys.stderr.writelines(f"left out: {one}\n" for one in found.left_out)
        if cutting:
            refuse_few(self.wishes, len(found.of("train")), len(found.of("val")))
            refuse_crowded(found, self.wishes)
        return found

    def autoencoder(self) -> Trained:
        """Train the auto-encoder."""
        return self.trained(self.framing())

    def trained(self, framing: Framing) -> Trained:
        """Train the auto-encoder on framed scans."""
        return autoencoder_of(
            framing, self.wishes, self.folder, self.work, device=self.device, quiet=self.quiet
        )

    def features(self, weights: Path) -> Featured:
        """Extract the features of every patient."""
        return self.extracted(self.framing(), weights)

    def extracted(self, framing: Framing, weights: Path) -> Featured:
        """Extract the features of framed scans."""
        return features_of(
            framing, weights, self.wishes, self.folder, self.work,
            device=self.device, quiet=self.quiet,
        )  # fmt: skip

    def patterns(
        self, train: Path, validation: Path, previous: Path | None, *, overwrite: bool
    ) -> Done:
        """Cut the patterns by features that were extracted before."""
        framing = self.framing(cutting=True)
        featured = read_features(framing.scans, train, validation)
        return self.cut(framing, featured, previous, overwrite=overwrite)

    def all(self, *, overwrite: bool = False) -> Done:
        """Do all steps."""
        framing = self.framing(cutting=True)
        self.refuse_other(framing, overwrite=overwrite)
        trained = self.trained(framing)
        if not self.quiet:
            sys.stderr.write(f"{told(trained)}\n")
        featured = self.extracted(framing, trained.weights)
        done = self.cut(framing, featured, None, overwrite=overwrite)
        shutil.rmtree(self.work, ignore_errors=True)
        return done

    def cut(
        self, framing: Framing, featured: Featured, previous: Path | None, *, overwrite: bool
    ) -> Done:
        """Find the patterns and cut their cubes."""
        framing = framing.without(featured.left_out)
        frame = framing.frame.holding(self.wishes.crop)
        featured, thin = without_thin(framing, featured, self.wishes, frame)
        known = earlier(previous, framing.scans) if previous else ()
        digest = digest_of(
            framing.digest, featured.digest, self.kept_wishes, [list(one) for _, one in known],
            [place for place, _ in known],
        )  # fmt: skip
        before = sealed(self.folder, DISCOVERED)
        if before is not None and before.get("wish") == digest:
            return Done(self.folder, before["rows"], before["classes"],
                        tuple(before["left_out"]), before=True)  # fmt: skip
        self.refuse_other(framing, overwrite=overwrite)
        (self.folder / f"{DISCOVERED}.json").unlink(missing_ok=True)
        self.work.mkdir(parents=True, exist_ok=True)
        finder = Discoverer(framing, featured, self.wishes, frame, known)
        found = finder.discover(self.work, digest, quiet=self.quiet)
        if finder.loose and not self.quiet:
            sys.stderr.write(
                "no place of any scan is as the tissue rule asks; anchors lie anywhere that is no "
                "background\n"
            )
        plan = planned(found, framing, frame, self.wishes)
        layout = seeds(plan) if self.wishes.layout == "seed" else compact(plan)
        looks = cut_all(
            plan, layout, framing, frame, self.wishes, self.folder, digest, quiet=self.quiet
        )
        write_table(plan, framing.scans, self.wishes.input_deps, self.folder)
        if self.wishes.layout == "seed":
            write_seed_files(plan, framing.scans, self.wishes.input_deps, self.folder)
        left_out: tuple[LeftOut, ...] = (*framing.left_out, *thin)
        write_facts(
            plan, framing, frame, self.wishes, self.folder,
            digest=digest, rule=finder.rule(found[0].reference).name, looks=looks,
            left_out=left_out,
        )  # fmt: skip
        return Done(self.folder, len(plan), len(found), tuple(map(str, left_out)))

    @property
    def kept_wishes(self) -> dict[str, Any]:
        """The wishes that the outcome depends on."""
        return {key: value for key, value in plain(self.wishes).items() if key not in FREE}

    def refuse_other(self, framing: Framing, *, overwrite: bool) -> None:
        """Raise `BadInput` where the folder holds what was discovered otherwise."""
        before = sealed(self.folder, DISCOVERED)
        if before is None or overwrite:
            return
        then = before["recipe"]
        other = [
            f"{key}: {then.get(key)!r} then, {value!r} now"
            for key, value in self.kept_wishes.items()
            if then.get(key) != value
        ]
        if before["digest"] != framing.scans.digest:
            other.append("other scans")
        if other:
            raise BadInput(
                f"{self.folder} was discovered otherwise ({'; '.join(other)}); give another folder "
                "to --out, or --overwrite"
            )


def told(trained: Trained) -> str:
    """Return how the auto-encoder went, in words."""
    one = trained.measures
    went = "was trained before" if trained.before else f"{trained.steps} steps"
    many = int(one.get("looked_at", 0))  # Runs of before do not say it.
    of = f"{round(one['found_again'] * many)} of {many}" if many else f"{one['found_again']:.0%}"
    said = (
        f"{trained.weights}: {went}, validation MSE {one['mse']:.5f} (the mean volume would cost "
        f"{one['mean_would_cost']:.5f}); {of} scans are found again"
    )
    if one["mse"] >= one["mean_would_cost"]:
        said += "; it has learned less than the mean: more steps= or a wider network may mend that"
    return said
