"""``python -m rag.training.support DIR``: the weights of :mod:`rag.engine.support`, from the data sets in DIR.

DIR has ``entailment_sick.jsonl``, ``paraphrase_msr.jsonl``, ``halueval_general.jsonl`` and ``cranfield/corpus.jsonl``.
The same files give the same weights. ``bench.groundedness`` measures with the same functions by groups left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from rag.engine.support.trees import FOLDER
from rag.training.answers import learnt_responses, linear, made_answers, response_table
from rag.training.fingerprints import fingerprints
from rag.training.pairs import labelled, learnt, rows_of, supplements, tabulated


def main() -> None:
    """Learns and writes."""
    parser = argparse.ArgumentParser(prog="python -m rag.training.support", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the data sets lie")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="DIR", help="where the weights go")
    given = parser.parse_args()
    given.to.mkdir(exist_ok=True)
    scenes = rows_of(given.directory / "entailment_sick.jsonl")
    pairs = labelled(scenes)
    pairs += supplements(given.directory, pairs)
    model = learnt(tabulated(pairs))
    model.save(given.to / "pairs.npz")
    answers = linear(*made_answers(given.directory, model), 1.0)
    answers.save(given.to / "answers.npz")
    replies = rows_of(given.directory / "halueval_general.jsonl")
    learnt_responses(*response_table(replies)).save(given.to / "responses.npz")
    np.savez_compressed(given.to / "learnt_from.npz", rows=fingerprints(scenes + replies))
    for file in sorted(given.to.glob("*.npz")):
        print(f"{file.name}: {file.stat().st_size:,} bytes")
    print(f"{len(scenes)} labelled pairs, {len(pairs) - len(scenes)} others, {len(replies)} answers")


if __name__ == "__main__":
    main()
