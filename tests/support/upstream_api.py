"""Facts of upstreams' interfaces at one commit: names and defaults of arguments, of functions and of command lines.

`python tests/support/upstream_api.py BARE_REPOSITORY NAME` reads again what upstream_api_facts/NAME.json lists, at
the commit that stands there, so that a change of commit shows as a change of that file.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

FACTS = Path(__file__).parent / "upstream_api_facts"


def facts(name):
    """The stored facts of one upstream."""
    return json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8"))


def signature(source, path):
    """Arguments of a function: a list of `name`, and `default` where it has one.

    Args:
        source: of the file.
        path: `function`, `Class.method` or `Class.__init__`.
    """
    node = ast.parse(source)
    for part in path.split("."):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        node = next(one for one in ast.walk(node) if isinstance(one, kinds) and one.name == part)
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    found = [_argument(one, default) for one, default in zip(plain, defaults, strict=True)]
    found += [_argument(one, default) for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        found.append({"name": f"**{arguments.kwarg.arg}"})
    return [one for one in found if one["name"] not in ("self", "cls")]


def _argument(argument, default):
    return {"name": argument.arg} | ({} if default is None else {"default": _value(default)})


def _value(node):
    """A literal, or the text of an expression."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def command_line(source):
    """Options of every `add_argument` call: flag to its literal keywords."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            flags = [one.value for one in node.args if isinstance(one, ast.Constant)]
            kept = {one.arg: _value(one.value) for one in node.keywords if one.arg not in ("help", None)}
            found[max(flags, key=len)] = kept
    return found


def calls(source, name):
    """Calls of `name` or `anything.name` in a file, or of `Class.name` alone: (number of positional arguments, names of
    the others)."""
    return [
        (len(node.args), [one.arg for one in node.keywords])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and name in (getattr(node.func, "attr", getattr(node.func, "id", "")), ast.unparse(node.func))
    ]


def misfit(call, arguments):
    """None when a call fits a signature, else why not."""
    positional, named = call
    names = [one["name"] for one in arguments if not one["name"].startswith("**")]
    if positional > len(names):
        return f"{positional} positional arguments of {len(names)}"
    given = [*names[:positional], *named]
    if len(set(given)) < len(given):
        return f"an argument twice: {given}"
    unknown = [one for one in given if one not in names and not any(a["name"].startswith("**") for a in arguments)]
    required = [a["name"] for a in arguments if "default" not in a and not a["name"].startswith("**")]
    missing = [one for one in required if one not in given]
    return f"unknown {unknown}, missing {missing}" if unknown or missing else None


def main(repository, name):
    stored = facts(name)

    def text(path):
        show = ["git", "-C", repository, "show", f"{stored['commit']}:{path}"]
        return subprocess.run(show, capture_output=True, check=True).stdout.decode()

    for key in stored.get("functions", {}):
        path, _, inside = key.partition(":")
        stored["functions"][key] = signature(text(path), inside)
    for path in stored.get("scripts", {}):
        stored["scripts"][path] = command_line(text(path))
    (FACTS / f"{name}.json").write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
