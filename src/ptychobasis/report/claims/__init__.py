"""The statements of the paper, judged by what a study measured."""
