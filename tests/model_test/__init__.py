"""A model test: random operations on a real library and on a plain model of it, compared.

`operations.py` says what can be done, `machine.py` does it to both, `compare.py` and
`questions.py` look for differences after every step. Operations that change the index may run in
a process of its own that is killed (`killing.py`), or beside a second writer. What fails is
shrunk (`shrink.py`) and kept in `kept/`, which a short test replays for ever. Long runs by hand:
`python -m tests.model_test.run --help`.
"""
