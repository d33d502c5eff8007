/** Mutants that change nothing anybody could see. */
export interface Equivalent {
  /** Left out it is any: then the line must say enough. */
  readonly file?: string;
  readonly original?: string;
  readonly replacement: string | RegExp;
  /** The line that it begins in, where the file has the same text elsewhere. */
  readonly line?: string | RegExp;
  readonly reason: string;
}

export const EQUIVALENTS: readonly Equivalent[] = [
  {
    line: /^if \((\w+ === undefined( \|\| \w+ === undefined)?|!\('path' in compensation\))\) throw new Error\(/,
    replacement: /^(false|""|``)$/,
    reason:
      'TypeScript asks for it and nobody can bring it about: that the name stands in its map, the index in its list',
  },
  {
    line: /^const \[, .*\.exec\(.*\) \?\? \[\];$/,
    original: '[]',
    replacement: '["Stryker was here"]',
    reason: 'the first of a list is passed over, so that all that have a name are undefined either way',
  },
  {
    file: 'server/access.ts',
    original: "'caller'",
    line: "c.set('caller', found);",
    replacement: '""',
    reason: 'what is not waited for is the anonymous caller, and so is who stands nowhere',
  },
  {
    file: 'server/access.ts',
    original: '[]',
    line: /^const called = /,
    replacement: '["Stryker was here"]',
    reason: 'no Host can be read that has blanks in it',
  },
  {
    file: 'server/identity/caller.ts',
    original: '[]',
    line: /machine \?\? \[\]/,
    replacement: '["Stryker was here"]',
    reason: 'for types alone: where it is limited, each of them names a machine',
  },
  {
    file: 'server/engine/changes.ts',
    original: 'told += 1',
    replacement: 'told -= 1',
    reason: 'what is counted down is divided as well as what is counted up',
  },
  {
    file: 'server/engine/decide.ts',
    line: /one\.address === signal\.step && one\.call\.kind === 'compensation'/,
    original: "one.kind === 'call'",
    replacement: 'true',
    reason: 'for types alone: nothing else has an address, and a skip names a step',
  },
  {
    file: 'server/engine/engine.ts',
    line: "case 'key-reused':",
    original: "'key-reused'",
    replacement: '""',
    reason: 'what no case names is given back as it is',
  },
  {
    file: 'server/engine/heard.ts',
    line: /^return reply\.outcome === 'refused' && /,
    original: "reply.outcome === 'refused'",
    replacement: 'true',
    reason: 'for types alone: nothing else is too large',
  },
  {
    file: 'server/engine/incoming.ts',
    line: 'const { inbox = [], eventIds = [] } = snapshot.context;',
    original: '[]',
    replacement: '["Stryker was here"]',
    reason: 'an event’s id begins otherwise, and a mailbox takes too few to fill an inbox with one more',
  },
  {
    file: 'server/engine/outcome.ts',
    original: '() => null',
    replacement: '() => undefined',
    reason: 'what is no place either way gives way to the same',
  },
  {
    file: 'server/engine/recovery.ts',
    line: 'if (unreadable === null || machine === undefined) return record;',
    original: 'machine === undefined',
    replacement: 'false',
    reason: 'for types alone: what fails without a machine is caught, and comes to the same',
  },
  {
    file: 'server/engine/runner.ts',
    original: 'saga.poked.length > 0',
    replacement: 'true',
    reason: 'it saves work alone: of nothing nothing is left',
  },
  {
    file: 'server/engine/what-if.ts',
    line: /one\.kind === 'expect' && one\.event === null/,
    original: "one.kind === 'expect'",
    replacement: 'true',
    reason: 'for types alone: nothing else has no event rather than none at all',
  },
  {
    file: 'server/engine/what-if.ts',
    line: /wait\.kind === 'expect' && wait\.event !== null/,
    original: 'wait.event !== null',
    replacement: 'true',
    reason: 'for types alone: an outcome that is awaited is taken before any wait',
  },
  {
    file: 'server/engine/write.ts',
    line: 'if (timeoutMs >= 0)',
    original: 'timeoutMs >= 0',
    replacement: 'timeoutMs > 0',
    reason: 'no call may last for no time',
  },
  {
    file: 'machines/registered.ts',
    original: 'pending?.[step.name]',
    replacement: 'pending[step.name]',
    reason: 'a state that asks for an outcome is entered by what notes where',
  },
  {
    file: 'machines/words.ts',
    original: 'choices.get(part)?.condition',
    replacement: 'choices.get(part).condition',
    reason: 'a state that chooses bears the name of its part',
  },
  {
    file: 'machines/words.ts',
    original: 'context.chosen?.[part]',
    replacement: 'context.chosen[part]',
    reason: 'a state that asks which way was chosen has chosen as it was entered',
  },
  {
    file: 'machines/walk.ts',
    original: '() => false',
    replacement: '() => undefined',
    reason: 'a guard that says nothing says no',
  },
  {
    file: 'machines/walk.ts',
    original: "'calling'",
    line: /undo: 'calling'/,
    replacement: '""',
    reason: 'an undo that is under way need only be none of the others',
  },
  {
    file: 'machines/table-check.ts',
    original: '[]',
    line: 'const notes: string[] = [];',
    replacement: '["Stryker was here"]',
    reason: 'it is emptied before it is first used',
  },
  {
    file: 'machines/table-check.ts',
    line: 'if ((row?.always.length ?? 0) > 0) types.add(ALWAYS);',
    replacement: /^(true|\(row\?\.always\.length \?\? 0\) >= 0)$/,
    reason: 'where nothing is gone on to, the table and XState both stay',
  },
  {
    file: 'machines/terms.ts',
    line: 'if (before === after || this.#paths.length === 0) return [];',
    replacement: /^(false|before === after && this\.#paths\.length === 0)$/,
    reason: 'it saves work alone: nothing is gained where nothing has changed, or nothing is declared',
  },
  {
    file: 'stores/redis/audit.ts',
    line: /^if \(end === undefined\) return 0;|^return line !== null && \(!isEntry|saga === undefined \? null/,
    replacement: /^(false|true)$/,
    reason:
      'for types alone: what is not there has nothing to drop, no line within a chain, and no partition',
  },
  {
    file: 'stores/redis/audit.ts',
    line: "if (end === '' || end === '!') return BEGINNING;",
    replacement: /^(false|""|end === '' && end === '!')$/,
    reason: 'it saves a round trip alone: what is no list has no line to go on behind',
  },
  {
    file: 'stores/redis/audit.ts',
    line: 'return writeId !== null && bodies.some(({ write_id }) => write_id === writeId);',
    replacement: /^(true|bodies\.every\(.*)$/,
    reason: 'all that is told with a write has the id of that',
  },
  {
    file: 'stores/redis/declarations.ts',
    line: 'if (ids.length < PARKED_PAGE || last === undefined) break;',
    original: 'last === undefined',
    replacement: 'false',
    reason: 'for types alone: a full page has a last one',
  },
  {
    file: 'stores/redis/declarations.ts',
    line: 'if (boot === undefined || name === undefined || !(untilMs > now)) return [];',
    replacement: /^(false|boot === undefined && name === undefined)$/,
    reason: 'for types alone: a member has both or neither',
  },
  {
    file: 'stores/redis/declarations.ts',
    line: /^const (names|found) = await asking\(orDamaged\(/,
    original: '[]',
    replacement: '["Stryker was here"]',
    reason: 'what is no name of a machine, and no declaration, is passed over',
  },
  {
    file: 'stores/redis/reads.ts',
    line: /known\[index\] \?\? ''|hget\(key, 'status'\), ''\)/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'no machine is called so, and no status',
  },
  {
    file: 'stores/redis/scripts.ts',
    original: '/.+/g',
    replacement: '/./g',
    reason: 'a line is as empty where its letters are taken out one by one',
  },
  {
    file: 'stores/redis/events.ts',
    line: /^function entryOf\(/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'an entry that ends before one of these has no status, and is no event for that',
  },
  {
    file: 'stores/redis/events.ts',
    original: 'client instanceof Cluster',
    replacement: 'false',
    reason:
      'it saves a round trip alone: a Cluster refuses to be asked for streams of several slots, and then each is asked',
  },
  {
    file: 'stores/redis/faults.ts',
    line: /outages\[0\]\?\.message/,
    replacement: /^(outages\[0\]\.message|"Stryker was here!")$/,
    reason: 'for types alone: there is one, or nothing is thrown',
  },
  {
    file: 'stores/redis/faults.ts',
    line: /^part\.status === 'rejected' && fault\(/,
    original: "part.status === 'rejected'",
    replacement: 'true',
    reason: 'for types alone: what is fulfilled has no reason',
  },
  {
    file: 'stores/redis/vocabulary.ts',
    line: /parsed\(hash\.\w+ \?\? ''\)/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'what is no JSON is nothing either way',
  },
  {
    file: 'stores/redis/vocabulary.ts',
    line: /\[name\] \?\? ''/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'any text has none of the names',
  },
  {
    file: 'stores/redis/scripts.ts',
    line: /^async function told\(/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'for types alone: every script has a key',
  },
  {
    file: 'stores/redis/record.ts',
    line: /causeKeyIn\(data\.cause\) \?\? ''/,
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'for types alone: a text that is not empty has a key',
  },
  {
    file: 'stores/redis/record.ts',
    original: "'custom'",
    replacement: '""',
    reason: 'of what zod objects to, its words alone are told',
  },
  {
    file: 'stores/redis/listing.ts',
    original: 'below === null',
    replacement: 'false',
    reason: 'an id is of hexadecimal digits, and all of them stand before the word null',
  },
  {
    file: 'stores/redis/reads.ts',
    line: 'if (machines.length === 0) return [];',
    original: 'machines.length === 0',
    replacement: 'false',
    reason: 'it saves work alone: of no machine nothing is due',
  },
];
