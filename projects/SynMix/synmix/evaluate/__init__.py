"""The Cityscapes instance metric, exact, with error bars."""
