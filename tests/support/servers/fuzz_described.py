"""Asks a server for whatever its OpenAPI document lets one ask, and more; run in its own Python.

    python fuzz_described.py URL SECRET [TOKEN]

SECRET is what the user "blake" said. With TOKEN, which is of another user, nothing of blake may be
shown, also where his memory is asked for. Ends with an error at the first answer that is not as
declared. Test tooling only: no test is in here, and nothing of the project is imported.
"""

import sys
from typing import Any

import requests
import schemathesis  # type: ignore[import-not-found]  # not of this environment
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error  # type: ignore[import-not-found]
from schemathesis.core.result import Ok  # type: ignore[import-not-found]
from schemathesis.generation import GenerationMode  # type: ignore[import-not-found]
from schemathesis.specs.openapi.checks import (  # type: ignore[import-not-found]
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = 8
"""Requests of each kind for each route: minutes in all."""
DECLARED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OTHER = "blake"


def main(url: str, secret: str, token: str | None = None) -> None:
    """Ask all of it."""
    mine = {"Authorization": f"Bearer {token}"} if token else {}
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    count = 0

    def judge(case: Any, answer: Any) -> None:
        nonlocal count
        count += 1
        shown = f"{case.method} {case.formatted_path}: {answer.status_code} {answer.text[:500]}"
        assert secret not in answer.text, shown
        assert answer.status_code < 500, shown
        if answer.status_code >= 400:
            case.validate_response(answer, checks=DECLARED)

    for made in schema.get_all_operations():
        assert isinstance(made, Ok), made
        operation = made.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def is_answered(case: Any) -> None:
                judge(case, case.call(headers=mine, timeout=60))
                if token and "user_id" in (case.path_parameters or {}):
                    case.path_parameters["user_id"] = OTHER
                    answer = case.call(headers=mine, timeout=60)
                    judge(case, answer)
                    assert answer.status_code >= 400, (case.method, case.formatted_path)
                    answer = case.call(timeout=60)
                    judge(case, answer)
                    assert answer.status_code >= 400, (case.method, case.formatted_path)

            try:
                is_answered()
            except Unsatisfiable:
                continue  # Nothing that this route takes can be wrong.
    still = requests.get(f"{url}/health", timeout=60)
    assert still.status_code == 200, still.text
    print(f"{count} answers, all as declared")


if __name__ == "__main__":
    main(*sys.argv[1:])
