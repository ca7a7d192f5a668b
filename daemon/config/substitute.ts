// `${NAME}` and `${NAME:-default}` in the text of a configuration, replaced from the environment; `$${` stands for a plain
// `${`. What comes from the environment is not looked at again, so that a password may contain anything. Pure.

export interface Substitution {
  readonly text: string;
  /** Something was replaced from the environment or a default. */
  readonly replaced: boolean;
  /** The text was exactly one `${NAME}`: it may become a number or a boolean where one is wanted. */
  readonly whole: boolean;
  readonly problems: readonly string[];
}

/** An escape, a reference, or an opening that nothing closes. */
const REFERENCE = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;
const NOT_A_REFERENCE = `a "\${" must be followed by the name of an environment variable and "}"; write "$\${" for a plain "\${"`;
const INSIDE = /^([A-Za-z_][A-Za-z0-9_]*)(:-([\s\S]*))?$/;
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map(
  ['true', 'True', 'TRUE', 'false', 'False', 'FALSE'].map((word) => [word, word.toLowerCase() === 'true']),
);

/** Replaces every reference. An unset variable without a default, and a reference that is none, is a problem. */
export function substitute(text: string, env: Readonly<NodeJS.ProcessEnv>): Substitution {
  const problems: string[] = [];
  let replaced = false;
  const result = text.replace(REFERENCE, (found: string, inside: string | undefined) => {
    if (found === '$${') return '${';
    const parts = inside === undefined ? null : INSIDE.exec(inside);
    if (parts === null) {
      problems.push(NOT_A_REFERENCE);
      return found;
    }
    replaced = true;
    const name = parts[1]!;
    // hasOwn: `${constructor}` must not find what every object inherits.
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (parts[2] !== undefined) return value === undefined || value === '' ? parts[3]! : value;
    if (value === undefined) {
      problems.push(`the environment variable ${name} is not set (give a default with \${${name}:-value})`);
    }
    return value ?? '';
  });
  return { text: result, replaced, whole: replaced && /^\$\{[^{}]*\}$/.test(text), problems };
}

/** The number a text stands for in YAML, if it does. */
export function numberOf(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

/** The boolean a text stands for in YAML, if it does. */
export function booleanOf(text: string): boolean | undefined {
  return BOOLEANS.get(text);
}
