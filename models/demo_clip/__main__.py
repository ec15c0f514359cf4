"""Makes the demo model, step by step: pictures, train, export, evaluate.

``python -m models.demo_clip`` does all of it; ``evaluate`` alone measures the bundle that is there.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

LOG = logging.getLogger("demo_clip")
VERBS = ("pictures", "train", "export", "evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Do the named steps; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.demo_clip", description=__doc__)
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help=f"of {', '.join(VERBS)}; all if none"
    )
    parser.add_argument("--directory", type=Path, default=Path("build/demo-model"))
    parser.add_argument("--bundle", type=Path, default=Path("models/demo"))
    parser.add_argument("--training-steps", type=int, default=3_800, help="length of the training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=int, default=20_000, help="training pictures")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    if unknown := set(options.steps) - set(VERBS):
        parser.error(f"unknown step {', '.join(sorted(unknown))}; known are {', '.join(VERBS)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for step in options.steps or VERBS:
        LOG.info("%s: starting", step)
        _STEPS[step](options)
    return 0


def _pictures(options: argparse.Namespace) -> None:
    from models.demo_clip.pictures import (
        HELD_OUT_SPLIT,
        TRAINING_SPLIT,
        VALIDATION_COUNT,
        PictureFile,
        draw_missing,
    )

    for split, count in ((HELD_OUT_SPLIT, VALIDATION_COUNT), (TRAINING_SPLIT, options.pictures)):
        pictures = PictureFile(options.directory, split, count)
        for ready in draw_missing(pictures, processes=options.threads):
            LOG.info("pictures: %s %d of %d", split, ready, count)


def _train(options: argparse.Namespace) -> None:
    from models.demo_clip.train import Run, TrainingPlan

    plan = TrainingPlan(
        options.directory,
        steps=options.training_steps,
        seed=options.seed,
        picture_count=options.pictures,
        threads=options.threads,
    )
    Run(plan).train()


def _export(options: argparse.Namespace) -> None:
    from models.demo_clip.bundle import export_demo
    from models.demo_clip.evaluate import FLOAT_BUNDLE

    run = f"seed-{options.seed}"
    export_demo(options.directory, options.bundle, revision=run)
    # The float form is what evaluation holds the int8 one against; too big to commit twice.
    float_bundle = options.directory / FLOAT_BUNDLE
    export_demo(options.directory, float_bundle, revision=run, precision="fp32")


def _evaluate(options: argparse.Namespace) -> None:
    from models.demo_clip.evaluate import evaluate

    evaluate(options.directory, options.bundle)


_STEPS = {"pictures": _pictures, "train": _train, "export": _export, "evaluate": _evaluate}

if __name__ == "__main__":
    raise SystemExit(main())
