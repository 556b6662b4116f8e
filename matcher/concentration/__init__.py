"""Which answers some members hold more often than others."""

from matcher.concentration.association import g_statistic
from matcher.concentration.histograms import Histogram, Histograms, holders, in_words, strongest
from matcher.concentration.result import Concentration, Value

__all__ = [
    "Concentration",
    "Histogram",
    "Histograms",
    "Value",
    "g_statistic",
    "holders",
    "in_words",
    "strongest",
]
