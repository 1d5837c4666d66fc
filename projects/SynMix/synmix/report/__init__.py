"""The report: tables, figures and claims of a study beside its runs."""
