"""Which answers some members hold more often than others."""

from matcher.concentration.association import INFINITY, g_statistic
from matcher.concentration.histograms import Histogram, Histograms, holders, in_words, strongest
from matcher.concentration.result import Concentration, Value

__all__ = [
    "INFINITY",
    "Concentration",
    "Histogram",
    "Histograms",
    "Value",
    "g_statistic",
    "holders",
    "in_words",
    "strongest",
]
