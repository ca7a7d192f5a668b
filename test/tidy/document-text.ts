// What a Markdown document tells its reader to type. Pure; document-text.test.ts tests it.

/** Where a command line begins: a line, a prompt, npx or sudo, another command before it. */
const BEGIN = String.raw`(?:^|[\n;|&(]|\$ |#: )[ \t]*(?:sudo (?:-u \w+ )?|npx |[\w./-]*/)?`;

/** The names after `vedette` in the code of a document. */
export function commandsIn(text: string): string[] {
  return codeOf(text).flatMap((code) =>
    [...code.matchAll(new RegExp(`${BEGIN}vedette ([a-z][a-z-]*)`, 'g'))].map(([, name]) => name!),
  );
}

/** The scripts of package.json that the code of a document runs. */
export function scriptsIn(text: string): string[] {
  return codeOf(text).flatMap((code) => [
    ...[...code.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, name]) => name!),
    ...[...code.matchAll(/\bnpm (start|test)\b/g)].map(([, name]) => name!),
  ]);
}

/** The insides of fenced blocks and of code spans. */
function codeOf(text: string): string[] {
  const blocks: string[] = [];
  const rest = text.replaceAll(/^```[^\n]*\n([\s\S]*?)^```/gm, (_whole, block: string) => {
    blocks.push(block);
    return '';
  });
  return [...blocks, ...[...rest.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!)];
}
