/** The text format of Prometheus, read strictly: what this does not understand, a scraper might not either. */

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy;
/** Names that a family of the type adds to its own. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the text must end with a line break');
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let family: { name: string; help: string; type: string; samples: Sample[] } | null = null;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, help, helped] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (help !== undefined && helped !== undefined) {
      if (families.has(help)) throw new Error(`${help} comes twice`);
      family = { name: help, help: helped, type: '', samples: [] };
    } else if (typed !== undefined && type !== undefined) {
      if (family?.name !== typed) throw new Error(`${typed} has a type and no help`);
      if (SUFFIXES[type] === undefined) throw new Error(`${typed} has the unknown type ${type}`);
      family.type = type;
      families.set(typed, family);
    } else if (line !== '') {
      const sample = parseSample(line);
      const own = family?.name ?? '';
      const fits = SUFFIXES[family?.type ?? '']?.some((suffix) => sample.name === own + suffix);
      if (family === null || !fits) throw new Error(`${sample.name} stands below ${own}`);
      family.samples.push(sample);
    }
  }
  return families;
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`);
  const found = [...labels.matchAll(LABEL)];
  if (found.map(([whole]) => whole).join('') !== labels) throw new Error(`labels cannot be read: ${line}`);
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  // The mean of nothing is no number, and prom-client says so of an event loop that has not been looked at yet.
  if (Number.isNaN(number) && value !== 'Nan') throw new Error(`no number: ${line}`);
  return { name, labels: Object.fromEntries(found.map(([, key, text]) => [key, text])), value: number };
}
