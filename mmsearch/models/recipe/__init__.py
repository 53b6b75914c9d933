"""The recipe that trained the shipped dual encoder `mini`, as one command.

`python -m mmsearch.models.recipe --data ../shared/data --out DIR` starts from two published
towers and ends with a model directory. Stages, each resumable: views (`activations`), texts
(`texts`), heads on frozen towers (`heads`), joint tuning (`joint`), export (`export`).
"""
