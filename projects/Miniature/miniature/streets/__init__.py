"""A miniature of Cityscapes and Synscapes, drawn on demand in their exact raw formats."""
