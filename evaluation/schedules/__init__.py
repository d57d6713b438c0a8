"""Evaluation runs by the calendar: their rows, what changes them, and what happens when one is due."""
