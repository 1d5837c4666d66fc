"""Data sets: raw layouts, the instance table, registration, and the training mapper."""
