/**
 * Whether the package is what its users need: nothing in it but what runs and what is read, and each of its doors open to
 * Node and to TypeScript, as publint and Are The Types Wrong see it. `npm run package` runs it.
 */
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { builtReport } from './api.ts';
import { pack, ROOT } from './packed.ts';

/** What users get; anything else is a file of the workshop. */
const SHIPPED =
  /^(dist\/(?!.*\.map$)|docs\/(?!.*\.ts$)|examples\/starter\/|(LICENSE|README\.md|CHANGELOG\.md|package\.json)$)/;
/** The package is a module in Node's sense: who asks for CommonJS, or resolves as Node 10 did, is not served. */
const NOT_SERVED = ['node10', 'node16-cjs'];

const packed = await pack();
const problems: string[] = [];
try {
  const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'));
  problems.push(
    ...packed.files
      .filter((path) => !SHIPPED.test(path))
      .map((path) => `${path} has no business in the package`),
    ...[
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/index.d.ts',
      'docs/write-a-saga.md',
      'examples/starter/gitignore',
    ]
      .filter((path) => !packed.files.includes(path))
      .map((path) => `${path} is missing in the package`),
  );

  if (readFileSync(`${ROOT}docs/api.md`, 'utf8') !== builtReport(ROOT))
    problems.push(
      'docs/api.md: the package exports something else: npm run api writes it anew, CHANGELOG.md tells of it',
    );

  const data = readFileSync(packed.tarball);
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
  const { messages } = await publint({ pack: { tarball }, strict: true });
  problems.push(...messages.map((message) => `publint: ${formatMessage(message, manifest) ?? message.code}`));

  const types = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
  if (types.types === false) problems.push('Are The Types Wrong: there are no types');
  else {
    const served = types.problems.filter(
      (problem) => !('resolutionKind' in problem && NOT_SERVED.includes(problem.resolutionKind)),
    );
    problems.push(...served.map((problem) => `Are The Types Wrong: ${JSON.stringify(problem)}`));
  }
} finally {
  packed.remove();
}

const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
process.stdout.write(
  `${packed.files.length} files, ${kilobytes(packed.bytes)} packed, ${kilobytes(packed.unpackedBytes)} unpacked\n`,
);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
