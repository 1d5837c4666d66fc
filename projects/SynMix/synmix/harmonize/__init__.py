"""Synscapes conventions to Cityscapes conventions (paper 3.2)."""
