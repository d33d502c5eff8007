/**
 * `npm run machines`: writes each machine as XState config, which Stately Studio imports, as Mermaid, which most
 * readers of Markdown draw, and as the picture of the dashboard. A test fails when what is written here is not what the machines say.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import { readSettings } from '../../server/config.ts';
import { pictureOf } from '../../server/dashboard/statechart/picture.tsx';

/** The pictures by file name, drawn with the default settings. */
export function pictures(): ReadonlyMap<string, string> {
  const registry = new Registry();
  registry.register(orderSaga(readSettings({}).policies));
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
  for (const [name, text] of pictures()) {
    const file = fileURLToPath(new URL(name, import.meta.url));
    writeFileSync(file, text);
    process.stdout.write(`${file}\n`);
  }
}
