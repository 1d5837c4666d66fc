"""A miniature of both data sets, drawn on demand in their exact raw formats."""
