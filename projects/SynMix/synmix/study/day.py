"""The answer alone: what a scale runs that has a day and one GPU."""

from synmix.study.experiments import Study, answer

STUDY = Study("Does synthetic data help?", {"answer": answer}, "synmix.report.answer_section")
