# Renders Jinja templates as Home Assistant does for MQTT: `value` is the text of a message, `value_json` what it says as
# JSON, in a sandbox. Stricter in one thing: a variable that is not there is an error, where Home Assistant logs a warning.
# Standard input: a JSON list of {"template", "value"}. Standard output: a JSON list of {"result"} or {"error"}.
import json
import sys

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def render(template, value):
    variables = {"value": value}
    # A command is made of a number.
    if isinstance(value, str):
        try:
            variables["value_json"] = json.loads(value)
        except ValueError:
            pass
    try:
        # Home Assistant strips the result (helpers/template, async_render_with_possible_json_value).
        return {"result": environment.from_string(template).render(variables).strip()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([render(**job) for job in json.load(sys.stdin)], sys.stdout)
