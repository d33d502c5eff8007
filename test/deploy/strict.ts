/** Whether Kubernetes objects have a field that their kinds do not know. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubernetesObject, ROOT } from './files.ts';

/**
 * The schemas let a misspelt field pass; to TypeScript each object is a literal that may have no such thing.
 * @param models the package that has a folder of types for each apiVersion
 * @returns what the compiler says; empty where it has nothing to say
 */
export function unknownFields(objects: readonly KubernetesObject[], models: string): string {
  const source = objects.map((object, at) => {
    const type = `import('${models}/${object.apiVersion}').I${object.kind}`;
    return `export const o${at}: ${type} = ${JSON.stringify(object, null, 2)};`;
  });
  // Beside the packages, because that is where tsc looks for the models.
  const folder = mkdtempSync(join(ROOT, 'node_modules/.deploy-test-'));
  try {
    writeFileSync(join(folder, 'objects.ts'), source.join('\n'));
    const options = '--ignoreConfig --noEmit --strict --skipLibCheck --module nodenext objects.ts'.split(' ');
    const tsc = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options], {
      cwd: folder,
      encoding: 'utf8',
    });
    return tsc.status === 0 ? tsc.stdout : `${tsc.stdout}${tsc.stderr}${tsc.status}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
