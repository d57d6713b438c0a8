"""What scores prove: intervals, sample sizes, agreement and decisions. Pure numpy, cheap to import."""

from evaluation.engine.statistics.agreement import cohens_kappa, krippendorff_alpha
from evaluation.engine.statistics.bootstrap import Interval, paired_bootstrap
from evaluation.engine.statistics.corrections import benjamini_hochberg
from evaluation.engine.statistics.decisions import Decision, Verdict, decide, not_worse
from evaluation.engine.statistics.sample_sizes import detectable_effect, sample_size
from evaluation.engine.statistics.shares import share_interval

__all__ = [
    "Decision",
    "Interval",
    "Verdict",
    "benjamini_hochberg",
    "cohens_kappa",
    "decide",
    "detectable_effect",
    "krippendorff_alpha",
    "not_worse",
    "paired_bootstrap",
    "sample_size",
    "share_interval",
]
