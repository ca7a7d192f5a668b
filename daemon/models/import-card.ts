// The card of an imported model: its facts for people, as far as a file tells them. Pure.
import type { Manifest } from './manifest-schema.ts';

/** Markdown. What nobody can know from the file is said to be unknown, for the owner to fill in. */
export function cardOf(manifest: Manifest): string {
  const { name, task, input, labels, licence, source, origin, decoder } = manifest;
  const lines = [
    `# ${name}`,
    '',
    `Imported from \`${source}\` by \`vedette models add\`${origin === undefined ? '' : ` on ${origin.date}`}.`,
    '',
    '| | |',
    '| --- | --- |',
    `| task | ${task} |`,
    `| input | ${input.width}x${input.height}, ${input.layout}, ${input.colour}, ${input.resize} |`,
    `| decoder | ${decoder.type} |`,
    `| labels | ${labelsOf(labels)} |`,
    `| licence of the weights | ${licence} |`,
    ...(origin === undefined
      ? []
      : [`| file it was made from | ${origin.bytes} bytes, sha256 ${origin.sha256} |`]),
    '',
    '## What was recognised',
    '',
    ...(origin?.recognised ?? []).map((fact) => `- ${fact}`),
    '',
    '## What is not known',
    '',
    'Data it was trained on, accuracy, weaknesses, intended use: a file does not tell. `vedette models eval` measures it on your photos.',
    '',
  ];
  return lines.join('\n');
}

const SHOWN_MAX = 12;

function labelsOf(labels: readonly string[]): string {
  if (labels.length === 0) return 'none';
  const shown = labels.slice(0, SHOWN_MAX).join(', ');
  return labels.length > SHOWN_MAX ? `${labels.length}: ${shown}, …` : shown;
}
