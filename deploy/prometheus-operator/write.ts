/**
 * `npm run alerts`: writes the alerts for the Prometheus Operator. `npm run alerts -- BASE` first has all of them point to a
 * runbook at BASE. A test fails when what is written here is not what the alerts say.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { prometheusRule, withRunbookAt } from './rules.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const ALERTS = at('../prometheus/alerts.yml');

function write(path: string, text: string): void {
  writeFileSync(path, text);
  process.stdout.write(`${path}\n`);
}

const [base] = process.argv.slice(2);
if (base !== undefined && !/^https?:\/\/\S+$/.test(base)) {
  process.stderr.write('npm run alerts -- https://where.your/repository/is/\n');
  process.exit(2);
}
if (base !== undefined) {
  for (const path of [ALERTS, at('../prometheus/alerts.test.yml')])
    write(path, withRunbookAt(readFileSync(path, 'utf8'), base));
}
write(at('rules.yaml'), prometheusRule(readFileSync(ALERTS, 'utf8')));
