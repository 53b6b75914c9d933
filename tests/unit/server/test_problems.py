"""Errors become problems of the right status and class."""

from __future__ import annotations

import json

import pytest

from mmsearch import errors
from mmsearch.errors import CatalogueError, MmsearchError
from mmsearch.server.problems import Problem, problem_of


@pytest.mark.parametrize("error", MmsearchError.__subclasses__())
def test_every_error_of_the_tree_has_a_status_and_a_title(error: type[MmsearchError]) -> None:
    problem = problem_of(error("what, where, what to do"))
    assert 400 <= problem.status < 600
    assert problem.status != 500
    assert problem.title
    assert getattr(errors, problem.kind) is error


def test_a_catalogue_that_cannot_be_read_is_the_servers_fault() -> None:
    unreadable = CatalogueError("damaged")
    unreadable.__cause__ = OSError()
    assert problem_of(unreadable).status == 503
    assert problem_of(CatalogueError("empty")).status == 409


def test_a_problem_is_json_with_the_path_as_a_valid_reference() -> None:
    response = Problem(404, "gone").response('/a "<b>" ü')
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "gone",
        "instance": "/a%20%22%3Cb%3E%22%20%C3%BC",
    }
