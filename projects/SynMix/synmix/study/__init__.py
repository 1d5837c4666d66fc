"""Every table and figure of the paper as runs, and the report that lays them beside its numbers."""
