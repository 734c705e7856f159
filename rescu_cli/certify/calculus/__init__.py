"""Exact calculus on one piece: zero tests, signs on an interval, tails, extrema.

Everything here answers soundly or raises `UndecidedError`; nothing guesses.
"""
