"""The command line: ``synmix COMMAND``, and what tools/ and datasets/ run."""
