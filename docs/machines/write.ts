/**
 * `npm run machines`: writes each machine as XState config, which Stately Studio imports, as Mermaid, which most
 * readers of Markdown draw, and as the picture of the dashboard; of the sagas that are here, or of those that SAGAS names. A test
 * fails when what is written here is not what the machines say.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Registry } from '../../machines/index.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import { readSettings } from '../../server/config.ts';
import { pictureOf } from '../../server/dashboard/statechart/picture.tsx';
import { loadSagas } from '../../server/saga-modules.ts';

/** The sagas that are here, as `SAGAS` would name them. */
const OURS = 'order,returns,trip';

/** The pictures by file name, drawn with the usual policies. */
export async function pictures(sagas = OURS): Promise<ReadonlyMap<string, string>> {
  const registry = new Registry();
  const { policiesOf } = readSettings({});
  for (const saga of await loadSagas(sagas)) registry.register(saga.define(policiesOf(saga), null));
  return new Map(
    registry.all().flatMap((registered) => {
      const { id, version, machine, structure } = registered;
      const title = `# The ${id} saga\n\nVersion ${version}, structure \`${structure}\`. Written by \`npm run machines\`.\n`;
      return [
        [`${id}.json`, `${toConfig(machine)}\n`],
        [`${id}.md`, `${title}\n\`\`\`mermaid\n${toMermaid(machine)}\`\`\`\n`],
        [`${id}.svg`, pictureOf(registered)],
      ];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of await pictures(process.env.SAGAS)) {
    const file = fileURLToPath(new URL(name, import.meta.url));
    writeFileSync(file, text);
    process.stdout.write(`${file}\n`);
  }
}
