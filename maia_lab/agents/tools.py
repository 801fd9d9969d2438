"""The two things a language model may say, as tools, and how its words become a proposal."""

from __future__ import annotations

from typing import Any

from maia_lab.flags import parsed
from maia_lab.proposal import Answer, Conclusion, Evidence, Hypothesis, Prediction, Proposal

RUN, CONCLUDE = "run_experiment", "conclude"
MOST = 40_000
"""Characters of an experiment's code that a reviewer can be asked to read."""


class Unusable(Exception):
    """Something was said that is no proposal; the text tells the model what to do about it."""


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(says: str) -> dict[str, Any]:
    return {"type": "string", "description": says}


def _list(of: dict[str, Any], says: str = "") -> dict[str, Any]:
    return {"type": "array", "items": of} | ({"description": says} if says else {})


_ID = _text("The hypothesis's id: H1, H2, …")
_NAMES = _list({"type": "string"}, "Condition names, exactly as given to tools.compare")
SCHEMAS: dict[str, dict[str, Any]] = {
    # In the order in which they are best written, and read while they are.
    RUN: _object(
        why=_text("One line: which result would speak against which hypothesis"),
        hypotheses=_list(
            _object(id=_ID, text=_text("One claim that an experiment can contradict")),
            "All claims as they now stand; known ids may be reworded",
        ),
        predicts=_list(
            _object(hypothesis=_ID, higher=_NAMES, lower=_NAMES),
            "What each tested hypothesis says will be measured in this cell; an empty lower stands"
            " for the control",
        ),
        code=_text("One self-contained cell of Python over system and tools"),
    ),
    CONCLUDE: _object(
        description=_text("One sentence or two, for a person"),
        labels=_list(
            {"type": "string"}, "Phrases, each enough by itself to make the unit active; may be []"
        ),
        suppressed_by=_list({"type": "string"}, "What lowers the unit although a label is there"),
        evidence=_list(
            _object(hypothesis=_ID, steps=_list({"type": "integer"})),
            "The numbers of the steps on which each claim rests",
        ),
        not_tested=_text("What the claim covers and the experiments did not"),
        answers=_list(
            _object(
                about=_text("What it is about, as the task names it"), says=_text("The answer")
            ),
            "What the task asks for beside the description; else []",
        ),
    ),
}
_SAYS = {
    RUN: "Propose the next experiment. A researcher reviews the cell before it runs.",
    CONCLUDE: "End the investigation: what the unit answers to, scored on held-out images.",
}
TOOLS: list[dict[str, Any]] = [
    {"name": name, "description": _SAYS[name], "input_schema": schema, "strict": True}
    for name, schema in SCHEMAS.items()
]


def proposal(name: str, said: dict[str, Any]) -> Proposal | Conclusion:
    """Read one call of a tool.

    Raises:
        Unusable: it does not fit the tool, or its code is not Python.
    """
    if name not in SCHEMAS:
        raise Unusable(f"There is no tool {name!r}; call {RUN} or {CONCLUDE}.")
    if wrong := misfit(said, SCHEMAS[name], name):
        raise Unusable(f"The call does not fit its schema: {wrong}. Call it again.")
    if name == CONCLUDE:
        evidence = [Evidence(e["hypothesis"], tuple(e["steps"])) for e in said["evidence"]]
        return Conclusion(
            said["description"],
            tuple(said["labels"]),
            tuple(said["suppressed_by"]),
            tuple(evidence),
            said["not_tested"],
            tuple(Answer(a["about"], a["says"]) for a in said["answers"]),
        )
    code = said["code"]
    if not code.strip() or len(code) > MOST:
        raise Unusable(f"The code has {len(code)} characters; write a cell of 1 to {MOST}.")
    if parsed(code) is None:
        raise Unusable(f"The code is not Python{_where(code)}. Call {RUN} again with plain Python.")
    return Proposal(
        said["why"],
        code,
        tuple(Hypothesis(h["id"], h["text"]) for h in said["hypotheses"]),
        tuple(
            Prediction(p["hypothesis"], tuple(p["higher"]), tuple(p["lower"]))
            for p in said["predicts"]
        ),
    )


def misfit(value: object, schema: dict[str, Any], where: str) -> str:
    """Where a value first departs from a schema of objects, lists, texts and numbers."""
    match schema["type"]:
        case "object":
            if not isinstance(value, dict):
                return f"{where} is no object"
            properties = schema["properties"]
            if extra := [key for key in value if key not in properties]:
                return f"{where} has no {extra[0]!r}"
            if missing := [key for key in properties if key not in value]:
                return f"{where} lacks {missing[0]!r}"
            found = (misfit(value[k], s, f"{where}.{k}") for k, s in properties.items())
            return next(filter(None, found), "")
        case "array":
            if not isinstance(value, list):
                return f"{where} is no list"
            found = (misfit(v, schema["items"], f"{where}[{i}]") for i, v in enumerate(value))
            return next(filter(None, found), "")
        case "integer":
            return "" if type(value) is int else f"{where} is no whole number"
        case "number":
            return "" if type(value) in (int, float) else f"{where} is no number"
    return "" if isinstance(value, str) else f"{where} is no text"


def _where(code: str) -> str:
    try:
        compile(code, "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f" (line {error.lineno}: {error.msg})"
    except (ValueError, RecursionError, MemoryError) as error:
        return f" ({error})"
    return ""
