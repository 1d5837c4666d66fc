"""Harmonising: Synscapes' conventions turned into Cityscapes' (paper 3.2)."""
