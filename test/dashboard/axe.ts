/** What axe finds on a page, whatever its impact, in both colour schemes. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Of rules that are kept it describes one element each: to say where each of a page is takes longer than to look at it. */
const VIOLATIONS = { resultTypes: ['violations'] };
const SCHEMES = [
  ['light', RULES, 10],
  // Nothing but the colours is another.
  ['dark', { type: 'rule', values: ['color-contrast'] }, 0],
] as const;

interface AxeResults {
  readonly passes: readonly unknown[];
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** Leaves the page in the dark. @throws Error where so few rules were kept that it cannot have looked */
export async function axeFinds(page: Page): Promise<string[]> {
  const found: string[] = [];
  // Injected by the debugger's protocol, which the page's own policy does not bind.
  await page.evaluate(AXE);
  for (const [colorScheme, runOnly, passesMin] of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const asked = JSON.stringify({ runOnly, ...VIOLATIONS });
    const { passes, violations } = (await page.evaluate(`axe.run(document, ${asked})`)) as AxeResults;
    if (passes.length <= passesMin) throw new Error(`axe has kept ${passes.length} rules of ${page.url()}`);
    for (const { id, impact, nodes } of violations)
      found.push(...nodes.map(({ html }) => `${colorScheme}: ${id} (${impact}): ${html}`));
  }
  return found;
}
