/** Every command by its name, in the order in which help lists them. */
import { ask } from './ask.ts';
import { audit } from './audit.ts';
import { bulk } from './bulk.ts';
import type { Commands, Options } from './command.ts';
import { completion } from './completion.ts';
import { help } from './help.ts';
import { init } from './init.ts';
import { list } from './list.ts';
import { looks } from './look.ts';
import { operate } from './operate.ts';
import { retry } from './retry.ts';
import { sendEvent } from './send-event.ts';
import { show } from './show.ts';
import { store } from './store.ts';
import { submit } from './submit.ts';
import { verify } from './verify.ts';
import { watch } from './watch.ts';

export const COMMANDS: Commands = {
  submit,
  list,
  show,
  watch,
  ask,
  retry,
  ...operate,
  bulk,
  'send-event': sendEvent,
  ...looks,
  verify,
  audit,
  init,
  store,
  completion,
  help,
};

/** What every command knows beside its own. */
export const COMMON: Options = {
  url: { value: 'URL', says: 'else SAGA_URL, else http://127.0.0.1:9000' },
  token: { value: 'TOKEN', says: 'else API_TOKEN, which others cannot read' },
  json: { says: 'what the coordinator said, for programs' },
  wide: { says: 'at a terminal, nothing cut to fit' },
  help: { says: 'this', short: 'h' },
};
