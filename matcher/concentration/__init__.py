"""Which answers some members hold more often than others."""

from matcher.concentration.association import g_statistic
from matcher.concentration.histograms import (
    Histogram,
    Histograms,
    concentration_words,
    holders,
    strongest,
)
from matcher.concentration.result import AnswerValue, Concentration

__all__ = [
    "AnswerValue",
    "Concentration",
    "Histogram",
    "Histograms",
    "concentration_words",
    "g_statistic",
    "holders",
    "strongest",
]
