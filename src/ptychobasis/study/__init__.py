"""The question: the keys of a study, their checks, and what follows from them for jobs."""
